/* SPDX-License-Identifier: BSD-2-Clause */
/* box_tree_nodes.h - the nodes of a tree of boxes, for who builds it and who walks it. */
#ifndef SEG_BOX_TREE_NODES_H
#define SEG_BOX_TREE_NODES_H

#include "box_tree.h"

#define WIDTH 8

/* Four cache lines. */
struct node {
	int32_t first[2][WIDTH], last[2][WIDTH];           /* of addresses, less 2^31 */
	int16_t port_first[2][WIDTH], port_last[2][WIDTH]; /* less 2^15 */
	int32_t least[WIDTH];                              /* of the boxes below, the first */
	uint32_t child[WIDTH];                             /* node, or box with LEAF; CHILD_ */
} __attribute__((aligned(64)));

#define LEAF        0x80000000u
#define ASKS_FLAGS  0x01000000u /* some box below asks for TCP flags */
#define ASKS_DSCP   0x02000000u
#define CHILD_INDEX 0x00ffffffu

/* What of an address is compared: 32 bits from `shift` on, counted from `base`. */
struct scale {
	seg_box_wide base;
	unsigned int shift;
};

struct seg_box_tree {
	struct node *node;
	uint32_t n, room;
	struct scale scale[SEG_BOX_FIELDS];
};

static inline uint32_t scaled(const struct scale *scale, seg_box_wide value)
{
	seg_box_wide above = value < scale->base ? 0 : value - scale->base;

	if (scale->shift)
		above >>= scale->shift;
	return above > UINT32_MAX ? UINT32_MAX : (uint32_t)above;
}

/* Some CPUs compare nothing but signed numbers. */
static inline int32_t word_less(uint32_t word)
{
	return (int32_t)(word ^ 0x80000000u);
}

static inline int16_t port_less(uint32_t port)
{
	return (int16_t)(port ^ 0x8000u);
}

static inline uint32_t asks_of(uint32_t header)
{
	return (header & SEG_BOX_TREE_FLAGS ? ASKS_FLAGS : 0) |
	       (header & SEG_BOX_TREE_DSCP ? ASKS_DSCP : 0);
}

#endif
