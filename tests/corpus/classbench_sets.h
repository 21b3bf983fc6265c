/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * classbench_sets.h - ClassBench sets of $XDPSEG_CORPUS, with their traces and the rule that is
 * expected for each line of them; as policies too.
 *
 * Sets use some protocols without ports as if they had: these are renamed.
 */
#ifndef SEG_CLASSBENCH_SETS_H
#define SEG_CLASSBENCH_SETS_H

#include <stdio.h>

#include "classify.h"

struct seg_classbench_rule {
	uint32_t src, dst; /* host order */
	unsigned int src_len, dst_len, sport[2], dport[2];
	uint8_t proto;
	bool any_proto;
};

struct seg_classbench {
	char *text; /* the policy */
	size_t text_len;
	struct seg_classbench_rule *rule;
	struct seg_flow *flows;
	long *expected; /* rule, or -1 */
	unsigned int rules, n;
};

/* The next set that rules.tsv names: its path without endings. 0: no more. */
int seg_classbench_next(FILE *list, const char *corpus, char *base, size_t size);

/* -1: no rules or no trace. */
int seg_classbench_read(struct seg_classbench *set, const char *base);
void seg_classbench_free(struct seg_classbench *set);

/* A flow with fields of several of the trace's, so that some rule is met more often than never. */
struct seg_flow seg_classbench_header(const struct seg_classbench *set, __u64 *seed);

/* $HEADERS, or as many as are said. */
unsigned int seg_classbench_headers(unsigned int otherwise);

/* Ask for each set that $XDPSEG_CORPUS has; its name was printed, the line is the test's to end.
 * Returns what a test exits with: 77 without a corpus, 1 if one has failed. */
typedef int seg_classbench_test(const struct seg_classbench *set);
int seg_classbench_each(seg_classbench_test *test);

#endif
