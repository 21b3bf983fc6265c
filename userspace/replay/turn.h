/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * turn.h - packets in the order of the capture, while what becomes of some is not known
 * yet: a queue whose elements are settled out of order. Single writer.
 */
#ifndef SEG_TURN_H
#define SEG_TURN_H

#include "replay.h"

struct seg_turn {
	struct seg_turn_place *place; /* ring, a power of two long */
	uint32_t size;
	uint64_t first, last; /* numbers of packets: the next to be told, the next to come */
};

void seg_turn_close(struct seg_turn *turn);

/* The next packet. Its number, or -ENOMEM. */
int seg_turn_add(struct seg_turn *turn, uint64_t *number);

/* The packet's result, to be written by its number until it is settled. */
struct seg_replayed *seg_turn_at(struct seg_turn *turn, uint64_t number);
void seg_turn_settle(struct seg_turn *turn, uint64_t number);

bool seg_turn_has_next(const struct seg_turn *turn);
bool seg_turn_next(struct seg_turn *turn, struct seg_replayed *out);

#endif
