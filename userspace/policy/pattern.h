/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pattern.h - what a rule matches, for whom reasons about rules instead of packets. A rule is the
 * union of its patterns, and a pattern the product of what it asks of each field. Order is the
 * rules'. Nothing of how the classifier finds them is in here.
 */
#ifndef SEG_PATTERN_H
#define SEG_PATTERN_H

#include <stdbool.h>

#include "image_layout.h"

#define SEG_DSCP_ANY 0xff

struct seg_pattern {
	uint32_t rule;
	uint32_t from, to;           /* sets: seg_image_set() */
	uint16_t sport[2], dport[2]; /* first, last; ICMP: type << 8 | code in dport */
	struct seg_vlan vlan;        /* all 0: any */
	uint16_t iface;              /* SEG_IFACE_NONE: any */
	uint8_t proto;               /* unless any_proto: of those that the lane has */
	uint8_t directions;          /* 1 << enum seg_direction; 0: nothing matches */
	uint8_t tcp_mask, tcp_value; /* flags & mask == value */
	uint8_t dscp;                /* SEG_DSCP_ANY */
	bool any_proto;
};

/* Those of one family's lane: how many, and the i-th. */
uint32_t seg_image_patterns(const struct seg_image *image, uint8_t family, enum seg_lane lane);
struct seg_pattern seg_image_pattern(const struct seg_image *image, uint8_t family,
				     enum seg_lane lane, uint32_t i);

/* The intervals of a set, sorted, apart; *n of them. */
const struct seg_interval *seg_image_set(const struct seg_image *image, uint32_t set, uint32_t *n);
uint32_t seg_image_sets(const struct seg_image *image);

/* What a failsafe service is asked: `rule` is its index. False: not in this lane. */
bool seg_image_failsafe_pattern(const struct seg_image *image, uint32_t i, uint8_t family,
				enum seg_lane lane, struct seg_pattern *out);
uint32_t seg_image_failsafe_count(const struct seg_image *image);

/* The name of an interface that a rule names, from 1; NULL beyond the last. */
const char *seg_image_iface_name(const struct seg_image *image, uint16_t iface);

#endif
