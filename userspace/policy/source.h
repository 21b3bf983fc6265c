/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h - the texts that make a policy: the file itself, what it includes,
 * the lists that its groups name. A place is one number for all of them: each
 * text takes its own range of a line of at most SEG_POLICY_TEXT_MAX bytes.
 */
#ifndef SEG_SOURCE_H
#define SEG_SOURCE_H

#include <stdbool.h>

#include "policy.h"
#include "vector.h"

struct seg_source {
	const char *name, *text; /* not ours */
	uint32_t len;
	uint32_t base; /* place of its first byte; its end has a place too */
	uint32_t by;   /* the source that names it; the first one: itself */
	struct seg_position {
		uint32_t at, line, column;
	} position; /* where seg_source_place() stands, from 0 */
};

struct seg_sources {
	struct seg_source *item;
	uint32_t n, room;
	uint32_t end; /* the next one's base */
	struct seg_error *err;
};

/* Add a file that source `by` names, and check that it is text. -E2BIG, -EINVAL, -ENOMEM. */
int seg_source_add(struct seg_sources *sources, const struct seg_policy_file *file, uint32_t by);

/* The source where a place is, line and column from 1; columns count characters. */
const struct seg_source *seg_source_place(struct seg_sources *sources, uint32_t at,
					  unsigned int *line, unsigned int *column);

#define SEG_PLACE_TEXT_MAX 280

/* "FILE:LINE:COL" of a place, for an error about another one. Returns `to`. */
const char *seg_source_print(struct seg_sources *sources, uint32_t at, char *to, size_t size);

/* Fill the error with what is wrong and its place. Returns -errnum. */
int seg_source_error(struct seg_sources *sources, uint32_t at, int errnum, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Give the error that somebody else has filled a place. */
void seg_source_mark(struct seg_sources *sources, uint32_t at);

#endif
