/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * humanise.h - numbers short enough for a table. Scripts read --json, which has
 * them exact.
 */
#ifndef SEG_HUMANISE_H
#define SEG_HUMANISE_H

#include <stdint.h>

#define SEG_HUMAN_MAX 32

/* All write to `to`, of SEG_HUMAN_MAX bytes, and return it. */

/* Exact to 9999, then three digits and a power of 1000: "12.3k", "1.05M". */
const char *seg_human_count(uint64_t count, char *to);

/* The same of what happens a second; below 10 with a digit behind the point. */
const char *seg_human_rate(double per_second, char *to);

/* The two largest units: "45s", "3m20s", "1d4h". */
const char *seg_human_seconds(uint64_t seconds, char *to);

/* Three digits: "850ns", "12.3us", "1.50ms". */
const char *seg_human_ns(uint64_t ns, char *to);

#endif
