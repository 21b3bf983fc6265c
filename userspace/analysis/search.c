/* SPDX-License-Identifier: BSD-2-Clause */
#include "search.h"

#include <stdlib.h>

#define SAMPLE     24 /* entries that a cut is tried on */
#define CANDIDATES 6  /* of them, whose bounds are tried */

void seg_search_close(struct seg_search *search)
{
	free(search->entries.item);
	free(search->interest.item);
}

/* --- a slice and a span ------------------------------------------------------------ */

static const struct seg_slice *slice_of(const struct seg_search *search,
					const struct seg_entry *entry, enum seg_axis axis)
{
	return &search->space->areas[entry->side][search->lane].slice[axis][entry->area];
}

/* The first span of n that does not end before `at`; n: there is none. */
static uint32_t span_from(const struct seg_span *spans, uint32_t n, uint32_t at)
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (spans[middle].last < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum overlap { OUTSIDE, PARTLY, INSIDE };

/* How much of `span` is in the slice. */
static enum overlap overlap_sets(const struct seg_search *search, const struct seg_slice *slice,
				 struct seg_span span)
{
	const struct seg_span *spans;
	struct seg_span room;
	uint32_t n, i;

	spans = seg_axes_spans(&search->space->axes, slice, &room, &n);
	i = span_from(spans, n, span.first);
	if (i == n || spans[i].first > span.last)
		return OUTSIDE;
	return spans[i].first <= span.first && spans[i].last >= span.last ? INSIDE : PARTLY;
}

static enum overlap overlap_of(const struct seg_search *search, const struct seg_slice *slice,
			       struct seg_span span)
{
	if (slice->first > span.last || slice->last < span.first)
		return OUTSIDE;
	if (slice->set != SEG_SLICE_WHOLE)
		return overlap_sets(search, slice, span);
	return slice->first <= span.first && slice->last >= span.last ? INSIDE : PARTLY;
}

/* --- cuts ----------------------------------------------------------------------------- */

struct cut {
	enum seg_axis axis;
	uint32_t at; /* the second half's first */
	bool second; /* which half holds less */
	uint64_t weight;
};

/* An end, inside of the box, of what the entry has of an axis: the middle one, if it has many. */
static uint32_t bound_of(const struct seg_search *search, const struct seg_entry *entry,
			 enum seg_axis axis, struct seg_span in)
{
	const struct seg_span *spans;
	struct seg_span room;
	uint32_t n, i, end;

	spans = seg_axes_spans(&search->space->axes, slice_of(search, entry, axis), &room, &n);
	i = span_from(spans, n, in.first);
	end = span_from(spans, n, in.last);
	i += (end - i) / 2;
	return spans[i].first > in.first ? spans[i].first : spans[i].last + 1;
}

/* What is left to part of an entry in half a box. */
static uint64_t rest_of(const struct seg_search *search, const struct seg_entry *entry,
			enum seg_axis axis, struct seg_span half)
{
	unsigned int others = entry->open & ~(1u << axis);
	enum overlap overlap;

	if (others == entry->open)
		return (uint64_t)__builtin_popcount(others);
	overlap = overlap_of(search, slice_of(search, entry, axis), half);
	if (overlap == OUTSIDE)
		return 0;
	return (uint64_t)__builtin_popcount(others) + (overlap == PARTLY);
}

static void weigh(const struct seg_search *search, const struct seg_node *node,
		  const uint32_t *sample, uint32_t n, struct cut *cut)
{
	struct seg_span all = node->box.on[cut->axis];
	struct seg_span half[2] = {{all.first, cut->at - 1}, {cut->at, all.last}};
	uint64_t rest[2] = {0};

	for (uint32_t i = 0; i < n; i++)
		for (unsigned int j = 0; j < 2; j++)
			rest[j] += rest_of(search, &search->entries.item[sample[i]], cut->axis,
					   half[j]);
	cut->second = rest[1] < rest[0];
	cut->weight = rest[0] * rest[0] + rest[1] * rest[1];
}

/* Evenly over all that interests. */
static uint32_t sample_of(const struct seg_search *search, uint32_t sample[SAMPLE])
{
	uint32_t n = search->interest.n, taken = n < SAMPLE ? n : SAMPLE;

	for (uint32_t i = 0; i < taken; i++)
		sample[i] = search->interest.item[(uint64_t)i * n / taken];
	return taken;
}

static struct cut choose(const struct seg_search *search, const struct seg_node *node)
{
	struct cut best = {.weight = UINT64_MAX};
	uint32_t sample[SAMPLE], n = sample_of(search, sample);
	uint32_t step = n <= CANDIDATES ? 1 : n / CANDIDATES;

	for (uint32_t i = 0; i < n; i += step) {
		const struct seg_entry *entry = &search->entries.item[sample[i]];

		for (unsigned int open = entry->open; open; open &= open - 1) {
			struct cut cut = {.axis = (enum seg_axis)__builtin_ctz(open)};

			cut.at = bound_of(search, entry, cut.axis, node->box.on[cut.axis]);
			weigh(search, node, sample, n, &cut);
			if (cut.weight < best.weight)
				best = cut;
		}
	}
	return best;
}

/* Unless the judge has said what a cut should part: all that can be. */
static int interest_all(struct seg_search *search, const struct seg_node *node)
{
	for (enum seg_list_id list = 0; list < SEG_LISTS; list++)
		for (uint32_t i = 0; i < node->list[list].n; i++)
			if (seg_entry_at(search, node, list, i)->open &&
			    SEG_PUSH(&search->interest, node->list[list].first + i))
				return -ENOMEM;
	return 0;
}

/* --- nodes ----------------------------------------------------------------------------- */

struct seg_node seg_search_begin(struct seg_search *search, const struct seg_cell *box)
{
	search->entries.n = 0;
	return (struct seg_node){.box = *box};
}

/* -1: it does not meet the box. */
static int open_axes(const struct seg_search *search, const struct seg_entry *entry,
		     const struct seg_cell *box)
{
	unsigned int left = search->space->areas[entry->side][search->lane].narrow[entry->area];
	int open = 0;

	for (; left; left &= left - 1) {
		enum seg_axis axis = (enum seg_axis)__builtin_ctz(left);
		enum overlap overlap =
			overlap_of(search, slice_of(search, entry, axis), box->on[axis]);

		if (overlap == OUTSIDE)
			return -1;
		open |= (overlap == PARTLY) << axis;
	}
	return open;
}

bool seg_search_holds(const struct seg_search *search, uint32_t area, const struct seg_cell *box)
{
	return !open_axes(search, &(struct seg_entry){.area = area}, box);
}

bool seg_search_add(struct seg_search *search, struct seg_node *node, enum seg_list_id list,
		    unsigned int side, uint32_t area, int *r)
{
	struct seg_entry entry = {.area = area, .side = (uint16_t)side};
	int open = open_axes(search, &entry, &node->box);

	if (!node->list[list].n)
		node->list[list].first = search->entries.n;
	if (open < 0)
		return false;
	entry.open = (uint16_t)open;
	*r = SEG_PUSH(&search->entries, entry);
	node->list[list].n += !*r;
	return !open || *r;
}

/* What of a list meets half a box. */
static void narrow(struct seg_search *search, enum seg_list_id list, const struct seg_node *node,
		   enum seg_axis axis, struct seg_node *half)
{
	struct seg_entry *entry = search->entries.item + node->list[list].first;
	struct seg_entry *end = entry + node->list[list].n;
	struct seg_entry *to = search->entries.item + search->entries.n, *begin = to;
	uint16_t bit = (uint16_t)(1u << axis);

	for (; entry < end; entry++) {
		struct seg_entry mine = *entry;

		if (mine.open & bit) {
			enum overlap overlap = overlap_of(search, slice_of(search, &mine, axis),
							  half->box.on[axis]);

			if (overlap == OUTSIDE)
				continue;
			mine.open ^= overlap == INSIDE ? bit : 0;
		}
		*to++ = mine;
		if (!mine.open && list != SEG_LIST_SCOPE)
			break;
	}
	half->list[list] = (struct seg_entries){search->entries.n, (uint32_t)(to - begin)};
	search->entries.n += half->list[list].n;
}

static int visit(struct seg_search *search, const struct seg_node *node);

static int visit_half(struct seg_search *search, const struct seg_node *node, enum seg_axis axis,
		      struct seg_span span)
{
	uint32_t had = search->entries.n, need = 0;
	struct seg_node half = {.box = node->box};
	int r;

	half.box.on[axis] = span;
	for (enum seg_list_id list = 0; list < SEG_LISTS; list++)
		need += node->list[list].n;
	if (SEG_ROOM(&search->entries, need))
		return -ENOMEM;
	for (enum seg_list_id list = 0; list < SEG_LISTS; list++)
		narrow(search, list, node, axis, &half);
	r = visit(search, &half);
	search->entries.n = had;
	return r;
}

static int visit_halves(struct seg_search *search, const struct seg_node *node)
{
	struct cut cut;
	struct seg_span half[2];
	int r = search->interest.n ? 0 : interest_all(search, node);

	if (r)
		return r;
	cut = choose(search, node);
	half[0] = (struct seg_span){node->box.on[cut.axis].first, cut.at - 1};
	half[1] = (struct seg_span){cut.at, node->box.on[cut.axis].last};
	r = visit_half(search, node, cut.axis, half[cut.second]);
	return r ? r : visit_half(search, node, cut.axis, half[!cut.second]);
}

static int visit(struct seg_search *search, const struct seg_node *node)
{
	search->nodes++;
	search->interest.n = 0;
	switch (search->judge(search, node)) {
	case SEG_NODE_DONE:
		return 0;
	case SEG_NODE_FOUND:
		return 1;
	default:
		return visit_halves(search, node);
	}
}

int seg_search_run(struct seg_search *search, const struct seg_node *node)
{
	return visit(search, node);
}
