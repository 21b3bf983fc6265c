/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * widen.c - the widest region around a flow that is decided alike.
 *
 * It begins as the flow itself and is widened one field after the other, up to what stands in the
 * way there: the end of what the deciding rule matches, or a box of an earlier rule. Fields that
 * come later can only put more in the way, so none can be widened a second time. What stands in the
 * way is found by reading all boxes, or by a tree of them, which first tries the rule's limits in
 * several fields at once; both find the same.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "box_tree.h"
#include "image_layout.h"
#include "key.h"
#include "lookup.h"
#include "regions.h"

typedef seg_box_wide wide;

enum field {
	FIELD_SPORT = SEG_BOX_SPORT,
	FIELD_DPORT = SEG_BOX_DPORT,
	FIELD_SRC = SEG_BOX_SRC,
	FIELD_DST = SEG_BOX_DST,
	FIELD_MAX = SEG_BOX_FIELDS,
};

struct span {
	wide first, last;
};

/* Fields in the order in which they are widened. */
struct spans {
	struct span of[FIELD_MAX];
};

/* The boxes that come before: one by one, or by a tree. */
struct seekers {
	struct seg_box_walk walk; /* `tree` NULL: */
	const struct seg_box_walker *walker;
	uint32_t next, first, end;
};

struct widening {
	const struct seg_image *image;
	const struct seg_flow *flow;
	const struct seg_regions *regions; /* NULL: all boxes are read */
	bool six;
	struct spans point; /* the flow */
	struct spans region;
	struct spans limit; /* what the deciding rule's own boxes leave */
	uint8_t any;
	uint32_t extra[SEG_KEY_EXTRAS]; /* the key's last words */
	struct seekers seek[SEG_STAGE_MAX];
};

/* --- boxes as spans ------------------------------------------------------------------ */

static wide words_wide(const uint32_t *word, unsigned int n)
{
	wide value = 0;

	for (unsigned int i = 0; i < n; i++)
		value = value << 32 | word[i];
	return value;
}

/* Addresses as on the one line that sets have: IPv4 in ::ffff:0:0/96. */
static wide address_of(const struct widening *w, const uint32_t *word)
{
	return w->six ? words_wide(word, 4) : (wide)0xffff << 32 | *word;
}

static inline struct span box_span(const struct widening *w, const struct seg_box *box,
				   enum field f)
{
	unsigned int n = w->six ? 4 : 1;
	const uint32_t *bound = seg_box_bound(box) + (f == FIELD_DST ? 2 * n : 0);

	if (f == FIELD_SPORT)
		return (struct span){box->sport_first, box->sport_last};
	if (f == FIELD_DPORT)
		return (struct span){box->dport_first, box->dport_last};
	return (struct span){address_of(w, bound), address_of(w, bound + n)};
}

static inline struct spans box_spans(const struct widening *w, const struct seg_box *box)
{
	return (struct spans){{
		[FIELD_SPORT] = box_span(w, box, FIELD_SPORT),
		[FIELD_DPORT] = box_span(w, box, FIELD_DPORT),
		[FIELD_SRC] = box_span(w, box, FIELD_SRC),
		[FIELD_DST] = box_span(w, box, FIELD_DST),
	}};
}

static inline const struct seg_box *box_at(const struct widening *w, uint32_t number)
{
	return seg_box_at(w->image, w->six, number);
}

static const struct seg_rest *rest_of(const struct widening *w, uint32_t number)
{
	const uint32_t *numbers = seg_section_items(w->image, SEG_SECTION_RESTS4 + w->six);
	const struct seg_rest *rests = seg_section_items(w->image, SEG_SECTION_RESTS);

	return &rests[numbers[number]];
}

static bool spans_meet(struct span a, struct span b)
{
	return a.first <= b.last && b.first <= a.last;
}

/* --- fields that are sets -------------------------------------------------------------- */

/* The set that a box asks a field to be in, beside its bounds, or SEG_SET_NONE. */
static uint32_t set_of(const struct widening *w, uint32_t number, enum field f)
{
	if (f == FIELD_SRC)
		return rest_of(w, number)->src_set;
	return f == FIELD_DST ? rest_of(w, number)->dst_set : SEG_SET_NONE;
}

static struct span interval_span(const struct seg_interval *interval)
{
	return (struct span){(wide)interval->first.high << 64 | interval->first.low,
			     (wide)interval->last.high << 64 | interval->last.low};
}

/* The nearest interval that does not end before `at`; `count`: there is none. */
static uint32_t interval_find(const struct seg_interval *item, uint32_t count, wide at)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (interval_span(&item[middle]).last < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Of what a box asks of a field: the part that `here` is in, or those next to it. Bounds cut the
 * set, not the other way round: they are its hull. */
struct nearby {
	struct span in, below, above;
	bool some_in, some_below, some_above;
};

static struct nearby nearby_in_set(const struct widening *w, uint32_t set, struct span here)
{
	const struct seg_set *sets = seg_section_items(w->image, SEG_SECTION_SETS);
	const struct seg_interval *item =
		(const struct seg_interval *)seg_section_items(w->image, SEG_SECTION_INTERVALS) +
		sets[set].first;
	uint32_t count = sets[set].count, at = interval_find(item, count, here.first);
	struct nearby near = {.some_below = at > 0};

	if (near.some_below)
		near.below = interval_span(&item[at - 1]);
	near.some_in = at < count && interval_span(&item[at]).first <= here.last;
	if (near.some_in)
		near.in = interval_span(&item[at++]);
	near.some_above = at < count;
	if (near.some_above)
		near.above = interval_span(&item[at]);
	return near;
}

static struct nearby nearby(const struct widening *w, uint32_t number, const struct spans *box,
			    enum field f, struct span here)
{
	struct span own = box->of[f];
	uint32_t set = set_of(w, number, f);

	if (set != SEG_SET_NONE)
		return nearby_in_set(w, set, here);
	return (struct nearby){.in = own,
			       .below = own,
			       .above = own,
			       .some_in = spans_meet(own, here),
			       .some_below =
				       own.last<here.first, .some_above = own.first> here.last};
}

/* Do the region and a box meet in all fields but one (or, FIELD_MAX, in all)? */
static bool others_meet(const struct widening *w, uint32_t number, const struct spans *box,
			enum field but)
{
	for (enum field f = 0; f < FIELD_MAX; f++)
		if (f != but && !spans_meet(box->of[f], w->region.of[f]))
			return false;
	for (enum field f = FIELD_SRC; f <= FIELD_DST; f++)
		if (f != but && set_of(w, number, f) != SEG_SET_NONE &&
		    !nearby(w, number, box, f, w->region.of[f]).some_in)
			return false;
	return true;
}

/* Has a box the flow itself, but for one field? A rule matches the product of its lists: what is
 * in a list for this flow is in it for every flow of the region. */
static bool others_have(const struct widening *w, uint32_t number, const struct spans *box,
			enum field but)
{
	for (enum field f = 0; f < FIELD_MAX; f++)
		if (f != but && !nearby(w, number, box, f, w->point.of[f]).some_in)
			return false;
	return true;
}

/* --- what is not widened --------------------------------------------------------------- */

#define FLAGS_MASK SEG_BOX_TREE_FLAGS /* of the key's header word */
#define DSCP_MASK  SEG_BOX_TREE_DSCP

/* Bits of the header word that are anything in the region. */
static uint32_t header_free(const struct widening *w)
{
	return (w->any & SEG_REGION_ANY_TCP_FLAGS ? FLAGS_MASK : 0) |
	       (w->any & SEG_REGION_ANY_DSCP ? DSCP_MASK : 0);
}

static bool proto_right(const struct widening *w, const struct seg_box *box)
{
	return box->info & SEG_BOX_ANY_PROTO ||
	       (box->info & SEG_BOX_PROTO) >> SEG_BOX_PROTO_SHIFT == w->flow->proto;
}

/* May the box hold some flow of the region, as far as protocol and the last words tell? */
static bool extras_right(const struct widening *w, uint32_t number, uint32_t header_any)
{
	const struct seg_rest *rest = rest_of(w, number);
	const uint32_t mask[SEG_KEY_EXTRAS] = {rest->mask[0], rest->mask[1],
					       rest->mask[2] & ~header_any};

	if (!proto_right(w, box_at(w, number)))
		return false;
	for (unsigned int i = 0; i < SEG_KEY_EXTRAS; i++)
		if ((w->extra[i] ^ rest->value[i]) & mask[i])
			return false;
	return true;
}

/* --- boxes that may be in the way --------------------------------------------------------- */

/* The flow's own, as boxes have it. */
static wide field_value(const struct widening *w, enum field f)
{
	wide value = w->point.of[f].first;

	return (f == FIELD_SRC || f == FIELD_DST) && !w->six ? (uint32_t)value : value;
}

static void seek_bound(struct seekers *seek, const struct widening *w, enum field f,
		       struct span span)
{
	bool address = f == FIELD_SRC || f == FIELD_DST;
	uint8_t proto = w->flow->proto;

	if (!seek->walk.tree)
		return;
	if (f == FIELD_SPORT && seg_proto_is_number(w->flow->family, proto))
		span = (struct span){proto, proto};
	if (address && !w->six)
		span = (struct span){(uint32_t)span.first, (uint32_t)span.last};
	seg_box_walk_bound(&seek->walk, (enum seg_box_field)f, span.first, span.last);
}

/* For a side, once: in each field it is in the region, which is the flow alone. */
static void seek_open(struct widening *w, const struct seg_side *side, struct seekers *seek)
{
	seek->first = side->finder->box_first;
	seek->end = side->end;
	seek->walk.tree = w->regions ? seg_regions_tree(w->regions, side->finder) : NULL;
	seek->walk.end = (int32_t)side->end;
	seek->walk.narrowed = 0;
	seek->walker = w->regions ? seg_regions_walker(w->regions) : NULL;
	if (w->regions && !seek->walk.tree)
		seek->end = seek->first;
	for (enum field f = 0; f < FIELD_MAX; f++)
		seek_bound(seek, w, f, w->region.of[f]);
}

static uint32_t seek_next(struct seekers *seek)
{
	if (seek->walk.tree)
		return seek->walker->next(&seek->walk);
	return seek->next < seek->end ? seek->next++ : SEG_BOX_NONE;
}

/* From the flow's own value in this field on. `header`: if not 0, what asks for some of these bits
 * of the header word. */
static uint32_t seek_first(struct seekers *seek, const struct widening *w, enum field f,
			   uint32_t header)
{
	seek->next = seek->first;
	if (!seek->walk.tree)
		return seek_next(seek);
	seg_box_walk_aim(&seek->walk, header, (enum seg_box_field)f, field_value(w, f));
	return seek->walker->first(&seek->walk);
}

/* --- a field, widened ---------------------------------------------------------------------- */

static uint32_t rule_of(const struct widening *w, uint32_t number)
{
	return seg_box_rule(w->image, w->six, number);
}

#define V4_FIRST ((wide)0xffff << 32)
#define V4_LAST  (V4_FIRST | UINT32_MAX)

/* Does it end before the other begins, with something between? In the midst of IPv6's line is
 * IPv4's, which is nothing to IPv6. */
static bool apart(const struct widening *w, struct span a, struct span b)
{
	if (a.last >= b.first || a.last + 1 == b.first)
		return false;
	return !w->six || a.last + 1 < V4_FIRST || b.first - 1 > V4_LAST;
}

/* A box of the same rule, alike in all other fields, may go on where this one ends. */
static bool limit_grow(const struct widening *w, uint32_t number, enum field f, struct span *limit)
{
	struct spans box = box_spans(w, box_at(w, number));
	struct nearby near = nearby(w, number, &box, f, *limit);
	struct span own = near.some_in ? near.in : box.of[f], had = *limit;

	if (!extras_right(w, number, 0) || !others_have(w, number, &box, f) ||
	    (!near.some_in && set_of(w, number, f) != SEG_SET_NONE) || apart(w, own, had) ||
	    apart(w, had, own))
		return false;
	limit->first = own.first < had.first ? own.first : had.first;
	limit->last = own.last > had.last ? own.last : had.last;
	return limit->first != had.first || limit->last != had.last;
}

/* Most rules have one box, without sets. */
static bool one_box(const struct widening *w, const struct seg_side *side)
{
	return !(box_at(w, side->box)->info & SEG_BOX_REST) && side->end == side->box &&
	       (side->box + 1 == side->finder->box_end ||
		rule_of(w, side->box + 1) != rule_of(w, side->box));
}

/* What a rule's own boxes leave to a field. They lie one behind the other. */
static struct span limit_find(const struct widening *w, const struct seg_side *side, enum field f)
{
	struct span limit = w->region.of[f];
	uint32_t rule = rule_of(w, side->box);
	bool grown = true;

	if (one_box(w, side))
		return box_span(w, box_at(w, side->box), f);
	while (grown) {
		grown = false;
		for (uint32_t i = side->end; i < side->finder->box_end && rule_of(w, i) == rule;
		     i++)
			grown |= limit_grow(w, i, f, &limit);
	}
	return limit;
}

/* Boxes that come before keep the limit off themselves. */
static void limit_cut(const struct widening *w, struct seekers *seek, enum field f,
		      struct span *limit)
{
	seek_bound(seek, w, f, *limit);
	for (uint32_t i = seek_first(seek, w, f, 0); i != SEG_BOX_NONE; i = seek_next(seek)) {
		struct spans box = box_spans(w, box_at(w, i));
		struct nearby near;

		if (!others_meet(w, i, &box, f) || !extras_right(w, i, header_free(w)))
			continue;
		near = nearby(w, i, &box, f, w->region.of[f]);
		if (near.some_above && near.above.first <= limit->last)
			limit->last = near.above.first - 1;
		if (near.some_below && near.below.last >= limit->first)
			limit->first = near.below.last + 1;
		seek_bound(seek, w, f, *limit);
	}
}

static struct span field_whole(const struct widening *w, enum field f)
{
	if (f == FIELD_SPORT || f == FIELD_DPORT)
		return (struct span){0, UINT16_MAX};
	return w->six ? (struct span){0, ~(wide)0} : (struct span){V4_FIRST, V4_LAST};
}

static struct span limit_of_all(const struct widening *w, const struct seg_side *sides,
				unsigned int n, enum field f)
{
	struct span limit = field_whole(w, f);

	for (unsigned int i = 0; i < n; i++) {
		struct span own =
			sides[i].box == SEG_BOX_NONE ? limit : limit_find(w, &sides[i], f);

		limit.first = own.first > limit.first ? own.first : limit.first;
		limit.last = own.last < limit.last ? own.last : limit.last;
	}
	return limit;
}

static void field_set(struct widening *w, unsigned int n, enum field f, struct span span)
{
	w->region.of[f] = span;
	for (unsigned int i = 0; i < n; i++)
		seek_bound(&w->seek[i], w, f, span);
}

static void field_widen(struct widening *w, unsigned int n, enum field f)
{
	struct span limit = w->limit.of[f];

	for (unsigned int i = 0; i < n; i++)
		limit_cut(w, &w->seek[i], f, &limit);
	field_set(w, n, f, limit);
}

/* --- several fields at once -------------------------------------------------------------- */

/* The last field in which a box, which meets the region, has not the flow itself. */
static enum field last_apart(const struct widening *w, uint32_t number)
{
	struct spans box = box_spans(w, box_at(w, number));
	enum field f = FIELD_MAX - 1;

	while (f && nearby(w, number, &box, f, w->point.of[f]).some_in)
		f--;
	return f;
}

/* Does a box that comes before meet the region? Which field would keep it off, or FIELD_MAX. */
static enum field in_the_way(const struct widening *w, struct seekers *seek, enum field f)
{
	for (uint32_t i = seek_first(seek, w, f, 0); i != SEG_BOX_NONE; i = seek_next(seek)) {
		struct spans box = box_spans(w, box_at(w, i));

		if (others_meet(w, i, &box, FIELD_MAX) && extras_right(w, i, header_free(w)))
			return last_apart(w, i);
	}
	return FIELD_MAX;
}

/* Widen all to their limits if nothing stands in the way, or as many as can be: what is in the way
 * of all may not be in the way of the first. How many it was. Most rules overlap few others: one
 * walk often does for all fields. */
static enum field leap(struct widening *w, unsigned int n)
{
	enum field end = FIELD_MAX;

	for (enum field f = 0; f < end; f++)
		field_set(w, n, f, w->limit.of[f]);
	while (end) {
		enum field stop = FIELD_MAX;

		for (unsigned int i = 0; i < n && stop == FIELD_MAX; i++)
			stop = in_the_way(w, &w->seek[i], end - 1);
		if (stop == FIELD_MAX)
			break;
		while (end > stop) {
			end--;
			field_set(w, n, end, w->point.of[end]);
		}
	}
	return end;
}

/* Can bits of the header word be anything? Not where the rule asks for them, nor where a box that
 * asks for others comes before. */
static bool header_widens(const struct widening *w, const struct seg_side *side,
			  struct seekers *seek, uint32_t bits)
{
	uint32_t free = header_free(w) | bits;

	if (w->image->section[SEG_SECTION_RESTS].count == 1)
		return true;
	if (side->box != SEG_BOX_NONE && rest_of(w, side->box)->mask[2] & bits)
		return false;
	for (uint32_t i = seek_first(seek, w, FIELD_SRC, bits); i != SEG_BOX_NONE;
	     i = seek_next(seek)) {
		struct spans box = box_spans(w, box_at(w, i));

		if (others_meet(w, i, &box, FIELD_MAX) && extras_right(w, i, free))
			return false;
	}
	return true;
}

static void header_widen(struct widening *w, const struct seg_side *sides, unsigned int n,
			 uint32_t bits, enum seg_region_any any)
{
	for (unsigned int i = 0; i < n; i++)
		if (!header_widens(w, &sides[i], &w->seek[i], bits))
			return;
	w->any |= (uint8_t)any;
}

/* --- flows ----------------------------------------------------------------------------------- */

static wide address_get(const __be32 address[4])
{
	uint64_t half[2];

	memcpy(half, address, sizeof(half));
	return (wide)be64toh(half[0]) << 64 | be64toh(half[1]);
}

static void address_put(wide value, __be32 address[4])
{
	uint64_t half[2] = {htobe64((uint64_t)(value >> 64)), htobe64((uint64_t)value)};

	memcpy(address, half, sizeof(half));
}

static bool is_icmp(const struct seg_flow *flow)
{
	return flow->proto == (flow->family == 4 ? 1 : 58);
}

static void begin(struct widening *w)
{
	const struct seg_flow *flow = w->flow;
	uint16_t type = (uint16_t)(flow->icmp_type << 8 | flow->icmp_code);
	wide sport = is_icmp(flow) ? 0 : ntohs(flow->sport);
	wide dport = is_icmp(flow) ? type : ntohs(flow->dport);
	wide src = address_get(flow->src), dst = address_get(flow->dst);

	w->point = (struct spans){{[FIELD_SPORT] = {sport, sport},
				   [FIELD_DPORT] = {dport, dport},
				   [FIELD_SRC] = {src, src},
				   [FIELD_DST] = {dst, dst}}};
	w->region = w->point;
	w->extra[0] = seg_key_vlan(flow->vlan);
	w->extra[1] = seg_key_where(flow->iface, flow->direction);
	w->extra[2] = seg_key_header(flow->tcp_flags, flow->dscp);
}

static struct seg_flow corner(const struct widening *w, bool last)
{
	struct seg_flow flow = *w->flow;
	wide value[FIELD_MAX];

	for (enum field f = 0; f < FIELD_MAX; f++)
		value[f] = last ? w->region.of[f].last : w->region.of[f].first;
	address_put(value[FIELD_SRC], flow.src);
	address_put(value[FIELD_DST], flow.dst);
	if (is_icmp(&flow)) {
		flow.icmp_type = (uint8_t)(value[FIELD_DPORT] >> 8);
		flow.icmp_code = (uint8_t)value[FIELD_DPORT];
		return flow;
	}
	flow.sport = htons((uint16_t)value[FIELD_SPORT]);
	flow.dport = htons((uint16_t)value[FIELD_DPORT]);
	return flow;
}

/* Protocols without ports have none to widen, and ICMP has one number only. */
static bool field_is(const struct seg_flow *flow, enum field f)
{
	if (f == FIELD_SRC || f == FIELD_DST)
		return true;
	if (is_icmp(flow))
		return f == FIELD_DPORT;
	return seg_proto_has_ports(flow->proto);
}

static void region_find(const struct seg_image *image, const struct seg_regions *regions,
			const struct seg_flow *flow, struct seg_region *out)
{
	struct widening w;
	struct seg_side sides[SEG_STAGE_MAX];
	unsigned int n = seg_lookup_sides(image, flow, sides);
	enum field at = 0;

	w.image = image;
	w.flow = flow;
	w.regions = regions;
	w.six = flow->family == 6;
	w.any = 0;
	begin(&w);
	for (unsigned int i = 0; i < n; i++)
		seek_open(&w, &sides[i], &w.seek[i]);
	for (enum field f = 0; n && f < FIELD_MAX; f++)
		w.limit.of[f] = field_is(flow, f) ? limit_of_all(&w, sides, n, f) : w.point.of[f];
	if (regions && n) /* where all boxes are read, that would be more to read */
		at = leap(&w, n);
	for (; n && at < FIELD_MAX; at++)
		if (field_is(flow, at))
			field_widen(&w, n, at);
	if (n && flow->proto == 6)
		header_widen(&w, sides, n, FLAGS_MASK, SEG_REGION_ANY_TCP_FLAGS);
	if (n)
		header_widen(&w, sides, n, DSCP_MASK, SEG_REGION_ANY_DSCP);
	*out = (struct seg_region){corner(&w, false), corner(&w, true), w.any};
}

void seg_image_region(const struct seg_image *image, const struct seg_flow *flow,
		      struct seg_region *out)
{
	region_find(image, NULL, flow, out);
}

/* --- by trees ---------------------------------------------------------------------------- */

#define FINDERS_MAX (SEG_STAGE_MAX * 2 * SEG_LANE_MAX)

struct seg_regions {
	const struct seg_image *image;
	const struct seg_box_walker *walker;
	struct seg_box_tree *tree[FINDERS_MAX]; /* NULL: no boxes */
};

/* All else is for any CPU. */
void seg_regions_walk_by(struct seg_regions *regions, enum seg_lookup_way way)
{
#ifdef __x86_64__
	if (way >= SEG_LOOKUP_AVX2) {
		regions->walker = &SEG_BOX_WALKER_AVX2;
		return;
	}
#endif
	(void)way;
	regions->walker = &SEG_BOX_WALKER;
}

int seg_regions_open(const struct seg_image *image, struct seg_regions **out)
{
	const struct seg_finder *finders = seg_section_items(image, SEG_SECTION_FINDERS);
	_cleanup_regions_ struct seg_regions *regions = calloc(1, sizeof(*regions));
	int r = regions ? 0 : -ENOMEM;

	if (!r) {
		regions->image = image;
		seg_regions_walk_by(regions, seg_lookup_best());
	}
	for (uint32_t i = 0; !r && i < image->section[SEG_SECTION_FINDERS].count; i++)
		r = seg_box_tree_open(image, &finders[i], seg_finder_six(i) ? 6 : 4,
				      &regions->tree[i]);
	if (!r)
		*out = TAKE(regions);
	return r;
}

void seg_regions_close(struct seg_regions *regions)
{
	for (size_t i = 0; regions && i < FINDERS_MAX; i++)
		seg_box_tree_close(regions->tree[i]);
	free(regions);
}

const struct seg_box_walker *seg_regions_walker(const struct seg_regions *regions)
{
	return regions->walker;
}

const struct seg_box_tree *seg_regions_tree(const struct seg_regions *regions,
					    const struct seg_finder *finder)
{
	const struct seg_finder *first = seg_section_items(regions->image, SEG_SECTION_FINDERS);

	return regions->tree[finder - first];
}

void seg_regions_find(const struct seg_regions *regions, const struct seg_flow *flow,
		      struct seg_region *out)
{
	region_find(regions->image, regions, flow, out);
}
