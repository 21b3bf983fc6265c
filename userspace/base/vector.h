/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vector.h - arrays that grow. A vector is declared where it is used:
 * struct { T *item; uint32_t n, room; }, all zero when empty, freed by its item.
 */
#ifndef SEG_VECTOR_H
#define SEG_VECTOR_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define SEG_VECTOR(type)                                                                           \
	struct {                                                                                   \
		type *item;                                                                        \
		uint32_t n;                                                                        \
		uint32_t room;                                                                     \
	}

/* Make room for `more` items of `size` bytes behind the first n. -ENOMEM. */
static inline int seg_vector_room(void **item, uint32_t n, uint32_t *room, uint32_t more,
				  size_t size)
{
	uint64_t need = (uint64_t)n + more, next = need + need / 2 + 8;
	void *grown;

	if (need <= *room)
		return 0;
	if (next > UINT32_MAX || next > SIZE_MAX / size)
		return -ENOMEM;
	grown = realloc(*item, (size_t)next * size);
	if (!grown)
		return -ENOMEM;
	*item = grown;
	*room = (uint32_t)next;
	return 0;
}

#define SEG_ROOM(v, more)                                                                          \
	seg_vector_room((void **)&(v)->item, (v)->n, &(v)->room, (more), sizeof(*(v)->item))

/* Append one; evaluates to 0 or -ENOMEM. */
#define SEG_PUSH(v, ...)                                                                           \
	({                                                                                         \
		int _r = SEG_ROOM(v, 1);                                                           \
		if (!_r)                                                                           \
			(v)->item[(v)->n++] = (__VA_ARGS__);                                       \
		_r;                                                                                \
	})

#endif
