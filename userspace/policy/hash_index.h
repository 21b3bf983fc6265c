/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash_index.h - finds items of an array by a key, where the array may move
 * and grow: it keeps item numbers and the keys' hashes, not pointers.
 * (uthash needs a node an item that stays where it is, and exits without memory.)
 */
#ifndef SEG_HASH_INDEX_H
#define SEG_HASH_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#define SEG_INDEX_NONE 0xffffffffu

struct seg_index {
	struct seg_index_slot {
		uint32_t hash;
		uint32_t item; /* + 1; 0: empty */
	} * slots;
	uint32_t size; /* power of two */
	uint32_t used;
};

/* Is this item the one with this key? */
typedef bool (*seg_index_same)(const void *array, uint32_t item, const void *key);

uint32_t seg_index_find(const struct seg_index *index, uint64_t hash, seg_index_same same,
			const void *array, const void *key);

/* Add an item that is not there. -ENOMEM. */
int seg_index_add(struct seg_index *index, uint64_t hash, uint32_t item);

void seg_index_free(struct seg_index *index);

#endif
