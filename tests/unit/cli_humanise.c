/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers for tables: exact while short, three digits beyond. */
#include "check.h"
#include "humanise.h"

TEST(humanise, counts)
{
	char to[SEG_HUMAN_MAX];

	check_str_eq(seg_human_count(0, to), "0");
	check_str_eq(seg_human_count(9999, to), "9999");
	check_str_eq(seg_human_count(10000, to), "10.0k");
	check_str_eq(seg_human_count(99999, to), "99.9k");
	check_str_eq(seg_human_count(100000, to), "100k");
	check_str_eq(seg_human_count(999999, to), "999k");
	check_str_eq(seg_human_count(1050000, to), "1.05M");
	check_str_eq(seg_human_count(UINT64_MAX, to), "18.4E");
}

TEST(humanise, seconds)
{
	char to[SEG_HUMAN_MAX];

	check_str_eq(seg_human_seconds(0, to), "0s");
	check_str_eq(seg_human_seconds(59, to), "59s");
	check_str_eq(seg_human_seconds(60, to), "1m");
	check_str_eq(seg_human_seconds(200, to), "3m20s");
	check_str_eq(seg_human_seconds(7200, to), "2h");
	check_str_eq(seg_human_seconds(7259, to), "2h");
	check_str_eq(seg_human_seconds(100800, to), "1d4h");
}

TEST(humanise, nanoseconds)
{
	char to[SEG_HUMAN_MAX];

	check_str_eq(seg_human_ns(850, to), "850ns");
	check_str_eq(seg_human_ns(12345, to), "12.3us");
	check_str_eq(seg_human_ns(1500000, to), "1.50ms");
	check_str_eq(seg_human_ns(3000000000000, to), "3000s");
}
