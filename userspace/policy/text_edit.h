/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text_edit.h - the line of a rule in a policy's own text: it goes, another comes, and all else is
 * as it was written.
 */
#ifndef SEG_TEXT_EDIT_H
#define SEG_TEXT_EDIT_H

#include "patch.h"
#include "vector.h"

/* Where each line begins, and behind the last, where the text ends: of 100,000 lines none is read
 * to find another. */
struct seg_text_lines {
	SEG_VECTOR(uint32_t) begin;
};

/* -ENOMEM. */
int seg_text_lines_look(struct seg_text_lines *lines, const struct seg_policy_file *text);
void seg_text_lines_free(struct seg_text_lines *lines);

struct seg_text_line {
	uint32_t number; /* from 1 */
	size_t at, end;  /* behind its newline, or the text's end */
	size_t indent;
};

/* What goes from a text and what comes into it. */
struct seg_text_edit {
	struct seg_text_line gone; /* at = end: nothing */
	size_t at; /* the new line, not within the one that goes; before it, if they are one */
	uint32_t indent;
	bool newline;  /* the last line has none yet */
	uint32_t line; /* its number, in the new text; 0: nothing comes */
	size_t more;   /* bytes that come */
};

/* `at`: rules of `image`, which is of this text; `rule`: "{...}\n", or NULL. -EAGAIN: a rule is not
 * all on a line of its own, or not in this file. -ENOMEM. */
int seg_text_edit_plan(struct seg_text_lines *lines, const struct seg_image *image,
		       const struct seg_policy_file *text, const struct seg_patch_places *at,
		       const char *rule, struct seg_text_edit *edit);

/* *out is the caller's. -EAGAIN: it is too long for this. -ENOMEM. */
int seg_text_edit_write(const struct seg_policy_file *text, const struct seg_text_edit *edit,
			const char *rule, char **out, size_t *len);

/* Lines are as in the text that was written; once after each plan at most. */
void seg_text_lines_change(struct seg_text_lines *lines, const struct seg_text_edit *edit);

#endif
