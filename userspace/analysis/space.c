/* SPDX-License-Identifier: BSD-2-Clause */
#include "space.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cleanup.h"
#include "guard_rows.h"
#include "interval.h"

/* An area while it is made. */
struct area {
	struct seg_slice on[SEG_AXES];
	struct seg_owner owner;
};

/* One policy in one lane, while its areas are made. */
struct filling {
	struct seg_space *space;
	struct seg_areas *areas;
	const struct seg_image *image;
	enum seg_side side;
	unsigned int lane;
	uint32_t rules;         /* whose first area is known */
	struct seg_slice *sets; /* by set; `set` is SET_NEW until it is asked for */
};

#define SET_NEW  0xfffffffeu
#define SET_NONE 0xfffffffdu /* no address of the family */

static uint8_t family_of(const struct filling *f)
{
	return seg_lane_family(f->lane);
}

static enum seg_lane kind_of(const struct filling *f)
{
	return f->lane % SEG_LANE_MAX;
}

/* --- answers -------------------------------------------------------------------- */

static uint32_t limit_number(struct seg_space *space, const struct seg_limit *limit)
{
	for (uint32_t i = 0; i < space->limits.n; i++)
		if (!memcmp(&space->limits.item[i], limit, sizeof(*limit)))
			return i + 1;
	return SEG_PUSH(&space->limits, *limit) ? UINT32_MAX : space->limits.n;
}

static uint32_t answer_of(struct filling *f, uint32_t rule)
{
	bool check = f->space->use == SEG_SPACE_CHECK;
	struct seg_rule_info info;
	uint32_t limit = 0;

	seg_image_rule_info(f->image, rule, &info);
	if (info.limit.rate || info.limit.sessions)
		limit = check ? rule + 1 : limit_number(f->space, &info.limit);
	return limit << 2 | (check && info.log ? SEG_ANSWER_LOG : 0) |
	       (info.verdict == SEG_VERDICT_ALLOW ? SEG_ANSWER_ALLOW : 0);
}

/* --- slices ----------------------------------------------------------------------- */

static void clear(struct filling *f, struct area *area)
{
	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++) {
		struct seg_span all = seg_axes_all(&f->space->axes, f->lane, axis);

		area->on[axis] = (struct seg_slice){all.first, all.last, SEG_SLICE_WHOLE};
	}
}

/* Within what the axis has. */
static void restrict_to(struct area *area, enum seg_axis axis, uint32_t first, uint32_t last)
{
	struct seg_slice *slice = &area->on[axis];

	if (first > slice->first)
		slice->first = first;
	if (last < slice->last)
		slice->last = last;
}

static int slice_of_interval(struct filling *f, const struct seg_interval *interval, uint32_t n,
			     struct seg_slice *out)
{
	seg_spans spans = {0};
	int r = seg_axes_addresses(&f->space->axes, family_of(f), interval, n, &spans);

	if (!r && spans.n)
		r = seg_axes_slice(&f->space->axes, &spans, out);
	else if (!r)
		out->set = SET_NONE;
	free(spans.item);
	return r;
}

static int slice_of_set(struct filling *f, uint32_t set, struct seg_slice *out)
{
	const struct seg_interval *interval;
	uint32_t n;
	int r = 0;

	if (f->sets[set].set == SET_NEW) {
		interval = seg_image_set(f->image, set, &n);
		r = slice_of_interval(f, interval, n, &f->sets[set]);
	}
	*out = f->sets[set];
	return r;
}

static int slice_directions(struct filling *f, uint8_t directions, struct seg_slice *out)
{
	struct seg_span span[SEG_DIRECTION_MAX] = {{0}};
	seg_spans spans = {.item = span};

	for (uint32_t i = 0; i < SEG_DIRECTION_MAX; i++) {
		if (!(directions >> i & 1))
			continue;
		if (spans.n && span[spans.n - 1].last + 1 == i)
			span[spans.n - 1].last = i;
		else
			span[spans.n++] = (struct seg_span){i, i};
	}
	return seg_axes_slice(&f->space->axes, &spans, out);
}

static int slice_flags(struct filling *f, struct seg_tcp_pair pair, struct seg_slice *out)
{
	seg_spans spans = {0};
	int r = seg_axes_flags(&f->space->axes, pair, &spans);

	if (!r)
		r = seg_axes_slice(&f->space->axes, &spans, out);
	free(spans.item);
	return r;
}

/* --- areas -------------------------------------------------------------------------- */

static bool area_same(const void *array, uint32_t item, const void *key)
{
	const struct seg_space *space = array;
	const struct seg_area_place *place = &space->shapes.at.item[item];
	const struct area *area = key;

	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++)
		if (memcmp(&place->areas->slice[axis][place->area], &area->on[axis],
			   sizeof(area->on[axis])))
			return false;
	return place->areas->owner[place->area].answer == area->owner.answer &&
	       place->areas->owner[place->area].shadow == area->owner.shadow;
}

/* Only what is compared needs it. */
static int name_shape(struct filling *f, struct area *area)
{
	struct seg_space *space = f->space;
	uint64_t hash = XXH3_64bits_withSeed(area->on, sizeof(area->on), area->owner.answer);
	uint32_t at = seg_index_find(&space->shapes.index, hash, area_same, space, area);

	if (at == SEG_INDEX_NONE) {
		at = space->shapes.at.n;
		if (SEG_PUSH(&space->shapes.at, (struct seg_area_place){f->areas, f->areas->n}) ||
		    seg_index_add(&space->shapes.index, hash, at))
			return -ENOMEM;
	}
	area->owner.shape = at;
	return 0;
}

static bool is_narrow(const struct filling *f, const struct area *area, enum seg_axis axis)
{
	struct seg_span all = seg_axes_all(&f->space->axes, f->lane, axis);
	const struct seg_slice *slice = &area->on[axis];

	return slice->set != SEG_SLICE_WHOLE || slice->first != all.first ||
	       slice->last != all.last;
}

static int push(struct filling *f, struct area *area)
{
	struct seg_areas *areas = f->areas;
	int r = f->space->use == SEG_SPACE_DIFF ? name_shape(f, area) : 0;

	if (r)
		return r;
	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++) {
		areas->slice[axis][areas->n] = area->on[axis];
		areas->narrow[areas->n] |= (uint16_t)(is_narrow(f, area, axis) << axis);
	}
	areas->owner[areas->n++] = area->owner;
	return 0;
}

/* What asks for one number of an axis. */
static void restrict_names(struct filling *f, struct area *area, const struct seg_pattern *pattern)
{
	struct seg_axes *axes = &f->space->axes;
	uint32_t at;

	if (!pattern->any_proto && kind_of(f) == SEG_LANE_OTHER) {
		at = seg_axes_proto(axes, family_of(f), pattern->proto);
		restrict_to(area, SEG_AXIS_PROTO, at, at);
	}
	if (pattern->vlan.tag[0]) {
		at = seg_axes_vlan(axes, &pattern->vlan);
		restrict_to(area, SEG_AXIS_VLAN, at, at);
	}
	if (pattern->iface != SEG_IFACE_NONE) {
		at = seg_axes_iface(axes, seg_image_iface_name(f->image, pattern->iface));
		restrict_to(area, SEG_AXIS_IFACE, at, at);
	}
	if (pattern->dscp != SEG_DSCP_ANY)
		restrict_to(area, SEG_AXIS_DSCP, pattern->dscp, pattern->dscp);
}

/* What asks for a set. */
static int restrict_sets(struct filling *f, struct area *area, const struct seg_pattern *pattern)
{
	const struct seg_tcp_pair flags = {pattern->tcp_mask, pattern->tcp_value};
	int r = slice_directions(f, pattern->directions, &area->on[SEG_AXIS_DIRECTION]);

	if (!r && flags.mask)
		r = slice_flags(f, flags, &area->on[SEG_AXIS_FLAGS]);
	if (!r && pattern->from != SEG_SET_NONE)
		r = slice_of_set(f, pattern->from, &area->on[SEG_AXIS_SRC]);
	if (!r && pattern->to != SEG_SET_NONE)
		r = slice_of_set(f, pattern->to, &area->on[SEG_AXIS_DST]);
	return r;
}

static int push_pattern(struct filling *f, const struct seg_pattern *pattern,
			struct seg_owner owner)
{
	struct area area = {.owner = owner};
	int r;

	clear(f, &area);
	restrict_to(&area, SEG_AXIS_SPORT, pattern->sport[0], pattern->sport[1]);
	restrict_to(&area, SEG_AXIS_DPORT, pattern->dport[0], pattern->dport[1]);
	restrict_names(f, &area, pattern);
	r = restrict_sets(f, &area, pattern);
	if (r || area.on[SEG_AXIS_SRC].set == SET_NONE || area.on[SEG_AXIS_DST].set == SET_NONE)
		return r;
	return push(f, &area);
}

/* Stacks that only the other policy names. */
static int push_vlans(struct filling *f)
{
	const struct seg_vlan *vlans;
	uint32_t n = seg_image_vlans(f->image, &vlans);
	int r = 0;

	for (uint32_t i = 1; !r && i <= f->space->axes.vlans.n; i++) {
		struct area area = {.owner = {.kind = SEG_OWNER_VLAN}};
		bool known = false;

		for (uint32_t j = 0; j < n; j++)
			known |= seg_axes_vlan(&f->space->axes, &vlans[j]) == i;
		clear(f, &area);
		restrict_to(&area, SEG_AXIS_VLAN, i, i);
		r = known ? 0 : push(f, &area);
	}
	return r;
}

static int guard_addresses(struct filling *f, const char *range, struct seg_slice *slice)
{
	struct seg_interval interval;

	return seg_guard_interval(range, &interval) ? slice_of_interval(f, &interval, 1, slice) : 0;
}

static int push_guard(struct filling *f, uint32_t i)
{
	const struct seg_guard *guard = &SEG_GUARDS[i];
	struct area area = {
		.owner = {.kind = SEG_OWNER_GUARD, .index = i, .answer = SEG_ANSWER_NONE}};
	uint8_t proto = (uint8_t)guard->proto;
	int r;

	if (guard->family && guard->family != family_of(f))
		return 0;
	if (guard->proto >= 0 && seg_lane_of(family_of(f), proto) != kind_of(f))
		return 0;
	clear(f, &area);
	if (guard->proto >= 0 && kind_of(f) == SEG_LANE_OTHER) {
		uint32_t at = seg_axes_proto(&f->space->axes, family_of(f), proto);

		restrict_to(&area, SEG_AXIS_PROTO, at, at);
	}
	if (guard->dport[1])
		restrict_to(&area, SEG_AXIS_DPORT, guard->dport[0], guard->dport[1]);
	r = guard_addresses(f, guard->from, &area.on[SEG_AXIS_SRC]);
	if (!r)
		r = guard_addresses(f, guard->to, &area.on[SEG_AXIS_DST]);
	return r ? r : push(f, &area);
}

/* Inwards what asks for the service, outwards what it answers; ICMP's answers are sessions'. */
static int push_failsafe(struct filling *f, uint32_t i)
{
	struct seg_owner owner = {
		.kind = SEG_OWNER_FAILSAFE, .index = i, .answer = SEG_ANSWER_ALLOW};
	struct seg_pattern asked, answered;
	int r;

	if (!seg_image_failsafe_pattern(f->image, i, family_of(f), kind_of(f), &asked))
		return 0;
	asked.to = SEG_SET_NONE;
	r = push_pattern(f, &asked, owner);
	if (r || kind_of(f) == SEG_LANE_ICMP)
		return r;
	answered = asked;
	answered.directions = 1 << SEG_EGRESS;
	answered.from = SEG_SET_NONE;
	answered.to = asked.from;
	memcpy(answered.sport, asked.dport, sizeof(asked.dport));
	memcpy(answered.dport, asked.sport, sizeof(asked.sport));
	return push_pattern(f, &answered, owner);
}

static int push_guards(struct filling *f)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < SEG_GUARDS_N; i++)
		r = push_guard(f, i);
	return r;
}

static int push_before(struct filling *f)
{
	int r = push_vlans(f);

	if (!r && f->space->use == SEG_SPACE_CHECK)
		r = push_guards(f);
	for (uint32_t i = 0; !r && i < seg_image_failsafe_count(f->image); i++)
		r = push_failsafe(f, i);
	return r;
}

static int push_rules(struct filling *f)
{
	uint32_t n = seg_image_patterns(f->image, family_of(f), kind_of(f));
	struct seg_rule_info info;
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++) {
		struct seg_pattern pattern =
			seg_image_pattern(f->image, family_of(f), kind_of(f), i);
		struct seg_owner owner = {.kind = SEG_OWNER_RULE, .index = pattern.rule};

		seg_image_rule_info(f->image, pattern.rule, &info);
		owner.shadow = info.stage == SEG_STAGE_SHADOW;
		owner.answer = answer_of(f, pattern.rule);
		if (owner.shadow && f->space->use == SEG_SPACE_DIFF)
			continue; /* decides nothing */
		while (f->rules <= pattern.rule)
			f->areas->of_rule[f->rules++] = f->areas->n;
		r = push_pattern(f, &pattern, owner);
	}
	while (f->rules <= seg_image_rules(f->image))
		f->areas->of_rule[f->rules++] = f->areas->n;
	return r;
}

static int push_defaults(struct filling *f)
{
	const struct seg_defaults *defaults = seg_image_defaults(f->image);
	int r = 0;

	for (uint32_t i = 0; !r && i < SEG_DIRECTION_MAX; i++) {
		struct area area = {.owner = {.kind = SEG_OWNER_DEFAULT,
					      .answer = defaults->verdict[i] == SEG_VERDICT_ALLOW}};

		clear(f, &area);
		restrict_to(&area, SEG_AXIS_DIRECTION, i, i);
		r = push(f, &area);
	}
	return r;
}

static int room(struct filling *f)
{
	struct seg_areas *areas = f->areas;
	size_t most = seg_image_patterns(f->image, family_of(f), kind_of(f)) +
		      f->space->axes.vlans.n + SEG_GUARDS_N + 2 * SEG_FAILSAFES_MAX +
		      SEG_DIRECTION_MAX;

	areas->owner = calloc(most, sizeof(*areas->owner));
	areas->narrow = calloc(most, sizeof(*areas->narrow));
	areas->of_rule = calloc(seg_image_rules(f->image) + 1, sizeof(*areas->of_rule));
	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++) {
		areas->slice[axis] = calloc(most, sizeof(**areas->slice));
		if (!areas->slice[axis])
			return -ENOMEM;
	}
	return areas->owner && areas->narrow && areas->of_rule ? 0 : -ENOMEM;
}

static int fill(struct filling *f)
{
	struct seg_areas *areas = f->areas;
	int r = room(f);

	if (!r && f->side == SEG_SIDE_GUARDS)
		return push_guards(f);
	if (!r)
		r = push_before(f);
	if (!r)
		r = push_rules(f);
	if (!r)
		r = push_defaults(f);
	if (!r)
		r = seg_near_open(&areas->near, areas->slice[SEG_AXIS_SRC],
				  areas->slice[SEG_AXIS_DST], areas->n);
	return r;
}

static int fill_side(struct seg_space *space, enum seg_side side, const struct seg_image *image)
{
	uint32_t sets = seg_image_sets(image);
	_cleanup_free_ struct seg_slice *cache = calloc(sets + 1, sizeof(*cache));
	int r = cache ? 0 : -ENOMEM;

	for (unsigned int lane = 0; !r && lane < SEG_LANES; lane++) {
		struct filling f = {.space = space,
				    .areas = &space->areas[side][lane],
				    .image = image,
				    .side = side,
				    .lane = lane,
				    .sets = cache};

		for (uint32_t i = 0; lane % SEG_LANE_MAX == 0 && i < sets; i++)
			cache[i].set = SET_NEW;
		r = fill(&f);
	}
	return r;
}

int seg_space_open(struct seg_space *space, enum seg_space_use use,
		   const struct seg_image *const *images, uint32_t n)
{
	int r;

	*space = (struct seg_space){.use = use, .images_n = n};
	r = seg_axes_open(&space->axes, images, n);
	for (unsigned int side = 0; !r && side < n; side++) {
		space->image[side] = images[side];
		r = fill_side(space, side, images[side]);
	}
	if (!r && use == SEG_SPACE_DIFF)
		r = fill_side(space, SEG_SIDE_GUARDS, images[0]);
	return r;
}

static void areas_free(struct seg_areas *areas)
{
	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++)
		free(areas->slice[axis]);
	free(areas->owner);
	free(areas->narrow);
	free(areas->of_rule);
	seg_near_close(&areas->near);
}

void seg_space_close(struct seg_space *space)
{
	for (unsigned int side = 0; side < SEG_SIDES; side++)
		for (unsigned int lane = 0; lane < SEG_LANES; lane++)
			areas_free(&space->areas[side][lane]);
	seg_axes_close(&space->axes);
	free(space->limits.item);
	seg_index_free(&space->shapes.index);
	free(space->shapes.at.item);
}

struct seg_cell seg_space_all(const struct seg_space *space, unsigned int lane)
{
	struct seg_cell box;

	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++)
		box.on[axis] = seg_axes_all(&space->axes, lane, axis);
	return box;
}

struct seg_cell seg_areas_hull(const struct seg_areas *areas, uint32_t area)
{
	struct seg_cell box;

	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++)
		box.on[axis] = (struct seg_span){areas->slice[axis][area].first,
						 areas->slice[axis][area].last};
	return box;
}
