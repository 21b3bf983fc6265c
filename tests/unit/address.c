/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses, numbers, durations, nearest names, UTF-8, errors: what users write and read. */
#include "address.h"

#include <errno.h>

#include "check.h"
#include "cleanup.h"
#include "error.h"
#include "text.h"

static int range_of(const char *text, struct seg_range *range)
{
	return seg_range_parse(text, strlen(text), range);
}

/* Parsed and printed again, it is itself. */
TEST(address, ranges_print_as_written)
{
	static const char *const SAME[] = {
		"10.0.0.1",
		"0.0.0.0/0",
		"10.0.0.0/8",
		"10.0.0.0/31",
		"10.0.0.5-10.0.0.9",
		"2001:db8::1",
		"::/0",
		"2001:db8::/32",
		"::1-::2",
		"::",
		"255.255.255.255",
		"fe80::/10",
		"2001:db8::/127",
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(SAME); i++) {
		struct seg_range range;
		char text[SEG_RANGE_TEXT_MAX];

		check_eq(range_of(SAME[i], &range), 0);
		check_eq(range.family, strchr(SAME[i], ':') ? 6 : 4);
		check_str_eq(seg_range_print(&range, text), SAME[i]);
	}
}

/* A range that is a prefix is printed as one. */
TEST(address, shortest_form)
{
	struct seg_range range;
	char text[SEG_RANGE_TEXT_MAX];

	check_eq(range_of("10.0.0.0-10.0.0.255", &range), 0);
	check_str_eq(seg_range_print(&range, text), "10.0.0.0/24");
	check_eq(range_of("10.0.0.7-10.0.0.7", &range), 0);
	check_str_eq(seg_range_print(&range, text), "10.0.0.7");
	check_eq(range_of("10.0.0.1/32", &range), 0);
	check_str_eq(seg_range_print(&range, text), "10.0.0.1");
	check_eq(range_of("10.0.0.0-10.0.1.127", &range), 0);
	check_str_eq(seg_range_print(&range, text), "10.0.0.0-10.0.1.127");
}

TEST(address, refused)
{
	static const struct {
		const char *text;
		int r;
	} BAD[] = {
		{"", -EINVAL},
		{"10.0.0", -EINVAL},
		{"10.0.0.256", -EINVAL},
		{"010.0.0.1", -EINVAL},
		{"10.0.0.1 ", -EINVAL},
		{"::ffff:1.2.3.4", -EINVAL},
		{"fe80::1%eth0", -EINVAL},
		{"10.0.0.0/", -EINVAL},
		{"10.0.0.0/x", -EINVAL},
		{"/8", -EINVAL},
		{"-", -EINVAL},
		{"10.0.0.0/33", -ERANGE},
		{"10.0.0.1/24", -ERANGE},
		{"::/129", -ERANGE},
		{"::1/64", -ERANGE},
		{"10.0.0.2-10.0.0.1", -ERANGE},
		{"10.0.0.1-::2", -ERANGE},
		{"admins", -EINVAL},
		{"10.0.0.1-10.0.0.2-10.0.0.3", -EINVAL},
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(BAD); i++) {
		struct seg_range range = {.family = 77};

		check_eq(range_of(BAD[i].text, &range), BAD[i].r);
		check_eq(range.family, 77);
	}
}

TEST(address, endpoints)
{
	struct seg_address address;
	char text[SEG_ENDPOINT_TEXT_MAX];

	check_eq(seg_address_parse("10.0.0.1", 8, &address), 0);
	check_str_eq(seg_endpoint_print(&address, 80, text), "10.0.0.1:80");
	check_eq(seg_address_parse("2001:db8::1", 11, &address), 0);
	check_str_eq(seg_endpoint_print(&address, 65535, text), "[2001:db8::1]:65535");
	check_eq(seg_address_parse("10.0.0.1x", 8, &address), 0);
}

TEST(text, durations)
{
	static const struct {
		const char *text;
		int r;
		uint64_t ns;
		const char *printed;
	} ROWS[] = {
		{"100ms", 0, 100000000, "100ms"},
		{"5s", 0, 5000000000, "5s"},
		{"120s", 0, 120000000000, "2m"},
		{"2h", 0, 7200000000000, "2h"},
		{"0", 0, 0, "0"},
		{"1us", 0, 1000, "1us"},
		{"1d", 0, 86400000000000, "1d"},
		{"5", -EINVAL, 0, NULL},
		{"", -EINVAL, 0, NULL},
		{"s", -EINVAL, 0, NULL},
		{"-5s", -EINVAL, 0, NULL},
		{"5 s", -EINVAL, 0, NULL},
		{"5x", -EINVAL, 0, NULL},
		{"1.5s", -EINVAL, 0, NULL},
		{"99999999999999999999s", -ERANGE, 0, NULL},
		{"999999999999d", -ERANGE, 0, NULL},
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(ROWS); i++) {
		char printed[SEG_DURATION_TEXT_MAX];
		uint64_t ns = 0;

		check_eq(seg_duration_parse(ROWS[i].text, strlen(ROWS[i].text), &ns), ROWS[i].r);
		check_eq(ns, ROWS[i].ns);
		if (!ROWS[i].r)
			check_str_eq(seg_duration_print(ns, printed), ROWS[i].printed);
	}
}

TEST(text, counts)
{
	char text[SEG_COUNT_TEXT_MAX];
	uint64_t n = 0;

	check_eq(seg_count_parse("64k", 3, UINT64_MAX, &n), 0);
	check_eq(n, 64000);
	check_eq(seg_count_parse("1M", 2, UINT64_MAX, &n), 0);
	check_eq(n, 1000000);
	check_eq(seg_count_parse("200", 3, 200, &n), 0);
	check_eq(n, 200);
	check_eq(seg_count_parse("201", 3, 200, &n), -ERANGE);
	check_eq(seg_count_parse("k", 1, 200, &n), -EINVAL);
	check_eq(seg_count_parse("0x10", 4, 200, &n), -EINVAL);
	check_eq(seg_count_parse("18446744073709551616", 20, UINT64_MAX, &n), -ERANGE);
	check_str_eq(seg_count_print(0, text), "0");
	check_str_eq(seg_count_print(999, text), "999");
	check_str_eq(seg_count_print(64000, text), "64k");
	check_str_eq(seg_count_print(1001000, text), "1001k");
	check_str_eq(seg_count_print(5000000000000, text), "5000G");
	check_eq(seg_rate_parse("200k/s", 6, UINT64_MAX, &n), 0);
	check_eq(n, 200000);
	check_eq(seg_rate_parse("200k", 4, UINT64_MAX, &n), -EINVAL);
	check_eq(seg_rate_parse("/s", 2, UINT64_MAX, &n), -EINVAL);
	check_eq(seg_number_parse("0x88cc", 6, UINT16_MAX, &n), 0);
	check_eq(n, 0x88cc);
	check_eq(seg_number_parse("0x", 2, UINT16_MAX, &n), -EINVAL);
}

static const char *nearest_of(const char *text)
{
	static const char *const KEYS[] = {"id",          "direction", "from",  "to",     "service",
					   "source-port", "vlan",      "iface", "action", "log"};
	struct seg_nearest nearest = {.text = text, .len = strlen(text)};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(KEYS); i++)
		seg_nearest_offer(&nearest, KEYS[i]);
	return nearest.best ? nearest.best : "";
}

TEST(text, nearest)
{
	check_str_eq(nearest_of("form"), "from");
	check_str_eq(nearest_of("drection"), "direction");
	check_str_eq(nearest_of("actions"), "action");
	check_str_eq(nearest_of("sourceport"), "source-port");
	check_str_eq(nearest_of("zzz"), "");
	check_str_eq(nearest_of("a word far longer than thirty-two bytes"), "");
	check_eq(seg_text_distance("form", 4, "from", 4), 1);
	check_eq(seg_text_distance("kitten", 6, "sitting", 7), 3);
	check_eq(seg_text_distance("", 0, "abc", 3), 3);
}

TEST(text, utf8)
{
	static const struct {
		const char *text;
		size_t len, sound;
	} ROWS[] = {
		{"plain", 5, 5},
		{"\xc3\xa9t\xc3\xa9", 5, 5},
		{"\xf0\x9f\x98\x80", 4, 4},
		{"a\0b", 3, 1},
		{"a\xff", 2, 1},
		{"\xc0\x80", 2, 0},
		{"\xed\xa0\x80", 3, 0},
		{"\xf4\x90\x80\x80", 4, 0},
		{"ab\xe2\x82", 4, 2},
		{"\x80", 1, 0},
		{"", 0, 0},
	};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(ROWS); i++)
		check_eq(seg_utf8_check(ROWS[i].text, ROWS[i].len), ROWS[i].sound);
}

TEST(text, utf8_is_mended)
{
	char text[] = "a\xff\xc3\xa9\xe2\x82";

	seg_utf8_mend(text);
	check_str_eq(text, "a?\xc3\xa9??");
}

/* --- errors ---------------------------------------------------------------------- */

static void check_printed(const struct seg_error *err, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	seg_error_print(err, to, 0);
	fclose(to);
	check_str_eq(text, expected);
}

/* No name that somebody else chose is a command to a terminal, or looks like the next line. */
TEST(error, controls_stay_here)
{
	struct seg_error err = {0};

	seg_error_set(&err, EINVAL, "'\033[31m\n\302\233x' is \xff");
	seg_error_place(&err, "a\nb\177", 0, 0, NULL);
	seg_error_mend(&err, "rename '\a'");
	check_printed(&err, "a?b?: error: '?[31m??x' is ?\nmend: rename '?'\n");
}

TEST(error, caret_counts_characters)
{
	struct seg_error err = {0};

	seg_error_set(&err, EINVAL, "w");
	seg_error_place(&err, "f", 7, 4, "\303\251\tab");
	check_printed(&err, "f:7:4: error: w\n     7 | \303\251\tab\n       |  \t ^\n");
}

TEST(error, no_caret_beyond_what_is_shown)
{
	struct seg_error err = {0};

	seg_error_set(&err, EINVAL, "w");
	seg_error_place(&err, "f", 1, 9, "abc");
	check_printed(&err, "f:1:9: error: w\n     1 | abc\n");
}

TEST(error, what_is_cut_is_still_text)
{
	struct seg_error err = {0};
	char name[400];

	for (size_t i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "\303\251", 3);
	seg_error_place(&err, name, 0, 0, NULL);
	check_eq(seg_utf8_check(err.file, strlen(err.file)), strlen(err.file));
}
