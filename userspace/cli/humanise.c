/* SPDX-License-Identifier: BSD-2-Clause */
#include "humanise.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "text.h"

#define EXACT_MAX 9999

static const char *const COUNT_UNITS[] = {"", "k", "M", "G", "T", "P", "E", NULL};
static const char *const NS_UNITS[] = {"ns", "us", "ms", "s", NULL};

/* A point and the first digits of thousandths. */
static char *put_thousandths(char *to, uint64_t thousandths, unsigned int digits)
{
	*to++ = '.';
	*to++ = (char)('0' + thousandths / 100);
	if (digits > 1)
		*to++ = (char)('0' + thousandths / 10 % 10);
	return to;
}

/* Three significant digits in the largest unit of 1000 that leaves some before the point. */
static const char *scaled(uint64_t value, const char *const *unit, char *to)
{
	uint64_t whole = value, rest = 0;
	char *at;

	while (whole >= 1000 && unit[1]) {
		rest = whole % 1000;
		whole /= 1000;
		unit++;
	}
	at = seg_number_put(to, whole);
	if (value >= 1000 && whole < 100)
		at = put_thousandths(at, rest, whole < 10 ? 2 : 1);
	stpcpy(at, *unit);
	return to;
}

const char *seg_human_count(uint64_t count, char *to)
{
	if (count > EXACT_MAX)
		return scaled(count, COUNT_UNITS, to);
	*seg_number_put(to, count) = '\0';
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

struct time_unit {
	uint64_t seconds;
	char name;
};

static char *put_time(char *to, uint64_t seconds, const struct time_unit *unit)
{
	to = seg_number_put(to, seconds / unit->seconds);
	*to = unit->name;
	return to + 1;
}

const char *seg_human_seconds(uint64_t seconds, char *to)
{
	static const struct time_unit UNITS[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	const struct time_unit *unit = UNITS, *last = &UNITS[SEG_ARRAY_SIZE(UNITS) - 1];
	uint64_t rest;
	char *at;

	while (unit < last && seconds < unit->seconds)
		unit++;
	rest = seconds % unit->seconds;
	at = put_time(to, seconds, unit);
	if (unit < last && rest >= unit[1].seconds)
		at = put_time(at, rest, unit + 1);
	*at = '\0';
	return to;
}
