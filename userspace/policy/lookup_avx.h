/* SPDX-License-Identifier: BSD-2-Clause */
/* lookup_avx.h - what lookups with AVX2 and with AVX-512 have in common: eight lanes of 32 bits. */
#ifndef SEG_LOOKUP_AVX_H
#define SEG_LOOKUP_AVX_H

#include <immintrin.h>

#include "lookup_steps.h"

/* A constant that stays in its register: gcc makes it anew for every key otherwise. */
static ALWAYS_INLINE __m256i all8(uint32_t value)
{
	__m256i all = _mm256_set1_epi32((int)value);

	__asm__("" : "+v"(all));
	return all;
}

static ALWAYS_INLINE __m256i load(const uint32_t *from)
{
	return _mm256_loadu_si256((const void *)from);
}

static ALWAYS_INLINE __m256i hash8(const struct seg_bank *bank, const uint32_t *word,
				   unsigned int words)
{
	__m256i sum = _mm256_setzero_si256();

	UNROLL for (unsigned int w = 0; w < words; w++)
	{
		__m256i masked =
			_mm256_and_si256(_mm256_set1_epi32((int)word[w]), load(bank->mask[w]));

		sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(masked, all8(SEG_KEY_FACTORS[w])));
	}
	sum = _mm256_xor_si256(sum, _mm256_srli_epi32(sum, 15));
	return _mm256_mullo_epi32(sum, all8(SEG_KEY_MIX));
}

/* Eight loads: the instruction that gathers takes longer on most CPUs, much longer where microcode
 * guards what it loads. */
static ALWAYS_INLINE __m256i slots8(const uint32_t *slots, __m256i at)
{
	uint32_t i[8] __attribute__((aligned(32)));
	__m128i low, high;

	_mm256_store_si256((void *)i, at);
	low = _mm_cvtsi32_si128((int)slots[i[0]]);
	high = _mm_cvtsi32_si128((int)slots[i[4]]);
	low = _mm_insert_epi32(low, (int)slots[i[1]], 1);
	high = _mm_insert_epi32(high, (int)slots[i[5]], 1);
	low = _mm_insert_epi32(low, (int)slots[i[2]], 2);
	high = _mm_insert_epi32(high, (int)slots[i[6]], 2);
	low = _mm_insert_epi32(low, (int)slots[i[3]], 3);
	high = _mm_insert_epi32(high, (int)slots[i[7]], 3);
	return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

static ALWAYS_INLINE uint32_t least(__m256i boxes)
{
	__m128i four =
		_mm_min_epu32(_mm256_castsi256_si128(boxes), _mm256_extracti128_si256(boxes, 1));

	four = _mm_min_epu32(four, _mm_shuffle_epi32(four, 0x4e));
	four = _mm_min_epu32(four, _mm_shuffle_epi32(four, 0xb1));
	return (uint32_t)_mm_cvtsi128_si32(four);
}

/*
 * A box as it lies in memory is compared whole: two words, the ports' bounds as halves of words,
 * the addresses' as words; first and last in turns, so that in both views lanes 4 and 6 are first
 * ones, 5 and 7 last ones. The key is spread like that.
 */
static ALWAYS_INLINE __m256i key_spread(const uint32_t *word)
{
	const __m256i places = _mm256_setr_epi32(2, 2, 2, 2, 0, 0, 1, 1);
	const __m256i halves =
		_mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 10, 11, 8, 9, 8, 9, 0, 1, 2, 3, 4,
				 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

	/* No more than was stored at once: a wider load would wait until that is in the cache. */
	__m256i near = _mm256_castsi128_si256(_mm_loadu_si128((const void *)word));

	return _mm256_shuffle_epi8(_mm256_permutevar8x32_epi32(near, places), halves);
}

#endif
