/* SPDX-License-Identifier: BSD-2-Clause */
#include "source.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

/* --- places -------------------------------------------------------------- */

static struct seg_source *source_of(struct seg_sources *sources, uint32_t at)
{
	uint32_t low = 0, high = sources->n;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (sources->item[middle].base <= at)
			low = middle;
		else
			high = middle;
	}
	return &sources->item[low];
}

/* Places are asked for in the text's order, so counting goes on from the last one. */
const struct seg_source *seg_source_place(struct seg_sources *sources, uint32_t at,
					  unsigned int *line, unsigned int *column)
{
	struct seg_source *source = source_of(sources, at);
	struct seg_position position = source->position;

	at -= source->base;
	if (at < position.at)
		position = (struct seg_position){0};
	for (; position.at < at; position.at++) {
		position.column += seg_begins_character(source->text[position.at]);
		if (source->text[position.at] == '\n') {
			position.line++;
			position.column = 0;
		}
	}
	source->position = position;
	*line = position.line + 1;
	*column = position.column + 1;
	return source;
}

const char *seg_source_print(struct seg_sources *sources, uint32_t at, char *to, size_t size)
{
	unsigned int line, column;
	const struct seg_source *source = seg_source_place(sources, at, &line, &column);

	snprintf(to, size, "%s:%u:%u", source->name, line, column);
	return to;
}

/* --- errors -------------------------------------------------------------- */

static size_t line_start(const struct seg_source *source, size_t at)
{
	while (at && source->text[at - 1] != '\n')
		at--;
	return at;
}

/* The line of byte `at`, up to `size` bytes and to what is not UTF-8, controls as blanks. */
static void line_copy(const struct seg_source *source, size_t at, char *to, size_t size)
{
	const char *line = source->text + line_start(source, at);
	size_t left = (size_t)(source->text + source->len - line), n = 0;

	while (n < left && n + 1 < size && line[n] != '\n' && line[n] != '\r') {
		to[n] = seg_control_at(line, left, n) && line[n] != '\t' ? ' ' : line[n];
		n++;
	}
	to[seg_utf8_check(to, n)] = '\0';
}

void seg_source_mark(struct seg_sources *sources, uint32_t at)
{
	char line[sizeof(sources->err->source)];
	const struct seg_source *source;
	unsigned int row, column;

	if (!sources->err)
		return;
	source = seg_source_place(sources, at, &row, &column);
	line_copy(source, at - source->base, line, sizeof(line));
	seg_error_place(sources->err, source->name, row, column, line);
}

int seg_source_error(struct seg_sources *sources, uint32_t at, int errnum, const char *format, ...)
{
	char what[sizeof(sources->err->what)];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	seg_error_set(sources->err, errnum, "%s", what);
	seg_source_mark(sources, at);
	return -errnum;
}

/* --- texts --------------------------------------------------------------- */

static int text_check(struct seg_sources *sources, const struct seg_source *source)
{
	size_t sound = seg_utf8_check(source->text, source->len);

	if (sound < source->len) {
		seg_error_mend(sources->err, "save the file as UTF-8 text");
		return seg_source_error(sources, source->base + (uint32_t)sound, EINVAL,
					"this is not UTF-8 text");
	}
	sound = seg_control_find(source->text, source->len, "\t\r\n");
	if (sound < source->len)
		return seg_source_error(sources, source->base + (uint32_t)sound, EINVAL,
					"a control character");
	return 0;
}

int seg_source_add(struct seg_sources *sources, const struct seg_policy_file *file, uint32_t by)
{
	uint32_t base = sources->end;

	if (sources->n == SEG_POLICY_FILES_MAX)
		return seg_error_set(sources->err, E2BIG, "%s: a policy of over %u files",
				     file->name, SEG_POLICY_FILES_MAX);
	if (file->len > SEG_POLICY_TEXT_MAX || base > SEG_POLICY_TEXT_MAX - file->len)
		return seg_error_set(sources->err, E2BIG, "%s: a policy of over %u MiB", file->name,
				     SEG_POLICY_TEXT_MAX >> 20);
	if (SEG_PUSH(sources, (struct seg_source){.name = file->name,
						  .text = file->text,
						  .len = (uint32_t)file->len,
						  .base = base,
						  .by = by}))
		return -ENOMEM;
	sources->end = base + (uint32_t)file->len + 1;
	return text_check(sources, &sources->item[sources->n - 1]);
}
