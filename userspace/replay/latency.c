/* SPDX-License-Identifier: BSD-2-Clause */
#include "latency.h"

/* The first two octaves are exact, each later one has SEG_LATENCY_STEPS equal steps. */
static unsigned int bucket_of(uint32_t ns)
{
	unsigned int octave;

	if (ns < 2 * SEG_LATENCY_STEPS)
		return ns;
	octave = 31u - (unsigned int)__builtin_clz(ns / SEG_LATENCY_STEPS);
	return octave * SEG_LATENCY_STEPS + (ns >> octave);
}

/* The middle of a bucket. */
static uint32_t time_of(unsigned int bucket)
{
	unsigned int octave = bucket / SEG_LATENCY_STEPS;

	if (octave < 2)
		return bucket;
	octave--;
	return ((SEG_LATENCY_STEPS + bucket % SEG_LATENCY_STEPS) << octave) + (1u << octave) / 2;
}

void seg_latency_add(struct seg_latency *latency, uint32_t ns)
{
	latency->count++;
	latency->sum += ns;
	latency->bucket[bucket_of(ns)]++;
}

uint32_t seg_latency_percentile(const struct seg_latency *latency, double percent)
{
	uint64_t wanted = (uint64_t)((double)latency->count * percent / 100 + 0.5), seen = 0;

	for (unsigned int i = 0; i < SEG_LATENCY_BUCKETS; i++) {
		seen += latency->bucket[i];
		if (seen && seen >= wanted)
			return time_of(i);
	}
	return 0;
}

double seg_latency_mean(const struct seg_latency *latency)
{
	return latency->count ? (double)latency->sum / (double)latency->count : 0;
}
