/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * revisions.h - what was in force, since when, and who put it there: the last SEG_REVISIONS_MAX
 * changes, oldest first. They are part of the record, so that a next life knows them too. Keeper's
 * thread only.
 */
#ifndef SEG_REVISIONS_H
#define SEG_REVISIONS_H

#include <jansson.h>
#include <sys/socket.h>

#include "rulebook.h"

#define SEG_REVISIONS_MAX 100
#define SEG_CAUSE_MAX     128

/* Why something changes: a request, with who asks, or the daemon by itself (pid 0). */
struct seg_cause {
	char what[SEG_CAUSE_MAX]; /* "apply edge.yaml" */
	char by[16];              /* the asking program, as the kernel calls it */
	uid_t uid;
	pid_t pid;
};

/* Who is at the other end of a connection begins to ask. */
void seg_cause_set(struct seg_cause *cause, const struct ucred *peer);
void seg_cause_what(struct seg_cause *cause, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The book is in force from now on. Without memory it goes unnoted. `revisions`: made where it is
 * NULL; json_decref(). */
void seg_revisions_note(json_t **revisions, const struct seg_rulebook *book,
			const struct seg_cause *cause);

#endif
