/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.h - random numbers that a seed gives again, and the seed that a test
 * or benchmark prints. SplitMix64 (Steele, Lea, Flood 2014).
 */
#ifndef SEG_RANDOM_H
#define SEG_RANDOM_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <linux/types.h>

static inline __u64 seg_random(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* $SEED, or the time; printed, so that a failure can be had again. */
static inline __u64 seg_random_seed(void)
{
	const char *given = getenv("SEED");
	__u64 seed = given ? strtoull(given, NULL, 0) : (__u64)time(NULL);

	fprintf(stderr, "SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

#endif
