/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats.h - what the benchmarks say about a handful of measurements.
 *
 * No normal distribution is assumed anywhere: a shared machine's times have a
 * long tail. Everything is an order statistic.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>

/* A median and the interval that holds the true one with at least 95 %. */
struct bench_interval {
	double low;
	double median;
	double high;
};

/* Ascending, in place. */
void bench_sort(double *values, size_t count);

/*
 * Quantile q (0..1) of `count` > 0 ascending values, linear between neighbours
 * (Hyndman and Fan 1996, type 7). P95 is q = 0.95.
 */
double bench_quantile(const double *sorted, size_t count, double q);

/*
 * The rank k (0: none, fewer than 6 values) such that the k-th smallest and k-th
 * largest of `count` independent values enclose the median with at least 95 %:
 * the largest k with P(Binomial(count, 1/2) < k) <= 2.5 % (David and Nagaraja,
 * "Order Statistics", 7.1).
 */
size_t bench_median_rank(size_t count);

/* Of `count` > 0 values, which are sorted in place. Fewer than 6 give their extremes. */
struct bench_interval bench_median(double *values, size_t count);

/* Of the ratios a[i] / b[i] of `count` > 0 pairs. `scratch` has room for `count` values. */
struct bench_interval bench_median_ratio(const double *a, const double *b, size_t count,
					 double *scratch);

#endif
