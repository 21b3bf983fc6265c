/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - options as rows of a table, bound to members of a struct.
 */
#ifndef SEG_OPTIONS_H
#define SEG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum seg_option_kind {
	SEG_OPTION_FLAG,   /* bool */
	SEG_OPTION_TEXT,   /* const char *: the argument itself */
	SEG_OPTION_CHOICE, /* const char *: one of the words in `argument`, which '|' separates */
	SEG_OPTION_NUMBER, /* uint32_t, from 1 to `max` */
	SEG_OPTION_MAYBE,  /* const char *: the next word if that begins with a digit, else "" */
	SEG_OPTION_LATER,  /* known, not supported yet, refused by name: `help` is the mend */
};

/* A table ends with a row without a name. */
struct seg_option {
	const char *name;
	char brief; /* one letter; 0: none */
	enum seg_option_kind kind;
	size_t offset;        /* of the value in the struct that the table is bound to */
	const char *argument; /* as help shows it */
	const char *help;
	uint32_t max;
};

/* A table and the struct that its offsets point into. */
struct seg_option_set {
	const struct seg_option *rows; /* NULL: none */
	void *values;
};

/*
 * Parse argv[1..] by several tables at once; values keep pointing into argv.
 * With `first_only` parsing stops at the first operand, otherwise operands are
 * moved to the end. Returns the index of the first operand, or -EINVAL.
 */
int seg_options_parse(const struct seg_option_set *sets, size_t sets_n, bool first_only, int argc,
		      char **argv, struct seg_error *err);

/* Write a line an option, as `help` shows them; those for later are left out. */
void seg_options_print(const struct seg_option *rows, FILE *to);

#endif
