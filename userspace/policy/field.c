/* SPDX-License-Identifier: BSD-2-Clause */
#include "field.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

struct named_value {
	const char *name;
	uint8_t value;
};

static const struct named_value TCP_FLAGS[] = {
	{"fin", 0x01}, {"syn", 0x02}, {"rst", 0x04}, {"psh", 0x08}, {"ack", 0x10},
	{"urg", 0x20}, {"ece", 0x40}, {"cwr", 0x80}, {NULL, 0},
};

/* RFC 2474, 2597, 3246, 5865, 8622. */
static const struct named_value DSCPS[] = {
	{"cs0", 0},   {"cs1", 8},   {"cs2", 16},         {"cs3", 24},  {"cs4", 32},  {"cs5", 40},
	{"cs6", 48},  {"cs7", 56},  {"af11", 10},        {"af12", 12}, {"af13", 14}, {"af21", 18},
	{"af22", 20}, {"af23", 22}, {"af31", 26},        {"af32", 28}, {"af33", 30}, {"af41", 34},
	{"af42", 36}, {"af43", 38}, {"ef", 46},          {"be", 0},    {"df", 0},    {"va", 44},
	{"le", 1},    {"lephb", 1}, {"voice-admit", 44}, {NULL, 0},
};

static int value_of(const struct named_value *names, const char *text, size_t len, uint8_t *out,
		    struct seg_nearest *nearest)
{
	*nearest = (struct seg_nearest){.text = text, .len = len};
	for (; names->name; names++) {
		seg_nearest_offer(nearest, names->name);
		if (!seg_text_is(text, len, names->name))
			continue;
		*out = names->value;
		return 0;
	}
	return -ESRCH;
}

/* "syn+ack" */
static int flags_parse(const char *text, size_t len, uint8_t *out, struct seg_nearest *nearest)
{
	uint8_t flags = 0, flag = 0;

	for (const char *end = text + len;; text++) {
		const char *plus = memchr(text, '+', (size_t)(end - text));
		size_t head = (size_t)((plus ? plus : end) - text);
		int r = head ? value_of(TCP_FLAGS, text, head, &flag, nearest) : -EINVAL;

		if (r)
			return r;
		flags |= flag;
		if (!plus)
			break;
		text = plus;
	}
	*out = flags;
	return 0;
}

int seg_tcp_match_parse(const char *text, size_t len, struct seg_tcp_match *out,
			struct seg_nearest *nearest)
{
	const char *slash = memchr(text, '/', len);
	size_t head = slash ? (size_t)(slash - text) : len;
	struct seg_tcp_match match = {0};
	int r = flags_parse(text, head, &match.value, nearest);

	match.mask = match.value;
	if (!r && slash)
		r = flags_parse(slash + 1, len - head - 1, &match.mask, nearest);
	if (!r && (match.value & ~match.mask))
		r = -ERANGE;
	if (!r)
		*out = match;
	return r;
}

const char *seg_tcp_flags_print(uint8_t flags, char *to)
{
	size_t n = 0;

	*to = '\0';
	for (const struct named_value *flag = TCP_FLAGS; flag->name; flag++)
		if (flags & flag->value)
			n += (size_t)snprintf(to + n, SEG_TCP_FLAGS_TEXT_MAX - n, "%s%s",
					      n ? "+" : "", flag->name);
	return to;
}

int seg_dscp_parse(const char *text, size_t len, uint8_t *out, struct seg_nearest *nearest)
{
	uint64_t number;
	int r = seg_number_parse(text, len, 63, &number);

	if (r == -EINVAL)
		return value_of(DSCPS, text, len, out, nearest);
	if (!r)
		*out = (uint8_t)number;
	return r;
}
