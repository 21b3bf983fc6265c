/* SPDX-License-Identifier: BSD-2-Clause */
/* stats.c - order statistics for the benchmarks. Pure; no state. */
#include <math.h>
#include <stdlib.h>

#include "stats.h"

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_sort(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), ascending);
}

double bench_quantile(const double *sorted, size_t count, double q)
{
	double position = q * (double)(count - 1);
	size_t below = (size_t)position;

	if (below + 1 >= count)
		return sorted[count - 1];
	return sorted[below] + (position - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* By logarithms, so that 2^-count does not vanish for many values. */
static double binomial_half(size_t count, size_t k)
{
	double n = (double)count;
	double i = (double)k;

	return exp(lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) - n * log(2));
}

size_t bench_median_rank(size_t count)
{
	double below = 0;
	size_t k;

	for (k = 0; k < count / 2; k++) {
		below += binomial_half(count, k);
		if (below > 0.025)
			break;
	}
	return k;
}

struct bench_interval bench_median(double *values, size_t count)
{
	size_t rank = bench_median_rank(count);

	if (rank)
		rank--; /* from here on an index */
	bench_sort(values, count);
	return (struct bench_interval){
		.low = values[rank],
		.median = bench_quantile(values, count, 0.5),
		.high = values[count - 1 - rank],
	};
}

struct bench_interval bench_median_ratio(const double *a, const double *b, size_t count,
					 double *scratch)
{
	for (size_t i = 0; i < count; i++)
		scratch[i] = a[i] / b[i];
	return bench_median(scratch, count);
}
