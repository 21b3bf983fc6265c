/* SPDX-License-Identifier: BSD-2-Clause */
/* classify_costs.h - what is asked of a policy beside lookups: one rule changed, a region. */
#ifndef BENCH_CLASSIFY_COSTS_H
#define BENCH_CLASSIFY_COSTS_H

#include "classify.h"
#include "corpus/classbench_sets.h"
#include "report.h"

/* A rule put into the middle, changed there, and taken out again; medians, in ms. */
void bench_report_changes(struct bench_report *report, const char *name,
			  const struct seg_classbench *set);

/* Regions around the trace's flows, and lookups of the same ones by one. */
void bench_report_regions(struct bench_report *report, const char *name,
			  const struct seg_image *image, const struct seg_classbench *set);

#endif
