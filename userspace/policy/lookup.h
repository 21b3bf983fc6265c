/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup.h - the first box that holds a key: for a burst, all keys are hashed under all
 * masks, slots fetched, tags compared, and only boxes whose tag is right looked at. One way
 * for each kind of CPU, from the same text (lookup_steps.h); the scalar one says what the
 * others must say.
 */
#ifndef SEG_LOOKUP_H
#define SEG_LOOKUP_H

#include <stdbool.h>

#include "classify.h"
#include "image_layout.h"

/* Two cache lines. */
struct seg_question {
	uint32_t candidate[SEG_BANK_TABLES]; /* what the key's slots in a bank lead to, or
						SEG_BOX_NONE */
	uint32_t nearest;                    /* the least of them */
	uint32_t box;                        /* the answer, or SEG_BOX_NONE */
	uint32_t flow;                       /* who asks */
	uint32_t finder;
	uint32_t proto; /* where a box has it */
	uint32_t spare[3];
	uint32_t word[SEG_KEY_WORDS_MAX]; /* see key.h; the last three where a rule asks for them */
} __attribute__((aligned(64)));

SEG_ASSERT_SIZE(struct seg_question, 128);

struct seg_questions {
	const struct seg_image *image;
	const struct seg_flow *flows;     /* of all */
	const struct seg_finder *finders; /* of the stage */
	struct seg_question *item;
	unsigned int n; /* up to SEG_CLASSIFY_MAX */
	uint8_t family; /* of all */
};

/* Make questions of those of n flows that are of the questions' family. */
typedef void seg_fill(struct seg_questions *questions, unsigned int n);

seg_fill seg_fill_scalar, seg_fill_avx2;

/* Answer all: flow, finder and words are given, box is SEG_BOX_NONE. */
typedef void seg_lookup(const struct seg_questions *questions);

seg_lookup seg_lookup_scalar, seg_lookup_avx2, seg_lookup_avx512;

/* What a flow's decision comes from: a finder, its answer, and the boxes that come before. */
struct seg_side {
	const struct seg_finder *finder;
	uint32_t box; /* SEG_BOX_NONE: none */
	uint32_t end; /* of those before: box_first..end-1 */
};

/* One for the rule that decides, and one for the shadow, if the policy has such rules. 0: the
 * flow's VLANs decide. */
unsigned int seg_lookup_sides(const struct seg_image *image, const struct seg_flow *flow,
			      struct seg_side sides[SEG_STAGE_MAX]);

/* Are a question's addresses in the sets that a rest asks for? */
bool seg_rest_sets_hold(const struct seg_questions *questions, const struct seg_question *question,
			const struct seg_rest *rest);

#endif
