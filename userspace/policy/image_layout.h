/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image_layout.h - the bytes of an image, for what writes, checks and reads
 * them. Nobody else includes this.
 *
 * Rules are unfolded into rows, one for each combination of service, VLAN
 * and interface; rows lie in lanes by family and protocol, in the rules' order.
 * Groups of addresses are sorted interval sets, each stored once. Lookups do not
 * read rows but boxes, which hash tables lead to.
 *
 * In an image that was patched, rows and boxes count rules from their block's base (SEG_BLOCK of
 * them), so that a rule more or less is a change of a few words. Where rules went, or may come,
 * there are holes: numbered as what is before them, they match nothing, and nothing leads to them.
 */
#ifndef SEG_IMAGE_LAYOUT_H
#define SEG_IMAGE_LAYOUT_H

#include <stdbool.h>

#include "image.h"

#define SEG_IMAGE_MAGIC      "xdpsegI"
#define SEG_IMAGE_BYTE_ORDER 0x01020304u
#define SEG_SET_NONE         0xffffffffu
#define SEG_IMAGE_SEALS      (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

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
	uint32_t rule;                    /* seg_row_rule() */
	uint32_t src_set, dst_set;        /* SEG_SET_NONE: the bounds are exact */
	uint16_t vlan[2];                 /* both 0: any */
	uint16_t iface;                   /* SEG_IFACE_NONE: any */
	uint8_t proto;
	uint8_t flags;      /* enum seg_row_flag */
	uint8_t directions; /* 1 << enum seg_direction; 0: a hole */
	uint8_t tcp_mask;   /* of the flags, which must be tcp_value; 0: any */
	uint8_t tcp_value;
	uint8_t dscp;
};

/* id, file, what, mend, name: offsets in strings. */
struct seg_rule {
	uint32_t id, file, line;
	uint32_t from, to; /* sets */
	uint8_t verdict;
	uint8_t flags;    /* enum seg_verdict_flag */
	uint8_t stage;    /* enum seg_stage */
	uint8_t by_place; /* it has no id of its own: "rule-7" is the seventh */
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

/* --- what finds the row: see key.h, tables.c, lookup.h ----------------------- */

#define SEG_KEY_EXTRAS 3

/*
 * What a row asks beside addresses and ports: of the key's last words (key.h) these bits, and
 * of the addresses that they are in a set, or SEG_SET_NONE. Item 0 asks nothing.
 */
struct seg_rest {
	uint32_t mask[SEG_KEY_EXTRAS], value[SEG_KEY_EXTRAS];
	uint32_t src_set, dst_set;
};

/*
 * A row's addresses cut into boxes, or the hull of them with the sets in its rest. Behind it
 * the bounds, most significant word first: source first and last, destination first and last.
 * A finder's boxes are in the rules' order: of the boxes that hold a flow, the first decides.
 */
struct seg_box {
	uint32_t next; /* box of its slot, 0: none */
	uint32_t info; /* SEG_BOX_ */
	uint16_t sport_first, sport_last, dport_first, dport_last;
};

#define SEG_BOX_RULE          0x0001ffffu /* seg_box_rule() */
#define SEG_BOX_PROTO         0x01fe0000u
#define SEG_BOX_PROTO_SHIFT   17
#define SEG_BOX_ANY_PROTO     (1u << 25)
#define SEG_BOX_VERDICT_SHIFT 26 /* enum seg_verdict, two bits */
#define SEG_BOX_LOG           (1u << 28)
#define SEG_BOX_REST          (1u << 29) /* it asks more: see the section RESTS4, RESTS6 */
#define SEG_BOX_ASKS_PROTO    (1u << 30) /* others of its lane are of another protocol */
#define SEG_BOXES_MAX         SEG_SLOT_BOX
#define SEG_BOX_NONE          0xffffffffu

/* Addresses of 1 or 4 words. */
struct seg_box4 {
	struct seg_box box;
	uint32_t bound[4];
};

struct seg_box6 {
	struct seg_box box;
	uint32_t bound[16];
};

/* Slot of a table: the first box of those whose hash leads here, and a tag of it. 0: empty. */
#define SEG_SLOT_BOX   0x00ffffffu
#define SEG_SLOT_TAKEN 0x01000000u /* in every slot that is not empty */
#define SEG_SLOT_TAG   0xfe000000u
#define SEG_SLOT_ANY   0xff000000u /* boxes of several keys: the tag tells nothing */

#define SEG_BANK_TABLES   8
#define SEG_KEY_WORDS_MAX 12

/* Hash tables that are asked at once: a column a table. One that is not used has two empty slots.
 */
struct seg_bank {
	uint32_t mask[SEG_KEY_WORDS_MAX][SEG_BANK_TABLES]; /* of the key's words */
	uint32_t shift[SEG_BANK_TABLES];                   /* 2^(32 - shift) slots */
	uint32_t base[SEG_BANK_TABLES];                    /* the first slot */
	uint32_t first;                                    /* the first box that is here */
	uint32_t n;                                        /* tables */
	uint32_t spare[14];
};

/* How a lane's rows of one stage are found: in banks first..first+count-1. */
struct seg_finder {
	uint32_t first, count;
	uint32_t words;              /* of the key: the same for all of a family */
	uint32_t box_first, box_end; /* its boxes, of the family's */
	uint32_t spare;
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
	X(FINDERS, struct seg_finder)                                                              \
	X(BANKS, struct seg_bank)                                                                  \
	X(SLOTS4, uint32_t)                                                                        \
	X(SLOTS6, uint32_t)                                                                        \
	X(BOXES4, struct seg_box4)                                                                 \
	X(BOXES6, struct seg_box6)                                                                 \
	X(RESTS4, uint32_t)                                                                        \
	X(RESTS6, uint32_t)                                                                        \
	X(BASES4, uint32_t)                                                                        \
	X(BASES6, uint32_t)                                                                        \
	X(BASES, uint32_t)                                                                         \
	X(RESTS, struct seg_rest)                                                                  \
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
SEG_ASSERT_SIZE(struct seg_box4, 32);
SEG_ASSERT_SIZE(struct seg_box6, 80);
SEG_ASSERT_SIZE(struct seg_rest, 32);
SEG_ASSERT_SIZE(struct seg_bank, 512);
_Static_assert(SEG_RULES_MAX - 1 <= SEG_BOX_RULE, "a rule's number fits a box");
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

/* Finders: of each lane; behind them, where there are such rows, those of stage shadow. */
static inline unsigned int seg_finder_of(enum seg_stage stage, unsigned int section)
{
	return stage * 2 * SEG_LANE_MAX + section;
}

static inline bool seg_finder_six(uint32_t finder)
{
	return finder / SEG_LANE_MAX % 2;
}

/* Behind every box. */
static inline const uint32_t *seg_box_bound(const struct seg_box *box)
{
	return (const uint32_t *)(box + 1);
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

/* For who makes or edits an image. */
static inline void *seg_section_edit(struct seg_image *image, unsigned int section)
{
	return (char *)image + image->section[section].offset;
}

/* Rows or boxes that have a base in common: of boxes, in BASES4 and BASES6; of rows, lane after
 * lane, in BASES. What was compiled whole has no bases. */
#define SEG_BLOCK 64

static inline bool seg_image_has_bases(const struct seg_image *image)
{
	return image->section[SEG_SECTION_BASES].count;
}

static inline uint32_t seg_blocks(uint32_t items)
{
	return items / SEG_BLOCK + (items % SEG_BLOCK != 0);
}

/* Where a lane's bases begin; of the lane behind the last: where all end. */
static inline uint32_t seg_row_bases(const struct seg_section *lanes, unsigned int lane)
{
	uint32_t at = 0;

	for (unsigned int i = 0; i < lane; i++)
		at += seg_blocks(lanes[i].count);
	return at;
}

static inline uint32_t seg_row_rule(const struct seg_image *image, unsigned int lane, uint32_t row)
{
	const struct seg_row *rows = seg_section_items(image, lane);
	const uint32_t *bases = seg_section_items(image, SEG_SECTION_BASES);

	if (!seg_image_has_bases(image))
		return rows[row].rule;
	return rows[row].rule + bases[seg_row_bases(image->section, lane) + row / SEG_BLOCK];
}

static inline const struct seg_box *seg_box_at(const struct seg_image *image, bool six,
					       uint32_t box)
{
	const char *boxes = seg_section_items(image, SEG_SECTION_BOXES4 + six);

	return (const void *)(boxes +
			      box * (six ? sizeof(struct seg_box6) : sizeof(struct seg_box4)));
}

static inline struct seg_box *seg_box_edit(struct seg_image *image, bool six, uint32_t box)
{
	return (struct seg_box *)seg_box_at(image, six, box);
}

static inline uint32_t seg_box_rule(const struct seg_image *image, bool six, uint32_t box)
{
	const uint32_t *bases = seg_section_items(image, SEG_SECTION_BASES4 + six);
	uint32_t rule = seg_box_at(image, six, box)->info;

	if (seg_image_has_bases(image))
		rule += bases[box / SEG_BLOCK];
	return rule & SEG_BOX_RULE;
}

static inline bool seg_box_is_hole(const struct seg_box *box)
{
	return box->sport_first > box->sport_last;
}

/* Of protocol 0, and of no port: no flow has both. Its rule's number stays. */
static inline void seg_box_clear(struct seg_box *box)
{
	box->next = 0;
	box->info = (box->info & SEG_BOX_RULE) | SEG_VERDICT_DENY << SEG_BOX_VERDICT_SHIFT;
	box->sport_first = 1;
	box->sport_last = 0;
}

static inline const char *seg_image_string(const struct seg_image *image, uint32_t offset)
{
	return (const char *)seg_section_items(image, SEG_SECTION_STRINGS) + offset;
}

static inline int seg_wide_compare(struct seg_wide a, struct seg_wide b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return a.low == b.low ? 0 : a.low < b.low ? -1 : 1;
}

/* "rule-7": what a rule without an id is called by its place; *rule: 6. */
bool seg_rule_place_like(const char *id, uint32_t *rule);

/* Bytes of one of its items. */
size_t seg_section_item_size(unsigned int section);

/* Items that it could have: what is behind its own, up to the next. */
static inline uint32_t seg_section_room(const struct seg_image *image, unsigned int section)
{
	uint64_t end =
		section + 1 < SEG_SECTION_MAX ? image->section[section + 1].offset : image->size;

	return (uint32_t)((end - image->section[section].offset) / seg_section_item_size(section));
}

/*
 * An image with room for so many items of each section. What they are is left to the caller, and
 * so are the header and the checksum. -E2BIG, -ENOMEM.
 */
int seg_image_make(const uint32_t count[SEG_SECTION_MAX], struct seg_image **out);
uint64_t seg_image_checksum(const struct seg_image *image);

#endif
