/* SPDX-License-Identifier: BSD-2-Clause */
#include "classify_costs.h"

#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "bpf.h"
#include "compiler.h"
#include "regions.h"
#include "stats.h"

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- changes ----------------------------------------------------------------------- */

#define CHANGES 21

/* A policy while it is patched. */
struct patched {
	struct seg_policy_file file;
	struct seg_image *whole;
	const struct seg_image *image;
	struct seg_compiler *compiler;
};

static void patched_put(struct patched *p, struct seg_patched *next)
{
	free((char *)p->file.text);
	p->file.text = next->text;
	p->file.len = next->len;
	p->image = next->image;
}

static double change(struct patched *p, const char *rule, const char *before, const char *removed)
{
	const struct seg_patch patch = {.rule = rule, .before = before, .removed = removed};
	struct seg_patched next;
	double began = now_ns();

	if (seg_compiler_patch(p->compiler, p->image, &p->file, &patch, &next))
		bench_die("a rule cannot be changed");
	began = now_ns() - began;
	patched_put(p, &next);
	return began;
}

/* What a change of the text takes by itself: copied, and summed up, which names the policy. */
static double text_take(const struct patched *p)
{
	_cleanup_free_ char *copy = malloc(p->file.len);
	double began = now_ns();
	XXH128_hash_t sum;

	if (!copy)
		bench_die("no memory");
	memcpy(copy, p->file.text, p->file.len);
	sum = XXH3_128bits(copy, p->file.len);
	__asm__ volatile("" : : "r"(sum.low64) : "memory");
	return now_ns() - began;
}

static void report_change(struct bench_report *report, const char *name, const char *what,
			  double ns[CHANGES])
{
	char full[96];

	snprintf(full, sizeof(full), "%s rule %s", name, what);
	bench_report_fact(report, full, bench_median(ns, CHANGES).median / 1e6, "ms");
}

void bench_report_changes(struct bench_report *report, const char *name,
			  const struct seg_classbench *set)
{
	struct patched p = {.file = {"set", strndup(set->text, set->text_len), set->text_len}};
	double put[CHANGES], changed[CHANGES], removed[CHANGES], text[CHANGES];
	char middle[32];

	snprintf(middle, sizeof(middle), "rule-%u", set->rules / 2);
	if (seg_compiler_open(&p.file, NULL, &p.compiler, &p.whole, NULL))
		bench_die("%s does not compile", name);
	p.image = p.whole;
	for (unsigned int i = 0; i < CHANGES; i++) {
		put[i] = change(&p, "{id: new, from: 192.0.2.0/24, service: tcp/80, action: allow}",
				middle, NULL);
		changed[i] =
			change(&p, "{id: new, from: 198.51.100.7, service: tcp/81, action: deny}",
			       NULL, NULL);
		removed[i] = change(&p, NULL, NULL, "new");
		text[i] = text_take(&p);
	}
	report_change(report, name, "put into the middle", put);
	report_change(report, name, "changed in place", changed);
	report_change(report, name, "removed", removed);
	report_change(report, name, "changed: the text's part", text);
	seg_image_free(p.whole);
	seg_compiler_unref(p.compiler);
	free((char *)p.file.text);
}

/* --- regions ------------------------------------------------------------------------ */

#define REGION_ROUNDS 25
#define REGION_FLOWS  400

static double lookups_take(const struct seg_image *image, const struct seg_flow *flows)
{
	double began = now_ns();

	for (unsigned int i = 0; i < REGION_FLOWS; i++) {
		struct seg_decision decision;

		seg_image_classify(image, &flows[i], &decision, 1);
		__asm__ volatile("" : : "r"(decision.rule) : "memory");
	}
	return (now_ns() - began) / REGION_FLOWS;
}

static double regions_take(const struct seg_regions *regions, const struct seg_flow *flows)
{
	double began = now_ns();

	for (unsigned int i = 0; i < REGION_FLOWS; i++) {
		struct seg_region region;

		seg_regions_find(regions, &flows[i], &region);
		__asm__ volatile("" : : "r"(&region) : "memory");
	}
	return (now_ns() - began) / REGION_FLOWS;
}

void bench_report_regions(struct bench_report *report, const char *name,
			  const struct seg_image *image, const struct seg_classbench *set)
{
	double region[REGION_ROUNDS], lookup[REGION_ROUNDS], began = now_ns();
	_cleanup_regions_ struct seg_regions *regions = NULL;
	char what[96];

	if (seg_regions_open(image, &regions))
		bench_die("no memory");
	snprintf(what, sizeof(what), "%s trees for regions", name);
	bench_report_fact(report, what, (now_ns() - began) / 1e6, "ms");

	for (unsigned int i = 0; i < REGION_ROUNDS; i++) {
		const struct seg_flow *flows =
			set->flows + (size_t)i * REGION_FLOWS % (set->n - REGION_FLOWS);

		lookup[i] = lookups_take(image, flows);
		region[i] = regions_take(regions, flows);
	}
	snprintf(what, sizeof(what), "%s region", name);
	bench_compare(report, what, "one lookup", region, lookup, REGION_ROUNDS, 10.0);
}
