/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain.h - what leads to the boxes of an image that is edited: a slot to the first of those whose
 * hash it has, each box to the next. Boxes of a chain are in order.
 */
#ifndef SEG_CHAIN_H
#define SEG_CHAIN_H

#include "image_layout.h"

/* A finder's, by number. */
struct seg_chains {
	struct seg_image *image;
	uint32_t finder;
};

/* A hash table: a bank's column. */
struct seg_column {
	struct seg_bank *bank;
	unsigned int number;
};

/* How many boxes are where this one would be, whether it is there or not; at most `most`. */
unsigned int seg_chain_length(const struct seg_chains *chains, struct seg_column table,
			      uint32_t box, unsigned int most);

/* Into a table, and out of the one where it is. Out of none: nothing leads to it. */
void seg_chain_put(const struct seg_chains *chains, struct seg_column table, uint32_t box);
void seg_chain_take(const struct seg_chains *chains, uint32_t box);

/* To a place between its neighbours, which becomes free here. */
void seg_chain_move(const struct seg_chains *chains, uint32_t from, uint32_t to);

#endif
