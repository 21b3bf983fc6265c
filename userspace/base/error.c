/* SPDX-License-Identifier: BSD-2-Clause */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

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
	err->line = line;
	err->column = column;
	if (source)
		snprintf(err->source, sizeof(err->source), "%.*s", (int)strcspn(source, "\n"),
			 source);
}

/* The caret's line: tabs stay tabs, so that it stands below its column. */
static void print_caret(const struct seg_error *err, FILE *to)
{
	fprintf(to, "%6s | ", "");
	for (unsigned int i = 0; i + 1 < err->column && err->source[i]; i++)
		fputc(err->source[i] == '\t' ? '\t' : ' ', to);
	fputs("^\n", to);
}

void seg_error_print(const struct seg_error *err, FILE *to, int colour)
{
	const char *red = colour ? "\033[1;31m" : "", *bold = colour ? "\033[1m" : "";
	const char *off = colour ? "\033[0m" : "";

	if (err->file[0] && err->line)
		fprintf(to, "%s%s:%u:%u:%s ", bold, err->file, err->line, err->column, off);
	else if (err->file[0])
		fprintf(to, "%s%s:%s ", bold, err->file, off);
	fprintf(to, "%serror:%s %s\n", red, off, err->what);
	if (err->line && err->source[0]) {
		fprintf(to, "%6u | %s\n", err->line, err->source);
		print_caret(err, to);
	}
	if (err->mend[0])
		fprintf(to, "%smend:%s %s\n", bold, off, err->mend);
}
