/* SPDX-License-Identifier: BSD-2-Clause */
#include "near.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 32

struct seg_near_block {
	struct seg_span src, dst;
};

static uint32_t middle(const struct seg_slice *slice)
{
	return slice->first + (slice->last - slice->first) / 2;
}

static int by_middle(const void *a, const void *b, void *slices)
{
	const struct seg_slice *slice = slices;
	uint32_t x = middle(&slice[*(const uint32_t *)a]), y = middle(&slice[*(const uint32_t *)b]);

	return x < y ? -1 : x > y;
}

static bool meets(struct seg_span a, struct seg_span b)
{
	return a.first <= b.last && b.first <= a.last;
}

/* Tiles: slabs of sources, each sorted by destination. */
static void pack(struct seg_near *near, const struct seg_slice *src, const struct seg_slice *dst)
{
	uint32_t slab = BLOCK;

	while ((uint64_t)slab * slab < (uint64_t)near->n * BLOCK)
		slab += BLOCK;
	qsort_r(near->order, near->n, sizeof(*near->order), by_middle, (void *)src);
	for (uint32_t i = 0; i < near->n; i += slab)
		qsort_r(near->order + i, slab < near->n - i ? slab : near->n - i,
			sizeof(*near->order), by_middle, (void *)dst);
}

static void grow(struct seg_span *span, struct seg_span by)
{
	if (by.first < span->first)
		span->first = by.first;
	if (by.last > span->last)
		span->last = by.last;
}

static struct seg_span span_of(const struct seg_slice *slice)
{
	return (struct seg_span){slice->first, slice->last};
}

static void bound(struct seg_near *near, const struct seg_slice *src, const struct seg_slice *dst)
{
	for (uint32_t i = 0; i < near->n; i++) {
		struct seg_near_block *block = &near->block[i / BLOCK], *item = &near->item[i];

		item->src = span_of(&src[near->order[i]]);
		item->dst = span_of(&dst[near->order[i]]);
		if (i % BLOCK == 0)
			*block = *item;
		grow(&block->src, item->src);
		grow(&block->dst, item->dst);
	}
}

int seg_near_open(struct seg_near *near, const struct seg_slice *src, const struct seg_slice *dst,
		  uint32_t n)
{
	near->n = n;
	near->blocks_n = (n + BLOCK - 1) / BLOCK;
	near->order = malloc((n + 1) * sizeof(*near->order));
	near->block = calloc(near->blocks_n + 1, sizeof(*near->block));
	near->item = calloc(n + 1, sizeof(*near->item));
	near->found = calloc(n / 64 + 1, sizeof(*near->found));
	if (!near->order || !near->block || !near->item || !near->found)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		near->order[i] = i;
	pack(near, src, dst);
	bound(near, src, dst);
	return 0;
}

void seg_near_close(struct seg_near *near)
{
	free(near->order);
	free(near->block);
	free(near->item);
	free(near->found);
}

static void mark(struct seg_near *near, uint32_t block, struct seg_span from, struct seg_span to)
{
	uint32_t end = (block + 1) * BLOCK < near->n ? (block + 1) * BLOCK : near->n;

	for (uint32_t i = block * BLOCK; i < end; i++)
		if (meets(near->item[i].src, from) && meets(near->item[i].dst, to))
			near->found[near->order[i] / 64] |= 1ull << near->order[i] % 64;
}

/* The bits that are set, in order, and none is set any more. */
static int collect(struct seg_near *near, seg_numbers *out)
{
	int r = 0;

	for (uint32_t i = 0; i <= near->n / 64; i++) {
		uint64_t bits = near->found[i];

		near->found[i] = 0;
		if (!r)
			r = SEG_ROOM(out, 64);
		for (; !r && bits; bits &= bits - 1)
			out->item[out->n++] = i * 64 + (uint32_t)__builtin_ctzll(bits);
	}
	return r;
}

int seg_near_find(struct seg_near *near, struct seg_span from, struct seg_span to, seg_numbers *out)
{
	out->n = 0;
	for (uint32_t i = 0; i < near->blocks_n; i++)
		if (meets(near->block[i].src, from) && meets(near->block[i].dst, to))
			mark(near, i, from, to);
	return collect(near, out);
}
