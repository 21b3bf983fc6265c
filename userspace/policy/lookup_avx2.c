/* SPDX-License-Identifier: BSD-2-Clause */
/* lookup_avx2.c - lookups with AVX2: eight tables at a time. */
#include "lookup_avx.h"

/* The slots' boxes; SEG_BOX_NONE where it has neither this hash's tag nor any. */
static ALWAYS_INLINE __m256i found8(__m256i slot, __m256i hash)
{
	__m256i tag = _mm256_or_si256(
		_mm256_and_si256(_mm256_slli_epi32(hash, SEG_KEY_TAG_SHIFT), all8(SEG_SLOT_TAG)),
		all8(SEG_SLOT_TAKEN));
	__m256i upper = _mm256_andnot_si256(all8(SEG_SLOT_BOX), slot);
	__m256i any = all8(SEG_SLOT_ANY);
	__m256i found =
		_mm256_or_si256(_mm256_cmpeq_epi32(upper, tag), _mm256_cmpeq_epi32(upper, any));

	return _mm256_or_si256(_mm256_and_si256(slot, all8(SEG_SLOT_BOX)),
			       _mm256_xor_si256(found, _mm256_set1_epi32(-1)));
}

static ALWAYS_INLINE uint32_t probe(const struct seg_bank *bank, const uint32_t *slots,
				    const uint32_t *word, unsigned int words, uint32_t *out)
{
	__m256i hash = hash8(bank, word, words);
	__m256i at = _mm256_add_epi32(load(bank->base), _mm256_srlv_epi32(hash, load(bank->shift)));
	__m256i boxes = found8(slots8(slots, at), hash);

	_mm256_store_si256((void *)out, boxes);
	return least(boxes);
}

static ALWAYS_INLINE unsigned int box4_holds(const struct seg_box *box,
					     const struct seg_question *q)
{
	__m256i bounds = _mm256_load_si256((const void *)box);
	__m256i key = key_spread(q->word);
	__m128i ports = _mm256_castsi256_si128(bounds), own = _mm256_castsi256_si128(key);
	__m256i least = _mm256_min_epu32(bounds, key), most = _mm256_max_epu32(bounds, key);
	__m128i low = _mm_min_epu16(ports, own), high = _mm_max_epu16(ports, own);
	__m256i words = _mm256_cmpeq_epi32(_mm256_blend_epi32(least, most, 0xa0), bounds);
	__m128i halves = _mm_cmpeq_epi16(_mm_blend_epi16(low, high, 0xa0), ports);

	unsigned int wrong = ~(unsigned int)_mm256_movemask_ps(_mm256_castsi256_ps(words)) & 0xf0;

	wrong |= ~(unsigned int)_mm_movemask_epi8(halves) & 0xff00;
	return !wrong;
}

static ALWAYS_INLINE uint32_t advance(uint32_t *candidates, uint32_t nearest, uint32_t next)
{
	__m256i boxes = load(candidates);
	__m256i was = _mm256_cmpeq_epi32(boxes, _mm256_set1_epi32((int)nearest));

	boxes = _mm256_blendv_epi8(boxes, _mm256_set1_epi32((int)next), was);
	_mm256_store_si256((void *)candidates, boxes);
	return least(boxes);
}

void seg_lookup_avx2(const struct seg_questions *questions)
{
	answer(questions);
}
