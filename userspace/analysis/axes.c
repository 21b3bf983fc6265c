/* SPDX-License-Identifier: BSD-2-Clause */
#include "axes.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "guard_rows.h"
#include "interval.h"

static struct seg_wide after(struct seg_wide a)
{
	return (struct seg_wide){a.high + (a.low == UINT64_MAX), a.low + 1};
}

static struct seg_wide before(struct seg_wide a)
{
	return (struct seg_wide){a.high - (a.low == 0), a.low - 1};
}

static bool less(struct seg_wide a, struct seg_wide b)
{
	return seg_wide_compare(a, b) < 0;
}

static bool in_v4(struct seg_wide a)
{
	return !less(a, SEG_INTERVAL_V4.first) && !less(SEG_INTERVAL_V4.last, a);
}

/* The part of an interval that is a family's; IPv6 leaves out what lies between. False: none. */
static bool part_of(uint8_t family, struct seg_interval *interval)
{
	const struct seg_interval *v4 = &SEG_INTERVAL_V4;

	if (family == 4) {
		if (less(interval->first, v4->first))
			interval->first = v4->first;
		if (less(v4->last, interval->last))
			interval->last = v4->last;
	} else {
		if (in_v4(interval->first))
			interval->first = after(v4->last);
		if (in_v4(interval->last))
			interval->last = before(v4->first);
	}
	return !less(interval->last, interval->first);
}

/* --- addresses ----------------------------------------------------------------- */

static const struct seg_interval *universe(uint8_t family)
{
	return family == 4 ? &SEG_INTERVAL_V4 : &SEG_INTERVAL_ALL;
}

/* A class begins here, and one behind. */
static int cut_at(struct seg_axes *axes, uint8_t family, struct seg_interval interval)
{
	struct seg_wide behind;

	if (!part_of(family, &interval))
		return 0;
	if (SEG_PUSH(&axes->start[family == 6], interval.first))
		return -ENOMEM;
	if (!less(interval.last, universe(family)->last))
		return 0;
	behind = after(interval.last);
	if (family == 6 && in_v4(behind))
		behind = after(SEG_INTERVAL_V4.last);
	return SEG_PUSH(&axes->start[family == 6], behind);
}

static int by_place(const void *a, const void *b)
{
	const struct seg_wide *x = a, *y = b;

	return seg_wide_compare(*x, *y);
}

static void starts_sort(struct seg_axes *axes, unsigned int six)
{
	struct seg_wide *item = axes->start[six].item;
	uint32_t n = 0;

	qsort(item, axes->start[six].n, sizeof(*item), by_place);
	for (uint32_t i = 1; i < axes->start[six].n; i++)
		if (seg_wide_compare(item[n], item[i]))
			item[++n] = item[i];
	axes->start[six].n = n + 1;
}

static int cut_image(struct seg_axes *axes, uint8_t family, const struct seg_image *image)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < seg_image_sets(image); i++) {
		uint32_t n;
		const struct seg_interval *interval = seg_image_set(image, i, &n);

		for (uint32_t j = 0; !r && j < n; j++)
			r = cut_at(axes, family, interval[j]);
	}
	return r;
}

static int cut_guards(struct seg_axes *axes, uint8_t family)
{
	struct seg_interval interval;
	int r = 0;

	for (uint32_t i = 0; !r && i < SEG_GUARDS_N; i++) {
		if (seg_guard_interval(SEG_GUARDS[i].from, &interval))
			r = cut_at(axes, family, interval);
		if (!r && seg_guard_interval(SEG_GUARDS[i].to, &interval))
			r = cut_at(axes, family, interval);
	}
	return r;
}

static int addresses_open(struct seg_axes *axes, const struct seg_image *const *images, uint32_t n)
{
	for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
		int r = cut_at(axes, family, *universe(family));

		for (uint32_t i = 0; !r && i < n; i++)
			r = cut_image(axes, family, images[i]);
		if (!r)
			r = cut_guards(axes, family);
		if (r)
			return r;
		starts_sort(axes, family == 6);
	}
	return 0;
}

/* The class that an address is in. */
static uint32_t class_of(const struct seg_axes *axes, uint8_t family, struct seg_wide address)
{
	const struct seg_wide *start = axes->start[family == 6].item;
	uint32_t low = 0, high = axes->start[family == 6].n;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (less(address, start[middle]))
			high = middle;
		else
			low = middle;
	}
	return low;
}

/* Behind the last one; what touches it is joined to it. */
static int span_add(seg_spans *out, struct seg_span span)
{
	struct seg_span *last = out->n ? &out->item[out->n - 1] : NULL;

	if (last && last->last + 1 == span.first) {
		last->last = span.last;
		return 0;
	}
	return SEG_PUSH(out, span); /* NOLINT(clang-analyzer-core.NullDereference): it has room */
}

int seg_axes_addresses(const struct seg_axes *axes, uint8_t family,
		       const struct seg_interval *interval, uint32_t n, seg_spans *out)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++) {
		struct seg_interval part = interval[i];

		if (part_of(family, &part))
			r = span_add(out, (struct seg_span){class_of(axes, family, part.first),
							    class_of(axes, family, part.last)});
	}
	return r;
}

struct seg_interval seg_axes_interval(const struct seg_axes *axes, uint8_t family,
				      struct seg_span span)
{
	const struct seg_wide *start = axes->start[family == 6].item;
	struct seg_interval out = {start[span.first], universe(family)->last};

	if (span.last + 1 < axes->start[family == 6].n)
		out.last = before(start[span.last + 1]);
	if (family == 6 && in_v4(out.last))
		out.last = before(SEG_INTERVAL_V4.first);
	return out;
}

/* --- TCP flags -------------------------------------------------------------------- */

/* What one asks divides each class in two. */
static void flags_divide(struct seg_axes *axes, struct seg_tcp_pair pair)
{
	int class[2][256];

	memset(class, 0xff, sizeof(class));
	axes->flag_classes = 0;
	for (unsigned int i = 0; i < 256; i++) {
		int *mine = &class[(i & pair.mask) == pair.value][axes->flag_class[i]];

		if (*mine < 0)
			*mine = (int)axes->flag_classes++;
		axes->flag_class[i] = (uint16_t)*mine;
	}
}

static bool flags_has(const struct seg_axes *axes, struct seg_tcp_pair pair)
{
	for (uint32_t i = 0; i < axes->flags.n; i++)
		if (axes->flags.item[i].mask == pair.mask &&
		    axes->flags.item[i].value == pair.value)
			return true;
	return false;
}

static int flags_ask(struct seg_axes *axes, struct seg_tcp_pair pair)
{
	if (!pair.mask || flags_has(axes, pair))
		return 0;
	flags_divide(axes, pair);
	return SEG_PUSH(&axes->flags, pair);
}

static int flags_open(struct seg_axes *axes, const struct seg_image *image)
{
	int r = 0;

	for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2))
		for (uint32_t i = 0; !r && i < seg_image_patterns(image, family, SEG_LANE_TCP);
		     i++) {
			struct seg_pattern shape =
				seg_image_pattern(image, family, SEG_LANE_TCP, i);

			r = flags_ask(axes, (struct seg_tcp_pair){shape.tcp_mask, shape.tcp_value});
		}
	return r;
}

/* A class is in what is asked whole, or not at all. */
int seg_axes_flags(const struct seg_axes *axes, struct seg_tcp_pair pair, seg_spans *out)
{
	bool has[256] = {false};
	int r = 0;

	for (unsigned int i = 0; i < 256; i++)
		has[axes->flag_class[i]] |= (i & pair.mask) == pair.value;
	for (uint32_t i = 0; !r && i < axes->flag_classes; i++)
		if (has[i])
			r = span_add(out, (struct seg_span){i, i});
	return r;
}

/* --- the others --------------------------------------------------------------------- */

uint32_t seg_axes_vlan(const struct seg_axes *axes, const struct seg_vlan *vlan)
{
	for (uint32_t i = 0; i < axes->vlans.n; i++)
		if (!memcmp(&axes->vlans.item[i], vlan, sizeof(*vlan)))
			return i + 1;
	return 0;
}

uint32_t seg_axes_iface(const struct seg_axes *axes, const char *name)
{
	for (uint32_t i = 0; i < axes->ifaces.n; i++)
		if (!strcmp(axes->ifaces.item[i], name))
			return i + 1;
	return 0;
}

uint32_t seg_axes_proto(const struct seg_axes *axes, uint8_t family, uint8_t proto)
{
	const uint8_t *protos = axes->protos[family == 6];

	return (uint32_t)((const uint8_t *)memchr(protos, proto, axes->protos_n[family == 6]) -
			  protos);
}

static int names_open(struct seg_axes *axes, const struct seg_image *image)
{
	const struct seg_vlan *vlans;
	uint32_t n = seg_image_vlans(image, &vlans);
	const char *name;
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++)
		if (!seg_axes_vlan(axes, &vlans[i]))
			r = SEG_PUSH(&axes->vlans, vlans[i]);
	for (uint16_t i = 1; !r && (name = seg_image_iface_name(image, i)); i++)
		if (!seg_axes_iface(axes, name))
			r = SEG_PUSH(&axes->ifaces, name);
	return r;
}

static void protos_open(struct seg_axes *axes)
{
	for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2))
		for (unsigned int i = 0; i < 256; i++)
			if (seg_lane_of(family, (uint8_t)i) == SEG_LANE_OTHER)
				axes->protos[family == 6][axes->protos_n[family == 6]++] =
					(uint8_t)i;
}

int seg_axes_open(struct seg_axes *axes, const struct seg_image *const *images, uint32_t n)
{
	int r;

	*axes = (struct seg_axes){.flag_classes = 1};
	protos_open(axes);
	r = addresses_open(axes, images, n);
	for (uint32_t i = 0; !r && i < n; i++) {
		r = flags_open(axes, images[i]);
		if (!r)
			r = names_open(axes, images[i]);
	}
	return r;
}

void seg_axes_close(struct seg_axes *axes)
{
	free(axes->start[0].item);
	free(axes->start[1].item);
	free(axes->vlans.item);
	free(axes->ifaces.item);
	free(axes->flags.item);
	free(axes->sets.at.item);
	free(axes->spans.item);
	seg_index_free(&axes->sets.index);
}

static uint32_t count_of(const struct seg_axes *axes, unsigned int lane, enum seg_axis axis)
{
	unsigned int six = lane >= SEG_LANE_MAX, kind = lane % SEG_LANE_MAX;

	switch (axis) {
	case SEG_AXIS_PROTO:
		return kind == SEG_LANE_OTHER ? axes->protos_n[six] : 1;
	case SEG_AXIS_DIRECTION:
		return SEG_DIRECTION_MAX;
	case SEG_AXIS_VLAN:
		return axes->vlans.n + 1;
	case SEG_AXIS_IFACE:
		return axes->ifaces.n + 1;
	case SEG_AXIS_FLAGS:
		return kind == SEG_LANE_TCP ? axes->flag_classes : 1;
	case SEG_AXIS_DSCP:
		return 64;
	case SEG_AXIS_SRC:
	case SEG_AXIS_DST:
		return axes->start[six].n;
	case SEG_AXIS_SPORT:
		return kind == SEG_LANE_ICMP ? 1 : UINT16_MAX + 1;
	default:
		return UINT16_MAX + 1;
	}
}

struct seg_span seg_axes_all(const struct seg_axes *axes, unsigned int lane, enum seg_axis axis)
{
	return (struct seg_span){0, count_of(axes, lane, axis) - 1};
}

/* --- slices --------------------------------------------------------------------------- */

static bool set_same(const void *array, uint32_t item, const void *key)
{
	const struct seg_axes *axes = array;
	const seg_spans *spans = key;
	struct seg_span at = axes->sets.at.item[item];

	return at.last - at.first + 1 == spans->n &&
	       !memcmp(axes->spans.item + at.first, spans->item, spans->n * sizeof(*spans->item));
}

static int set_add(struct seg_axes *axes, const seg_spans *spans, uint64_t hash, uint32_t *out)
{
	struct seg_span at = {axes->spans.n, axes->spans.n + spans->n - 1};

	if (SEG_ROOM(&axes->spans, spans->n) || SEG_PUSH(&axes->sets.at, at) ||
	    seg_index_add(&axes->sets.index, hash, axes->sets.at.n - 1))
		return -ENOMEM;
	memcpy(axes->spans.item + at.first, spans->item, spans->n * sizeof(*spans->item));
	axes->spans.n += spans->n;
	*out = axes->sets.at.n - 1;
	return 0;
}

int seg_axes_slice(struct seg_axes *axes, const seg_spans *spans, struct seg_slice *out)
{
	uint64_t hash;

	out->first = spans->item[0].first;
	out->last = spans->item[spans->n - 1].last;
	out->set = SEG_SLICE_WHOLE;
	if (spans->n == 1)
		return 0;
	hash = XXH3_64bits(spans->item, spans->n * sizeof(*spans->item));
	out->set = seg_index_find(&axes->sets.index, hash, set_same, axes, spans);
	return out->set == SEG_INDEX_NONE ? set_add(axes, spans, hash, &out->set) : 0;
}

const struct seg_span *seg_axes_spans(const struct seg_axes *axes, const struct seg_slice *slice,
				      struct seg_span *room, uint32_t *n)
{
	struct seg_span at;

	if (slice->set == SEG_SLICE_WHOLE) {
		*room = (struct seg_span){slice->first, slice->last};
		*n = 1;
		return room;
	}
	at = axes->sets.at.item[slice->set];
	*n = at.last - at.first + 1;
	return axes->spans.item + at.first;
}
