/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy_findings.h"

#include <inttypes.h>
#include <string.h>

#include "classify.h"
#include "cleanup.h"
#include "guard_rows.h"
#include "rule_findings.h"
#include "space.h"
#include "text.h"
#include "view.h"

/* How many are shown of each level, unless all are asked for. */
static const struct {
	const char *level;
	unsigned int shown;
} LEVELS[] = {{"warning", 100}, {"note", 20}};

json_t *seg_policy_rule_json(const struct seg_policy_files *files, const struct seg_image *image,
			     uint32_t rule)
{
	struct seg_rule_info info = {.file = ""};

	seg_image_rule_info(image, rule, &info);
	return json_pack("{s:s, s:s, s:i}", "rule", seg_image_rule_id(image, rule), "file",
			 *info.file ? info.file : files->item[0].name, "line", (int)info.line);
}

static json_t *other_json(const struct seg_policy_files *files, const struct seg_image *image,
			  const struct seg_finding_other *other)
{
	switch (other->kind) {
	case SEG_OWNER_RULE:
		return seg_policy_rule_json(files, image, other->index);
	case SEG_OWNER_FAILSAFE:
		return json_pack("{s:s}", "failsafe", seg_image_failsafe_name(image, other->index));
	case SEG_OWNER_GUARD:
		return json_pack("{s:s}", "guard", SEG_GUARDS[other->index].what);
	default:
		return json_pack("{s:b}", "default", 1);
	}
}

/* --- words ------------------------------------------------------------------------- */

static void other_print(const json_t *other, FILE *to)
{
	const char *failsafe = json_string_value(json_object_get(other, "failsafe"));
	const char *guard = json_string_value(json_object_get(other, "guard"));

	if (failsafe)
		fprintf(to, "failsafe '%s'", failsafe);
	else if (guard)
		fprintf(to, "the guard for %s", guard);
	else if (json_object_get(other, "default"))
		fputs("the default", to);
	else
		fprintf(to, "'%s' (%s:%" PRIu64 ")", seg_view_text(other, "rule"),
			seg_view_text(other, "file"), seg_view_number(other, "line"));
}

static void others_print(const json_t *others, bool more, FILE *to)
{
	size_t n = json_array_size(others);

	for (size_t i = 0; i < n; i++) {
		if (i)
			fputs(i + 1 == n && !more ? " and " : ", ", to);
		other_print(json_array_get(others, i), to);
	}
	fputs(more ? " and more" : "", to);
}

/* What is said before and behind the others. */
static const struct words {
	const char *lead, *tail;
} WORDS[SEG_FINDING_KINDS] = {
	[SEG_FINDING_NEVER] = {"can never match, because of ", ""},
	[SEG_FINDING_SHADOWED] = {"is shadowed by ", ": it never decides"},
	[SEG_FINDING_REDUNDANT] = {"is redundant: without it nothing changes, because of ", ""},
	[SEG_FINDING_FAILSAFE] = {"denies what always gets in, because of ", ""},
	[SEG_FINDING_CONFLICT] = {"contradicts ", " on what both match: the earlier one decides"},
};

static char *message_of(const struct seg_finding *finding, const char *id, const json_t *others)
{
	const struct words *words = &WORDS[finding->kind];
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	fprintf(to, "rule '%s' %s", id, words->lead);
	others_print(others, finding->more, to);
	fputs(words->tail, to);
	if (!fclose(to))
		return text;
	free(text);
	return NULL;
}

static json_t *finding_json(const struct seg_policy_files *files, const struct seg_image *image,
			    const struct seg_finding *finding)
{
	json_t *json = seg_policy_rule_json(files, image, finding->rule), *others = json_array();
	_cleanup_free_ char *message = NULL;

	for (uint32_t i = 0; i < finding->others_n; i++)
		json_array_append_new(others, other_json(files, image, &finding->other[i]));
	message = message_of(finding, seg_image_rule_id(image, finding->rule), others);
	json_object_set_new(json, "kind", json_string(seg_finding_name(finding->kind)));
	json_object_set_new(json, "level", json_string(seg_finding_level(finding)));
	json_object_set_new(json, "others", others);
	json_object_set_new(json, "more", json_boolean(finding->more));
	json_object_set_new(json, "message", json_string(message ? message : ""));
	return json;
}

json_t *seg_policy_findings_json(const struct seg_policy_files *files,
				 const struct seg_policy *policy)
{
	const struct seg_image *image = seg_policy_image(policy);
	seg_findings findings = {0};
	json_t *list = NULL;

	if (!seg_policy_findings(image, &findings))
		list = json_array();
	for (uint32_t i = 0; list && i < findings.n; i++)
		json_array_append_new(list, finding_json(files, image, &findings.item[i]));
	free(findings.item);
	return list;
}

static bool is_of(const json_t *finding, const char *key, const char *value)
{
	return !strcmp(seg_view_text(finding, key), value);
}

unsigned int seg_policy_findings_count(const json_t *findings, const char *level)
{
	unsigned int n = 0;
	const json_t *finding;
	size_t i;

	json_array_foreach (findings, i, finding)
		n += is_of(finding, "level", level);
	return n;
}

static void finding_print(const json_t *finding)
{
	seg_text_print(seg_view_text(finding, "file"), stderr);
	fprintf(stderr, ":%" PRIu64 ": %s: %s [%s]\n", seg_view_number(finding, "line"),
		seg_view_text(finding, "level"), seg_view_text(finding, "message"),
		seg_view_text(finding, "kind"));
}

/* "5 more warnings (3 redundant, 2 shadowed)" */
static void rest_print(const char *level, const unsigned int kinds[SEG_FINDING_KINDS])
{
	unsigned int n = 0;
	const char *between = "(";

	for (unsigned int i = 0; i < SEG_FINDING_KINDS; i++)
		n += kinds[i];
	if (!n)
		return;
	fprintf(stderr, "%u more %s%s ", n, level, n == 1 ? "" : "s");
	for (unsigned int i = 0; i < SEG_FINDING_KINDS; i++) {
		if (!kinds[i])
			continue;
		fprintf(stderr, "%s%u %s", between, kinds[i], seg_finding_name(i));
		between = ", ";
	}
	fputs("): --verbose shows all\n", stderr);
}

static unsigned int level_of(const json_t *finding)
{
	unsigned int i = 0;

	while (i + 1 < SEG_ARRAY_SIZE(LEVELS) && !is_of(finding, "level", LEVELS[i].level))
		i++;
	return i;
}

static unsigned int kind_of(const json_t *finding)
{
	unsigned int i = 0;

	while (i + 1 < SEG_FINDING_KINDS && !is_of(finding, "kind", seg_finding_name(i)))
		i++;
	return i;
}

void seg_policy_findings_print(const struct seg_cli *cli, const json_t *findings)
{
	unsigned int shown[SEG_ARRAY_SIZE(LEVELS)] = {0};
	unsigned int left[SEG_ARRAY_SIZE(LEVELS)][SEG_FINDING_KINDS] = {0};
	const json_t *finding;
	size_t i;

	if (cli->global.json || cli->global.quiet)
		return;
	fflush(stdout);
	json_array_foreach (findings, i, finding) {
		unsigned int level = level_of(finding);

		if (cli->global.verbose || shown[level]++ < LEVELS[level].shown)
			finding_print(finding);
		else
			left[level][kind_of(finding)]++;
	}
	for (i = 0; i < SEG_ARRAY_SIZE(LEVELS); i++)
		rest_print(LEVELS[i].level, left[i]);
}
