/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * run.h - one call of BPF_PROG_TEST_RUN: which flow comes next, and when it began
 * and ended. The program takes the time itself: the duration that the call
 * reports is cut to whole nanoseconds, and its own end waits for RCU.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <linux/types.h>

/* Written by C before the call and by the program during it. */
struct bench_run {
	__u64 random; /* any but 0 */
	__u64 done;   /* repetitions so far */
	__u64 last;   /* `last` repetitions lie between began and ended */
	__u64 began;  /* ns */
	__u64 ended;
};

#define BENCH_RUN_START                                                                            \
	{                                                                                          \
		.random = 88172645463325252ull                                                     \
	}

#ifdef __bpf__

#include <bpf/bpf_helpers.h>

#include "flows.h"

/* The flow of this repetition: below `flows`. */
static __always_inline __u32 bench_next_flow(struct bench_run *run, __u32 flows)
{
	if (run->done == 0)
		run->began = bpf_ktime_get_ns();
	if (run->done++ == run->last)
		run->ended = bpf_ktime_get_ns();
	return bench_pick(&run->random, flows);
}

#else

static inline void bench_run_begin(struct bench_run *run, __u32 repeat)
{
	run->done = 0;
	run->last = repeat - 1;
}

/* ns a repetition. */
static inline double bench_run_ns(const struct bench_run *run)
{
	return (double)(run->ended - run->began) / (double)run->last;
}

#endif

#endif
