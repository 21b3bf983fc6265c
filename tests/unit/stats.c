/* SPDX-License-Identifier: BSD-2-Clause */
/* The benchmarks' statistics, against values worked out by hand and against chance. */
#include "stats.h"
#include "check.h"
#include "random.h"

#define near(a, b) ((a) - (b) < 1e-9 && (b) - (a) < 1e-9)

TEST(stats, quantiles_of_few)
{
	double values[] = {4, 1, 3, 2};

	bench_sort(values, 4);
	check(near(values[0], 1) && near(values[3], 4));
	check(near(bench_quantile(values, 4, 0), 1));
	check(near(bench_quantile(values, 4, 0.25), 1.75));
	check(near(bench_quantile(values, 4, 0.5), 2.5));
	check(near(bench_quantile(values, 4, 1), 4));
	check(near(bench_quantile(values, 1, 0.99), 1));
}

/* The published table of ranks for 95 %, ends and middle. */
TEST(stats, rank_is_the_sign_tests)
{
	static const struct {
		size_t count;
		size_t rank;
	} table[] = {{1, 0},  {5, 0},  {6, 1},   {8, 1},   {9, 2},
		     {10, 2}, {20, 6}, {30, 10}, {50, 18}, {100, 40}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_eq(bench_median_rank(table[i].count), table[i].rank);
}

TEST(stats, few_values_give_their_extremes)
{
	double values[] = {3, 1, 2};
	struct bench_interval of = bench_median(values, 3);

	check(near(of.low, 1) && near(of.median, 2) && near(of.high, 3));
}

TEST(stats, ratio_by_pairs)
{
	const double a[] = {2, 30, 4};
	const double b[] = {1, 10, 4};
	double scratch[3];
	struct bench_interval of = bench_median_ratio(a, b, 3, scratch);

	check(near(of.median, 2) && near(of.low, 1) && near(of.high, 3));
}

/* 2,000 samples of 31 uniform values: the interval misses 0.5 in no more than 5 % and a little. */
TEST(stats, interval_holds_what_it_says)
{
	__u64 seed = seg_random_seed();
	int missed = 0;

	for (int sample = 0; sample < 2000; sample++) {
		double values[31];
		struct bench_interval of;

		for (int i = 0; i < 31; i++)
			values[i] = (double)(seg_random(&seed) >> 11) / 0x1p53;
		of = bench_median(values, 31);
		missed += of.low > 0.5 || of.high < 0.5;
	}
	check(missed > 20 && missed < 140);
}
