/* SPDX-License-Identifier: BSD-2-Clause */
/* acl_none.c - where there is no DPDK to compare with. */
#include "acl.h"

struct bench_acl *bench_acl_open(const struct seg_classbench *set)
{
	(void)set;
	return NULL;
}

void bench_acl_close(struct bench_acl *acl)
{
	(void)acl;
}

double bench_acl_build_ns(const struct bench_acl *acl)
{
	(void)acl;
	return 0;
}

double bench_acl_bytes(const struct bench_acl *acl)
{
	(void)acl;
	return 0;
}

double bench_acl_peak(const struct bench_acl *acl)
{
	(void)acl;
	return 0;
}

void bench_acl_classify(const struct bench_acl *acl, size_t first, unsigned int *rules,
			unsigned int n)
{
	(void)acl;
	(void)first;
	(void)rules;
	(void)n;
}
