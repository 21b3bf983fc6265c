/* SPDX-License-Identifier: BSD-2-Clause */
#include "columns.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

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

int seg_columns_print(struct libscols_table *table)
{
	int r = table ? 0 : -ENOMEM;

	if (table && scols_table_get_nlines(table))
		r = scols_print_table(table);
	scols_unref_table(table);
	return r;
}
