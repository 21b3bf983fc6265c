/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session_words.h - which sessions are meant, as a user writes it:
 *     src 10.0.0.0/8 port 80,443 not rule web
 *     tcp state established
 *     tcp 10.0.0.1:4321 > 10.0.0.2:22
 * Conditions that all have to hold: a key of session_filter.h and its value, or
 * several that commas join; a protocol alone; a flow as flow_text.h has it, begun by
 * its source. Pure.
 */
#ifndef SEG_SESSION_WORDS_H
#define SEG_SESSION_WORDS_H

#include <jansson.h>

#include "error.h"

/*
 * The words of an invocation as the daemon is asked (session_filter.h), the caller's.
 * -EINVAL with the error placed in the text; -ENOMEM.
 */
int seg_session_words(char *const *words, size_t n, json_t **filter, struct seg_error *err);

#endif
