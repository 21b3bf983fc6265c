/* SPDX-License-Identifier: BSD-2-Clause */
/* findings.h - what was found, in the order in which it was looked at. */
#ifndef SEG_FINDINGS_H
#define SEG_FINDINGS_H

#include "vector.h"

enum seg_level {
	SEG_LEVEL_OK,
	SEG_LEVEL_NOTE,    /* worth knowing; nothing is to be done */
	SEG_LEVEL_WARNING, /* works, but worse than it could */
	SEG_LEVEL_ERROR,   /* attach will fail, or packets will be lost */
	SEG_LEVEL_MAX
};

struct seg_finding {
	const char *check; /* static */
	char subject[64];  /* an interface, "kernel", "host", "daemon" */
	enum seg_level level;
	char what[256];
	char mend[256]; /* empty: none */
};

struct seg_findings {
	SEG_VECTOR(struct seg_finding) list;
	const char *check, *subject; /* of what is found next */
	int failed;                  /* 0, or -ENOMEM: some is missing */
};

/* Add one of the current check and subject (printf). */
void seg_find(struct seg_findings *findings, enum seg_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* How to mend the last one (printf). */
void seg_find_mend(struct seg_findings *findings, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "ok", "note", "warning", "error". */
const char *seg_level_word(enum seg_level level);

enum seg_level seg_findings_worst(const struct seg_findings *findings);
void seg_findings_free(struct seg_findings *findings);

#define _cleanup_findings_ _cleanup_(seg_findings_free)

#endif
