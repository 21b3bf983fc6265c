/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * programs.h - the programs, one for each way a packet can go: XDP for what arrives or is
 * forwarded, tc for what leaves, on the same tables, run by BPF_PROG_TEST_RUN. A socket
 * that nobody reads stands for the worker's, so that a redirect is granted as on an
 * interface.
 */
#ifndef SEG_PROGRAMS_H
#define SEG_PROGRAMS_H

#include "egress.h"
#include "ingress.h"

struct seg_programs {
	struct ingress_bpf *ingress[SEG_DIRECTION_MAX]; /* NULL: not wanted, or not XDP's */
	struct egress_bpf *egress;                      /* NULL: not wanted */
	int fd[SEG_DIRECTION_MAX];
	struct seg_replay_word *word[SEG_DIRECTION_MAX];
	int xsk;
	uint8_t *out; /* the frame as the program leaves it, metadata first */
};

/* What one run did. */
struct seg_program_run {
	uint8_t reason;              /* enum seg_reason */
	uint32_t ns;                 /* as the kernel measured it */
	const struct seg_meta *meta; /* what went up before the frame; NULL: nothing */
};

/* Load those of the first `n` directions, with the constants of each. */
int seg_programs_open(struct seg_programs *programs, const struct seg_tables *tables,
		      const struct seg_constants *constants,
		      const struct seg_failsafe_set *failsafe, unsigned int n,
		      struct seg_error *err);
void seg_programs_close(struct seg_programs *programs);

/* One packet, at `now` ns. -errno: the kernel did not run it. */
int seg_programs_run(struct seg_programs *programs, unsigned int direction, uint64_t now,
		     const uint8_t *frame, uint32_t size, struct seg_program_run *run,
		     struct seg_error *err);

#endif
