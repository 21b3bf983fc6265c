/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_diff.c - boxes are cut until each has one answer from either policy, but not where both
 * have the same areas in the same order, or all answers are the same; so what two versions of a
 * policy have in common costs one look. Cuts part what only one of them has.
 */
#include "policy_diff.h"

#include <stdlib.h>
#include <string.h>

#include "search.h"

struct diff {
	struct seg_search search, guards;
	seg_changes *out;
	uint32_t *seen; /* by shape: the look at which list ONE had it */
	uint32_t look;
	int error;
};

/* --- judge --------------------------------------------------------------------------- */

static uint32_t answer_at(const struct seg_search *search, const struct seg_node *node,
			  enum seg_list_id list, uint32_t i)
{
	return seg_owner_at(search, node, list, i)->answer;
}

static bool only_answer(const struct seg_search *search, const struct seg_node *node,
			enum seg_list_id list, uint32_t answer)
{
	for (uint32_t i = 0; i < node->list[list].n; i++)
		if (answer_at(search, node, list, i) != answer)
			return false;
	return true;
}

static bool one_answer(const struct seg_search *search, const struct seg_node *node)
{
	uint32_t answer = answer_at(search, node, SEG_LIST_ONE, 0);

	return only_answer(search, node, SEG_LIST_ONE, answer) &&
	       only_answer(search, node, SEG_LIST_TWO, answer);
}

static bool same_lists(const struct seg_search *search, const struct seg_node *node)
{
	uint32_t n = node->list[SEG_LIST_ONE].n;

	if (n != node->list[SEG_LIST_TWO].n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (seg_owner_at(search, node, SEG_LIST_ONE, i)->shape !=
		    seg_owner_at(search, node, SEG_LIST_TWO, i)->shape)
			return false;
	return true;
}

static void note(struct seg_search *search, uint32_t entry)
{
	struct diff *diff = search->context;

	if (search->entries.item[entry].open && SEG_PUSH(&search->interest, entry))
		diff->error = -ENOMEM;
}

/* What one list has and the other has not. */
static void note_unshared(struct seg_search *search, const struct seg_node *node,
			  enum seg_list_id mine, enum seg_list_id other)
{
	struct diff *diff = search->context;

	diff->look++;
	for (uint32_t i = 0; i < node->list[other].n; i++)
		diff->seen[seg_owner_at(search, node, other, i)->shape] = diff->look;
	for (uint32_t i = 0; i < node->list[mine].n; i++)
		if (diff->seen[seg_owner_at(search, node, mine, i)->shape] != diff->look)
			note(search, node->list[mine].first + i);
}

/* Some packet is no guard's. */
static enum seg_verdict_on_node judge_asked(struct seg_search *search, const struct seg_node *node)
{
	if (!node->list[SEG_LIST_ONE].n)
		return SEG_NODE_FOUND;
	return seg_list_covers(search, node, SEG_LIST_ONE) ? SEG_NODE_DONE : SEG_NODE_CUT;
}

/* Is any rule ever asked about a packet of the box? */
static int is_asked(struct diff *diff, const struct seg_cell *box)
{
	struct seg_search *search = &diff->guards;
	struct seg_node node = seg_search_begin(search, box);
	int r = 0;

	search->lane = diff->search.lane;
	for (uint32_t i = 0; !r && i < search->space->areas[SEG_SIDE_GUARDS][search->lane].n; i++)
		if (seg_search_add(search, &node, SEG_LIST_ONE, SEG_SIDE_GUARDS, i, &r))
			break;
	return r ? r : seg_search_run(search, &node);
}

static void put_region(struct diff *diff, const struct seg_node *node)
{
	struct seg_search *search = &diff->search;
	struct seg_change region = {
		.owner = {*seg_owner_at(search, node, SEG_LIST_ONE, 0),
			  *seg_owner_at(search, node, SEG_LIST_TWO, 0)},
		.families = seg_lane_family(search->lane) == 4 ? 1 : 2,
		.kinds = (uint8_t)(1u << search->lane % SEG_LANE_MAX),
	};

	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++)
		region.on[axis] = (struct seg_slice){node->box.on[axis].first,
						     node->box.on[axis].last, SEG_SLICE_WHOLE};
	diff->error = diff->out->n == SEG_REGIONS_MAX ? -E2BIG : SEG_PUSH(diff->out, region);
}

static enum seg_verdict_on_node emit(struct diff *diff, const struct seg_node *node)
{
	int r = is_asked(diff, &node->box);

	if (r < 0)
		diff->error = r;
	else if (r)
		put_region(diff, node);
	return SEG_NODE_DONE;
}

static enum seg_verdict_on_node judge(struct seg_search *search, const struct seg_node *node)
{
	struct diff *diff = search->context;

	if (diff->error)
		return SEG_NODE_FOUND;
	if (one_answer(search, node) || same_lists(search, node))
		return SEG_NODE_DONE;
	if (node->list[SEG_LIST_ONE].n == 1 && node->list[SEG_LIST_TWO].n == 1)
		return emit(diff, node);
	note_unshared(search, node, SEG_LIST_ONE, SEG_LIST_TWO);
	note_unshared(search, node, SEG_LIST_TWO, SEG_LIST_ONE);
	return diff->error ? SEG_NODE_FOUND : SEG_NODE_CUT;
}

static int compare_lane(struct diff *diff, unsigned int lane)
{
	struct seg_search *search = &diff->search;
	struct seg_cell box = seg_space_all(search->space, lane);
	struct seg_node node = seg_search_begin(search, &box);
	int r = 0;

	search->lane = lane;
	for (unsigned int side = 0; side < 2; side++)
		for (uint32_t i = 0; !r && i < search->space->areas[side][lane].n; i++)
			if (seg_search_add(search, &node, SEG_LIST_ONE + side, side, i, &r))
				break;
	if (!r)
		r = seg_search_run(search, &node);
	return diff->error ? diff->error : r;
}

/* --- joining ------------------------------------------------------------------------------ */

/* Regions that are the same but on one axis; what it is does not count when they are sorted. */
struct joint {
	enum seg_axis axis; /* SEG_AXES: none */
	size_t but;         /* offset of a byte that does not count either; 0: none */
};

static _Thread_local struct joint joint; /* qsort() has no context in C */

static int compare_bytes(const void *a, const void *b)
{
	struct seg_change x = *(const struct seg_change *)a, y = *(const struct seg_change *)b;

	if (joint.axis < SEG_AXES)
		x.on[joint.axis] = y.on[joint.axis] = (struct seg_slice){0};
	if (joint.but)
		((char *)&x)[joint.but] = ((char *)&y)[joint.but] = 0;
	return memcmp(&x, &y, sizeof(x));
}

static int by_all(const void *a, const void *b)
{
	const struct seg_change *x = a, *y = b;
	int order = compare_bytes(a, b);

	if (order || joint.axis == SEG_AXES)
		return order;
	return x->on[joint.axis].first < y->on[joint.axis].first ? -1 : 1;
}

static int by_first(const void *a, const void *b)
{
	const struct seg_span *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Spans sorted, and what touches joined. */
static void spans_normalise(seg_spans *spans)
{
	uint32_t n = 0;

	if (!spans->n)
		return;
	qsort(spans->item, spans->n, sizeof(*spans->item), by_first);
	for (uint32_t i = 1; i < spans->n; i++)
		if (spans->item[i].first == spans->item[n].last + 1)
			spans->item[n].last = spans->item[i].last;
		else
			spans->item[++n] = spans->item[i];
	spans->n = n + 1;
}

/* A run of regions becomes its first one. */
static int join_run(struct seg_axes *axes, struct seg_change *run, uint32_t n)
{
	struct seg_slice *slice = &run->on[joint.axis];
	seg_spans spans = {0};
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++) {
		const struct seg_span *item;
		struct seg_span room;
		uint32_t count;

		item = seg_axes_spans(axes, &run[i].on[joint.axis], &room, &count);
		r = SEG_ROOM(&spans, count);
		for (uint32_t j = 0; !r && j < count; j++)
			spans.item[spans.n++] = item[j];
	}
	if (!r) {
		spans_normalise(&spans);
		r = seg_axes_slice(axes, &spans, slice);
	}
	free(spans.item);
	return r;
}

static uint32_t run_length(const struct seg_change *run, uint32_t left)
{
	uint32_t n = 1;

	while (n < left && !compare_bytes(run, run + n))
		n++;
	return n;
}

static int join_axis(struct seg_axes *axes, seg_changes *regions, enum seg_axis axis)
{
	uint32_t n = 0, length;
	int r = 0;

	joint = (struct joint){.axis = axis};
	qsort(regions->item, regions->n, sizeof(*regions->item), by_all);
	for (uint32_t i = 0; !r && i < regions->n; i += length) {
		length = run_length(&regions->item[i], regions->n - i);
		if (length > 1)
			r = join_run(axes, &regions->item[i], length);
		regions->item[n++] = regions->item[i];
	}
	regions->n = n;
	return r;
}

static int join_axes(struct seg_axes *axes, seg_changes *regions)
{
	uint32_t had = 0;
	int r = 0;

	while (!r && regions->n && regions->n != had) {
		had = regions->n;
		for (unsigned int axis = SEG_AXES; !r && axis-- > 0;)
			r = join_axis(axes, regions, axis);
	}
	return r;
}

/* All of an axis is the same in every lane. */
static void name_any(const struct seg_axes *axes, struct seg_change *region)
{
	unsigned int lane = (region->families == 1 ? 0 : SEG_LANE_MAX) +
			    (unsigned int)__builtin_ctz(region->kinds);

	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++) {
		struct seg_span all = seg_axes_all(axes, lane, axis);
		struct seg_slice *slice = &region->on[axis];

		if (slice->set == SEG_SLICE_WHOLE && slice->first == all.first &&
		    slice->last == all.last)
			*slice = SEG_SLICE_ANY;
	}
}

static bool may_join_kinds(const struct seg_change *a, const struct seg_change *b)
{
	const uint8_t ported = 1u << SEG_LANE_TCP | 1u << SEG_LANE_UDP;

	return seg_slice_is_any(&a->on[SEG_AXIS_PROTO]) &&
	       (seg_slice_is_any(&a->on[SEG_AXIS_DPORT]) || !((a->kinds | b->kinds) & ~ported));
}

static bool may_join_families(const struct seg_change *a, const struct seg_change *b)
{
	const uint8_t ported = 1u << SEG_LANE_TCP | 1u << SEG_LANE_UDP;

	(void)b;
	return seg_slice_is_any(&a->on[SEG_AXIS_SRC]) && seg_slice_is_any(&a->on[SEG_AXIS_DST]) &&
	       seg_slice_is_any(&a->on[SEG_AXIS_PROTO]) &&
	       (seg_slice_is_any(&a->on[SEG_AXIS_DPORT]) || !(a->kinds & ~ported));
}

/* Regions that are the same but for a set of bits, which is joined. */
static void join_bits(seg_changes *regions, size_t offset,
		      bool (*may)(const struct seg_change *a, const struct seg_change *b))
{
	uint32_t n = 0;

	joint = (struct joint){.axis = SEG_AXES, .but = offset};
	if (regions->n)
		qsort(regions->item, regions->n, sizeof(*regions->item), by_all);
	for (uint32_t i = 0; i < regions->n; i++) {
		struct seg_change *last = n ? &regions->item[n - 1] : NULL,
				  *this = &regions->item[i];

		if (last && !compare_bytes(last, this) && may(last, this))
			((uint8_t *)last)[offset] |= ((const uint8_t *)this)[offset];
		else
			regions->item[n++] = *this;
	}
	regions->n = n;
}

static int join(struct seg_axes *axes, seg_changes *regions)
{
	int r;

	for (uint32_t i = 0; i < regions->n; i++)
		for (unsigned int side = 0; side < 2; side++)
			regions->item[i].owner[side].shape = 0; /* one owner has many */
	r = join_axes(axes, regions);
	for (uint32_t i = 0; i < regions->n; i++)
		name_any(axes, &regions->item[i]);
	join_bits(regions, offsetof(struct seg_change, kinds), may_join_kinds);
	join_bits(regions, offsetof(struct seg_change, families), may_join_families);
	return r;
}

/* --- all of it ------------------------------------------------------------------------------- */

static void diff_close(struct diff *diff)
{
	seg_search_close(&diff->search);
	seg_search_close(&diff->guards);
	free(diff->seen);
}

/* A diff and the one back have the same regions: either is made from the lesser hash on. */
static bool is_backwards(const struct seg_image *before, const struct seg_image *after)
{
	return strcmp(seg_image_hash(before), seg_image_hash(after)) > 0;
}

static void turn(seg_changes *regions)
{
	for (uint32_t i = 0; i < regions->n; i++) {
		struct seg_owner *owner = regions->item[i].owner, before = owner[0];

		owner[0] = owner[1];
		owner[1] = before;
	}
}

static int diff_lanes(struct diff *diff)
{
	struct seg_space *space = diff->search.space;
	int r = 0;

	diff->seen = calloc(space->shapes.at.n + 1, sizeof(*diff->seen));
	if (!diff->seen)
		return -ENOMEM;
	for (unsigned int lane = 0; !r && lane < SEG_LANES; lane++)
		r = compare_lane(diff, lane);
	return r ? r : join(&space->axes, diff->out);
}

int seg_policy_diff(struct seg_space *space, const struct seg_image *before,
		    const struct seg_image *after, seg_changes *out)
{
	bool backwards = is_backwards(before, after);
	const struct seg_image *images[] = {backwards ? after : before, backwards ? before : after};
	_cleanup_(diff_close) struct diff diff = {
		.out = out,
		.search = {.space = space, .judge = judge, .context = &diff},
		.guards = {.space = space, .judge = judge_asked},
	};
	int r = seg_space_open(space, SEG_SPACE_DIFF, images, 2);

	if (!r)
		r = diff_lanes(&diff);
	if (backwards)
		turn(out);
	return r;
}
