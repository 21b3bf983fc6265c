/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box_tree.h - a finder's boxes as a tree of bounding boxes (Guttman 1984; built from all at once):
 * which of those before a given one meet a region, without reading all of them.
 *
 * A node has up to eight children side by side, so that all are compared at once. Bounds are 32
 * bits each; where an address has more, they are those that tell most boxes apart, rounded outward:
 * what is found has to be looked at.
 */
#ifndef SEG_BOX_TREE_H
#define SEG_BOX_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "image_layout.h"

/* The fields of a box in the order in which regions are widened. Where a protocol has no ports, its
 * number stands for the source port, as in keys. */
enum seg_box_field {
	SEG_BOX_SPORT,
	SEG_BOX_DPORT,
	SEG_BOX_SRC,
	SEG_BOX_DST,
	SEG_BOX_FIELDS,
};

struct seg_box_tree;

/* The boxes of a finder of this family. *out: NULL if it has none. The image must outlive it.
 * -ENOMEM. */
int seg_box_tree_open(const struct seg_image *image, const struct seg_finder *finder,
		      uint8_t family, struct seg_box_tree **out);
void seg_box_tree_close(struct seg_box_tree *tree);

#define SEG_BOX_TREE_DEPTH 16

/* Bits of a key's header word, as key.h has it. */
#define SEG_BOX_TREE_FLAGS 0xff00u
#define SEG_BOX_TREE_DSCP  0x00ffu

/* A node on the way down. */
struct seg_box_step {
	uint32_t node, left; /* a bit a child */
	uint32_t narrowed;   /* bounds when those were chosen */
};

/* What is looked for. Bounds may be narrowed between two steps. */
struct seg_box_walk {
	const struct seg_box_tree *tree;
	int32_t end;                                               /* boxes before this one */
	int32_t first[SEG_BOX_FIELDS], last[SEG_BOX_FIELDS], asks; /* as nodes have them */
	enum seg_box_field field;
	int32_t near;
	uint32_t narrowed; /* so many times */
	uint32_t depth;
	struct seg_box_step at[SEG_BOX_TREE_DEPTH];
};

typedef unsigned __int128 seg_box_wide;

/* The bounds of one field. */
void seg_box_walk_bound(struct seg_box_walk *walk, enum seg_box_field field, seg_box_wide first,
			seg_box_wide last);

/* `tree`, `end` and all bounds are set: the first box is next. `header`: if not 0, only boxes that
 * ask for some of these bits, or for others of the same of the two. What is `near` in `field` comes
 * first: where its bounds are narrowed by what is found, that saves most of the others. */
void seg_box_walk_aim(struct seg_box_walk *walk, uint32_t header, enum seg_box_field field,
		      seg_box_wide near);

/* A box that may meet what is looked for, each at most once, or SEG_BOX_NONE. */
struct seg_box_walker {
	uint32_t (*first)(struct seg_box_walk *walk);
	uint32_t (*next)(struct seg_box_walk *walk);
};

/* On any CPU, and where there is AVX2 (lookup.h). */
extern const struct seg_box_walker SEG_BOX_WALKER, SEG_BOX_WALKER_AVX2;

#endif
