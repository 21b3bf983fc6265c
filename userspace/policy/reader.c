/* SPDX-License-Identifier: BSD-2-Clause */
#include "reader.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdbool.h>
#include <string.h>

#include "text.h"

#define reader_error(reader, at, ...) seg_source_error((reader)->sources, at, EINVAL, __VA_ARGS__)

/* --- events -------------------------------------------------------------- */

/* Our place for one that libfyaml names, lines and columns from 1. */
static uint32_t place_of(const struct seg_reader *reader, int line, int column)
{
	const char *at = reader->text, *end = at + reader->text_len;

	while (line-- > 1) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!newline)
			return reader->base + reader->text_len;
		at = newline + 1;
	}
	while (column > 1 && at < end && *at != '\n')
		column -= seg_begins_character(*at++) && column > 1;
	return reader->base + (uint32_t)(at - reader->text);
}

/* libfyaml stopped: its first error, or our lack of memory. */
static int syntax_error(struct seg_reader *reader)
{
	void *previous = NULL;
	struct fy_diag_error *error = fy_diag_errors_iterate(reader->diag, &previous);

	if (!error)
		return reader_error(reader, reader->at, "this is not YAML");
	return reader_error(reader, place_of(reader, error->line, error->column),
			    "this is not YAML: %s", error->msg);
}

static const struct {
	enum seg_node node;
	bool silent; /* nothing to look at */
} EVENTS[] = {
	[FYET_NONE] = {.silent = true},
	[FYET_STREAM_START] = {.silent = true},
	[FYET_STREAM_END] = {SEG_NODE_END, false},
	[FYET_DOCUMENT_START] = {.silent = true},
	[FYET_DOCUMENT_END] = {.silent = true},
	[FYET_MAPPING_START] = {SEG_NODE_MAP, false},
	[FYET_MAPPING_END] = {SEG_NODE_MAP_END, false},
	[FYET_SEQUENCE_START] = {SEG_NODE_LIST, false},
	[FYET_SEQUENCE_END] = {SEG_NODE_LIST_END, false},
	[FYET_SCALAR] = {SEG_NODE_SCALAR, false},
	[FYET_ALIAS] = {.silent = true},
};

/* What YAML can say and a policy must not. */
static int refuse(struct seg_reader *reader)
{
	struct fy_event *event = reader->event;

	if (event->type == FYET_ALIAS || fy_event_get_anchor_token(event))
		return reader_error(reader, reader->at,
				    "anchors and aliases are not part of a policy");
	if (fy_event_get_tag_token(event))
		return reader_error(reader, reader->at, "tags are not part of a policy");
	if (event->type == FYET_DOCUMENT_START && reader->documents++)
		return reader_error(reader, reader->at, "a policy is one document");
	return 0;
}

/* What must not stand between the marks of a scalar, by its style: an escape of any kind. */
static const struct {
	bool allowed;
	char escape;
} STYLES[FYSS_MAX] = {
	[FYSS_PLAIN] = {true, '\n'},
	[FYSS_SINGLE_QUOTED] = {true, '\''},
	[FYSS_DOUBLE_QUOTED] = {true, '\\'},
};

/*
 * A word is the text between its marks: no policy needs an escape, and so no
 * word costs memory (fy_token_get_text() of 0.7 leaks where there are many).
 */
static int read_word(struct seg_reader *reader)
{
	struct fy_token *token = fy_event_get_token(reader->event);
	size_t first, last;
	int style;

	reader->word = "";
	reader->len = 0;
	if (!token)
		return 0;
	style = fy_token_scalar_style(token);
	first = fy_token_start_mark(token)->input_pos;
	last = fy_token_end_mark(token)->input_pos;
	if (first > last || last > reader->text_len || style < 0 || style >= FYSS_MAX ||
	    !STYLES[style].allowed ||
	    memchr(reader->text + first, STYLES[style].escape, last - first) ||
	    seg_control_find(reader->text + first, last - first, "") < last - first)
		return reader_error(reader, reader->at,
				    "a word stands on one line and has no escapes");
	if (memchr(reader->text + first, '\'', last - first) &&
	    (memchr(reader->text + first, '"', last - first) ||
	     memchr(reader->text + first, '\\', last - first)))
		return reader_error(reader, reader->at,
				    "a word cannot have an apostrophe beside a quote or backslash");
	reader->word = reader->text + first;
	reader->len = (uint32_t)(last - first);
	return 0;
}

static int take_event(struct seg_reader *reader, bool *silent)
{
	const struct fy_mark *mark;
	int r;

	fy_parser_event_free(reader->parser, reader->event);
	reader->event = fy_parser_parse(reader->parser);
	if (!reader->event)
		return syntax_error(reader);
	mark = fy_event_start_mark(reader->event);
	if (mark && mark->input_pos <= reader->text_len)
		reader->at = reader->base + (uint32_t)mark->input_pos;
	*silent = EVENTS[reader->event->type].silent;
	reader->node = EVENTS[reader->event->type].node;
	r = refuse(reader);
	if (!r && reader->event->type == FYET_SCALAR)
		r = read_word(reader);
	return r;
}

int seg_reader_next(struct seg_reader *reader)
{
	bool silent = true;
	int r = 0;

	while (!r && silent)
		r = take_event(reader, &silent);
	return r;
}

/* --- shape --------------------------------------------------------------- */

enum mark { MARK_NONE, MARK_OPEN, MARK_CLOSE, MARK_QUOTE, MARK_LINE };

static const uint8_t MARKS[256] = {
	['['] = MARK_OPEN,  ['{'] = MARK_OPEN,   [']'] = MARK_CLOSE, ['}'] = MARK_CLOSE,
	['"'] = MARK_QUOTE, ['\''] = MARK_QUOTE, ['#'] = MARK_QUOTE, ['\n'] = MARK_LINE,
};

/* A word or a comment may begin behind this. */
static bool fresh(const char *text, const char *at)
{
	return at == text || strchr(" \t\r\n,[]{}", at[-1]);
}

/* Behind the quoted word or comment that begins here; at the line's end if that comes before. */
static const char *skip_quoted(const char *at, const char *end)
{
	char last = *at == '#' ? '\n' : *at;

	for (at++; at < end && *at != last && *at != '\n'; at++)
		;
	return at < end && *at != '\n' ? at + 1 : at;
}

static int line_check(const struct seg_reader *reader, const char *line, const char *end)
{
	if (end - line <= (ptrdiff_t)SEG_LINE_MAX)
		return 0;
	return reader_error(reader, reader->base + (uint32_t)(line - reader->text),
			    "a line of over %u MiB", SEG_LINE_MAX >> 20);
}

/* A bracket more or less; those in quotes and comments are none. */
static int bracket_check(const struct seg_reader *reader, const char *at, unsigned int *depth)
{
	if (MARKS[(uint8_t)*at] == MARK_CLOSE)
		*depth -= *depth > 0;
	else if (++*depth > SEG_NESTING_MAX)
		return reader_error(reader, reader->base + (uint32_t)(at - reader->text),
				    "brackets are nested over %d deep", SEG_NESTING_MAX);
	return 0;
}

static int shape_check(const struct seg_reader *reader)
{
	const char *text = reader->text, *line = text, *at = text, *end = text + reader->text_len;
	unsigned int depth = 0;
	int r = 0;

	while (!r && at < end) {
		enum mark mark = MARKS[(uint8_t)*at];

		if (mark == MARK_QUOTE && fresh(text, at)) {
			at = skip_quoted(at, end);
			continue;
		}
		if (mark == MARK_LINE) {
			r = line_check(reader, line, at);
			line = at + 1;
		} else if (mark == MARK_OPEN || mark == MARK_CLOSE) {
			r = bracket_check(reader, at, &depth);
		}
		at++;
	}
	return r ? r : line_check(reader, line, end);
}

int seg_reader_open(struct seg_reader *reader, struct seg_sources *sources, uint32_t source)
{
	const struct seg_source *from = &sources->item[source];
	struct fy_diag_cfg diag = {.level = FYET_ERROR, .module_mask = ~0u};
	struct fy_parse_cfg parse = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
					      FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE};
	int r;

	*reader = (struct seg_reader){.sources = sources,
				      .text = from->text,
				      .text_len = from->len,
				      .base = from->base,
				      .at = from->base};
	r = shape_check(reader);
	if (r)
		return r;
	reader->diag = parse.diag = fy_diag_create(&diag);
	if (!reader->diag)
		return -ENOMEM;
	fy_diag_set_collect_errors(reader->diag, true);
	reader->parser = fy_parser_create(&parse);
	if (!reader->parser || fy_parser_set_string(reader->parser, from->text, from->len))
		return -ENOMEM;
	return seg_reader_next(reader);
}

void seg_reader_close(struct seg_reader *reader)
{
	if (reader->parser) {
		fy_parser_event_free(reader->parser, reader->event);
		fy_parser_destroy(reader->parser);
	}
	fy_diag_destroy(reader->diag);
	*reader = (struct seg_reader){0};
}
