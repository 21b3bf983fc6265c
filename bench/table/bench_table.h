/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * bench_table.h - what the table benchmark's two sides share.
 */
#ifndef SEG_BENCH_TABLE_H
#define SEG_BENCH_TABLE_H

#include "abi.h"

#define BENCH_GENERATION 1

/* Section .rodata.bench, alone in it. */
struct bench_config {
	struct seg_constants constants;
	__u32 sessions;
	__u32 spare;
};

/* Section .data.bench, alone in it. */
struct bench_state {
	__u64 random;
	__u64 next;  /* number of the key that `insert` takes */
	__u64 wrong; /* runs that did not find what they should */
	__u64 sink;
};

/* Key number n of a set in which nothing is sequential. */
static inline __attribute__((always_inline)) void bench_key(struct seg_key *key, __u32 n)
{
	const __u16 ports[2] = {443, (__u16)(n * 0x9e37u)};

	*key = (struct seg_key){
		.addr = {{0, 0, 0xffff0000, n * 0x9e3779b1u}, {0, 0, 0xffff0000, ~n * 0x85ebca6bu}},
		.port = {ports[0], ports[1]},
		.proto = 6,
		.family = 4,
	};
}

static inline __attribute__((always_inline)) __u64 bench_verdict(void)
{
	return SEG_VERDICT_ALLOW | (__u64)BENCH_GENERATION << 16;
}

#endif
