/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * begin.h - sessions that a worker begins, not XDP: of a datagram that came in fragments, and of
 * what is allowed although the other side's flow of the same addresses and ports was denied.
 *
 * Any worker, any time: the table's own protocol settles who was first. A claim is as good as one
 * of XDP's: if this process dies now, its gate opens through the gap list.
 */
#ifndef SEG_BEGIN_H
#define SEG_BEGIN_H

#include "decide.h"

struct seg_beginner {
	const struct seg_judge *judge;
	struct seg_quota *quota;
	uint64_t now; /* ns, CLOCK_MONOTONIC */
};

/* How a packet's flow is found. */
struct seg_tuple {
	struct seg_key key;
	struct seg_hash hash;
	uint32_t direction; /* the endpoint that sent it */
};

/* `packet` counts from `data`. False: the addresses are not in there. */
bool seg_tuple_of(const struct seg_judge *judge, const uint8_t *data, const uint8_t *end,
		  const struct seg_packet *packet, struct seg_tuple *tuple);

/*
 * A session as XDP leaves one that it claims (walk.bpf.h): the gate closed, this packet queued.
 * CLAIMED sets the slot and the incarnation of `meta`, and nothing else does.
 */
enum seg_claim seg_begin(const struct seg_beginner *b, uint8_t *data, uint8_t *end,
			 const struct seg_packet *packet, const struct seg_tuple *tuple,
			 struct seg_meta *meta);

/*
 * Between decisions and journal: what has SEG_OUTCOME_BEGIN gets a session in place of the other
 * side's denial, and its verdict goes there. Where another was faster, or there is no room, the
 * packet goes on without.
 */
void seg_begin_allowed(const struct seg_beginner *b, const struct seg_arrival *arrivals,
		       struct seg_outcome *outcomes, uint32_t count);

#endif
