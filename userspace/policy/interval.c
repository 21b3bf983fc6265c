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
