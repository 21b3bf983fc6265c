/* SPDX-License-Identifier: BSD-2-Clause */
/* box_walk_avx2.c - walks with AVX2: all children of a node at once. */
#include <immintrin.h>

#include "box_walk_steps.h"

static ALWAYS_INLINE __m256i load8(const int32_t *from)
{
	return _mm256_load_si256((const void *)from);
}

static ALWAYS_INLINE __m256i all8(int32_t value)
{
	return _mm256_set1_epi32(value);
}

static ALWAYS_INLINE __m256i address_misses(const struct seg_box_walk *walk,
					    const struct node *node, enum seg_box_field f)
{
	__m256i above =
		_mm256_cmpgt_epi32(load8(node->first[f - SEG_BOX_SRC]), all8(walk->last[f]));
	__m256i below =
		_mm256_cmpgt_epi32(all8(walk->first[f]), load8(node->last[f - SEG_BOX_SRC]));

	return _mm256_or_si256(above, below);
}

static ALWAYS_INLINE __m128i port_misses(const struct seg_box_walk *walk, const struct node *node,
					 enum seg_box_field f)
{
	__m128i first = _mm_load_si128((const void *)node->port_first[f]);
	__m128i last = _mm_load_si128((const void *)node->port_last[f]);

	return _mm_or_si128(_mm_cmpgt_epi16(first, _mm_set1_epi16((int16_t)walk->last[f])),
			    _mm_cmpgt_epi16(_mm_set1_epi16((int16_t)walk->first[f]), last));
}

static ALWAYS_INLINE uint32_t words_hit(__m256i miss)
{
	return ~(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(miss)) & 0xff;
}

static ALWAYS_INLINE uint32_t ports_hit(__m128i miss)
{
	return ~(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(miss, _mm_setzero_si128())) & 0xff;
}

static ALWAYS_INLINE uint32_t node_meets(const struct seg_box_walk *walk, const struct node *node)
{
	__m256i behind = _mm256_cmpgt_epi32(load8(node->least), all8(walk->end - 1));
	__m256i asks = _mm256_and_si256(load8((const int32_t *)node->child), all8(walk->asks));
	__m256i miss = _mm256_or_si256(address_misses(walk, node, SEG_BOX_SRC),
				       address_misses(walk, node, SEG_BOX_DST));

	miss = _mm256_or_si256(miss, behind);
	if (walk->asks)
		miss = _mm256_or_si256(miss, _mm256_cmpeq_epi32(asks, _mm256_setzero_si256()));
	return words_hit(miss) & ports_hit(_mm_or_si128(port_misses(walk, node, SEG_BOX_SPORT),
							port_misses(walk, node, SEG_BOX_DPORT)));
}

static ALWAYS_INLINE uint32_t field_meets(const struct seg_box_walk *walk, const struct node *node)
{
	if (is_port(walk->field))
		return ports_hit(port_misses(walk, node, walk->field));
	return words_hit(address_misses(walk, node, walk->field));
}

static uint32_t walk_first(struct seg_box_walk *walk)
{
	return first(walk);
}

static uint32_t walk_next(struct seg_box_walk *walk)
{
	return next(walk);
}

const struct seg_box_walker SEG_BOX_WALKER_AVX2 = {walk_first, walk_next};
