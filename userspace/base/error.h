/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.h - an error as a user should read it: what is wrong, where, and how
 * to mend it. Library code fills one and returns -errno; only the CLI and the
 * daemon's log print it.
 *
 * Rendered (seg_error_print):
 *     edge.yaml:12:9: error: unknown key 'form'
 *       12 |   - {form: admins, action: allow}
 *          |      ^
 *     mend: did you mean 'from'?
 */
#ifndef SEG_ERROR_H
#define SEG_ERROR_H

#include <stdio.h>

/* Exit codes of the CLI, part of its interface. */
enum seg_exit {
	SEG_EXIT_OK = 0,
	SEG_EXIT_FAILED = 1,
	SEG_EXIT_USAGE = 2,
	SEG_EXIT_NOT_ATTACHED = 3, /* or no daemon */
	SEG_EXIT_PRIVILEGE = 4,
	SEG_EXIT_PROTECTED = 5, /* refused to protect the user; --force overrides */
};

struct seg_error {
	enum seg_exit exit; /* SEG_EXIT_OK: no error */
	char what[512];
	char mend[512];    /* empty: none */
	char file[256];    /* empty: not about a file */
	unsigned int line; /* from 1; 0: not known */
	unsigned int column;
	char source[256]; /* that line of the file, cut; empty: not known */
};

/*
 * Set what is wrong (printf). Returns -errnum, so that a caller can
 * `return seg_error_set(err, EINVAL, ...)`. err may be NULL. The first error stays:
 * a later call on the same err only returns.
 */
int seg_error_set(struct seg_error *err, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Set how to mend it; the first one stays. */
void seg_error_mend(struct seg_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Set the exit code; without it, -EPERM and -EACCES give SEG_EXIT_PRIVILEGE, others
 * SEG_EXIT_FAILED. */
void seg_error_exit(struct seg_error *err, enum seg_exit exit);

/* Set the place; `source` is the text of that line or NULL. Columns count characters from 1. */
void seg_error_place(struct seg_error *err, const char *file, unsigned int line,
		     unsigned int column, const char *source);

/* Write it as shown above; colour: use terminal colours. */
void seg_error_print(const struct seg_error *err, FILE *to, int colour);

/* The same of what is no error yet. */
void seg_error_warn(const struct seg_error *err, FILE *to, int colour);

#endif
