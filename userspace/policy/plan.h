/* SPDX-License-Identifier: BSD-2-Clause */
/* plan.h - a lane's hash tables while they are built: which piece is in which, and how found. */
#ifndef SEG_PLAN_H
#define SEG_PLAN_H

#include "pieces.h"

#define SEG_TABLES_MAX 64
#define SEG_DEPTH_ALL  UINT16_MAX /* a table takes all that fits its mask */

struct seg_plan {
	unsigned int tables;
	uint32_t mask[SEG_TABLES_MAX][SEG_KEY_WORDS_MAX];
	uint8_t *table; /* of each piece */
	/* laid out */
	unsigned int bits[SEG_TABLES_MAX]; /* 2^bits slots */
	uint32_t base[SEG_TABLES_MAX];     /* the first of them */
	uint32_t first[SEG_TABLES_MAX];    /* piece */
	uint32_t *slots, slots_n;          /* as in an image */
	uint32_t *next;                    /* of each piece: box of its slot, 0: none */
};

static inline void seg_plan_free(struct seg_plan *plan)
{
	free(plan->table);
	free(plan->slots);
	free(plan->next);
}

/* The masks that might do for some pieces, which must outlive *out. -ENOMEM. */
struct seg_masks;
int seg_masks_open(const struct seg_pieces *pieces, struct seg_masks **out);
void seg_masks_close(struct seg_masks *masks);

static inline void seg_masks_closep(struct seg_masks **masks)
{
	seg_masks_close(*masks);
}

#define SEG_DEPTHS 8

/* What a choice prefers. */
struct seg_taste {
	uint16_t depth[SEG_DEPTHS]; /* pieces of one hash that the first table takes, the second...;
				       the last holds for all that follow */
	uint8_t fine;               /* a mask of all bits counts as if it took so many times more */
};

/* Choose some and give each piece a table. -ENOMEM. */
int seg_masks_choose(struct seg_masks *masks, const struct seg_taste *taste, struct seg_plan *plan);

/* `from` with a table more for boxes that collide, and, where its bank is full, two that were
 * joined: not laid out. -ENOENT: it has more than a bank, or few collide. -ENOMEM. */
int seg_plan_refine(const struct seg_pieces *pieces, const struct seg_plan *from,
		    struct seg_plan *out);

/* A mask for pieces of this shape and of those that are much alike. */
void seg_mask_of_shape(const struct seg_pieces *pieces, uint32_t shape,
		       uint32_t mask[SEG_KEY_WORDS_MAX]);

uint32_t seg_piece_hash(const struct seg_pieces *pieces, uint32_t piece, const uint32_t *mask);

/* A slot that was `before`, with this box at its head. */
static inline uint32_t seg_slot_word(uint32_t before, uint32_t tag, uint32_t box)
{
	bool another = before && (before & ~SEG_SLOT_BOX) != tag;

	return (another ? SEG_SLOT_ANY : tag) | box;
}

/* Its unused columns point at the two empty slots that are the first of all. */
static inline struct seg_bank seg_bank_empty(void)
{
	struct seg_bank bank = {.first = SEG_BOX_NONE};

	for (unsigned int i = 0; i < SEG_BANK_TABLES; i++)
		bank.shift[i] = 31;
	return bank;
}

#endif
