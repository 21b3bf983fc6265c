/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.h - one or two policies as areas in a space of packets: what answers before the rules
 * do, the rules' patterns in order, the defaults. The first area that holds a packet answers for
 * it, and some area holds each.
 */
#ifndef SEG_SPACE_H
#define SEG_SPACE_H

#include "axes.h"
#include "near.h"

enum seg_owner_kind {
	SEG_OWNER_VLAN,     /* a VLAN that no rule of this policy names */
	SEG_OWNER_GUARD,    /* SEG_GUARDS[index] */
	SEG_OWNER_FAILSAFE, /* index: of the image's */
	SEG_OWNER_RULE,
	SEG_OWNER_DEFAULT,
};

/* Who an area belongs to, and what becomes of its packets. */
struct seg_owner {
	uint8_t kind;    /* enum seg_owner_kind */
	bool shadow;     /* a rule that decides nothing */
	uint16_t spare;  /* owners are compared as bytes */
	uint32_t index;  /* of the rule, failsafe or guard */
	uint32_t answer; /* seg_space_answer(): equal where packets fare equally */
	uint32_t shape;  /* equal for equal areas with equal answers */
};

/* Verdict, log and limit of a rule in one number. The last bit is set for allow. */
#define SEG_ANSWER_ALLOW 1u
#define SEG_ANSWER_LOG   2u
#define SEG_ANSWER_NONE  0xfffffffeu /* no rule is asked */

/* One policy in one lane; by field, as a search looks at one field at a time. */
struct seg_areas {
	uint32_t n;
	struct seg_slice *slice[SEG_AXES]; /* n each */
	struct seg_owner *owner;
	uint16_t *narrow; /* 1 << axis: it has not all of it; n */
	struct seg_near near;
	uint32_t *of_rule; /* the first area of each rule, and the end of the last's */
};

struct seg_cell {
	struct seg_span on[SEG_AXES];
};

/* What counts as a difference between rules. */
enum seg_space_use {
	SEG_SPACE_CHECK, /* log too; a limit of one rule is never that of another */
	SEG_SPACE_DIFF,  /* what becomes of packets; guards apart, which would only punch holes */
};

/* One or two policies; and guards, where they are apart. */
enum seg_side { SEG_SIDE_ONE, SEG_SIDE_TWO, SEG_SIDE_GUARDS, SEG_SIDES };

struct seg_space {
	enum seg_space_use use;
	uint32_t images_n;
	const struct seg_image *image[2];
	struct seg_axes axes;
	struct seg_areas areas[SEG_SIDES][SEG_LANES];
	SEG_VECTOR(struct seg_limit) limits;
	struct {
		struct seg_index index;
		uint32_t n;
		SEG_VECTOR(struct seg_area_place) at;
	} shapes;
};

struct seg_area_place {
	const struct seg_areas *areas;
	uint32_t area;
};

/* The images have to outlive it. -ENOMEM. Close it either way. */
int seg_space_open(struct seg_space *space, enum seg_space_use use,
		   const struct seg_image *const *images, uint32_t n);
void seg_space_close(struct seg_space *space);

/* All packets of a lane. */
struct seg_cell seg_space_all(const struct seg_space *space, unsigned int lane);

/* The smallest box that holds an area. */
struct seg_cell seg_areas_hull(const struct seg_areas *areas, uint32_t area);

/* A rule's areas in a lane are neighbours: the first, and how many. */
static inline uint32_t seg_areas_of_rule(const struct seg_areas *areas, uint32_t rule, uint32_t *n)
{
	*n = areas->of_rule[rule + 1] - areas->of_rule[rule];
	return areas->of_rule[rule];
}

#define _cleanup_space_ _cleanup_(seg_space_close)

#endif
