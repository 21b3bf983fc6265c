/* SPDX-License-Identifier: BSD-2-Clause */
/* latency.h - a distribution of times: exact below 128 ns, to 1.6 % beyond. Single writer. */
#ifndef SEG_LATENCY_H
#define SEG_LATENCY_H

#include <stdint.h>

#define SEG_LATENCY_STEPS   64 /* an octave */
#define SEG_LATENCY_BUCKETS (SEG_LATENCY_STEPS * 27)

struct seg_latency {
	uint64_t count;
	uint64_t sum; /* ns */
	uint64_t bucket[SEG_LATENCY_BUCKETS];
};

void seg_latency_add(struct seg_latency *latency, uint32_t ns);

/* The time that `percent` of all do not exceed, ns; 0 where there is none. */
uint32_t seg_latency_percentile(const struct seg_latency *latency, double percent);

/* ns; 0 where there is none. */
double seg_latency_mean(const struct seg_latency *latency);

#endif
