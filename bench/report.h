/* SPDX-License-Identifier: BSD-2-Clause */
/* report.h - figures beside their targets: a table for people, JSON for machines. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stddef.h>

#define BENCH_NO_TARGET 0.0

struct bench_report;

/* `name`: of the benchmark. Prints the machine's facts and the table's head. */
struct bench_report *bench_report_begin(const char *name, unsigned int pairs);

/*
 * One row: the ratio a[i] / b[i] of `count` pairs measured side by side, in ns a
 * packet. `target`: what the ratio must not exceed, or BENCH_NO_TARGET.
 */
void bench_compare(struct bench_report *report, const char *what, const char *versus,
		   const double *a, const double *b, size_t count, double target);

/* A fact that is no comparison. */
void bench_report_fact(struct bench_report *report, const char *what, double value,
		       const char *unit);

/* Writes JSON to `file` unless it is NULL, and frees the report. */
void bench_report_end(struct bench_report *report, const char *file);

#endif
