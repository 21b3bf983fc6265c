/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_compare.c - `xdpseg policy diff`: which traffic another policy would treat otherwise. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "cleanup.h"
#include "cli.h"
#include "policy_diff.h"
#include "policy_file.h"
#include "policy_findings.h"
#include "policy_open.h"
#include "progress.h"
#include "text.h"
#include "view.h"
#include "words.h"

/* One of the two. */
struct side {
	struct seg_policy_files files;
	struct seg_policy *policy;
};

static void side_free(struct side *side)
{
	seg_policy_free(side->policy);
	seg_policy_files_free(&side->files);
}

/* --- a region ------------------------------------------------------------------------ */

static void word_add(void *context, const char *key, const char *word)
{
	json_t *match = context, *words = json_object_get(match, key);

	if (!words) {
		words = json_array();
		json_object_set_new(match, key, words);
	}
	json_array_append_new(words, json_string(word));
}

/* Who answers in a policy, and how. */
static json_t *answer_json(const struct side *side, const struct seg_owner *owner)
{
	const struct seg_image *image = seg_policy_image(side->policy);
	bool allow = owner->answer & SEG_ANSWER_ALLOW;
	json_t *json;

	if (owner->kind == SEG_OWNER_RULE)
		json = seg_policy_rule_json(&side->files, image, owner->index);
	else if (owner->kind == SEG_OWNER_FAILSAFE)
		json = json_pack("{s:s}", "failsafe", seg_image_failsafe_name(image, owner->index));
	else
		json = json_pack("{s:s}", "rule", "default");
	if (owner->kind == SEG_OWNER_VLAN)
		json_object_set_new(json, "unknown_vlan", json_true());
	json_object_set_new(
		json, "verdict",
		json_string(seg_verdict_word(allow ? SEG_VERDICT_ALLOW : SEG_VERDICT_DENY)));
	json_object_set_new(json, "limited", json_boolean(owner->answer > 3));
	return json;
}

/* --- text ------------------------------------------------------------------------------ */

static void words_print(const char *key, const json_t *words, FILE *to)
{
	size_t n = json_array_size(words), i;
	const json_t *word;

	fprintf(to, "%s: %s", key, n > 1 ? "[" : "");
	json_array_foreach (words, i, word)
		fprintf(to, "%s%s%s%s", i ? ", " : "",
			strchr(json_string_value(word), ':') ? "\"" : "", json_string_value(word),
			strchr(json_string_value(word), ':') ? "\"" : "");
	fputs(n > 1 ? "]" : "", to);
}

static void answer_print(const json_t *answer, FILE *to)
{
	const char *failsafe = json_string_value(json_object_get(answer, "failsafe"));

	fprintf(to, "%s%s (", seg_view_text(answer, "verdict"),
		json_is_true(json_object_get(answer, "limited")) ? " limited" : "");
	if (failsafe)
		fprintf(to, "failsafe '%s'", failsafe);
	else if (json_is_true(json_object_get(answer, "unknown_vlan")))
		fputs("unknown VLAN", to);
	else
		fputs(seg_view_text(answer, "rule"), to);
	if (json_object_get(answer, "file"))
		fprintf(to, ", %s:%d", seg_view_text(answer, "file"),
			(int)seg_view_number(answer, "line"));
	fputc(')', to);
}

static char *line_of(const json_t *change)
{
	json_t *match = json_object_get(change, "match"), *words;
	char *line = NULL;
	const char *key, *between = "";
	size_t size;
	FILE *to = open_memstream(&line, &size);

	if (!to)
		return NULL;
	fputc('{', to);
	json_object_foreach (match, key, words) {
		fputs(between, to);
		words_print(key, words, to);
		between = ", ";
	}
	fputs("}: ", to);
	answer_print(json_object_get(change, "before"), to);
	fputs(" -> ", to);
	answer_print(json_object_get(change, "after"), to);
	if (!fclose(to))
		return line;
	free(line);
	return NULL;
}

static json_t *change_json(const struct seg_space *space, const struct side *sides,
			   const struct seg_change *region)
{
	json_t *match = json_object();
	json_t *change = json_pack("{s:o, s:o, s:o}", "match", match, "before",
				   answer_json(&sides[0], &region->owner[0]), "after",
				   answer_json(&sides[1], &region->owner[1]));
	_cleanup_free_ char *line = NULL;

	seg_change_words(space, region, word_add, match);
	line = line_of(change);
	json_object_set_new(change, "text", json_string(line ? line : ""));
	return change;
}

/* The shortest first, then by the alphabet. */
static int by_length(const void *a, const void *b)
{
	const char *x = seg_view_text(*(json_t *const *)a, "text");
	const char *y = seg_view_text(*(json_t *const *)b, "text");
	size_t x_len = strlen(x), y_len = strlen(y);

	return x_len != y_len ? (x_len < y_len ? -1 : 1) : strcmp(x, y);
}

static json_t *changes_json(const struct seg_space *space, const struct side *sides,
			    const seg_changes *regions)
{
	_cleanup_free_ json_t **change = calloc(regions->n + 1, sizeof(json_t *));
	json_t *list = change ? json_array() : NULL;

	for (uint32_t i = 0; list && i < regions->n; i++)
		change[i] = change_json(space, sides, &regions->item[i]);
	if (list && regions->n) /* pointers are sorted */
		/* NOLINTNEXTLINE(bugprone-sizeof-expression) */
		qsort(change, regions->n, sizeof(json_t *), by_length);
	for (uint32_t i = 0; list && i < regions->n; i++)
		json_array_append_new(list, change[i]);
	return list;
}

int seg_view_diff(const struct seg_view *view, const json_t *diff)
{
	const json_t *change;
	size_t i;

	json_array_foreach (json_object_get(diff, "changes"), i, change)
		fprintf(view->to, "%s\n", seg_view_text(change, "text"));
	return 0;
}

/* --- the verb ---------------------------------------------------------------------------- */

static int report_failure(int r, struct seg_error *err)
{
	if (r != -E2BIG)
		return seg_error_set(err, -r, "out of memory");
	seg_error_set(err, E2BIG, "the policies differ in over %u regions", SEG_REGIONS_MAX);
	seg_error_mend(err, "compare them in smaller steps");
	return r;
}

static int compare(const struct side *sides, json_t **out, struct seg_error *err)
{
	_cleanup_space_ struct seg_space space = {0};
	seg_changes regions = {0};
	json_t *changes = NULL;
	int r = seg_policy_diff(&space, seg_policy_image(sides[0].policy),
				seg_policy_image(sides[1].policy), &regions);

	if (!r)
		changes = changes_json(&space, sides, &regions);
	free(regions.item);
	if (!r && !changes)
		r = -ENOMEM;
	if (r)
		return report_failure(r, err);
	*out = json_pack("{s:s, s:s, s:o}", "before", sides[0].files.item[0].name, "after",
			 sides[1].files.item[0].name, "changes", changes);
	return 0;
}

/* One file is compared with what is in force. */
static int open_sides(const struct seg_cli *cli, struct side *sides, struct seg_error *err)
{
	json_auto_t *about = NULL;
	int r = cli->operands_n == 1
			? seg_policy_in_force(cli, &about, &sides[0].files, &sides[0].policy, err)
			: seg_policy_file_read(cli, cli->operands[0], &sides[0].files,
					       &sides[0].policy, err);

	return r ? r
		 : seg_policy_file_read(cli, cli->operands[cli->operands_n - 1], &sides[1].files,
					&sides[1].policy, err);
}

/* A pair that is freed as one. */
struct sides {
	struct side side[2];
};

static void sides_free(struct sides *sides)
{
	side_free(&sides->side[0]);
	side_free(&sides->side[1]);
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	_cleanup_(sides_free) struct sides sides = {0};
	json_auto_t *diff = NULL;
	struct seg_progress progress;
	int r;

	if (cli->operands_n < 1 || cli->operands_n > 2)
		return seg_usage(err, &seg_verb_policy_diff, "name two files, or one");
	r = open_sides(cli, sides.side, err);
	seg_progress_begin(&progress, cli, "comparing", NULL);
	if (!r)
		r = compare(sides.side, &diff, err);
	seg_progress_end(&progress);
	if (r || (cli->global.quiet && !cli->global.json))
		return r;
	return seg_show_reply(cli, diff, seg_view_diff, err);
}

const struct seg_verb seg_verb_policy_diff = {
	.name = "policy diff",
	.synopsis = "[BEFORE] AFTER",
	.operand = "FILE",
	.summary = "say exactly which traffic two policies treat differently",
	.details =
		"Compares what two files say ('-': standard input), however they are written; or "
		"the policy\nin force with one file. A line is a region of packets as a rule would "
		"say it, with what\nbecame and what becomes of them; the shortest is first. No "
		"line: the policies are equivalent.\nWith two files neither daemon nor privilege "
		"is "
		"needed.",
	.run = run,
};
