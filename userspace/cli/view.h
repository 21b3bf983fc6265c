/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h - the daemon's answers as people read them. What an older daemon
 * does not say is left out or shown as "-": no view fails on a missing key.
 */
#ifndef SEG_VIEW_H
#define SEG_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct seg_view {
	FILE *to;
	bool colour;
	bool all;           /* counters of 0, and what only experts ask for */
	unsigned int width; /* of the terminal, in columns; 0: it is none */
};

/* All return 0 or -errno; argument: the body of the reply of that name. */
int seg_view_status(const struct seg_view *view, const json_t *status);
int seg_view_deleted(const struct seg_view *view, const json_t *deleted);
int seg_view_stats(const struct seg_view *view, const json_t *stats);
int seg_view_check(const struct seg_view *view, const json_t *check);
int seg_view_history(const struct seg_view *view, const json_t *history);
int seg_view_diff(const struct seg_view *view, const json_t *diff);
/* A line if the policy is on trial. */
void seg_view_trial(const struct seg_view *view, const json_t *policy);
int seg_view_applied(const struct seg_view *view, const json_t *applied);
int seg_view_confirmed(const struct seg_view *view, const json_t *policy);
int seg_view_policy(const struct seg_view *view, const json_t *policy);
int seg_view_why(const struct seg_view *view, const json_t *why);

/* Members of an object: "-" and 0 where there is none. */
const char *seg_view_text(const json_t *object, const char *key);
uint64_t seg_view_number(const json_t *object, const char *key);

/* How this invocation shows things on standard output. */
struct seg_cli;
/* Columns of the terminal that it is shown on in the end, in the environment of one that writes to
 * a pipe. */
#define SEG_VIEW_WIDTH "XDPSEG_COLUMNS"
struct seg_view seg_view_of(const struct seg_cli *cli);

/* Print JSON as a reply goes out: indented, with a newline. 0 or -EIO. */
int seg_view_json(const json_t *json, FILE *to);

/* The same on one line, of a stream. */
int seg_view_json_line(const json_t *json, FILE *to);

/* Terminal colours of a verdict or state, for libsmartcols; NULL: none. */
const char *seg_view_colour(const char *word);

#endif
