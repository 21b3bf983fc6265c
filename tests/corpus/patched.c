/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ClassBench sets from $XDPSEG_CORPUS, patched: rules go, and copies of others come, at random
 * places, and what is spliced has to decide $HEADERS (20000) random headers a set as the text
 * compiled whole does.
 */
#include <string.h>

#include "compiler.h"
#include "corpus/classbench_sets.h"
#include "random.h"

#define PATCHES 200
#define LINE    256

static __u64 seed;

struct patched {
	struct seg_policy_file file;
	struct seg_compiler *compiler;
	struct seg_image *whole;
	const struct seg_image *image;
};

static int patched_open(struct patched *p)
{
	struct seg_error err = {0};
	int r = seg_compiler_open(&p->file, NULL, &p->compiler, &p->whole, &err);

	if (r)
		seg_error_print(&err, stderr, 0);
	p->image = p->whole;
	return r;
}

static void patched_close(struct patched *p)
{
	seg_compiler_unref(p->compiler);
	seg_image_free(p->whole);
	free((char *)p->file.text);
}

static uint32_t any_rule(const struct patched *p)
{
	return (uint32_t)(seg_random(&seed) % seg_image_rules(p->image));
}

/* "{action: ...}", as it stands in the text. */
static void rule_copy(const struct patched *p, char rule[LINE])
{
	struct seg_rule_info info = {0};
	const char *at = p->file.text;

	seg_image_rule_info(p->image, any_rule(p), &info);
	for (unsigned int line = 1; line < info.line; line++)
		at = strchr(at, '\n') + 1;
	snprintf(rule, LINE, "%.*s", (int)strcspn(at, "\n") - 2, at + strlen("- "));
}

static int patch_one(struct patched *p)
{
	char rule[LINE], place[SEG_NAME_MAX];
	struct seg_patch patch = {.removed = place};
	struct seg_patched next;

	snprintf(place, sizeof(place), "%s", seg_image_rule_id(p->image, any_rule(p)));
	rule_copy(p, rule);
	if (seg_random(&seed) & 1)
		patch = (struct seg_patch){.rule = rule, .before = place};
	if (seg_compiler_patch(p->compiler, p->image, &p->file, &patch, &next))
		return -1;
	free((char *)p->file.text);
	p->file.text = next.text;
	p->file.len = next.len;
	p->image = next.image;
	return 0;
}

static unsigned int headers_compare(const struct patched *p, const struct seg_classbench *set)
{
	unsigned int headers = seg_classbench_headers(20000), wrong = 0;
	_cleanup_image_ struct seg_image *whole = NULL;

	if (seg_policy_compile(&p->file, NULL, &whole, NULL))
		return headers;
	for (unsigned int i = 0; i < headers; i++) {
		struct seg_flow flow = seg_classbench_header(set, &seed);
		struct seg_decision wanted, got;

		seg_image_classify(whole, &flow, &wanted, 1);
		seg_image_classify_by(i % (seg_lookup_best() + 1), p->image, &flow, &got, 1);
		wrong += got.rule != wanted.rule || got.verdict != wanted.verdict;
	}
	return wrong;
}

static int set_patch(const struct seg_classbench *set)
{
	_cleanup_(patched_close) struct patched p = {
		.file = {"set", strndup(set->text, set->text_len), set->text_len}};
	unsigned int done = 0, wrong;

	if (patched_open(&p))
		return 1;
	while (done < PATCHES && !patch_one(&p))
		done++;
	wrong = headers_compare(&p, set);
	printf("  %u of %u patches  %u wrong\n", done, PATCHES, wrong);
	return wrong || done < PATCHES;
}

int main(void)
{
	seed = seg_random_seed();
	return seg_classbench_each(set_patch);
}
