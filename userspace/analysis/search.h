/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * search.h - boxes of packets cut in two until each can be judged. A node is a box and the areas
 * that still matter in it; a half looks only at the axis that was cut, and what lies behind an
 * area that holds all of the box is forgotten: nothing there is ever asked. (The rules are cut as
 * HiCuts and EffiCuts cut them, Gupta and McKeown 1999, Vamanan et al. 2010, but only as far as a
 * question needs, and nothing of the tree is kept.)
 */
#ifndef SEG_SEARCH_H
#define SEG_SEARCH_H

#include "space.h"

/* An area that meets the box. */
struct seg_entry {
	uint32_t area;
	uint16_t open; /* 1 << axis: it does not hold all of the box on it */
	uint16_t side; /* whose area */
};

/* Lists of a node, each in the policy's order. */
enum seg_list_id {
	SEG_LIST_SCOPE, /* what a packet must be in to be looked for; all of them */
	SEG_LIST_ONE,   /* answers in the order asked... */
	SEG_LIST_TWO,   /* ...and those of the second question, or policy */
	SEG_LISTS
};

struct seg_entries {
	uint32_t first, n; /* of seg_search.entries */
};

struct seg_node {
	struct seg_cell box;
	struct seg_entries list[SEG_LISTS];
};

enum seg_verdict_on_node {
	SEG_NODE_DONE, /* nothing is here, or it is written down */
	SEG_NODE_CUT,
	SEG_NODE_FOUND, /* and nothing else need be looked at */
};

struct seg_search {
	struct seg_space *space;
	unsigned int lane;
	SEG_VECTOR(struct seg_entry) entries;
	SEG_VECTOR(uint32_t) interest; /* entries that a cut should part; see seg_search_want() */
	/* What is to be said of a node. */
	enum seg_verdict_on_node (*judge)(struct seg_search *search, const struct seg_node *node);
	void *context;
	uint64_t nodes; /* judged so far */
};

void seg_search_close(struct seg_search *search);

/* Begin with a box and empty lists. */
struct seg_node seg_search_begin(struct seg_search *search, const struct seg_cell *box);

/*
 * Add an area behind a list, the lists one after the other. True: the list needs no more, for it
 * holds all of the box. *r: -ENOMEM.
 */
bool seg_search_add(struct seg_search *search, struct seg_node *node, enum seg_list_id list,
		    unsigned int side, uint32_t area, int *r);

/* An area of side 0 has all of the box. */
bool seg_search_holds(const struct seg_search *search, uint32_t area, const struct seg_cell *box);

/* 1: found; 0: it is not there; -ENOMEM. */
int seg_search_run(struct seg_search *search, const struct seg_node *node);

static inline const struct seg_entry *seg_entry_at(const struct seg_search *search,
						   const struct seg_node *node,
						   enum seg_list_id list, uint32_t i)
{
	return &search->entries.item[node->list[list].first + i];
}

static inline const struct seg_owner *seg_owner_at(const struct seg_search *search,
						   const struct seg_node *node,
						   enum seg_list_id list, uint32_t i)
{
	const struct seg_entry *entry = seg_entry_at(search, node, list, i);

	return &search->space->areas[entry->side][search->lane].owner[entry->area];
}

/* A list's last area holds all of the box: somebody in the list answers every packet. */
static inline bool seg_list_covers(const struct seg_search *search, const struct seg_node *node,
				   enum seg_list_id list)
{
	uint32_t n = node->list[list].n;

	return n && !seg_entry_at(search, node, list, n - 1)->open;
}

#endif
