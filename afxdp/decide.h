/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide.h - from packets to what becomes of them: pure, no sockets, nothing
 * written but the outcomes. The worker, `replay` and the tests run the same code.
 *
 * A burst is hashed, prefetched and looked up as a whole, and all its flows that
 * have no verdict are classified at once.
 */
#ifndef SEG_DECIDE_H
#define SEG_DECIDE_H

#include "abi.h"
#include "classify.h"
#include "handover.h"
#include "table.h"
#include "window.h"

#define SEG_BURST_MAX SEG_CLASSIFY_MAX
#define SEG_FLOWS_MAX 1024 /* places to remember a batch's new flows in, a power of two */

/* A packet that XDP sent up. */
struct seg_arrival {
	uint8_t *frame; /* Ethernet header; a partial checksum is completed in place */
	uint32_t length;
	uint64_t address;            /* in the UMEM: the caller's, copied to the outcome */
	const struct seg_meta *meta; /* what XDP found; NULL: the driver does not carry it */
};

enum seg_outcome_flag {
	SEG_OUTCOME_PASS = 1 << 0,    /* hand it on */
	SEG_OUTCOME_PUBLISH = 1 << 1, /* its session has no verdict of this generation yet */
	SEG_OUTCOME_KILL = 1 << 2,    /* its session must not outlive it */
	SEG_OUTCOME_LOOSE = 1 << 3,   /* its session was taken up mid-flow */
	SEG_OUTCOME_REPLY = 1 << 4,   /* endpoint 1 sent it */
	SEG_OUTCOME_COUNT = 1 << 5,   /* a rule decided: count it there, or in its session */
	SEG_OUTCOME_LOG = 1 << 6,
	SEG_OUTCOME_QUEUED = 1 << 7, /* behind its session's gate */
	SEG_OUTCOME_HELD = 1 << 8,   /* it waits for the rest of its datagram: no exit yet */
	SEG_OUTCOME_FRAGMENT = 1 << 9,
	SEG_OUTCOME_FOLLOWS =
		1 << 10,             /* a datagram's first fragment has moved the session's state */
	SEG_OUTCOME_BEGIN = 1 << 11, /* allowed beside a denial of the other side: begin.h */
};

/* What becomes of a packet. In shared memory: a successor finishes what it says. */
struct seg_outcome {
	uint64_t address;
	uint32_t length;
	uint32_t slot; /* of its session, or SEG_SLOT_NONE */
	uint32_t rule; /* valid with SEG_OUTCOME_COUNT */
	uint16_t generation;
	uint8_t incarnation; /* of the slot */
	uint8_t reason;      /* enum seg_reason: its exit */
	uint8_t verdict;     /* SEG_VERDICT_ALLOW or _DENY */
	uint8_t proto;
	uint8_t spare[2];
	uint16_t flags;             /* enum seg_outcome_flag */
	uint16_t shadow;            /* seg_shadow_make(); valid with SEG_OUTCOME_COUNT */
	struct seg_segment segment; /* of TCP */
};

SEG_ASSERT_SIZE(struct seg_outcome, 48);

struct seg_judge {
	const struct seg_image *image;
	const struct seg_constants *constants;
	const struct seg_zone_list *zones; /* NULL: none */
	struct seg_table table;
	uint64_t pickup_until; /* ns CLOCK_MONOTONIC; ~0: always */
	uint16_t generation;   /* of the image, low 16 bits */
	uint16_t iface;        /* seg_image_iface() */
};

/* How a flow without a verdict was decided. */
struct seg_decided {
	uint32_t batch;
	uint32_t slot;
	struct seg_decision decision;
	uint16_t flags; /* enum seg_outcome_flag: LOOSE */
	uint16_t spare;
};

/*
 * The flows that a batch has decided and not yet published, by slot: later
 * packets of the batch go the same way. Zero at first.
 */
struct seg_flows {
	uint32_t batch;
	struct seg_decided at[SEG_FLOWS_MAX];
};

/* A new batch: forget. */
static inline void seg_flows_begin(struct seg_flows *flows)
{
	flows->batch++;
}

/* Take a frame apart as XDP does, VLANs included: SEG_PARSED, or the enum seg_reason that answers
 * it.
 */
int seg_judge_parse(const struct seg_judge *judge, const uint8_t *frame, uint32_t length,
		    struct seg_packet *packet);

/*
 * A denial is of what one side began: this packet of the other side begins a flow of its own.
 * `direction`: the endpoint that sent it.
 */
bool seg_is_other_denial(const struct seg_judge *judge, const struct seg_packet *packet,
			 uint32_t direction, struct seg_session *session);

/*
 * Decide `count` packets, at most SEG_BURST_MAX, in their order. now: ns,
 * CLOCK_MONOTONIC. Never fails, allocates or blocks.
 */
void seg_decide(const struct seg_judge *judge, struct seg_flows *flows,
		const struct seg_arrival *arrivals, struct seg_outcome *outcomes, uint32_t count,
		uint64_t now);

#endif
