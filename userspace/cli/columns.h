/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * columns.h - tables on a terminal, by libsmartcols. Out of memory shows when
 * the table is printed: the library takes NULL everywhere.
 */
#ifndef SEG_COLUMNS_H
#define SEG_COLUMNS_H

#include <libsmartcols.h>
#include <stdbool.h>
#include <stdio.h>

struct seg_column {
	const char *name;
	bool number; /* aligned right */
};

/* An empty table that prints to `to`, cut to its width only if that is a terminal. */
struct libscols_table *seg_columns_new(const struct seg_column *columns, size_t n, FILE *to,
				       bool colour);

/* A new row; colour: a name that libsmartcols knows, NULL: none. */
struct libscols_line *seg_columns_row(struct libscols_table *table, const char *colour);

/* Set one cell (printf). */
void seg_columns_set(struct libscols_line *row, size_t column, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* In a list of columns to hide: this one is not hidden, its text may be cut. */
#define SEG_COLUMN_CUT 0x80

/*
 * Hide columns, or cut one, in the order given, until the rest is no wider than the terminal's
 * `width` (0: none). False: what is left is too wide; it is not cut, the terminal wraps it.
 */
bool seg_columns_fit(struct libscols_table *table, unsigned int width, const unsigned char *hide,
		     size_t n);

/* Of a text's widest line; in characters. */
size_t seg_columns_text_width(const char *text);

/* Of a column, its name included. */
size_t seg_columns_width(struct libscols_table *table, size_t column);

/* Newlines in this column's text begin a new line within the row. */
void seg_columns_stack(struct libscols_table *table, size_t column);

/* Print unless it has no rows, and free it. 0 or -errno. */
int seg_columns_print(struct libscols_table *table);

#endif
