/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * regions.h - seg_image_region() for who asks often: trees of an image's boxes, made once, so that
 * few boxes are read for each.
 */
#ifndef SEG_REGIONS_H
#define SEG_REGIONS_H

#include "classify.h"
#include "cleanup.h"

struct seg_regions;
struct seg_finder;
struct seg_box_walker;

/* The image must outlive *out, which is released with seg_regions_close(). -ENOMEM. */
int seg_regions_open(const struct seg_image *image, struct seg_regions **out);
void seg_regions_close(struct seg_regions *regions);

/* As seg_image_region(). */
void seg_regions_find(const struct seg_regions *regions, const struct seg_flow *flow,
		      struct seg_region *out);

/* Walk as this way of a lookup does, which seg_lookup_runs(); at first the best. */
void seg_regions_walk_by(struct seg_regions *regions, enum seg_lookup_way way);
const struct seg_box_walker *seg_regions_walker(const struct seg_regions *regions);

/* A finder's tree; NULL: it has no boxes. */
const struct seg_box_tree *seg_regions_tree(const struct seg_regions *regions,
					    const struct seg_finder *finder);

static inline void seg_regions_closep(struct seg_regions **regions)
{
	seg_regions_close(*regions);
}

#define _cleanup_regions_ _cleanup_(seg_regions_closep)

#endif
