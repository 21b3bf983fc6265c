/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refine.c - a plan's columns put to better use. A bank asks eight tables at once, so what is not
 * used of the only one costs nothing: where boxes collide most, those that know more than their
 * table hashes get a table that hashes that too. Where no column is free, the two tables that do
 * best as one make room.
 */
#include <string.h>

#include "plan.h"

#define SHAPES_MOST 32 /* of a table; where it has more, these are tried */

struct refining {
	const struct seg_pieces *pieces;
	struct seg_plan *plan;
	uint32_t *piece; /* table after table */
	uint32_t first[SEG_TABLES_MAX + 1];
	uint16_t *count; /* of pieces by hash, of both parts of a table */
	uint8_t *fits;   /* by shape */
	unsigned int bits;
};

static void refining_free(struct refining *r)
{
	free(r->piece);
	free(r->count);
	free(r->fits);
}

static void pieces_sort(struct refining *r)
{
	uint32_t at[SEG_TABLES_MAX] = {0};

	memset(r->first, 0, sizeof(r->first));
	for (uint32_t i = 0; i < r->pieces->n; i++)
		r->first[r->plan->table[i] + 1]++;
	for (unsigned int t = 0; t < r->plan->tables; t++) {
		r->first[t + 1] += r->first[t];
		at[t] = r->first[t];
	}
	for (uint32_t i = 0; i < r->pieces->n; i++)
		r->piece[at[r->plan->table[i]]++] = i;
}

static bool knows(const struct seg_shape *shape, const uint32_t *mask)
{
	uint32_t missing = 0;

	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		missing |= mask[w] & ~shape->known[w];
	return !missing;
}

/* Fills `fits` for a mask that parts a table. */
static void fits_fill(struct refining *r, const uint32_t *mask)
{
	for (uint32_t i = 0; i < r->pieces->shapes.n; i++)
		r->fits[i] = knows(&r->pieces->shapes.item[i], mask);
}

/* How many boxes are before another in its slot, all in all, if what fits is parted by `mask`;
 * NULL: nothing is. */
static uint64_t collisions(struct refining *r, unsigned int table, const uint32_t *mask)
{
	uint32_t end = r->first[table + 1];
	uint64_t sum = 0;

	memset(r->count, 0, sizeof(*r->count) << r->bits);
	for (uint32_t i = r->first[table]; i < end; i++) {
		uint32_t piece = r->piece[i];
		bool part = mask && r->fits[r->pieces->shape.item[piece]];
		uint32_t hash =
			seg_piece_hash(r->pieces, piece, part ? mask : r->plan->mask[table]);

		sum += r->count[(hash >> (33 - r->bits)) * 2 + part]++;
	}
	return sum;
}

/* Part a table's pieces: what fits goes into a new one, which hashes all that they know together.
 */
static void part(struct refining *r, unsigned int table)
{
	struct seg_plan *plan = r->plan;
	unsigned int made = plan->tables++;

	memset(plan->mask[made], UINT8_MAX, sizeof(plan->mask[made]));
	for (uint32_t i = r->first[table]; i < r->first[table + 1]; i++) {
		uint32_t piece = r->piece[i], shape = r->pieces->shape.item[piece];

		if (!r->fits[shape])
			continue;
		plan->table[piece] = (uint8_t)made;
		for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
			plan->mask[made][w] &= r->pieces->shapes.item[shape].known[w];
	}
}

struct parting {
	uint32_t mask[SEG_KEY_WORDS_MAX];
	unsigned int table;
	uint64_t saves;
};

/* The best mask to part one table by, if it is better than what is known. */
static void table_try(struct refining *r, unsigned int table, struct parting *best)
{
	uint64_t had = collisions(r, table, NULL);
	uint32_t tried = 0;

	if (had <= best->saves)
		return;
	memset(r->fits, 0, r->pieces->shapes.n);
	for (uint32_t i = 0; i < r->pieces->shapes.n && tried < SHAPES_MOST; i++) {
		uint32_t mask[SEG_KEY_WORDS_MAX];
		uint64_t now;

		seg_mask_of_shape(r->pieces, i, mask);
		if (!knows(&r->pieces->shapes.item[i], r->plan->mask[table]) ||
		    !memcmp(mask, r->plan->mask[table], sizeof(mask)))
			continue;
		fits_fill(r, mask);
		tried++;
		now = collisions(r, table, mask);
		if (now >= had || had - now <= best->saves)
			continue;
		best->saves = had - now;
		best->table = table;
		memcpy(best->mask, mask, sizeof(mask));
	}
}

/* A table more, if it saves enough. */
static bool part_best(struct refining *r)
{
	struct parting best = {.saves = r->pieces->n / 64};
	uint64_t least = best.saves;

	pieces_sort(r);
	for (unsigned int t = 0; t < r->plan->tables; t++)
		table_try(r, t, &best);
	if (best.saves == least)
		return false;
	fits_fill(r, best.mask);
	part(r, best.table);
	return true;
}

/* --- two tables as one ------------------------------------------------------------ */

static void mask_of_both(const struct seg_plan *plan, unsigned int a, unsigned int b,
			 uint32_t mask[SEG_KEY_WORDS_MAX])
{
	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		mask[w] = plan->mask[a][w] & plan->mask[b][w];
}

/* How many boxes would be before another in its slot. */
static uint64_t collisions_joined(struct refining *r, unsigned int a, unsigned int b)
{
	const unsigned int tables[] = {a, b};
	uint32_t mask[SEG_KEY_WORDS_MAX];
	uint64_t sum = 0;

	mask_of_both(r->plan, a, b, mask);
	memset(r->count, 0, sizeof(*r->count) << r->bits);
	for (unsigned int t = 0; t < 2; t++)
		for (uint32_t i = r->first[tables[t]]; i < r->first[tables[t] + 1]; i++)
			sum += r->count[seg_piece_hash(r->pieces, r->piece[i], mask) >>
					(33 - r->bits)]++;
	return sum;
}

/* The second's pieces go into the first, the last table into the second's place. */
static void join(struct seg_plan *plan, uint32_t pieces, unsigned int a, unsigned int b)
{
	unsigned int last = --plan->tables;

	mask_of_both(plan, a, b, plan->mask[a]);
	memcpy(plan->mask[b], plan->mask[last], sizeof(plan->mask[b]));
	for (uint32_t i = 0; i < pieces; i++) {
		if (plan->table[i] == b)
			plan->table[i] = (uint8_t)a;
		else if (plan->table[i] == last)
			plan->table[i] = (uint8_t)b;
	}
}

/* The two whose boxes collide little more than apart. */
static void join_best(struct refining *r)
{
	int64_t apart[SEG_BANK_TABLES], least = INT64_MAX;
	unsigned int n = r->plan->tables, first = 0, second = 1;

	pieces_sort(r);
	for (unsigned int a = 0; a < n; a++)
		apart[a] = (int64_t)collisions(r, a, NULL);
	for (unsigned int a = 0; a < n; a++)
		for (unsigned int b = a + 1; b < n; b++) {
			int64_t more = (int64_t)collisions_joined(r, a, b) - apart[a] - apart[b];

			if (more >= least)
				continue;
			least = more;
			first = a;
			second = b;
		}
	join(r->plan, r->pieces->n, first, second);
}

static int refining_make(struct refining *r, const struct seg_pieces *pieces)
{
	r->pieces = pieces;
	r->bits = 8;
	while (r->bits < 20 && 1u << r->bits < 4 * pieces->n)
		r->bits++;
	r->piece = malloc(pieces->n * sizeof(*r->piece));
	r->count = malloc(sizeof(*r->count) << r->bits);
	r->fits = malloc(pieces->shapes.n);
	return r->piece && r->count && r->fits ? 0 : -ENOMEM;
}

int seg_plan_refine(const struct seg_pieces *pieces, const struct seg_plan *from,
		    struct seg_plan *out)
{
	_cleanup_(refining_free) struct refining r = {0};
	struct seg_plan plan = {.tables = from->tables};
	int e = refining_make(&r, pieces);

	if (from->tables > SEG_BANK_TABLES)
		return -ENOENT;
	plan.table = e ? NULL : malloc(pieces->n);
	if (!plan.table)
		return -ENOMEM;
	memcpy(plan.mask, from->mask, sizeof(plan.mask));
	memcpy(plan.table, from->table, pieces->n);
	r.plan = &plan;
	if (from->tables == SEG_BANK_TABLES)
		join_best(&r);
	if (!part_best(&r)) {
		seg_plan_free(&plan);
		return -ENOENT;
	}
	*out = plan;
	return 0;
}
