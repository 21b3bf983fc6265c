/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reassembly.h - between a batch's decisions and its journal: fragments wait here until their
 * datagram is whole, which is judged like any packet; then all its fragments have that
 * verdict, and go in order. The worker and `replay` run the same code.
 *
 * seg_decide() answers a fragment with SEG_REASON_FRAGMENT; seg_hold_take() turns each
 * such outcome into what becomes of it: HELD (no exit yet), or an exit. Outcomes of
 * fragments that waited are added. Nothing is written but outcomes, the store, and a
 * session's claim, which is as good as one of XDP's: if this process dies now, its gate
 * opens through the gap list.
 *
 * What is held is known from shared memory alone: the owner of its frame (frames.h) and
 * struct seg_held beside it. A successor reads those frames again, in any order, since
 * none overlaps another. Which datagrams were refused is forgotten with a worker: what
 * still comes of them is never whole.
 *
 * Single writer: the queue's worker.
 */
#ifndef SEG_REASSEMBLY_H
#define SEG_REASSEMBLY_H

#include "decide.h"
#include "gather.h"
#include "live.h"

#define SEG_OUTCOMES_MAX SEG_LIVE_FRAMES /* of a batch */

/* Who wants to see a datagram before it is judged: `datagram` begins with its IP header. */
typedef void (*seg_hold_look)(void *data, const struct seg_piece *pieces, uint32_t count,
			      uint8_t *datagram, const struct seg_packet *packet);

struct seg_hold {
	seg_hold_look look; /* NULL: nobody */
	void *look_data;
	uintptr_t base; /* of what seg_outcome.address counts from */
	struct seg_quota *quota;
	struct seg_gather gather;
	struct seg_shed shed;
	struct seg_outcome extra[SEG_OUTCOMES_MAX];
	uint8_t joined[SEG_DATAGRAM_MAX + 1];
};

/* What a held frame has in it. In shared memory, one a frame. */
struct seg_held {
	uint32_t since; /* ticks of 2^SEG_TICK_SHIFT ns */
	uint16_t at;    /* where in the frame the packet begins */
	uint16_t length;
};

/* A batch on its way from decisions to the journal. */
struct seg_batch {
	struct seg_outcome *outcome; /* room for `limit`, over SEG_SHED_MAX */
	uint32_t limit;
	uint32_t taken; /* arrivals: decided; after seg_hold_take() so many are to be settled, the
			   rest comes again */
	uint32_t total; /* outcomes: taken, then those of fragments that waited */
};

/* An empty store for `capacity` fragments, over SEG_PIECES_MAX. NULL: out of memory. */
struct seg_hold *seg_hold_new(uint32_t capacity, uintptr_t base, struct seg_quota *quota);
void seg_hold_free(struct seg_hold *hold);

/* Fragments among `taken` decided arrivals, and what is out of time. now: ns CLOCK_MONOTONIC. */
void seg_hold_take(struct seg_hold *hold, const struct seg_judge *judge, struct seg_flows *flows,
		   struct seg_batch *batch, uint64_t now);

/* Is anything out of time? */
static inline bool seg_hold_due(const struct seg_hold *hold, uint64_t now)
{
	uint64_t next = seg_gather_next(&hold->gather);

	return next && next <= now;
}

/* A predecessor held this packet since then (ns). False: it is none that could be. */
bool seg_hold_adopt(struct seg_hold *hold, const struct seg_judge *judge, uint64_t address,
		    uint32_t length, uint64_t since);

#endif
