/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box_walk_steps.h - the steps of a walk, included by each way of doing it, which defines
 * node_meets() and field_meets().
 */
#ifndef SEG_BOX_WALK_STEPS_H
#define SEG_BOX_WALK_STEPS_H

#include "box_tree_nodes.h"
#include "inline.h"

/* A bit for each child that may have what is looked for. */
static ALWAYS_INLINE uint32_t node_meets(const struct seg_box_walk *walk, const struct node *node);

/* The same, by the field alone that is widened. */
static ALWAYS_INLINE uint32_t field_meets(const struct seg_box_walk *walk, const struct node *node);

static ALWAYS_INLINE bool is_port(enum seg_box_field field)
{
	return field < SEG_BOX_SRC;
}

/* The nodes that a walk is going to enter. */
static ALWAYS_INLINE void fetch(const struct seg_box_walk *walk, const struct node *node,
				uint32_t meet)
{
	for (; meet; meet &= meet - 1) {
		uint32_t child = node->child[__builtin_ctz(meet)];
		const char *at = (const char *)&walk->tree->node[child & CHILD_INDEX];

		if (child & LEAF)
			continue;
		for (size_t line = 0; line < sizeof(*node); line += 64)
			__builtin_prefetch(at + line);
	}
}

static ALWAYS_INLINE void enter(struct seg_box_walk *walk, uint32_t number)
{
	const struct node *node = &walk->tree->node[number];
	uint32_t meet = node_meets(walk, node);

	fetch(walk, node, meet);
	walk->at[walk->depth] = (struct seg_box_step){number, meet, walk->narrowed};
	walk->depth += meet != 0;
}

static ALWAYS_INLINE int32_t first_of(const struct node *node, enum seg_box_field field,
				      unsigned int i)
{
	return is_port(field) ? node->port_first[field][i] : node->first[field - SEG_BOX_SRC][i];
}

static ALWAYS_INLINE int32_t last_of(const struct node *node, enum seg_box_field field,
				     unsigned int i)
{
	return is_port(field) ? node->port_last[field][i] : node->last[field - SEG_BOX_SRC][i];
}

static ALWAYS_INLINE uint32_t distance(const struct seg_box_walk *walk, const struct node *node,
				       unsigned int i)
{
	int32_t first = first_of(node, walk->field, i), last = last_of(node, walk->field, i);

	if (walk->near < first)
		return (uint32_t)first - (uint32_t)walk->near;
	return walk->near > last ? (uint32_t)walk->near - (uint32_t)last : 0;
}

/* The nearest child of those that are left. */
static ALWAYS_INLINE unsigned int nearest(const struct seg_box_walk *walk, const struct node *node,
					  uint32_t left)
{
	unsigned int best = (unsigned int)__builtin_ctz(left);
	uint32_t least;

	if (!(left & (left - 1)))
		return best;
	least = distance(walk, node, best);
	while (least && (left &= left - 1)) {
		unsigned int i = (unsigned int)__builtin_ctz(left);
		uint32_t far = distance(walk, node, i);

		best = far < least ? i : best;
		least = far < least ? far : least;
	}
	return best;
}

/* The nearest child of the node that the walk is in, or WIDTH: there is none any more. */
static ALWAYS_INLINE unsigned int next_child(struct seg_box_walk *walk, const struct node *node)
{
	struct seg_box_step *step = &walk->at[walk->depth - 1];
	unsigned int i = WIDTH;

	if (step->narrowed != walk->narrowed) {
		step->narrowed = walk->narrowed;
		step->left &= field_meets(walk, node);
	}
	if (step->left) {
		i = nearest(walk, node, step->left);
		step->left &= ~(1u << i);
	}
	walk->depth -= !step->left;
	return i;
}

static ALWAYS_INLINE uint32_t next(struct seg_box_walk *walk)
{
	while (walk->depth) {
		const struct node *node = &walk->tree->node[walk->at[walk->depth - 1].node];
		unsigned int i = next_child(walk, node);
		uint32_t child;

		if (i == WIDTH)
			continue;
		child = node->child[i];
		if (child & LEAF)
			return child & CHILD_INDEX;
		enter(walk, child & CHILD_INDEX);
	}
	return SEG_BOX_NONE;
}

/* The first of a walk that begins. */
static ALWAYS_INLINE uint32_t first(struct seg_box_walk *walk)
{
	walk->depth = 0;
	enter(walk, 0);
	return next(walk);
}

#endif
