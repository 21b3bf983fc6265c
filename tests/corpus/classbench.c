/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ClassBench sets from $XDPSEG_CORPUS: each set whose expected answers are there is written as
 * a policy, compiled, and asked its whole trace in every way a lookup is done here. $HEADERS
 * (2000) random headers a set are judged by a scan of all rules as well.
 */
#include <inttypes.h>
#include <time.h>

#include "corpus/classbench_sets.h"
#include "policy.h"
#include "random.h"

#define BATCH SEG_CLASSIFY_MAX

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

static unsigned int headers_judge(const struct seg_image *image, const struct seg_classbench *set,
				  unsigned int headers)
{
	struct seg_decision out[BATCH];
	struct seg_flow flows[BATCH];
	unsigned int wrong = 0;

	for (unsigned int done = 0; done < headers; done += BATCH) {
		for (unsigned int i = 0; i < BATCH; i++)
			flows[i] = seg_classbench_header(set, &seed);
		seg_image_classify_by(done / BATCH % (seg_lookup_best() + 1), image, flows, out,
				      BATCH);
		for (unsigned int i = 0; i < BATCH; i++)
			wrong += seg_image_scan(image, &flows[i]).rule != out[i].rule;
	}
	return wrong;
}

static unsigned int image_judge(const struct seg_image *image, const struct seg_classbench *set)
{
	unsigned int wrong = headers_judge(image, set, seg_classbench_headers(2000));

	for (enum seg_lookup_way way = 0; way < SEG_LOOKUP_WAYS; way++) {
		int64_t ns = 0;

		if (!seg_lookup_runs(way))
			continue;
		wrong += trace_judge(image, set, way, &ns);
		printf("  %s %5" PRId64 " ns", seg_lookup_name(way), ns / set->n);
	}
	return wrong;
}

static int set_judge(const struct seg_classbench *set)
{
	_cleanup_image_ struct seg_image *image = NULL;
	struct seg_error err = {0};
	int64_t before = now_ns();
	unsigned int wrong;

	if (seg_policy_compile(&(struct seg_policy_file){"set", set->text, set->text_len}, NULL,
			       &image, &err)) {
		seg_error_print(&err, stderr, 0);
		return 1;
	}
	printf("  compiled in %4" PRId64 " ms  %9zu bytes  %6u flows",
	       (now_ns() - before) / 1000000, seg_image_size(image), set->n);
	wrong = image_judge(image, set);
	printf("  %u wrong\n", wrong);
	return wrong != 0;
}

int main(void)
{
	seed = seg_random_seed();
	return seg_classbench_each(set_judge);
}
