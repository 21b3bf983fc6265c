/* SPDX-License-Identifier: BSD-2-Clause */
/* report.h - figures beside their targets: a table for people, JSON for machines. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#include "stats.h"

#define BENCH_NO_TARGET 0.0

/* One comparison. Times are medians, in ns a packet. */
struct bench_row {
	const char *what;
	const char *versus;
	struct bench_interval ratio; /* of pairs measured side by side */
	double target;               /* the ratio's upper bound, or BENCH_NO_TARGET */
	double ns;
	double versus_ns;
};

struct bench_report;

/* `name`: of the benchmark. Prints the machine's facts and the table's head. */
struct bench_report *bench_report_begin(const char *name, unsigned int pairs);
void bench_report_row(struct bench_report *report, const struct bench_row *row);

/* A fact that is no comparison. */
void bench_report_fact(struct bench_report *report, const char *what, double value,
		       const char *unit);

/* Writes JSON to `file` unless it is NULL, and frees the report. */
void bench_report_end(struct bench_report *report, const char *file);

#endif
