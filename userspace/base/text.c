/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

/* A suffix of a number and what it multiplies by. */
struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit COUNT_UNITS[] = {{"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {"", 1}};

/* Largest first: seg_duration_print() takes the first that divides. */
static const struct unit TIME_UNITS[] = {
	{"d", 86400000000000}, {"h", 3600000000000}, {"m", 60000000000}, {"s", 1000000000},
	{"ms", 1000000},       {"us", 1000},         {"ns", 1},
};

bool seg_text_is(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Reads digits from *at on and leaves it behind them. */
static int digits_parse(const char *text, size_t len, size_t *at, unsigned int base, uint64_t *out)
{
	uint64_t value = 0;
	size_t begin = *at;

	for (; *at < len && digit_of(text[*at]) < (int)base; ++*at) {
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit_of(text[*at]), &value))
			return -ERANGE;
	}
	*out = value;
	return *at == begin ? -EINVAL : 0;
}

int seg_number_parse(const char *text, size_t len, uint64_t max, uint64_t *out)
{
	bool hex = len > 2 && text[0] == '0' && text[1] == 'x';
	size_t at = hex ? 2 : 0;
	uint64_t value;
	int r = digits_parse(text, len, &at, hex ? 16 : 10, &value);

	if (r)
		return r;
	if (at != len)
		return -EINVAL;
	if (value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

static int scaled_parse(const char *text, size_t len, const struct unit *units, size_t n,
			uint64_t *out)
{
	uint64_t value;
	size_t at = 0;
	int r = digits_parse(text, len, &at, 10, &value);

	if (r)
		return r;
	for (size_t i = 0; i < n; i++)
		if (seg_text_is(text + at, len - at, units[i].name))
			return __builtin_mul_overflow(value, units[i].factor, out) ? -ERANGE : 0;
	return -EINVAL;
}

int seg_count_parse(const char *text, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t value;
	int r = scaled_parse(text, len, COUNT_UNITS, SEG_ARRAY_SIZE(COUNT_UNITS), &value);

	if (r)
		return r;
	if (value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

#define DIGITS_MAX 20 /* of a number of 64 bits */

char *seg_number_put(char *to, uint64_t number)
{
	char digits[DIGITS_MAX], *at = digits + DIGITS_MAX;
	size_t n;

	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	n = (size_t)(digits + DIGITS_MAX - at);
	memcpy(to, at, n);
	return to + n;
}

const char *seg_count_print(uint64_t count, char *to)
{
	static const char *const UNITS[] = {"", "k", "M", "G"};
	size_t unit = 0;

	while (count && count % 1000 == 0 && unit + 1 < SEG_ARRAY_SIZE(UNITS)) {
		count /= 1000;
		unit++;
	}
	snprintf(to, SEG_COUNT_TEXT_MAX, "%" PRIu64 "%s", count, UNITS[unit]);
	return to;
}

int seg_rate_parse(const char *text, size_t len, uint64_t max, uint64_t *per_second)
{
	if (len < 2 || !seg_text_is(text + len - 2, 2, "/s"))
		return -EINVAL;
	return seg_count_parse(text, len - 2, max, per_second);
}

int seg_duration_parse(const char *text, size_t len, uint64_t *ns)
{
	uint64_t value;
	int r;

	if (seg_text_is(text, len, "0")) {
		*ns = 0;
		return 0;
	}
	r = scaled_parse(text, len, TIME_UNITS, SEG_ARRAY_SIZE(TIME_UNITS), &value);
	if (!r)
		*ns = value;
	return r;
}

const char *seg_duration_print(uint64_t ns, char *to)
{
	const struct unit *unit = TIME_UNITS;

	if (!ns) {
		snprintf(to, SEG_DURATION_TEXT_MAX, "0");
		return to;
	}
	while (ns % unit->factor)
		unit++;
	snprintf(to, SEG_DURATION_TEXT_MAX, "%" PRIu64 "%s", ns / unit->factor, unit->name);
	return to;
}

#define DISTANCE_MAX 32

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: three rows of the usual dynamic program. */
unsigned int seg_text_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int row[3][DISTANCE_MAX + 1];

	if (a_len > DISTANCE_MAX || b_len > DISTANCE_MAX)
		return (unsigned int)(a_len > b_len ? a_len : b_len);
	for (size_t j = 0; j <= b_len; j++)
		row[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned int *now = row[i % 3], *last = row[(i + 2) % 3],
			     *before = row[(i + 1) % 3];

		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_len; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1,
				       last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return row[a_len % 3][b_len];
}

void seg_nearest_offer(struct seg_nearest *nearest, const char *name)
{
	size_t len = strlen(name);
	unsigned int distance = seg_text_distance(nearest->text, nearest->len, name, len);

	/* A third of the word may be wrong; of a short one, a letter or a swap. */
	if (distance > 1 && distance * 3 > len)
		return;
	if (distance >= len || (nearest->best && distance >= nearest->distance))
		return;
	nearest->best = name;
	nearest->distance = distance;
}

/* What may follow a first byte: how many bytes, and the bounds of the first of them (RFC 3629). */
struct lead {
	uint8_t first, last, more, low, high;
};

static const struct lead LEADS[] = {
	{0x01, 0x7f, 0, 0, 0},       {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf},
	{0xe1, 0xec, 2, 0x80, 0xbf}, {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf},
	{0xf0, 0xf0, 3, 0x90, 0xbf}, {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

static const struct lead *lead_of(uint8_t byte)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(LEADS); i++)
		if (byte >= LEADS[i].first && byte <= LEADS[i].last)
			return &LEADS[i];
	return NULL;
}

/* Length of the character at the start of `text`, 0 if it is none. */
static size_t utf8_length(const uint8_t *text, size_t len)
{
	const struct lead *lead = lead_of(text[0]);

	if (!lead || lead->more >= len)
		return 0;
	for (size_t i = 1; i <= lead->more; i++) {
		uint8_t low = i == 1 ? lead->low : 0x80, high = i == 1 ? lead->high : 0xbf;

		if (text[i] < low || text[i] > high)
			return 0;
	}
	return lead->more + 1u;
}

size_t seg_utf8_check(const char *text, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t at = 0, step;

	while (at < len) {
		/* ASCII, most of any text, without a look at the table. */
		step = bytes[at] - 1u < 0x7f ? 1 : utf8_length(bytes + at, len - at);
		if (!step)
			break;
		at += step;
	}
	return at;
}

void seg_utf8_mend(char *text)
{
	size_t len = strlen(text), at = 0;

	while ((at += seg_utf8_check(text + at, len - at)) < len)
		text[at] = '?';
}

bool seg_control_at(const char *text, size_t len, size_t at)
{
	unsigned char c = (unsigned char)text[at];

	if (c == 0xc2 && at + 1 < len)
		return (unsigned char)text[at + 1] < 0xa0;
	return c < ' ' || c == 0x7f;
}

size_t seg_control_find(const char *text, size_t len, const char *allowed)
{
	size_t at = 0;

	while (at < len &&
	       ((unsigned char)text[at] - (unsigned int)' ' < 0x5f ||
		!seg_control_at(text, len, at) || (text[at] && strchr(allowed, text[at]))))
		at++;
	return at;
}

void seg_text_print(const char *text, FILE *to)
{
	size_t len = strlen(text), at;

	while ((at = seg_control_find(text, len, "\t")) < len) {
		size_t end = at + (text[at] == '\xc2' ? 2 : 1); /* a C1 has two bytes */

		fprintf(to, "%.*s?", (int)at, text);
		text += end;
		len -= end;
	}
	fputs(text, to);
}
