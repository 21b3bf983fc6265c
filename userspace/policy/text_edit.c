/* SPDX-License-Identifier: BSD-2-Clause */
#include "text_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* --- lines ------------------------------------------------------------------------- */

int seg_text_lines_look(struct seg_text_lines *lines, const struct seg_policy_file *text)
{
	const char *at = text->text, *end = at + text->len;
	int r = SEG_PUSH(&lines->begin, 0);

	while (!r && at < end) {
		const char *next = memchr(at, '\n', (size_t)(end - at));

		at = next ? next + 1 : end;
		r = SEG_PUSH(&lines->begin, (uint32_t)(at - text->text));
	}
	return r;
}

void seg_text_lines_free(struct seg_text_lines *lines)
{
	free(lines->begin.item);
}

/* A line, from 1, where an item of a list begins. */
static int line_find(const struct seg_text_lines *lines, const struct seg_policy_file *text,
		     uint32_t number, struct seg_text_line *out)
{
	const char *at, *end;

	if (!number || number >= lines->begin.n)
		return -EAGAIN;
	*out = (struct seg_text_line){number, lines->begin.item[number - 1],
				      lines->begin.item[number], 0};
	at = text->text + out->at;
	for (end = text->text + out->end; at < end && *at == ' '; at++)
		out->indent++;
	return end - at > 2 && at[0] == '-' && at[1] == ' ' ? 0 : -EAGAIN;
}

/* Is all of a rule on this line? A bracket that does not close here is none that can be read. */
static bool line_is_rule(const struct seg_policy_file *text, const struct seg_text_line *line)
{
	const char *at = text->text + line->at + line->indent + 2;
	_cleanup_free_ char *rule = strndup(at, line->end - (size_t)(at - text->text)),
			    *normal = NULL;
	char id[SEG_NAME_MAX];

	return rule && *rule == '{' && !seg_patch_read(rule, &normal, id, NULL);
}

/* Of the policy's own file. */
static int rule_line(const struct seg_text_lines *lines, const struct seg_image *image,
		     const struct seg_policy_file *text, uint32_t rule, bool whole,
		     struct seg_text_line *out)
{
	struct seg_rule_info info;

	if (seg_image_rule_info(image, rule, &info) || *info.file ||
	    line_find(lines, text, info.line, out))
		return -EAGAIN;
	return !whole || line_is_rule(text, out) ? 0 : -EAGAIN;
}

/* Before the rule `place`, or behind the last. */
static int place_find(const struct seg_text_lines *lines, const struct seg_image *image,
		      const struct seg_policy_file *text, const struct seg_patch_places *at,
		      struct seg_text_edit *edit)
{
	uint32_t rules = seg_image_rules(image);
	bool last = at->place >= rules;
	uint32_t beside = last ? rules - 1 : at->place;
	struct seg_rule_info info;
	struct seg_text_line line;
	int r = rules ? rule_line(lines, image, text, beside, last, &line) : -EAGAIN;

	if (r)
		return r;
	seg_image_rule_info(image, beside, &info);
	edit->at = last ? line.end : line.at;
	edit->indent = (uint32_t)line.indent;
	edit->newline = last && beside != at->old && text->text[line.end - 1] != '\n';
	edit->line = info.line + last - (at->old != SEG_PATCH_NO_RULE && at->old < at->place);
	return 0;
}

static char *copy(char *to, const struct seg_policy_file *text, size_t from, size_t end)
{
	memcpy(to, text->text + from, end - from);
	return to + (end - from);
}

/* `rule`: "{...}\n", or NULL. */
static char *line_put(char *to, const struct seg_text_edit *edit, const char *rule)
{
	if (!rule)
		return to;
	if (edit->newline)
		*to++ = '\n';
	memset(to, ' ', edit->indent);
	to += edit->indent;
	return stpcpy(stpcpy(to, "- "), rule);
}

int seg_text_edit_write(const struct seg_policy_file *text, const struct seg_text_edit *edit,
			const char *rule, char **out, size_t *len)
{
	size_t size = text->len + edit->more - (edit->gone.end - edit->gone.at);
	char *made = size <= SEG_POLICY_TEXT_MAX / 2 ? malloc(size + 1) : NULL, *to = made;

	if (!made)
		return size <= SEG_POLICY_TEXT_MAX / 2 ? -ENOMEM : -EAGAIN;
	if (edit->at <= edit->gone.at) {
		to = copy(to, text, 0, edit->at);
		to = line_put(to, edit, rule);
		to = copy(to, text, edit->at, edit->gone.at);
	} else {
		to = copy(to, text, 0, edit->gone.at);
		to = copy(to, text, edit->gone.end, edit->at);
		to = line_put(to, edit, rule);
	}
	to = copy(to, text, edit->at > edit->gone.end ? edit->at : edit->gone.end, text->len);
	*to = '\0';
	*out = made;
	*len = size;
	return 0;
}

int seg_text_edit_plan(struct seg_text_lines *lines, const struct seg_image *image,
		       const struct seg_policy_file *text, const struct seg_patch_places *at,
		       const char *rule, struct seg_text_edit *edit)
{
	int r = SEG_ROOM(&lines->begin, 1);

	*edit = (struct seg_text_edit){0};
	if (!r && rule)
		r = place_find(lines, image, text, at, edit);
	if (!r && at->old != SEG_PATCH_NO_RULE)
		r = rule_line(lines, image, text, at->old, true, &edit->gone);
	else
		edit->gone = (struct seg_text_line){0, edit->at, edit->at, 0};
	if (!r && !rule)
		edit->at = edit->gone.end;
	edit->more = rule ? edit->newline + edit->indent + strlen("- ") + strlen(rule) : 0;
	return r;
}

/* There is room for one more. */
void seg_text_lines_change(struct seg_text_lines *lines, const struct seg_text_edit *edit)
{
	uint32_t *line = lines->begin.item, *n = &lines->begin.n;
	uint32_t gone = edit->gone.number, place = edit->line;

	if (gone) {
		memmove(line + gone - 1, line + gone, (*n - gone) * sizeof(*line));
		--*n;
		for (uint32_t i = gone - 1; i < *n; i++)
			line[i] -= (uint32_t)(edit->gone.end - edit->gone.at);
	}
	if (place) {
		memmove(line + place, line + place - 1, (*n + 1 - place) * sizeof(*line));
		++*n;
		line[place - 1] += edit->newline;
		for (uint32_t i = place; i < *n; i++)
			line[i] += (uint32_t)edit->more;
	}
}
