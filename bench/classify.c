/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * classify.c - what a lookup in a policy costs, beside librte_acl: the ClassBench sets of
 * $XDPSEG_CORPUS, their traces in random order, one core.
 *
 * Both answer every line of the trace first, and must say the rule that is expected. Then they
 * take turns, a stretch of the trace each, with bursts of every size; ns are of the thread's
 * own CPU time, so that whoever else uses the machine disturbs less. The other's turn has emptied
 * the caches, of which librte_acl's hundreds of megabytes leave nothing: a turn begins with
 * stretches that are not timed, until what each needs most is near again. librte_acl is asked with
 * larger bursts too, since it likes them; its best is what counts.
 */
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "acl.h"
#include "bpf.h"
#include "build.h"
#include "classify_costs.h"
#include "cleanup.h"
#include "corpus/classbench_sets.h"
#include "hold.h"
#include "peak.h"
#include "pieces.h"
#include "policy.h"
#include "random.h"
#include "report.h"
#include "stats.h"

#define STRETCH    4096 /* lookups between two looks at the clock */
#define WARM       (16 * STRETCH)
#define ROUNDS_MAX 1000

static const unsigned int BURSTS[] = {1, 8, 16, 32, 64, 128, 256};

#define BURSTS_N SEG_ARRAY_SIZE(BURSTS)

struct settings {
	unsigned int rounds;
	const char *only; /* sets whose name has this */
	const char *json;
};

struct contest {
	const char *name;
	struct seg_classbench set;
	const struct seg_image *image;
	struct bench_acl *acl;           /* NULL: no DPDK */
	double compile_ns, compile_peak; /* text to image */
	double build_ns;                 /* the classifier, of it */
	double ours[BURSTS_N][ROUNDS_MAX], theirs[BURSTS_N][ROUNDS_MAX];
};

/* Of the sets of 10,000 rules and more. */
static struct {
	double logarithms;
	unsigned int n;
} ratios;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- the sets ---------------------------------------------------------------------- */

static void trace_shuffle(struct seg_classbench *set)
{
	__u64 state = 7;

	for (unsigned int i = set->n - 1; i > 0; i--) {
		unsigned int j = (unsigned int)(seg_random(&state) % (i + 1));
		struct seg_flow flow = set->flows[i];
		long expected = set->expected[i];

		set->flows[i] = set->flows[j];
		set->flows[j] = flow;
		set->expected[i] = set->expected[j];
		set->expected[j] = expected;
	}
}

/* Rules as they are unfolded to hash tables: what rte_acl_build() is asked. */
static double build_ns(const struct seg_policy_file *file)
{
	struct seg_error err = {0};
	_cleanup_(seg_build_free) struct seg_build b = {.parser.sources.err = &err};
	double began;

	if (seg_build_rules(&b, file))
		bench_die("%s: %s", file->name, err.what);
	began = now_ns();
	if (seg_finders_make(&b))
		bench_die("%s: no memory", file->name);
	return now_ns() - began;
}

/* As workers have it: sealed, and mapped in small pages. */
static const struct seg_image *mapped(struct seg_image *made)
{
	_cleanup_image_ struct seg_image *image = made;
	struct seg_error err = {0};
	const struct seg_image *out = NULL;
	_cleanup_(seg_closep) int fd = seg_image_seal(image, &err);

	if (fd < 0 || seg_image_map(fd, &out, &err))
		bench_die("an image cannot be mapped: %s", err.what);
	return out;
}

static void contest_open(struct contest *c, const char *base)
{
	struct seg_policy_file file;
	struct seg_image *image;
	struct seg_error err = {0};
	double began, had;

	c->name = strrchr(base, '/') + 1;
	if (seg_classbench_read(&c->set, base))
		bench_die("%s: no rules or no trace", base);
	file = (struct seg_policy_file){c->name, c->set.text, c->set.text_len};
	trace_shuffle(&c->set);
	had = bench_peak_begin();
	began = now_ns();
	if (seg_policy_compile(&file, NULL, &image, &err))
		bench_die("%s: %s", base, err.what);
	c->compile_ns = now_ns() - began;
	c->compile_peak = bench_peak_end(had);
	c->image = mapped(image);
	c->build_ns = build_ns(&file);
	c->acl = bench_acl_open(&c->set);
}

static void contest_close(struct contest *c)
{
	if (c->acl)
		bench_acl_close(c->acl);
	seg_image_unmap(c->image);
	seg_classbench_free(&c->set);
	free(c);
}

/* --- answers ----------------------------------------------------------------------- */

union answers {
	struct seg_decision ours[SEG_CLASSIFY_MAX];
	unsigned int theirs[BENCH_ACL_BURST_MAX]; /* rules, plus one */
};

typedef void answer(const struct contest *c, size_t first, union answers *out, unsigned int n);

static void our_answer(const struct contest *c, size_t first, union answers *out, unsigned int n)
{
	seg_image_classify(c->image, c->set.flows + first, out->ours, n);
}

static void their_answer(const struct contest *c, size_t first, union answers *out, unsigned int n)
{
	bench_acl_classify(c->acl, first, out->theirs, n);
}

static void answers_check(const struct contest *c, answer *ask, const char *who)
{
	union answers out;

	for (size_t first = 0; first + SEG_CLASSIFY_MAX <= c->set.n; first += SEG_CLASSIFY_MAX) {
		ask(c, first, &out, SEG_CLASSIFY_MAX);
		for (unsigned int i = 0; i < SEG_CLASSIFY_MAX; i++) {
			unsigned int rule =
				ask == our_answer ? out.ours[i].rule + 1 : out.theirs[i];

			if ((long)rule - 1 != c->set.expected[first + i])
				bench_die("%s: %s is wrong about line %zu", c->name, who,
					  first + i);
		}
	}
}

/* ns a lookup; the compiler may not leave any out. */
static double stretch(const struct contest *c, answer *ask, size_t first, unsigned int burst)
{
	union answers out;
	double began = now_ns();

	for (size_t at = first; at < first + STRETCH; at += burst) {
		ask(c, at, &out, burst);
		__asm__ volatile("" : : "r"(&out) : "memory");
	}
	return (now_ns() - began) / STRETCH;
}

/* As one who has the caches for himself; the trace is a circle. */
static double turn(const struct contest *c, answer *ask, size_t first, unsigned int burst)
{
	size_t whole = c->set.n - c->set.n % STRETCH;

	for (size_t i = 0; i < WARM; i += STRETCH)
		stretch(c, ask, (first + i) % whole, burst);
	return stretch(c, ask, (first + WARM) % whole, burst);
}

static void rounds_run(struct contest *c, unsigned int rounds)
{
	size_t stretches = c->set.n / STRETCH;

	for (unsigned int round = 0; round < rounds; round++)
		for (size_t i = 0; i < BURSTS_N; i++) {
			size_t first = (round * 7 + i) % stretches * STRETCH;

			if (BURSTS[i] <= SEG_CLASSIFY_MAX)
				c->ours[i][round] = turn(c, our_answer, first, BURSTS[i]);
			if (c->acl)
				c->theirs[i][round] = turn(c, their_answer, first, BURSTS[i]);
		}
}

/* --- figures ----------------------------------------------------------------------- */

static bool has_size(const struct contest *c, const char *size)
{
	return strstr(c->name, size) != NULL;
}

static double burst_median(const double *values, unsigned int rounds)
{
	double scratch[ROUNDS_MAX];

	memcpy(scratch, values, rounds * sizeof(*values));
	return bench_median(scratch, rounds).median;
}

/* The burst that does best. */
static size_t best_of(double values[][ROUNDS_MAX], size_t n, unsigned int rounds)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
		if (burst_median(values[i], rounds) < burst_median(values[best], rounds))
			best = i;
	return best;
}

static void compare_best(struct bench_report *report, struct contest *c, unsigned int rounds)
{
	size_t ours = best_of(c->ours, 5, rounds), theirs = best_of(c->theirs, BURSTS_N, rounds);
	bool counts = has_size(c, "_10k") || has_size(c, "_100k");
	char what[64];

	snprintf(what, sizeof(what), "%s best (%u, %u)", c->name, BURSTS[ours], BURSTS[theirs]);
	bench_compare(report, what, "librte_acl", c->ours[ours], c->theirs[theirs], rounds,
		      counts ? 1.0 : BENCH_NO_TARGET);
	if (!counts)
		return;
	ratios.logarithms +=
		log(burst_median(c->ours[ours], rounds) / burst_median(c->theirs[theirs], rounds));
	ratios.n++;
}

static void compare_bursts(struct bench_report *report, struct contest *c, unsigned int rounds)
{
	char what[64];

	for (size_t i = 0; i < 5; i++) {
		snprintf(what, sizeof(what), "%s burst %u", c->name, BURSTS[i]);
		if (c->acl)
			bench_compare(report, what, "librte_acl", c->ours[i], c->theirs[i], rounds,
				      has_size(c, "_100k") && i == 0 ? 1.0 / 3 : BENCH_NO_TARGET);
		else
			bench_report_fact(report, what, burst_median(c->ours[i], rounds), "ns");
	}
	if (c->acl)
		compare_best(report, c, rounds);
}

static void fact(struct bench_report *report, const struct contest *c, const char *what,
		 double value, const char *unit)
{
	char name[96];

	snprintf(name, sizeof(name), "%s %s", c->name, what);
	bench_report_fact(report, name, value, unit);
}

static void report_sizes(struct bench_report *report, const struct contest *c)
{
	double tables = (double)seg_image_tables_size(c->image);

	fact(report, c, "text to image", c->compile_ns / 1e6, "ms");
	fact(report, c, "text to image, at most", c->compile_peak / 1e6, "MB");
	fact(report, c, "classifier built", c->build_ns / 1e6, "ms");
	fact(report, c, "classifier", tables / 1e6, "MB");
	fact(report, c, "image", (double)seg_image_size(c->image) / 1e6, "MB");
	if (!c->acl)
		return;
	fact(report, c, "librte_acl built", bench_acl_build_ns(c->acl) / 1e6, "ms");
	fact(report, c, "librte_acl build / ours", bench_acl_build_ns(c->acl) / c->build_ns, "");
	fact(report, c, "librte_acl build / text to image",
	     bench_acl_build_ns(c->acl) / c->compile_ns, "");
	fact(report, c, "librte_acl", bench_acl_bytes(c->acl) / 1e6, "MB");
	fact(report, c, "librte_acl build, at most", bench_acl_peak(c->acl) / 1e6, "MB");
	fact(report, c, "librte_acl memory / ours", bench_acl_bytes(c->acl) / tables, "");
}

static void set_run(struct bench_report *report, const struct settings *settings, const char *base)
{
	struct contest *c = calloc(1, sizeof(*c));

	if (!c)
		bench_die("no memory");
	contest_open(c, base);
	answers_check(c, our_answer, "xdpseg");
	if (c->acl)
		answers_check(c, their_answer, "librte_acl");
	rounds_run(c, settings->rounds);
	compare_bursts(report, c, settings->rounds);
	report_sizes(report, c);
	bench_report_changes(report, c->name, &c->set);
	bench_report_regions(report, c->name, c->image, &c->set);
	contest_close(c);
}

/* --- what is run ------------------------------------------------------------------- */

static void usage(void)
{
	printf("bench-classify [--quick] [--rounds N] [--set NAME] [--json FILE]\n"
	       "  --quick   sets of 1,000 rules only, fewer rounds\n"
	       "  --rounds  pairs of a ratio (100; 6 to %d)\n"
	       "  --set     only sets whose name has this\n"
	       "  --json    write the figures to FILE as well\n",
	       ROUNDS_MAX);
	exit(0);
}

static void parse(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
		{"quick", no_argument, NULL, 'q'},     {"rounds", required_argument, NULL, 'r'},
		{"set", required_argument, NULL, 's'}, {"json", required_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},      {}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'q')
			*settings = (struct settings){.rounds = 12, .only = "_1k"};
		else if (option == 'r')
			settings->rounds = (unsigned int)strtoul(optarg, NULL, 0);
		else if (option == 's')
			settings->only = optarg;
		else if (option == 'j')
			settings->json = optarg;
		else
			usage();
	}
	if (settings->rounds < 6 || settings->rounds > ROUNDS_MAX)
		usage();
}

int main(int argc, char **argv)
{
	struct settings settings = {.rounds = 100};
	const char *corpus = getenv("XDPSEG_CORPUS");
	_cleanup_fclose_ FILE *list = NULL;
	char path[PATH_MAX], base[2 * PATH_MAX];
	struct bench_report *report;

	parse(argc, argv, &settings);
	if (!corpus) {
		puts("bench-classify: not run, XDPSEG_CORPUS does not name a corpus");
		return 0;
	}
	snprintf(path, sizeof(path), "%s/rules.tsv", corpus);
	list = fopen(path, "r");
	if (!list)
		bench_die("%s cannot be opened", path);
	bench_hold_cpu();
	report = bench_report_begin("P6", settings.rounds);
	while (seg_classbench_next(list, corpus, base, sizeof(base)))
		if (!settings.only || strstr(strrchr(base, '/'), settings.only))
			set_run(report, &settings, base);
	if (ratios.n)
		bench_report_fact(report, "geometric mean of the best, 10k and 100k",
				  exp(ratios.logarithms / ratios.n), "of librte_acl's ns");
	bench_report_end(report, settings.json);
	return 0;
}
