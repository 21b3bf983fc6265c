/* SPDX-License-Identifier: BSD-2-Clause */
#include "reader.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "policy.h"
#include "text.h"

/* --- places -------------------------------------------------------------- */

static size_t line_start(const struct seg_reader *reader, size_t at)
{
	while (at && reader->text[at - 1] != '\n')
		at--;
	return at;
}

static bool begins_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* Places are asked for in the text's order, so counting goes on from the last one. */
void seg_reader_place(struct seg_reader *reader, uint32_t at, unsigned int *line,
		      unsigned int *column)
{
	struct seg_place place = reader->place;

	if (at < place.at)
		place = (struct seg_place){0};
	for (; place.at < at; place.at++) {
		place.column += begins_character(reader->text[place.at]);
		if (reader->text[place.at] == '\n') {
			place.line++;
			place.column = 0;
		}
	}
	reader->place = place;
	*line = place.line + 1;
	*column = place.column + 1;
}

/* C0, DEL or C1: what a terminal that shows the text could take for a command. */
static bool control_at(const char *text, size_t len, size_t at)
{
	unsigned char c = (unsigned char)text[at];

	if (c == 0xc2 && at + 1 < len)
		return (unsigned char)text[at + 1] < 0xa0;
	return c < ' ' || c == 0x7f;
}

static size_t control_find(const char *text, size_t len, const char *allowed)
{
	size_t at = 0;

	while (at < len && (!control_at(text, len, at) || (text[at] && strchr(allowed, text[at]))))
		at++;
	return at;
}

/* The line of byte `at`, up to `size` bytes and to what is not UTF-8, controls as blanks. */
static void line_copy(const struct seg_reader *reader, uint32_t at, char *to, size_t size)
{
	const char *line = reader->text + line_start(reader, at);
	size_t left = (size_t)(reader->text + reader->text_len - line), n = 0;

	while (n < left && n + 1 < size && line[n] != '\n' && line[n] != '\r') {
		to[n] = control_at(line, left, n) && line[n] != '\t' ? ' ' : line[n];
		n++;
	}
	to[seg_utf8_check(to, n)] = '\0';
}

static void place_error(struct seg_reader *reader, uint32_t at)
{
	unsigned int line, column;
	char source[sizeof(reader->err->source)];

	seg_reader_place(reader, at, &line, &column);
	line_copy(reader, at, source, sizeof(source));
	seg_error_place(reader->err, reader->name, line, column, source);
}

int seg_reader_error(struct seg_reader *reader, uint32_t at, int errnum, const char *format, ...)
{
	char what[sizeof(reader->err->what)];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	seg_error_set(reader->err, errnum, "%s", what);
	if (reader->err)
		place_error(reader, at);
	return -errnum;
}

/* --- text ------------------------------------------------------------------ */

static int check_text(struct seg_reader *reader)
{
	size_t sound;

	if (reader->text_len > SEG_POLICY_TEXT_MAX)
		return seg_error_set(reader->err, E2BIG, "%s: a policy of over %u MiB",
				     reader->name, SEG_POLICY_TEXT_MAX >> 20);
	sound = seg_utf8_check(reader->text, reader->text_len);
	if (sound < reader->text_len)
		return seg_reader_error(reader, (uint32_t)sound, EINVAL, "this is not UTF-8 text");
	sound = control_find(reader->text, reader->text_len, "\t\r\n");
	if (sound < reader->text_len)
		return seg_reader_error(reader, (uint32_t)sound, EINVAL, "a control character");
	return 0;
}

/* --- events -------------------------------------------------------------- */

/* Byte of a place that libfyaml names, lines and columns from 1. */
static uint32_t byte_of(const struct seg_reader *reader, int line, int column)
{
	const char *at = reader->text, *end = at + reader->text_len;

	while (line-- > 1) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!newline)
			return (uint32_t)reader->text_len;
		at = newline + 1;
	}
	while (column > 1 && at < end && *at != '\n')
		column -= begins_character(*at++) && column > 1;
	return (uint32_t)(at - reader->text);
}

/* libfyaml stopped: its first error, or our lack of memory. */
static int syntax_error(struct seg_reader *reader)
{
	void *previous = NULL;
	struct fy_diag_error *error = fy_diag_errors_iterate(reader->diag, &previous);

	if (!error)
		return seg_reader_error(reader, reader->at, EINVAL, "this is not YAML");
	return seg_reader_error(reader, byte_of(reader, error->line, error->column), EINVAL,
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
		return seg_reader_error(reader, reader->at, EINVAL,
					"anchors and aliases are not part of a policy");
	if (fy_event_get_tag_token(event))
		return seg_reader_error(reader, reader->at, EINVAL,
					"tags are not part of a policy");
	if (event->type == FYET_DOCUMENT_START && reader->documents++)
		return seg_reader_error(reader, reader->at, EINVAL, "a policy is one document");
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
	    control_find(reader->text + first, last - first, "") < last - first)
		return seg_reader_error(reader, reader->at, EINVAL,
					"a word stands on one line and has no escapes");
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
		reader->at = (uint32_t)mark->input_pos;
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

int seg_reader_open(struct seg_reader *reader, const char *name, const char *text, size_t len,
		    struct seg_error *err)
{
	struct fy_diag_cfg diag = {.level = FYET_ERROR, .module_mask = ~0u};
	struct fy_parse_cfg parse = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
					      FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE};
	int r;

	*reader = (struct seg_reader){.name = name, .text = text, .text_len = len, .err = err};
	r = check_text(reader);
	if (r)
		return r;
	reader->diag = parse.diag = fy_diag_create(&diag);
	if (!reader->diag)
		return -ENOMEM;
	fy_diag_set_collect_errors(reader->diag, true);
	reader->parser = fy_parser_create(&parse);
	if (!reader->parser || fy_parser_set_string(reader->parser, text, len))
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
}
