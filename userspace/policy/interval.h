/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interval.h - sets of addresses while they are compiled. IPv4 lies in
 * ::ffff:0:0/96 of the one number line, where IPv6 has no addresses: an
 * IPv6 range never holds an IPv4 address, ::/0 included.
 */
#ifndef SEG_INTERVAL_H
#define SEG_INTERVAL_H

#include <stdbool.h>

#include "address.h"
#include "image_layout.h"
#include "vector.h"

typedef SEG_VECTOR(struct seg_interval) seg_intervals;

/* Both families, all of them. */
extern const struct seg_interval SEG_INTERVAL_ALL;

/* The part of the line that is a family's: IPv4, or what IPv6 has above it. */
extern const struct seg_interval SEG_INTERVAL_V4;

/* Add a range to what may be unsorted and overlap. -ENOMEM. */
int seg_intervals_add(seg_intervals *set, const struct seg_range *range);

/* Sort and join: the one normal form of a set. */
void seg_intervals_normalise(seg_intervals *set);

/* to = from minus what; both normal, and so is `to`, which must be empty. -ENOMEM. */
int seg_intervals_subtract(seg_intervals *to, const seg_intervals *from, const seg_intervals *what);

/* The bounds of a set in one family's lanes (seg_lane_unit). */
struct seg_hull {
	uint64_t first, last;
	bool some;  /* the set has addresses of this family */
	bool exact; /* and they are all that lies within the bounds */
};

/* The set is normal. */
struct seg_hull seg_hull_of(const seg_intervals *set, uint8_t family);

static inline void seg_intervals_free(seg_intervals *set)
{
	free(set->item);
	*set = (seg_intervals){0};
}

#define _cleanup_intervals_ _cleanup_(seg_intervals_free)

#endif
