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

/* Print unless it has no rows, and free it. 0 or -errno. */
int seg_columns_print(struct libscols_table *table);

#endif
