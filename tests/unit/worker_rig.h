/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker_rig.h - a queue's shared memory without a kernel: rings, UMEM, ledger,
 * session table. The test plays the kernel, and ends the worker wherever it likes.
 */
#ifndef SEG_WORKER_RIG_H
#define SEG_WORKER_RIG_H

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "journal.h"
#include "session.h"
#include "worker_hooks.h"

#ifndef RIG_RING
#define RIG_RING 64
#endif
#define RIG_FRAMES  64
#define RIG_SIZE    2048
#define RIG_BUCKETS 4
#define RIG_RULES   8
#define RIG_SLOTS   (RIG_BUCKETS * SEG_BUCKET_SLOTS)

struct rig_ring {
	uint32_t producer, consumer, flags;
	union {
		struct xdp_desc desc[RIG_RING];
		uint64_t addr[RIG_RING];
	};
};

/* What outlives a worker. */
static struct rig {
	struct rig_ring rx, tx, fill, completion;
	uint8_t umem[RIG_FRAMES * RIG_SIZE];
	struct seg_ledger ledger;
	struct seg_queue queue;
	struct seg_quota quota;
	struct seg_rule_count rules[RIG_RULES + 1];
	struct seg_tags tags[RIG_BUCKETS];
	struct seg_session slots[RIG_SLOTS];
	struct seg_constants constants;
	struct seg_live live;
	uint32_t sent;            /* frames of the tx ring that the kernel has looked at */
	uint32_t delivered[4096]; /* numbers of the packets that the stack got */
	uint32_t delivered_count;
} rig;

void (*on_place)(const char *name);

static inline void rig_ring_map(struct seg_ring *ring, struct rig_ring *memory)
{
	*ring = (struct seg_ring){
		.producer = &memory->producer,
		.consumer = &memory->consumer,
		.flags = &memory->flags,
		.addr = memory->addr,
		.mask = RIG_RING - 1,
	};
}

/* A worker's own part; what a successor makes anew. */
static inline void rig_lane(struct seg_lane *lane)
{
	seg_frames_exit(&lane->frames);
	*lane = (struct seg_lane){.ledger = &rig.ledger, .queue = &rig.queue};
	rig_ring_map(&lane->rx, &rig.rx);
	rig_ring_map(&lane->tx, &rig.tx);
	rig_ring_map(&lane->fill, &rig.fill);
	rig_ring_map(&lane->completion, &rig.completion);
	check_eq(seg_ledger_open(&rig.ledger, RIG_FRAMES), 0);
	check_eq(seg_frames_init(&lane->frames, &rig.ledger.book, &lane->fill, &lane->completion,
				 RIG_FRAMES, RIG_SIZE),
		 0);
	lane->inject = (struct seg_inject){
		.umem = rig.umem,
		.tx = &lane->tx,
		.tx_fd = -1,
		.live = &rig.live,
		.live_fd = -1,
		.live_min = UINT32_MAX,
	};
	lane->publisher = (struct seg_publisher){
		.table = {.tags = rig.tags, .slots = rig.slots, .buckets = RIG_BUCKETS},
		.constants = &rig.constants,
		.quota = &rig.quota,
		.rules = rig.rules,
		.rule_count = RIG_RULES,
		.denied_max = 8,
		.gaps = &rig.ledger.gaps,
	};
}

static inline void rig_begin(void)
{
	memset(&rig, 0, sizeof(rig));
	rig.constants.buckets = RIG_BUCKETS;
	rig.constants.half_open_max = 100;
	rig.constants.established_max = 100;
	on_place = NULL;
}

/* --- the kernel --------------------------------------------------------------- */

/* A packet with this number arrives: from the fill ring into the rx ring. False: no frame. */
static inline bool rig_receive(uint32_t number, uint32_t length)
{
	uint64_t address;

	if (rig.fill.consumer == rig.fill.producer || rig.rx.producer - rig.rx.consumer == RIG_RING)
		return false;
	address = rig.fill.addr[rig.fill.consumer++ % RIG_RING] + 256;
	memcpy(&rig.umem[address], &number, sizeof(number));
	rig.rx.desc[rig.rx.producer++ % RIG_RING] =
		(struct xdp_desc){.addr = address, .len = length};
	return true;
}

static inline void rig_deliver(const uint8_t *frame)
{
	memcpy(&rig.delivered[rig.delivered_count++], frame, 4);
}

/* Take what is in the tx ring, and give it back. */
static inline void rig_send(void)
{
	for (; rig.tx.consumer != rig.tx.producer; rig.tx.consumer++) {
		uint64_t address = rig.tx.desc[rig.tx.consumer % RIG_RING].addr;

		rig_deliver(&rig.umem[address]);
		rig.completion.addr[rig.completion.producer++ % RIG_RING] = address;
	}
}

/* --- sessions ------------------------------------------------------------------ */

/* A live session in a slot, half-open, its gate closed, `queued` packets behind it. */
static inline struct seg_session *rig_session(uint32_t slot, uint8_t incarnation, uint32_t queued)
{
	struct seg_session *s = &rig.slots[slot];

	*s = (struct seg_session){
		.key = {.family = 4, .proto = 17, .port = {(uint16_t)slot, 1}},
		.state = seg_state_make(SEG_LIFE_LIVE, SEG_L4_OPENING, 0, incarnation, 0),
		.gate = seg_gate_first(0) + (queued - 1) * SEG_GATE_QUEUED_ONE,
	};
	rig.quota.class[SEG_CLASS_HALF_OPEN].used++;
	return s;
}

#endif
