/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splice.h - one rule of an image changed, in place. Nothing is compiled but that rule: its rows
 * and boxes take places that are free, and the tables that are there lead to them.
 */
#ifndef SEG_SPLICE_H
#define SEG_SPLICE_H

#include "pieces.h"

/* A copy of an image that was compiled whole, with room for more of everything. It is the caller's:
 * seg_image_free(). -E2BIG, -ENOMEM. */
int seg_image_spread(const struct seg_image *from, struct seg_image **out);

#define SEG_SPLICE_NONE UINT32_MAX

/*
 * Rules are numbered as in the image. `gone`: the one that goes; `place`: before which the new one
 * comes, their number for the last; SEG_SPLICE_NONE: none. Rules of the policy's own file are a
 * line of it each.
 */
struct seg_splice {
	struct seg_image *image;
	uint32_t gone, place;
	struct seg_rule rule; /* the new one, but for its number */
	/* Rows, boxes, rests of the new rule alone, under the number 0, and its pieces by finder;
	 * names, sets and VLANs of all. */
	struct seg_build *build;
	struct seg_pieces pieces[2 * 2 * SEG_LANE_MAX];
	/* Ids of rules that have none of their own: of the i-th. */
	const uint32_t *place_ids;
};

/* Is there room for what all rules share? Else nothing is to be begun. */
bool seg_splice_fits(const struct seg_splice *splice);

/* Header and sum are left to the caller. After an error the image is of no more use. -EAGAIN: there
 * is no room. */
int seg_image_splice(const struct seg_splice *splice);

#endif
