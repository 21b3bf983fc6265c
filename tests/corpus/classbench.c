/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ClassBench sets from $XDPSEG_CORPUS: each set whose expected answers are there is written as
 * a policy, compiled, and asked its whole trace in every way a lookup is done here. $HEADERS
 * (2000) random headers a set are judged by a scan of all rules as well.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "corpus/classbench_sets.h"
#include "policy.h"
#include "random.h"

#define SKIPPED 77 /* Meson's exit code for a test that could not run */
#define BATCH   SEG_CLASSIFY_MAX

static __u64 seed;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* How many answers were wrong; ns for all of them. */
static unsigned int trace_judge(const struct seg_image *image, const struct seg_classbench *set,
				enum seg_lookup_way way, int64_t *ns)
{
	struct seg_decision out[BATCH];
	unsigned int wrong = 0;

	*ns = 0;
	for (unsigned int first = 0; first < set->n; first += BATCH) {
		unsigned int n = set->n - first < BATCH ? set->n - first : BATCH;
		int64_t before = now_ns();

		seg_image_classify_by(way, image, set->flows + first, out, n);
		*ns += now_ns() - before;
		for (unsigned int j = 0; j < n; j++)
			wrong += (long)(int32_t)out[j].rule != set->expected[first + j];
	}
	return wrong;
}

/* Fields of one flow each, so that some rule is met more often than never. */
static struct seg_flow header_make(const struct seg_classbench *set)
{
	struct seg_flow flow = set->flows[seg_random(&seed) % set->n];
	const struct seg_flow *other = &set->flows[seg_random(&seed) % set->n];
	__u64 bits = seg_random(&seed);

	if (bits & 1)
		flow.src[3] = bits & 2 ? other->src[3] : (__be32)(bits >> 32);
	if (bits & 4)
		flow.dst[3] = bits & 8 ? other->dst[3] : (__be32)seg_random(&seed);
	if (bits & 16)
		flow.sport = bits & 32 ? other->sport : (__be16)(bits >> 8);
	if (bits & 64)
		flow.dport = bits & 128 ? other->dport : (__be16)(bits >> 24);
	return flow;
}

static unsigned int headers_judge(const struct seg_image *image, const struct seg_classbench *set,
				  unsigned int headers)
{
	struct seg_decision out[BATCH];
	struct seg_flow flows[BATCH];
	unsigned int wrong = 0;

	for (unsigned int done = 0; done < headers; done += BATCH) {
		for (unsigned int i = 0; i < BATCH; i++)
			flows[i] = header_make(set);
		seg_image_classify_by(done / BATCH % (seg_lookup_best() + 1), image, flows, out,
				      BATCH);
		for (unsigned int i = 0; i < BATCH; i++)
			wrong += seg_image_scan(image, &flows[i]).rule != out[i].rule;
	}
	return wrong;
}

static unsigned int headers_each(void)
{
	const char *given = getenv("HEADERS");

	return given ? (unsigned int)strtoul(given, NULL, 0) : 2000;
}

static unsigned int image_judge(const struct seg_image *image, const struct seg_classbench *set)
{
	unsigned int wrong = headers_judge(image, set, headers_each());

	for (enum seg_lookup_way way = 0; way < SEG_LOOKUP_WAYS; way++) {
		int64_t ns = 0;

		if (!seg_lookup_runs(way))
			continue;
		wrong += trace_judge(image, set, way, &ns);
		printf("  %s %5" PRId64 " ns", seg_lookup_name(way), ns / set->n);
	}
	return wrong;
}

static int set_run(const char *base)
{
	_cleanup_(seg_classbench_free) struct seg_classbench set = {0};
	_cleanup_image_ struct seg_image *image = NULL;
	struct seg_error err = {0};
	unsigned int wrong;
	int64_t before;

	if (seg_classbench_read(&set, base)) {
		fprintf(stderr, "%s: no rules or no trace\n", base);
		return 1;
	}
	before = now_ns();
	if (seg_policy_compile(&(struct seg_policy_file){base, set.text, set.text_len}, NULL,
			       &image, &err)) {
		seg_error_print(&err, stderr, 0);
		return 1;
	}
	printf("%-12s %6u rules  compiled in %4" PRId64 " ms  %9zu bytes  %6u flows",
	       strrchr(base, '/') + 1, set.rules, (now_ns() - before) / 1000000,
	       seg_image_size(image), set.n);
	wrong = image_judge(image, &set);
	printf("  %u wrong\n", wrong);
	fflush(stdout);
	return wrong != 0;
}

int main(void)
{
	const char *corpus = getenv("XDPSEG_CORPUS");
	_cleanup_fclose_ FILE *list = NULL;
	char path[PATH_MAX], base[2 * PATH_MAX];
	unsigned int sets = 0;
	int failed = 0;

	if (!corpus) {
		fputs("not run: XDPSEG_CORPUS does not name a corpus\n", stderr);
		return SKIPPED;
	}
	snprintf(path, sizeof(path), "%s/rules.tsv", corpus);
	list = fopen(path, "r");
	if (!list) {
		fprintf(stderr, "%s cannot be opened\n", path);
		return 1;
	}
	seed = seg_random_seed();
	for (; seg_classbench_next(list, corpus, base, sizeof(base)); sets++)
		failed |= set_run(base);
	printf("%u sets\n", sets);
	return failed || !sets;
}
