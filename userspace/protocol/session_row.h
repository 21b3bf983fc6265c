/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session_row.h - a session as a line, for replies of millions: a JSON object for
 * programs, or its values between tabs for tables. To parse JSON takes 8 us a row
 * on a machine where all else that a table needs takes one.
 */
#ifndef SEG_SESSION_ROW_H
#define SEG_SESSION_ROW_H

#include <stdbool.h>

#include "session_filter.h"

/* The values between tabs, in this order: words and addresses as text, numbers in decimal. */
enum seg_row_field {
	SEG_ROW_PROTO,
	SEG_ROW_SRC,
	SEG_ROW_SPORT,
	SEG_ROW_DST,
	SEG_ROW_DPORT,
	SEG_ROW_VERDICT,
	SEG_ROW_RULE,
	SEG_ROW_STATE,
	SEG_ROW_ORIG_PACKETS,
	SEG_ROW_ORIG_BYTES,
	SEG_ROW_REPLY_PACKETS,
	SEG_ROW_REPLY_BYTES,
	SEG_ROW_AGE, /* times in seconds */
	SEG_ROW_IDLE,
	SEG_ROW_EXPIRES,
	SEG_ROW_IFACE,
	SEG_ROW_FIELDS
};

#define SEG_ROW_MAX 2048 /* a rule's name and an interface's, all escaped, and the rest */

/* Both return where the next text goes; the caller has SEG_ROW_MAX bytes. */
char *seg_row_put_json(char *to, const struct seg_session_facts *facts);
char *seg_row_put_tabbed(char *to, const struct seg_session_facts *facts);

/* The line's tabs become ends of strings. False, the line untouched: it has not as many fields. */
bool seg_row_split(char *line);

/* The fields of a line that was split. Returns where the next one begins if it follows it. */
const char *seg_row_fields(const char *line, const char *field[SEG_ROW_FIELDS]);

#endif
