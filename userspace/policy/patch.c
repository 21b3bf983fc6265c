/* SPDX-License-Identifier: BSD-2-Clause */
/* patch.c - the normal form has each rule on a line of its own: a patch is about lines. */
#include "patch.h"

#include <errno.h>
#include <string.h>

#include "language.h"

static const char RULES[] = "rules:\n", ITEM[] = "  - ";

struct lines {
	const char *text;
	struct seg_patch_places at;
	const char *line; /* the new one; NULL: none */
};

#define NO_RULE SEG_PATCH_NO_RULE

/* --- the rule ------------------------------------------------------------------------ */

static int print_rule(const struct seg_parser *parser, char **line)
{
	size_t size;
	FILE *to = open_memstream(line, &size);

	if (!to)
		return -ENOMEM;
	fputs(ITEM, to);
	seg_map_print(&parser->model, &SEG_RULE_TABLE, parser->model.whole.rules.item,
		      &SEG_EMPTY_RULE, to);
	fputc('\n', to);
	return fclose(to) ? -ENOMEM : 0;
}

static int read_text(const char *text, size_t len, char **line, char id[SEG_NAME_MAX],
		     struct seg_error *err)
{
	_cleanup_(seg_parser_free) struct seg_parser parser = {.sources = {.err = err}};
	const struct seg_policy_file file = {"rule", text, len};
	const seg_rule_texts *rules = &parser.model.whole.rules;
	int r = seg_parser_run(&parser, &file);

	if (r)
		return r;
	if (rules->n != 1) {
		seg_error_mend(err, "as in '{id: web, service: tcp/80, action: allow}'");
		return seg_error_set(err, EINVAL, "a patch is one rule; this is %u", rules->n);
	}
	snprintf(id, SEG_NAME_MAX, "%s",
		 rules->item->id.len ? seg_word_text(&parser.model, &rules->item->id) : "");
	return print_rule(&parser, line);
}

int seg_patch_read(const char *rule, char **line, char id[SEG_NAME_MAX], struct seg_error *err)
{
	_cleanup_free_ char *text = NULL;
	int len = asprintf(&text, "version: 1\nrules:\n  - %s\n", rule);

	if (len < 0) {
		text = NULL;
		return seg_error_set(err, ENOMEM, "out of memory");
	}
	return read_text(text, (size_t)len, line, id, err);
}

/* --- lines ----------------------------------------------------------------------------- */

/* Behind the text's line. */
static const char *line_end(const char *line)
{
	return line + strcspn(line, "\n") + 1;
}

static void put_new(const struct lines *lines, FILE *to)
{
	if (lines->line)
		fputs(lines->line, to);
}

/* The rules, one after the other; where they end. */
static const char *put_rules(const struct lines *lines, const char *at, FILE *to)
{
	uint32_t i = 0;

	for (; !strncmp(at, ITEM, strlen(ITEM)); i++) {
		const char *end = line_end(at);

		if (i == lines->at.place)
			put_new(lines, to);
		if (i != lines->at.old)
			fwrite(at, 1, (size_t)(end - at), to);
		at = end;
	}
	if (i <= lines->at.place)
		put_new(lines, to);
	return at;
}

/* Where the list of rules begins; its end if there is none. */
static const char *find_rules(const char *text)
{
	while (*text && strncmp(text, RULES, strlen(RULES)))
		text = line_end(text);
	return text;
}

static void put_all(const struct lines *lines, uint32_t left, FILE *to)
{
	const char *rules = find_rules(lines->text);

	fwrite(lines->text, 1, (size_t)(rules - lines->text), to);
	if (left)
		fputs(RULES, to);
	rules = put_rules(lines, *rules ? line_end(rules) : rules, to);
	fputs(rules, to);
}

static int put_text(const struct seg_policy *policy, struct lines *lines, char **text)
{
	_cleanup_free_ char *now = NULL;
	uint32_t left = seg_image_rules(seg_policy_image(policy)) - (lines->at.old != NO_RULE) +
			(lines->line != NULL);
	size_t size;
	FILE *to = open_memstream(&now, &size);
	int r = to ? seg_policy_print(policy, to) : -ENOMEM;

	if (to && fclose(to))
		r = -ENOMEM;
	if (r)
		return r;
	lines->text = now;
	to = open_memstream(text, &size);
	if (!to)
		return -ENOMEM;
	put_all(lines, left, to);
	return fclose(to) ? -ENOMEM : 0;
}

/* --- places ------------------------------------------------------------------------------ */

static uint32_t find(const struct seg_image *image, const char *id)
{
	uint32_t rule = id && *id ? seg_image_rule_find(image, id) : SEG_RULE_DEFAULT;

	return rule == SEG_RULE_DEFAULT ? NO_RULE : rule;
}

static int find_or_fail(const struct seg_image *image, const char *id, uint32_t *out,
			struct seg_error *err)
{
	*out = find(image, id);
	if (*out != NO_RULE)
		return 0;
	seg_error_set(err, ENOENT, "no rule is called '%.64s'", id);
	seg_error_mend(err, "`xdpseg policy show` has them all; those without an id are called "
			    "rule-1, rule-2, ... by their place");
	return -ENOENT;
}

int seg_patch_find(const struct seg_image *image, const struct seg_patch *patch, const char *id,
		   struct seg_patch_places *out, struct seg_error *err)
{
	const char *beside = patch->before ? patch->before : patch->after;
	struct seg_patch_places at = {NO_RULE, NO_RULE};
	int r = 0;

	if (patch->removed)
		r = find_or_fail(image, patch->removed, &at.old, err);
	else if (beside)
		r = find_or_fail(image, beside, &at.place, err);
	if (r)
		return r;
	if (!patch->removed)
		at.old = find(image, id);
	if (!beside && !patch->removed)
		at.place = at.old;
	at.place += patch->after && !patch->removed;
	*out = at;
	return 0;
}

int seg_policy_patch(const struct seg_policy *policy, const struct seg_patch *patch, char **text,
		     char id[SEG_NAME_MAX], struct seg_error *err)
{
	_cleanup_free_ char *line = NULL;
	struct lines lines = {.at = {NO_RULE, NO_RULE}};
	int r = 0;

	snprintf(id, SEG_NAME_MAX, "%s", patch->removed ? patch->removed : "");
	if (patch->rule)
		r = seg_patch_read(patch->rule, &line, id, err);
	if (!r)
		r = seg_patch_find(seg_policy_image(policy), patch, id, &lines.at, err);
	if (r)
		return r;
	lines.line = line;
	r = put_text(policy, &lines, text);
	return r ? seg_error_set(err, -r, "out of memory") : 0;
}
