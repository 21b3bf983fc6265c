/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_diff.h - exactly which packets two policies treat differently, as regions: products of
 * parts of fields. Regions are apart from each other, and together they are the difference. What
 * counts is the verdict and the limit on it; whether it is logged does not. Nor does a region in
 * which a guard answers for all packets; packets of guards may be in others.
 */
#ifndef SEG_POLICY_DIFF_H
#define SEG_POLICY_DIFF_H

#include "space.h"

/* Of one pair of owners. */
struct seg_change {
	struct seg_slice on[SEG_AXES]; /* SEG_SLICE_ANY: all of it */
	struct seg_owner owner[2];     /* before, after */
	uint8_t families;              /* 1: IPv4, 2: IPv6 */
	uint8_t kinds;                 /* 1 << enum seg_lane */
	uint16_t spare;
};

#define SEG_SLICE_ANY ((struct seg_slice){0, 0, 0xfffffff0u})

static inline bool seg_slice_is_any(const struct seg_slice *slice)
{
	return slice->set == SEG_SLICE_ANY.set;
}

#define SEG_REGIONS_MAX (1u << 20) /* before they are joined */

typedef SEG_VECTOR(struct seg_change) seg_changes;

/*
 * The regions where two policies differ; none: they are equivalent. `space` is opened here and
 * closed by the caller, who also frees out->item, either way. -E2BIG: more than SEG_REGIONS_MAX;
 * -ENOMEM.
 */
int seg_policy_diff(struct seg_space *space, const struct seg_image *before,
		    const struct seg_image *after, seg_changes *out);

/* A region in the policy's words: each of what a key asks for, key after key. A key that asks for
 * nothing is left out. */
void seg_change_words(const struct seg_space *space, const struct seg_change *region,
		      void (*word)(void *context, const char *key, const char *word),
		      void *context);

#endif
