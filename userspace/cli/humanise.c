/* SPDX-License-Identifier: BSD-2-Clause */
#include "humanise.h"

#include <inttypes.h>
#include <stdio.h>

#include "cleanup.h"

#define EXACT_MAX 9999

static const char *const COUNT_UNITS[] = {"", "k", "M", "G", "T", "P", "E", NULL};
static const char *const NS_UNITS[] = {"ns", "us", "ms", "s", NULL};

/* Three significant digits in the largest unit of 1000 that leaves some before the point. */
static const char *scaled(uint64_t value, const char *const *unit, char *to)
{
	uint64_t whole = value, rest = 0;

	while (whole >= 1000 && unit[1]) {
		rest = whole % 1000;
		whole /= 1000;
		unit++;
	}
	if (value < 1000 || whole >= 100)
		snprintf(to, SEG_HUMAN_MAX, "%" PRIu64 "%s", whole, *unit);
	else if (whole >= 10)
		snprintf(to, SEG_HUMAN_MAX, "%" PRIu64 ".%" PRIu64 "%s", whole, rest / 100, *unit);
	else
		snprintf(to, SEG_HUMAN_MAX, "%" PRIu64 ".%02" PRIu64 "%s", whole, rest / 10, *unit);
	return to;
}

const char *seg_human_count(uint64_t count, char *to)
{
	if (count > EXACT_MAX)
		return scaled(count, COUNT_UNITS, to);
	snprintf(to, SEG_HUMAN_MAX, "%" PRIu64, count);
	return to;
}

const char *seg_human_rate(double per_second, char *to)
{
	if (per_second <= 0 || per_second >= 9.95)
		return seg_human_count((uint64_t)(per_second + 0.5), to);
	snprintf(to, SEG_HUMAN_MAX, "%.1f", per_second);
	return to;
}

const char *seg_human_ns(uint64_t ns, char *to)
{
	return scaled(ns, NS_UNITS, to);
}

const char *seg_human_seconds(uint64_t seconds, char *to)
{
	static const struct {
		uint64_t seconds;
		char name;
	} UNITS[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0, last = SEG_ARRAY_SIZE(UNITS) - 1;
	uint64_t rest;

	while (i < last && seconds < UNITS[i].seconds)
		i++;
	rest = i < last ? seconds % UNITS[i].seconds / UNITS[i + 1].seconds : 0;
	if (rest)
		snprintf(to, SEG_HUMAN_MAX, "%" PRIu64 "%c%" PRIu64 "%c",
			 seconds / UNITS[i].seconds, UNITS[i].name, rest, UNITS[i + 1].name);
	else
		snprintf(to, SEG_HUMAN_MAX, "%" PRIu64 "%c", seconds / UNITS[i].seconds,
			 UNITS[i].name);
	return to;
}
