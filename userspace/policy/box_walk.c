/* SPDX-License-Identifier: BSD-2-Clause */
/* box_walk.c - walks on any CPU, with vectors that every one has. */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "box_walk_steps.h"

typedef int32_t four __attribute__((vector_size(16)));
typedef int16_t eight __attribute__((vector_size(16)));

static ALWAYS_INLINE four load4(const int32_t *from)
{
	return *(const four *)from;
}

static ALWAYS_INLINE eight load8(const int16_t *from)
{
	return *(const eight *)from;
}

/* A bit for each child where both are false. */
static ALWAYS_INLINE uint32_t neither(four low, four high, eight all)
{
#ifdef __SSE2__
	__m128i words = _mm_packs_epi32((__m128i)low, (__m128i)high);

	words = _mm_packs_epi16(_mm_or_si128(words, (__m128i)all), _mm_setzero_si128());
	return ~(uint32_t)_mm_movemask_epi8(words) & 0xff;
#else
	uint32_t bits = 0;

	for (unsigned int i = 0; i < WIDTH; i++)
		bits |= (uint32_t)(~((i < 4 ? low[i] : high[i - 4]) | all[i]) & 1) << i;
	return bits;
#endif
}

static ALWAYS_INLINE four address_misses(const struct seg_box_walk *walk, const struct node *node,
					 enum seg_box_field f, unsigned int i)
{
	return (load4(node->first[f - SEG_BOX_SRC] + i) > walk->last[f]) |
	       (load4(node->last[f - SEG_BOX_SRC] + i) < walk->first[f]);
}

static ALWAYS_INLINE eight port_misses(const struct seg_box_walk *walk, const struct node *node,
				       enum seg_box_field f)
{
	return (load8(node->port_first[f]) > (int16_t)walk->last[f]) |
	       (load8(node->port_last[f]) < (int16_t)walk->first[f]);
}

/* Of four children from `i` on. */
static ALWAYS_INLINE four words_miss(const struct seg_box_walk *walk, const struct node *node,
				     unsigned int i)
{
	four miss = load4(node->least + i) >= walk->end;

	miss |= address_misses(walk, node, SEG_BOX_SRC, i);
	miss |= address_misses(walk, node, SEG_BOX_DST, i);
	if (walk->asks)
		miss |= ((*(const four *)(node->child + i)) & walk->asks) == 0;
	return miss;
}

static ALWAYS_INLINE uint32_t node_meets(const struct seg_box_walk *walk, const struct node *node)
{
	return neither(words_miss(walk, node, 0), words_miss(walk, node, 4),
		       port_misses(walk, node, SEG_BOX_SPORT) |
			       port_misses(walk, node, SEG_BOX_DPORT));
}

static ALWAYS_INLINE uint32_t field_meets(const struct seg_box_walk *walk, const struct node *node)
{
	const four none = {0};

	if (is_port(walk->field))
		return neither(none, none, port_misses(walk, node, walk->field));
	return neither(address_misses(walk, node, walk->field, 0),
		       address_misses(walk, node, walk->field, 4), (eight)none);
}

static uint32_t walk_first(struct seg_box_walk *walk)
{
	return first(walk);
}

static uint32_t walk_next(struct seg_box_walk *walk)
{
	return next(walk);
}

const struct seg_box_walker SEG_BOX_WALKER = {walk_first, walk_next};

/* --- what all ways have in common ----------------------------------------------------- */

static int32_t value_of(const struct seg_box_walk *walk, enum seg_box_field field,
			seg_box_wide value)
{
	uint32_t word = scaled(&walk->tree->scale[field], value);

	return is_port(field) ? port_less(word) : word_less(word);
}

void seg_box_walk_bound(struct seg_box_walk *walk, enum seg_box_field field, seg_box_wide first,
			seg_box_wide last)
{
	walk->first[field] = value_of(walk, field, first);
	walk->last[field] = value_of(walk, field, last);
	walk->narrowed++;
}

void seg_box_walk_aim(struct seg_box_walk *walk, uint32_t header, enum seg_box_field field,
		      seg_box_wide near)
{
	walk->asks = (int32_t)asks_of(header);
	walk->field = field;
	walk->near = value_of(walk, field, near);
}
