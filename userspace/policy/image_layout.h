/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image_layout.h - the bytes of an image, for what writes, checks and reads
 * them: compile.c, image.c, classify.c. Nobody else includes this.
 *
 * Rules are unfolded into rows, one for each combination of service, VLAN
 * and interface; rows lie in lanes by family and protocol, so that a lookup
 * scans only rows that its packet could match, in the rules' order. Groups of
 * addresses are sorted interval sets, each stored once.
 */
#ifndef SEG_IMAGE_LAYOUT_H
#define SEG_IMAGE_LAYOUT_H

#include "image.h"

#define SEG_IMAGE_MAGIC      "xdpsegI"
#define SEG_IMAGE_BYTE_ORDER 0x01020304u
#define SEG_SET_NONE         0xffffffffu

/* `count` items at `offset` bytes from the image's start, a multiple of 8. */
struct seg_section {
	uint32_t offset;
	uint32_t count;
};

/* An address as two numbers, IPv4 as ::ffff:a.b.c.d. */
struct seg_wide {
	uint64_t high, low;
};

struct seg_interval {
	struct seg_wide first, last;
};

/* Intervals first..first+count-1: sorted, apart, at least one. */
struct seg_set {
	uint32_t first, count;
};

enum seg_row_flag {
	SEG_ROW_ANY_PROTO = 1 << 0,
	SEG_ROW_DSCP = 1 << 1,   /* `dscp` is asked for */
	SEG_ROW_SHADOW = 1 << 2, /* of a rule that decides nothing */
};

/*
 * What a packet must be. Addresses in the lane's unit (seg_lane_unit): the
 * bounds of the rule's set; where those are not the whole truth, the set is.
 */
struct seg_row {
	uint64_t src_first, src_last, dst_first, dst_last;
	uint16_t sport_first, sport_last;
	uint16_t dport_first, dport_last; /* ICMP: type << 8 | code */
	uint32_t rule;
	uint32_t src_set, dst_set; /* SEG_SET_NONE: the bounds are exact */
	uint16_t vlan[2];          /* both 0: any */
	uint16_t iface;            /* SEG_IFACE_NONE: any */
	uint8_t proto;
	uint8_t flags;      /* enum seg_row_flag */
	uint8_t directions; /* 1 << enum seg_direction */
	uint8_t tcp_mask;   /* of the flags, which must be tcp_value; 0: any */
	uint8_t tcp_value;
	uint8_t dscp;
};

/* id, file, what, mend, name: offsets in strings. */
struct seg_rule {
	uint32_t id, file, line;
	uint32_t from, to; /* sets */
	uint8_t verdict;
	uint8_t flags; /* enum seg_verdict_flag */
	uint8_t stage; /* enum seg_stage */
	uint8_t spare;
	struct seg_limit limit;
};

struct seg_need_item {
	uint32_t what, mend, file, line, column, spare;
};

/* A service, and who may always reach it. */
struct seg_failsafe {
	uint32_t name;
	uint32_t from;                    /* set */
	uint16_t dport_first, dport_last; /* ICMP: type << 8 | code */
	uint8_t proto;
	uint8_t family; /* 0: both */
	uint8_t flags;  /* SEG_ROW_ANY_PROTO */
	uint8_t spare;
};

enum seg_lane { SEG_LANE_TCP, SEG_LANE_UDP, SEG_LANE_ICMP, SEG_LANE_OTHER, SEG_LANE_MAX };

/* id, member type */
#define SEG_SECTIONS(X)                                                                            \
	X(SETS, struct seg_set)                                                                    \
	X(INTERVALS, struct seg_interval)                                                          \
	X(RULES, struct seg_rule)                                                                  \
	X(VLANS, struct seg_vlan)                                                                  \
	X(IFACES, uint32_t)                                                                        \
	X(NEEDS, struct seg_need_item)                                                             \
	X(FAILSAFES, struct seg_failsafe)                                                          \
	X(STRINGS, char)

/* The lanes come first: lane l of family 4 is section l, of family 6 SEG_LANE_MAX + l. */
enum seg_section_id {
	SEG_SECTION_LANES,
	SEG_SECTION_BEFORE = 2 * SEG_LANE_MAX - 1,
#define X(id, type) SEG_SECTION_##id,
	SEG_SECTIONS(X)
#undef X
		SEG_SECTION_MAX
};

struct seg_image {
	char magic[8];
	uint32_t version;
	uint32_t byte_order;
	uint64_t size;     /* of the whole image */
	uint64_t checksum; /* XXH3-64 of all that follows this word */
	char hash[40];
	char name[SEG_NAME_MAX];
	struct seg_defaults defaults;
	struct seg_section section[SEG_SECTION_MAX];
};

SEG_ASSERT_SIZE(struct seg_row, 64);
SEG_ASSERT_SIZE(struct seg_rule, 40);
SEG_ASSERT_SIZE(struct seg_interval, 32);
_Static_assert(sizeof(struct seg_defaults) % 8 == 0, "no padding that could differ");
_Static_assert(sizeof(struct seg_image) % 8 == 0, "the first section is aligned");

static inline enum seg_lane seg_lane_of(uint8_t family, uint8_t proto)
{
	switch (proto) {
	case 6:
		return SEG_LANE_TCP;
	case 17:
		return SEG_LANE_UDP;
	default:
		return proto == (family == 4 ? 1 : 58) ? SEG_LANE_ICMP : SEG_LANE_OTHER;
	}
}

static inline unsigned int seg_lane_section(uint8_t family, enum seg_lane lane)
{
	return (family == 4 ? 0 : SEG_LANE_MAX) + lane;
}

/* What a row's bounds compare: all of an IPv4 address, the upper half of an IPv6 one. */
static inline uint64_t seg_lane_unit(uint8_t family, struct seg_wide address)
{
	return family == 4 ? address.low & UINT32_MAX : address.high;
}

static inline const void *seg_section_items(const struct seg_image *image, unsigned int section)
{
	return (const char *)image + image->section[section].offset;
}

static inline int seg_wide_compare(struct seg_wide a, struct seg_wide b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return a.low == b.low ? 0 : a.low < b.low ? -1 : 1;
}

#endif
