/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* p1_wrap.h - what p1_wrap.bpf.c and p1.c share. */
#ifndef BENCH_P1_WRAP_H
#define BENCH_P1_WRAP_H

#include <linux/types.h>

/* One call of BPF_PROG_TEST_RUN: written by C before and by the program during it. */
struct bench_p1_run {
	__u64 random;
	__u64 done;  /* repetitions so far */
	__u64 last;  /* `last` repetitions lie between began and ended */
	__u64 began; /* ns */
	__u64 ended;
};

#endif
