/* SPDX-License-Identifier: BSD-2-Clause */
#include "interval.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#define V4_FIRST 0xffff00000000ull

const struct seg_interval SEG_INTERVAL_ALL = {{0, 0}, {UINT64_MAX, UINT64_MAX}};
const struct seg_interval SEG_INTERVAL_V4 = {{0, V4_FIRST}, {0, V4_FIRST | UINT32_MAX}};

static struct seg_wide wide_of(const struct seg_address *address)
{
	uint64_t half[2];

	memcpy(half, address->byte, sizeof(half));
	return (struct seg_wide){be64toh(half[0]), be64toh(half[1])};
}

static struct seg_wide next_of(struct seg_wide a)
{
	return (struct seg_wide){a.high + (a.low == UINT64_MAX), a.low + 1};
}

static struct seg_wide before(struct seg_wide a)
{
	return (struct seg_wide){a.high - (a.low == 0), a.low - 1};
}

static int less(struct seg_wide a, struct seg_wide b)
{
	return seg_wide_compare(a, b) < 0;
}

/* What of `piece` lies outside of `hole`: up to two pieces. */
static uint32_t cut(struct seg_interval piece, struct seg_interval hole, struct seg_interval out[2])
{
	uint32_t n = 0;

	if (less(piece.last, hole.first) || less(hole.last, piece.first)) {
		out[n++] = piece;
		return n;
	}
	if (less(piece.first, hole.first))
		out[n++] = (struct seg_interval){piece.first, before(hole.first)};
	if (less(hole.last, piece.last))
		out[n++] = (struct seg_interval){next_of(hole.last), piece.last};
	return n;
}

int seg_intervals_add(seg_intervals *set, const struct seg_range *range)
{
	struct seg_interval interval = {wide_of(&range->first), wide_of(&range->last)};

	if (SEG_ROOM(set, 2))
		return -ENOMEM;
	if (range->family == 4)
		set->item[set->n++] = interval;
	else
		set->n += cut(interval, SEG_INTERVAL_V4, set->item + set->n);
	return 0;
}

static int by_first(const void *a, const void *b)
{
	const struct seg_interval *x = a, *y = b;

	return seg_wide_compare(x->first, y->first);
}

/* They overlap or touch; b begins no earlier than a. Nothing follows the last number. */
static bool joins(const struct seg_interval *a, const struct seg_interval *b)
{
	return !less(a->last, b->first) || (seg_wide_compare(a->last, SEG_INTERVAL_ALL.last) != 0 &&
					    seg_wide_compare(next_of(a->last), b->first) == 0);
}

void seg_intervals_normalise(seg_intervals *set)
{
	uint32_t n = 0;

	if (set->n < 2)
		return;
	qsort(set->item, set->n, sizeof(*set->item), by_first);
	for (uint32_t i = 1; i < set->n; i++) {
		struct seg_interval *top = &set->item[n];

		if (!joins(top, &set->item[i]))
			set->item[++n] = set->item[i];
		else if (less(top->last, set->item[i].last))
			top->last = set->item[i].last;
	}
	set->n = n + 1;
}

int seg_intervals_subtract(seg_intervals *to, const seg_intervals *from, const seg_intervals *what)
{
	uint32_t hole = 0;

	if (SEG_ROOM(to, from->n + what->n))
		return -ENOMEM;
	for (uint32_t i = 0; i < from->n; i++) {
		struct seg_interval rest = from->item[i], part[2];
		uint32_t n = 1;

		while (hole < what->n && less(what->item[hole].last, rest.first))
			hole++;
		for (uint32_t j = hole; n && j < what->n && !less(rest.last, what->item[j].first);
		     j++) {
			n = cut(rest, what->item[j], part);
			/* All but the last part is done: holes are sorted. */
			if (n == 2)
				to->item[to->n++] = part[0];
			if (n)
				rest = part[n - 1];
		}
		if (n)
			to->item[to->n++] = rest;
	}
	return 0;
}

/* --- hulls ----------------------------------------------------------------- */

static bool wide_is(struct seg_wide a, struct seg_wide b)
{
	return seg_wide_compare(a, b) == 0;
}

static struct seg_wide wide_least(struct seg_wide a, struct seg_wide b)
{
	return seg_wide_compare(a, b) < 0 ? a : b;
}

static struct seg_wide wide_most(struct seg_wide a, struct seg_wide b)
{
	return seg_wide_compare(a, b) > 0 ? a : b;
}

static struct seg_hull hull_v4(const struct seg_interval *item, uint32_t n)
{
	struct seg_hull hull = {.exact = true};

	for (uint32_t i = 0; i < n; i++) {
		struct seg_wide first = wide_most(item[i].first, SEG_INTERVAL_V4.first);
		struct seg_wide last = wide_least(item[i].last, SEG_INTERVAL_V4.last);

		if (seg_wide_compare(first, last) > 0)
			continue;
		if (!hull.some)
			hull.first = seg_lane_unit(4, first);
		hull.exact = !hull.some;
		hull.last = seg_lane_unit(4, last);
		hull.some = true;
	}
	return hull;
}

/* The same place on IPv6's line, where the hole of the IPv4 addresses does not count. */
static bool touches(struct seg_wide last, struct seg_wide first)
{
	return wide_is(next_of(last), SEG_INTERVAL_V4.first) &&
	       wide_is(first, next_of(SEG_INTERVAL_V4.last));
}

static bool inside_v4(const struct seg_interval *interval)
{
	return seg_wide_compare(interval->first, SEG_INTERVAL_V4.first) >= 0 &&
	       seg_wide_compare(interval->last, SEG_INTERVAL_V4.last) <= 0;
}

/* Where an interval ends or begins inside of IPv4, IPv6's part of it ends before or begins behind.
 */
static struct seg_interval outside_v4(struct seg_interval interval)
{
	if (seg_wide_compare(interval.first, SEG_INTERVAL_V4.first) >= 0 &&
	    seg_wide_compare(interval.first, SEG_INTERVAL_V4.last) <= 0)
		interval.first = next_of(SEG_INTERVAL_V4.last);
	if (seg_wide_compare(interval.last, SEG_INTERVAL_V4.first) >= 0 &&
	    seg_wide_compare(interval.last, SEG_INTERVAL_V4.last) <= 0)
		interval.last = (struct seg_wide){0, SEG_INTERVAL_V4.first.low - 1};
	return interval;
}

/* Bounds compare only upper halves: exact if the lower ones are whole. */
static struct seg_hull hull_v6(const struct seg_interval *item, uint32_t n)
{
	struct seg_hull hull = {.exact = true};
	struct seg_wide first = {0}, last = {0};

	for (uint32_t i = 0; i < n; i++) {
		struct seg_interval part = outside_v4(item[i]);

		if (inside_v4(&item[i]))
			continue;
		if (!hull.some)
			first = part.first;
		else if (!touches(last, part.first))
			hull.exact = false;
		last = part.last;
		hull.some = true;
	}
	hull.exact = hull.exact && first.low == 0 && last.low == UINT64_MAX;
	hull.first = first.high;
	hull.last = last.high;
	return hull;
}

struct seg_hull seg_hull_of(const seg_intervals *set, uint8_t family)
{
	return family == 4 ? hull_v4(set->item, set->n) : hull_v6(set->item, set->n);
}
