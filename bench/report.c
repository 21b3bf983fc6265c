/* SPDX-License-Identifier: BSD-2-Clause */
/* report.c - figures beside their targets. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "bpf.h"
#include "cleanup.h"
#include "report.h"
#include "stats.h"

struct bench_report {
	json_t *root;
	json_t *rows;
	json_t *facts;
};

/* The CPU's name as the kernel has it, without the line's end. */
static void cpu_model(char *name, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(name, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !colon)
			continue;
		colon[strcspn(colon, "\n")] = '\0';
		snprintf(name, size, "%s", colon + 2);
		return;
	}
}

/* Times are medians, in ns a packet. */
struct row {
	const char *what;
	const char *versus;
	struct bench_interval ratio;
	double target;
	double ns;
	double versus_ns;
};

struct bench_report *bench_report_begin(const char *name, unsigned int pairs)
{
	struct bench_report *report = calloc(1, sizeof(*report));
	struct utsname kernel;
	char cpu[128];

	if (!report || uname(&kernel))
		bench_die("report");
	cpu_model(cpu, sizeof(cpu));
	report->rows = json_array();
	report->facts = json_object();
	report->root = json_pack("{s:s, s:{s:s, s:s, s:s, s:s}, s:i, s:o, s:o}", "benchmark", name,
				 "machine", "kernel", kernel.release, "arch", kernel.machine, "cpu",
				 cpu, "clang", BENCH_CLANG, "pairs", (int)pairs, "rows",
				 report->rows, "facts", report->facts);
	if (!report->root)
		bench_die("report");
	printf("%s: Linux %s, %s, %s, %u pairs; ratio = median with its 95 %% interval\n\n", name,
	       kernel.release, cpu, BENCH_CLANG, pairs);
	printf("%-34s %-12s %8s %8s  %5s  %-15s %7s\n", "what", "versus", "ns", "ns", "ratio",
	       "95 %", "target");
	return report;
}

static const char *judge(const struct row *row)
{
	if (row->ratio.high <= row->target)
		return "met";
	return row->ratio.median <= row->target ? "met?" : "missed";
}

static void report_row(struct bench_report *report, const struct row *row)
{
	const struct bench_interval *ratio = &row->ratio;
	json_t *json = json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f}", "what", row->what, "versus",
				 row->versus, "ns", row->ns, "versus_ns", row->versus_ns, "ratio",
				 ratio->median, "low", ratio->low, "high", ratio->high);

	printf("%-34s %-12s %8.1f %8.1f  %5.3f  [%5.3f, %5.3f]", row->what, row->versus, row->ns,
	       row->versus_ns, ratio->median, ratio->low, ratio->high);
	if (row->target > BENCH_NO_TARGET) {
		printf(" %7.2f  %s", row->target, judge(row));
		json_object_set_new(json, "target", json_real(row->target));
		json_object_set_new(json, "met", json_boolean(ratio->high <= row->target));
	}
	printf("\n");
	fflush(stdout);
	json_array_append_new(report->rows, json);
}

static double median_of(const double *values, size_t count, double *scratch)
{
	memcpy(scratch, values, count * sizeof(*values));
	return bench_median(scratch, count).median;
}

void bench_compare(struct bench_report *report, const char *what, const char *versus,
		   const double *a, const double *b, size_t count, double target)
{
	_cleanup_free_ double *scratch = calloc(count, sizeof(*scratch));
	struct row row = {.what = what, .versus = versus, .target = target};

	if (!scratch)
		bench_die("report");
	row.ratio = bench_median_ratio(a, b, count, scratch);
	row.ns = median_of(a, count, scratch);
	row.versus_ns = median_of(b, count, scratch);
	report_row(report, &row);
}

void bench_report_fact(struct bench_report *report, const char *what, double value,
		       const char *unit)
{
	printf("%-34s %10.6g %s\n", what, value, unit);
	json_object_set_new(report->facts, what,
			    json_pack("{s:f, s:s}", "value", value, "unit", unit));
}

void bench_report_end(struct bench_report *report, const char *file)
{
	if (file && json_dump_file(report->root, file, JSON_INDENT(2)))
		bench_die("writing %s", file);
	json_decref(report->root);
	free(report);
}
