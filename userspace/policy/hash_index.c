/* SPDX-License-Identifier: BSD-2-Clause */
#include "hash_index.h"

#include <errno.h>
#include <stdlib.h>

uint32_t seg_index_find(const struct seg_index *index, uint64_t hash, seg_index_same same,
			const void *array, const void *key)
{
	uint32_t mask = index->size - 1;

	if (!index->size)
		return SEG_INDEX_NONE;
	for (uint32_t at = (uint32_t)hash & mask; index->slots[at].item; at = (at + 1) & mask)
		if (index->slots[at].hash == (uint32_t)hash &&
		    same(array, index->slots[at].item - 1, key))
			return index->slots[at].item - 1;
	return SEG_INDEX_NONE;
}

static void place(struct seg_index *index, struct seg_index_slot slot)
{
	uint32_t mask = index->size - 1, at = slot.hash & mask;

	while (index->slots[at].item)
		at = (at + 1) & mask;
	index->slots[at] = slot;
	index->used++;
}

static int grow(struct seg_index *index)
{
	struct seg_index bigger = {.size = index->size ? index->size * 2 : 64};

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < index->size; i++)
		if (index->slots[i].item)
			place(&bigger, index->slots[i]);
	free(index->slots);
	*index = bigger;
	return 0;
}

int seg_index_add(struct seg_index *index, uint64_t hash, uint32_t item)
{
	if (index->used >= index->size / 2 && grow(index))
		return -ENOMEM;
	place(index, (struct seg_index_slot){(uint32_t)hash, item + 1});
	return 0;
}

void seg_index_free(struct seg_index *index)
{
	free(index->slots);
	*index = (struct seg_index){0};
}
