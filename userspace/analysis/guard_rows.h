/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard_rows.h - what no rule is ever asked about: the parser and the sanity checks (xdp/packet.h)
 * answer, whatever else is in the packet. Rows are as wide as that is certain, no wider.
 */
#ifndef SEG_GUARD_ROWS_H
#define SEG_GUARD_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "image_layout.h"

struct seg_guard {
	const char *what;      /* as in "... is answered before any rule" */
	uint8_t family;        /* 0: both */
	int16_t proto;         /* -1: any */
	uint16_t dport[2];     /* of ICMP: type << 8 | code; both 0: any */
	const char *from, *to; /* a range; NULL: any */
};

#define SEG_GUARDS_N 27

extern const struct seg_guard SEG_GUARDS[SEG_GUARDS_N];

/* A guard's range; false for NULL. */
bool seg_guard_interval(const char *range, struct seg_interval *out);

#endif
