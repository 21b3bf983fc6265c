/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acl.h - librte_acl (DPDK) with a ClassBench set, for bench/classify.c. Without DPDK at build
 * time bench_acl_open() returns NULL (acl_none.c).
 */
#ifndef BENCH_ACL_H
#define BENCH_ACL_H

#include <stddef.h>

#include "corpus/classbench_sets.h"

#define BENCH_ACL_BURST_MAX 256

struct bench_acl;

/* Builds its tries from the rules, and its keys from the trace; exits on an error. */
struct bench_acl *bench_acl_open(const struct seg_classbench *set);
void bench_acl_close(struct bench_acl *acl);

double bench_acl_build_ns(const struct bench_acl *acl);
double bench_acl_bytes(const struct bench_acl *acl);

/* What the build took at most. */
double bench_acl_peak(const struct bench_acl *acl);

/* The rules of n lines of the trace from `first`, plus one; 0: none. */
void bench_acl_classify(const struct bench_acl *acl, size_t first, unsigned int *rules,
			unsigned int n);

#endif
