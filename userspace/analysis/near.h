/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * near.h - which of many rectangles meet one: an R-tree of two levels, packed by
 * sort-tile-recursive (Leutenegger, Lopez, Edgington 1997), over sources and destinations.
 */
#ifndef SEG_NEAR_H
#define SEG_NEAR_H

#include "axes.h"

struct seg_near_block;

struct seg_near {
	uint32_t n, blocks_n;
	uint32_t *order;                     /* blocks' items, packed */
	struct seg_near_block *item, *block; /* their bounds, in that order */
	uint64_t *found;                     /* a bit an item, zero between queries */
};

/* Items by their slices on both axes. -ENOMEM. */
int seg_near_open(struct seg_near *near, const struct seg_slice *src, const struct seg_slice *dst,
		  uint32_t n);
void seg_near_close(struct seg_near *near);

typedef SEG_VECTOR(uint32_t) seg_numbers;

/* Items whose bounds meet the spans, in order, from empty *out on. One at a time. -ENOMEM. */
int seg_near_find(struct seg_near *near, struct seg_span from, struct seg_span to,
		  seg_numbers *out);

#endif
