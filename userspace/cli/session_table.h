/* SPDX-License-Identifier: BSD-2-Clause */
/* session_table.h - sessions for people: as a table on a terminal, as lines in a pipe. */
#ifndef SEG_SESSION_TABLE_H
#define SEG_SESSION_TABLE_H

#include "vector.h"
#include "view.h"

/* Sessions as they arrive (session_row.h); all zero: none. */
struct seg_session_lines {
	SEG_VECTOR(char) text;
	uint32_t n;
};

/* One more: it is split where it stands, then copied. -EPROTO: it is no session; -ENOMEM. */
int seg_session_lines_add(struct seg_session_lines *lines, char *line, size_t len);
void seg_session_lines_clear(struct seg_session_lines *lines);
void seg_session_lines_free(struct seg_session_lines *lines);

#define _cleanup_session_lines_ __attribute__((cleanup(seg_session_lines_free)))

#define SEG_SESSION_COLUMNS 14

/* Of a table of sessions that is printed piece by piece: zero before the first. */
struct seg_session_widths {
	bool known; /* there was a piece, and the headings */
	size_t of[SEG_SESSION_COLUMNS];
};

/* Both return 0 or -errno. All of them; words if there is none. */
int seg_view_sessions(const struct seg_view *view, const struct seg_session_lines *lines);

/* Some of them. Where no terminal has to be fitted, later pieces have the columns of the first,
 * which only grow. */
int seg_view_session_rows(const struct seg_view *view, const struct seg_session_lines *lines,
			  struct seg_session_widths *widths);

#endif
