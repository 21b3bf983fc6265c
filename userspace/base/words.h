/* SPDX-License-Identifier: BSD-2-Clause */
/* words.h - what the datapath's numbers are called in every output: one name for each thing. */
#ifndef SEG_WORDS_H
#define SEG_WORDS_H

#include <stdint.h>

#include "abi.h"

/* A row of reasons.h. */
struct seg_reason_row {
	const char *name;
	enum seg_verdict verdict;
	enum seg_path path;
	const char *text; /* what it means to an administrator */
};

extern const struct seg_reason_row SEG_REASON_ROWS[SEG_REASON_MAX];

/* "allow", "deny", "loss"; "pending" for none yet. */
const char *seg_verdict_word(uint8_t verdict);

/* "guard", "session", "wildcard", "slow". */
const char *seg_path_word(enum seg_path path);

/* "opening", "established"...; "-" beyond the last. */
const char *seg_state_word(uint8_t l4_state);

/* "ingress", "egress", "forward". */
const char *seg_direction_word(uint8_t direction);

#define SEG_PROTO_WORD_MAX 16

/* "tcp", or "proto/47" in `to`, of SEG_PROTO_WORD_MAX bytes. */
const char *seg_proto_word(uint8_t proto, char *to);

#endif
