/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pieces.h - the rows of a lane while their tables are built: cut into boxes, each
 * with its key and with what of the key is known.
 */
#ifndef SEG_PIECES_H
#define SEG_PIECES_H

#include "build.h"
#include "key.h"

/* Which bits of a key are the same in all flows that match. Few shapes, many pieces. */
struct seg_shape {
	uint32_t known[SEG_KEY_WORDS_MAX];
	uint32_t pieces;
};

struct seg_pieces {
	uint8_t family;
	bool other; /* the lane of other protocols: only there rows may differ in it */
	unsigned int words;
	uint32_t n;
	SEG_VECTOR(uint32_t) value[SEG_KEY_WORDS_MAX];
	SEG_VECTOR(uint32_t) shape;
	SEG_VECTOR(struct seg_shape) shapes;
	struct seg_index shape_index;
	uint32_t first; /* box of the family; the others follow */
};

/* The pieces of a lane's rows of one stage, in the rules' order; their boxes go to the build's.
 * -ENOMEM, -E2BIG. */
int seg_pieces_make(struct seg_build *b, unsigned int section, enum seg_stage stage,
		    struct seg_pieces *out);

void seg_pieces_free(struct seg_pieces *pieces);

static inline struct seg_box *seg_piece_box(struct seg_build *b, const struct seg_pieces *pieces,
					    uint32_t piece)
{
	size_t at = (pieces->first + piece) * seg_box_size(pieces->family);

	return (struct seg_box *)(b->boxes[pieces->family == 6].item + at);
}

/* How pieces are found: tables into the build's groups, slots and boxes. -ENOMEM. */
int seg_tables_make(struct seg_build *b, const struct seg_pieces *pieces, struct seg_finder *out);

/* All finders of a policy whose rows are made. -ENOMEM. */
int seg_finders_make(struct seg_build *b);

#endif
