/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splice.h - an image with one rule changed. Nothing is compiled but that rule: the rows and boxes
 * of the others are copied, and numbered anew where they come behind it; its own boxes are put into
 * the tables that are there.
 */
#ifndef SEG_SPLICE_H
#define SEG_SPLICE_H

#include "pieces.h"

#define SEG_SPLICE_NONE UINT32_MAX

/*
 * Rules are numbered as in the old image. `gone`: the one that goes; `place`: before which the new
 * one comes, their number for the last; SEG_SPLICE_NONE: none. Each rule is a line of the text.
 */
struct seg_splice {
	const struct seg_image *old;
	uint32_t gone, place;
	struct seg_rule rule; /* the new one, but for its number */
	/* Rows, boxes, rests of the new rule alone, under the number 0, and its pieces by finder;
	 * names and sets of all. */
	struct seg_build *build;
	struct seg_pieces pieces[2 * 2 * SEG_LANE_MAX];
	/* Ids of rules that have none of their own: of the i-th. */
	const uint32_t *place_ids;
};

/* The image, which is the caller's; without header and sum. -EAGAIN: it is to be compiled anew.
 * -E2BIG, -ENOMEM. */
int seg_image_splice(struct seg_splice *splice, struct seg_image **out);

#endif
