/* SPDX-License-Identifier: BSD-2-Clause */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "text.h"

static enum seg_exit exit_of(int errnum)
{
	return errnum == EPERM || errnum == EACCES ? SEG_EXIT_PRIVILEGE : SEG_EXIT_FAILED;
}

int seg_error_set(struct seg_error *err, int errnum, const char *format, ...)
{
	va_list args;

	if (!err || err->what[0])
		return -errnum;
	va_start(args, format);
	vsnprintf(err->what, sizeof(err->what), format, args);
	va_end(args);
	seg_utf8_mend(err->what);
	if (err->exit == SEG_EXIT_OK)
		err->exit = exit_of(errnum);
	return -errnum;
}

void seg_error_mend(struct seg_error *err, const char *format, ...)
{
	va_list args;

	if (!err || err->mend[0])
		return;
	va_start(args, format);
	vsnprintf(err->mend, sizeof(err->mend), format, args);
	va_end(args);
	seg_utf8_mend(err->mend);
}

void seg_error_exit(struct seg_error *err, enum seg_exit exit)
{
	if (err)
		err->exit = exit;
}

void seg_error_place(struct seg_error *err, const char *file, unsigned int line,
		     unsigned int column, const char *source)
{
	if (!err || err->file[0])
		return;
	snprintf(err->file, sizeof(err->file), "%s", file);
	seg_utf8_mend(err->file);
	err->line = line;
	err->column = column;
	if (source)
		snprintf(err->source, sizeof(err->source), "%.*s", (int)strcspn(source, "\n"),
			 source);
	seg_utf8_mend(err->source);
}

/*
 * The caret's line: tabs stay tabs, so that it stands below its column. None
 * where the line is not shown that far.
 */
static void print_caret(const struct seg_error *err, FILE *to)
{
	char blank[sizeof(err->source)];
	unsigned int n = 0;

	for (const char *at = err->source; *at && n + 1 < err->column; at++)
		if (seg_begins_character(*at))
			blank[n++] = *at == '\t' ? '\t' : ' ';
	if (n + 1 >= err->column)
		fprintf(to, "%6s | %.*s^\n", "", (int)n, blank);
}

static void print_place(const struct seg_error *err, FILE *to)
{
	if (!err->file[0])
		return;
	seg_text_print(err->file, to);
	if (err->line)
		fprintf(to, ":%u:%u", err->line, err->column);
	fputc(':', to);
}

static void print_line(const char *text, FILE *to)
{
	seg_text_print(text, to);
	fputc('\n', to);
}

static void print_as(const struct seg_error *err, const char *word, const char *hue, FILE *to)
{
	bool colour = *hue;
	const char *bold = colour ? "\033[1m" : "", *off = colour ? "\033[0m" : "";

	fputs(bold, to);
	print_place(err, to);
	fprintf(to, "%s%s%s%s:%s ", off, err->file[0] ? " " : "", hue, word, off);
	print_line(err->what, to);
	if (err->line && err->source[0]) {
		fprintf(to, "%6u | ", err->line);
		print_line(err->source, to);
		print_caret(err, to);
	}
	if (err->mend[0]) {
		fprintf(to, "%smend:%s ", bold, off);
		print_line(err->mend, to);
	}
}

void seg_error_print(const struct seg_error *err, FILE *to, int colour)
{
	print_as(err, "error", colour ? "\033[1;31m" : "", to);
}

void seg_error_warn(const struct seg_error *err, FILE *to, int colour)
{
	print_as(err, "warning", colour ? "\033[33m" : "", to);
}
