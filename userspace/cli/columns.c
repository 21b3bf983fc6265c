/* SPDX-License-Identifier: BSD-2-Clause */
#include "columns.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "text.h"

#define CUT_MIN 12 /* of a column's text that is cut */

struct libscols_table *seg_columns_new(const struct seg_column *columns, size_t n, FILE *to,
				       bool colour)
{
	struct libscols_table *table = scols_new_table();

	scols_table_set_stream(table, to);
	scols_table_enable_colors(table, colour);
	if (fileno(to) < 0 || !isatty(fileno(to)))
		scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	for (size_t i = 0; i < n; i++)
		scols_table_new_column(table, columns[i].name, 0,
				       columns[i].number ? SCOLS_FL_RIGHT : 0);
	return table;
}

struct libscols_line *seg_columns_row(struct libscols_table *table, const char *colour)
{
	struct libscols_line *row = scols_table_new_line(table, NULL);

	if (row && colour)
		scols_line_set_color(row, colour);
	return row;
}

void seg_columns_set(struct libscols_line *row, size_t column, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (row && vasprintf(&text, format, args) >= 0)
		scols_line_refer_data(row, column, text);
	va_end(args);
}

size_t seg_columns_text_width(const char *text)
{
	size_t widest = 0, width = 0;

	for (; text && *text; text++) {
		width = *text == '\n' ? 0 : width + seg_begins_character(*text);
		widest = width > widest ? width : widest;
	}
	return widest;
}

size_t seg_columns_width(struct libscols_table *table, size_t at)
{
	struct libscols_column *column = scols_table_get_column(table, at);
	struct libscols_iter *lines = scols_new_iter(SCOLS_ITER_FORWARD);
	size_t width = seg_columns_text_width(scols_column_get_name(column));
	struct libscols_line *line;

	while (lines && !scols_table_next_line(table, lines, &line)) {
		size_t this =
			seg_columns_text_width(scols_cell_get_data(scols_line_get_cell(line, at)));

		width = this > width ? this : width;
	}
	scols_free_iter(lines);
	return width;
}

/* Of what is not hidden, with the blank behind each. */
static size_t table_width(struct libscols_table *table)
{
	size_t width = 0;

	for (size_t i = 0; i < scols_table_get_ncols(table); i++) {
		struct libscols_column *column = scols_table_get_column(table, i);

		if (!scols_column_is_hidden(column))
			width += seg_columns_width(table, i) + 1;
	}
	return width;
}

/* What hiding or cutting a column saves; it is done. */
static size_t save(struct libscols_table *table, unsigned char which)
{
	bool cut = which & SEG_COLUMN_CUT;
	size_t at = which & ~SEG_COLUMN_CUT;
	struct libscols_column *column = scols_table_get_column(table, at);
	size_t width = seg_columns_width(table, at);
	int flag = cut ? SCOLS_FL_TRUNC : SCOLS_FL_HIDDEN;

	scols_column_set_flags(column, scols_column_get_flags(column) | flag);
	if (cut)
		return width > CUT_MIN ? width - CUT_MIN : 0;
	return width + 1;
}

bool seg_columns_fit(struct libscols_table *table, unsigned int width, const unsigned char *hide,
		     size_t n)
{
	size_t all = table && width ? table_width(table) : 0;

	for (size_t i = 0; i < n && all > width + 1; i++)
		all -= save(table, hide[i]);
	if (!all)
		return true;
	scols_table_set_termforce(table,
				  all > width + 1 ? SCOLS_TERMFORCE_NEVER : SCOLS_TERMFORCE_ALWAYS);
	scols_table_set_termwidth(table, width);
	return all <= width + 1;
}

void seg_columns_stack(struct libscols_table *table, size_t at)
{
	struct libscols_column *column = scols_table_get_column(table, at);

	scols_column_set_flags(column, scols_column_get_flags(column) | SCOLS_FL_WRAP);
	scols_column_set_wrapfunc(column, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
	scols_column_set_safechars(column, "\n");
}

int seg_columns_print(struct libscols_table *table)
{
	int r = table ? 0 : -ENOMEM;

	if (table && scols_table_get_nlines(table))
		r = scols_print_table(table);
	scols_unref_table(table);
	return r;
}
