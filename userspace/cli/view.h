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
	bool all; /* counters of 0, and what only experts ask for */
};

/* All return 0 or -errno; argument: the body of the reply of that name. */
int seg_view_status(const struct seg_view *view, const json_t *status);
int seg_view_sessions(const struct seg_view *view, const json_t *sessions);
int seg_view_stats(const struct seg_view *view, const json_t *stats);
int seg_view_check(const struct seg_view *view, const json_t *check);
/* A line if the policy is on trial. */
void seg_view_trial(const struct seg_view *view, const json_t *policy);
int seg_view_applied(const struct seg_view *view, const json_t *applied);
int seg_view_policy(const struct seg_view *view, const json_t *policy);
int seg_view_why(const struct seg_view *view, const json_t *why);

/* Members of an object: "-" and 0 where there is none. */
const char *seg_view_text(const json_t *object, const char *key);
uint64_t seg_view_number(const json_t *object, const char *key);

/* Print JSON as a reply goes out: indented, with a newline. 0 or -EIO. */
int seg_view_json(const json_t *json, FILE *to);

/* Terminal colours of a verdict or state, for libsmartcols; NULL: none. */
const char *seg_view_colour(const char *word);

#endif
