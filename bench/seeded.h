/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seeded.h - the real XDP program, loaded with a policy's verdicts already in its
 * session table: over the project's own table, or over a BPF hash.
 */
#ifndef BENCH_SEEDED_H
#define BENCH_SEEDED_H

#include "abi.h"
#include "bpf.h"
#include "table.h"

enum bench_over { BENCH_OVER_TABLE, BENCH_OVER_HASH };

struct bench_seeded {
	struct bpf_object *object;
	int program;
	enum bench_over over;
	__u8 family;
	__u32 sessions; /* that it has room for */
	struct seg_constants constants;
	struct seg_table table; /* mapped; BENCH_OVER_TABLE */
};

/* What the program is loaded for. */
struct bench_load {
	enum bench_over over;
	const char *file; /* the object, or NULL: the one that was built with this benchmark */
	__u8 family;
	__u32 sessions;      /* room for that many, at the load the table is built for */
	__u32 half_open_max; /* 0: no unknown flow gets a session */
};

void bench_seeded_load(struct bench_seeded *seeded, const struct bench_load *load);
void bench_seeded_close(struct bench_seeded *seeded);

/* Flows 0..flows-1 of flows.h: live, established, allowed, their gates open. */
void bench_seed(struct bench_seeded *seeded, __u8 proto, __u32 flows);

/* Forget every session and everything counted. */
void bench_seeded_clear(struct bench_seeded *seeded);

/* Packets that left for this reason, by all CPUs. */
__u64 bench_exits(const struct bench_seeded *seeded, enum seg_reason reason);

#endif
