/* SPDX-License-Identifier: BSD-2-Clause */
/* lookup_scalar.c - lookups on any CPU, a table after the other. */
#include "lookup_steps.h"

static ALWAYS_INLINE uint32_t least(const uint32_t *candidates)
{
	uint32_t least = SEG_BOX_NONE;

	for (unsigned int i = 0; i < SEG_BANK_TABLES; i++)
		least = candidates[i] < least ? candidates[i] : least;
	return least;
}

static ALWAYS_INLINE uint32_t probe(const struct seg_bank *bank, const uint32_t *slots,
				    const uint32_t *word, unsigned int words, uint32_t *out)
{
	for (unsigned int t = 0; t < SEG_BANK_TABLES; t++) {
		uint32_t sum = 0, hash, slot;

		UNROLL for (unsigned int w = 0; w < words; w++) sum +=
			(word[w] & bank->mask[w][t]) * SEG_KEY_FACTORS[w];
		hash = seg_key_mix(sum);
		slot = slots[bank->base[t] + (hash >> bank->shift[t])];
		out[t] = (slot & ~SEG_SLOT_BOX) == seg_key_tag(hash) || slot >= SEG_SLOT_ANY
				 ? slot & SEG_SLOT_BOX
				 : SEG_BOX_NONE;
	}
	return least(out);
}

static ALWAYS_INLINE unsigned int box4_holds(const struct seg_box *box,
					     const struct seg_question *q)
{
	return scalar_holds(box, q, 1);
}

static ALWAYS_INLINE uint32_t advance(uint32_t *candidates, uint32_t nearest, uint32_t next)
{
	for (unsigned int i = 0; i < SEG_BANK_TABLES; i++)
		candidates[i] = candidates[i] == nearest ? next : candidates[i];
	return least(candidates);
}

void seg_lookup_scalar(const struct seg_questions *questions)
{
	answer(questions);
}
