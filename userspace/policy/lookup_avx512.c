/* SPDX-License-Identifier: BSD-2-Clause */
/* lookup_avx512.c - lookups with AVX-512's masks, eight tables at once. */
#include "lookup_avx.h"

/* Lanes whose slot has this hash's tag, or any. */
static ALWAYS_INLINE __mmask8 found8(__m256i slot, __m256i hash)
{
	__m256i tag = _mm256_or_si256(
		_mm256_and_si256(_mm256_slli_epi32(hash, SEG_KEY_TAG_SHIFT), all8(SEG_SLOT_TAG)),
		all8(SEG_SLOT_TAKEN));
	__m256i box = all8(SEG_SLOT_BOX);
	__m256i any = all8(SEG_SLOT_ANY);

	return _mm256_cmple_epu32_mask(_mm256_xor_si256(slot, tag), box) |
	       _mm256_cmpge_epu32_mask(slot, any);
}

static ALWAYS_INLINE uint32_t probe(const struct seg_bank *bank, const uint32_t *slots,
				    const uint32_t *word, unsigned int words, uint32_t *out)
{
	__m256i hash = hash8(bank, word, words);
	__m256i at = _mm256_add_epi32(load(bank->base), _mm256_srlv_epi32(hash, load(bank->shift)));
	__m256i slot = slots8(slots, at);
	__m256i none = all8(SEG_BOX_NONE);
	__m256i boxes = _mm256_mask_and_epi32(none, found8(slot, hash), slot, all8(SEG_SLOT_BOX));

	_mm256_store_si256((void *)out, boxes);
	return least(boxes);
}

static ALWAYS_INLINE unsigned int box4_holds(const struct seg_box *box,
					     const struct seg_question *q)
{
	__m256i bounds = _mm256_load_si256((const void *)box);
	__m256i key = key_spread(q->word);
	__m128i ports = _mm256_castsi256_si128(bounds), own = _mm256_castsi256_si128(key);
	__mmask8 from = _mm256_cmple_epu32_mask(bounds, key) & _mm_cmple_epu16_mask(ports, own);
	__mmask8 to = _mm256_cmpge_epu32_mask(bounds, key) & _mm_cmpge_epu16_mask(ports, own);

	return ((from & 0x50) | (to & 0xa0)) == 0xf0;
}

static ALWAYS_INLINE uint32_t advance(uint32_t *candidates, uint32_t nearest, uint32_t next)
{
	__m256i boxes = load(candidates);
	__mmask8 was = _mm256_cmpeq_epi32_mask(boxes, _mm256_set1_epi32((int)nearest));

	boxes = _mm256_mask_set1_epi32(boxes, was, (int)next);
	_mm256_store_si256((void *)candidates, boxes);
	return least(boxes);
}

void seg_lookup_avx512(const struct seg_questions *questions)
{
	answer(questions);
}
