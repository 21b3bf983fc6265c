/* SPDX-License-Identifier: BSD-2-Clause */
/* field.h - single fields of a packet as a user writes them: TCP flags, DSCP. */
#ifndef SEG_FIELD_H
#define SEG_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

/* Of the flags in `mask` exactly those in `value` are set. Bits as in the TCP header (RFC 9293). */
struct seg_tcp_match {
	uint8_t mask, value;
};

/*
 * "syn/syn+ack": these are set / of those; "fin+rst": these are set, others may
 * be. -ESRCH: no such flag, and `nearest` was asked; -ERANGE: a flag is set that the
 * mask does not look at; -EINVAL: not of this form.
 */
int seg_tcp_match_parse(const char *text, size_t len, struct seg_tcp_match *out,
			struct seg_nearest *nearest);

/* "af11", "ef", "46". -ESRCH: no such name, and `nearest` was asked; -ERANGE. */
int seg_dscp_parse(const char *text, size_t len, uint8_t *out, struct seg_nearest *nearest);

#define SEG_TCP_FLAGS_TEXT_MAX 40 /* all of them */

/* "syn+ack"; "" for none. Returns `to`, of SEG_TCP_FLAGS_TEXT_MAX bytes. */
const char *seg_tcp_flags_print(uint8_t flags, char *to);

#endif
