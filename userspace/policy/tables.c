/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.c - pieces to banks of hash tables. Few tables are quickly asked, but make many boxes
 * to look at; which is better depends on the rules. So several plans are made, and what a
 * lookup would cost is counted on keys of the rules themselves.
 */
#include "plan.h"

#include <string.h>

/* --- layout ---------------------------------------------------------------------- */

#define FEW_PIECES 4096

/* Where slots are few, they are near, and more of them lead astray less. */
static void bits_count(const struct seg_pieces *pieces, struct seg_plan *plan)
{
	uint32_t n[SEG_TABLES_MAX] = {0}, room = pieces->n <= FEW_PIECES ? 6 : 2;

	for (uint32_t i = pieces->n; i-- > 0;) {
		n[plan->table[i]]++;
		plan->first[plan->table[i]] = i;
	}
	plan->slots_n = 0;
	for (unsigned int t = 0; t < plan->tables; t++) {
		plan->bits[t] = 6;
		while (plan->bits[t] < 24 && 1u << plan->bits[t] < room * n[t])
			plan->bits[t]++;
		plan->base[t] = plan->slots_n;
		plan->slots_n += 1u << plan->bits[t];
	}
}

static uint32_t *slot_of(struct seg_plan *plan, unsigned int table, uint32_t hash)
{
	return &plan->slots[plan->base[table] + (hash >> (32 - plan->bits[table]))];
}

/* From the last piece to the first, so that each finds the one behind it. */
static int plan_lay_out(const struct seg_pieces *pieces, struct seg_plan *plan)
{
	bits_count(pieces, plan);
	plan->slots = calloc((size_t)plan->slots_n + 1, sizeof(*plan->slots));
	plan->next = malloc(((size_t)pieces->n + 1) * sizeof(*plan->next));
	if (!plan->slots || !plan->next)
		return -ENOMEM;
	for (uint32_t i = pieces->n; i-- > 0;) {
		unsigned int table = plan->table[i];
		uint32_t hash = seg_piece_hash(pieces, i, plan->mask[table]);
		uint32_t *slot = slot_of(plan, table, hash);

		plan->next[i] = *slot & SEG_SLOT_BOX;
		*slot = seg_slot_word(*slot, seg_key_tag(hash), pieces->first + i);
	}
	return 0;
}

/* --- what it costs --------------------------------------------------------------- */

#define SAMPLES   1024
#define COST_BANK 10 /* about ns */
#define COST_LOOK 6

static bool words_within(const uint32_t *word, const uint32_t *bound, unsigned int words)
{
	for (unsigned int w = 0; w < words; w++) {
		if (word[w] < bound[w] || word[w] > bound[words + w])
			return false;
		if (word[w] > bound[w] && word[w] < bound[words + w])
			return true;
	}
	return true;
}

/* Is the key in the box, as far as addresses and ports tell? */
static bool box_has(const struct seg_box *box, const uint32_t *key, unsigned int words)
{
	uint32_t sport = key[2 * words] >> 16, dport = key[2 * words] & UINT16_MAX;

	return words_within(key, seg_box_bound(box), words) &&
	       words_within(key + words, seg_box_bound(box) + 2 * words, words) &&
	       sport >= box->sport_first && sport <= box->sport_last && dport >= box->dport_first &&
	       dport <= box->dport_last;
}

struct sample {
	uint32_t key[SEG_KEY_WORDS_MAX];
	uint32_t answer; /* piece */
	uint32_t looks;
};

static void table_try(struct seg_build *b, const struct seg_pieces *pieces, struct seg_plan *plan,
		      unsigned int table, struct sample *s)
{
	uint32_t hash = seg_key_hash(s->key, plan->mask[table], pieces->words);
	uint32_t slot = *slot_of(plan, table, hash), box = slot & SEG_SLOT_BOX;

	if (!slot || ((slot & ~SEG_SLOT_BOX) != seg_key_tag(hash) && slot < SEG_SLOT_ANY))
		return;
	do {
		uint32_t piece = box - pieces->first;

		if (piece > s->answer)
			return;
		s->looks++;
		if (box_has(seg_piece_box(b, pieces, piece), s->key,
			    seg_address_words(pieces->family)))
			s->answer = piece;
		box = plan->next[piece];
	} while (box);
}

/* Somewhere between, the same each time; `turn` tells fields apart. */
static uint32_t between(uint32_t first, uint32_t last, uint32_t piece, uint32_t turn)
{
	uint32_t random = seg_key_mix((piece + 1) * SEG_KEY_FACTORS[turn]);

	return first + (uint32_t)((uint64_t)random * ((uint64_t)(last - first) + 1) >> 32);
}

/* Of an address of several words only the first that differs is chosen: the others may be any. */
static void sample_address(const uint32_t *bound, unsigned int words, uint32_t piece, uint32_t turn,
			   uint32_t *key)
{
	bool open = false;

	for (unsigned int w = 0; w < words; w++) {
		uint32_t last = open ? UINT32_MAX : bound[words + w];

		key[w] = between(open ? 0 : bound[w], last, piece, turn + w);
		open = open || (bound[w] != last && key[w] != bound[w] && key[w] != last);
	}
}

/* A key that the box holds, or nearly; its lowest corner would be a rare one. */
static void sample_key(struct seg_build *b, const struct seg_pieces *pieces, uint32_t piece,
		       uint32_t key[SEG_KEY_WORDS_MAX])
{
	unsigned int words = seg_address_words(pieces->family);
	const struct seg_box *box = seg_piece_box(b, pieces, piece);
	uint32_t ports = pieces->value[2 * words].item[piece];

	for (unsigned int w = 2 * words; w < pieces->words; w++)
		key[w] = pieces->value[w].item[piece];
	sample_address(seg_box_bound(box), words, piece, 0, key);
	sample_address(seg_box_bound(box) + 2 * words, words, piece, words, key + words);
	if (ports == seg_key_ports(box->sport_first, box->dport_first))
		key[2 * words] = seg_key_ports(
			(uint16_t)between(box->sport_first, box->sport_last, piece, 8),
			(uint16_t)between(box->dport_first, box->dport_last, piece, 9));
}

static uint64_t sample_cost(struct seg_build *b, const struct seg_pieces *pieces,
			    struct seg_plan *plan, uint32_t piece)
{
	unsigned int banks = (plan->tables + SEG_BANK_TABLES - 1) / SEG_BANK_TABLES;
	struct sample s = {.answer = piece};

	sample_key(b, pieces, piece, s.key);
	for (unsigned int t = 0; t < plan->tables; t++)
		table_try(b, pieces, plan, t, &s);
	return COST_BANK * banks + COST_LOOK * s.looks;
}

static uint64_t plan_cost(struct seg_build *b, const struct seg_pieces *pieces,
			  struct seg_plan *plan)
{
	uint64_t cost = 0;

	for (uint32_t i = 0; i < SAMPLES; i++)
		cost += sample_cost(b, pieces, plan, (uint32_t)((uint64_t)pieces->n * i / SAMPLES));
	return cost;
}

/* --- the best plan --------------------------------------------------------------- */

/* The first is good for most; a lookup that costs less than this cannot be made much better. */
#define COST_GOOD (SAMPLES * (COST_BANK + COST_LOOK * 3 / 2))

/* Found by trying many on ClassBench's sets: each is the best for some. */
static const struct seg_taste TASTES[] = {
	{.depth = {16, 16, 16, 16, 64, 64, 256, SEG_DEPTH_ALL}},
	{.depth = {1, 4, 16, 64, 64, 64, 256, SEG_DEPTH_ALL}, .fine = 6},
	{.depth = {16, 16, 16, 16, 64, 64, 256, SEG_DEPTH_ALL}, .fine = 6},
	{.depth = {1, 4, 16, 64, 64, 64, 256, SEG_DEPTH_ALL}},
};

static int plan_make(struct seg_build *b, const struct seg_pieces *pieces, struct seg_masks *masks,
		     const struct seg_taste *taste, struct seg_plan *plan, uint64_t *cost)
{
	int r = seg_masks_choose(masks, taste, plan);

	if (!r)
		r = plan_lay_out(pieces, plan);
	if (!r)
		*cost = plan_cost(b, pieces, plan);
	return r;
}

#define REFINE_MOST 16384 /* where each try takes milliseconds */
#define REFINED     (SAMPLES * (COST_BANK + COST_LOOK * 9 / 8))

/* The only bank's columns are put to better use, as long as that helps. */
static int plan_refine(struct seg_build *b, const struct seg_pieces *pieces, struct seg_plan *best,
		       uint64_t least)
{
	int r = 0;

	while (!r && least > REFINED && pieces->n <= REFINE_MOST) {
		struct seg_plan plan, worse;
		uint64_t cost = UINT64_MAX;

		r = seg_plan_refine(pieces, best, &plan);
		if (r)
			return r == -ENOENT ? 0 : r;
		r = plan_lay_out(pieces, &plan);
		if (!r)
			cost = plan_cost(b, pieces, &plan);
		worse = cost < least ? *best : plan;
		if (cost < least)
			*best = plan;
		seg_plan_free(&worse);
		if (cost >= least)
			break;
		least = cost;
	}
	return r;
}

/* Where each try takes long, the last taste is left out if it will hardly do: it is as little fine
 * as the first, which is much better than the fine ones where this one is the best. */
static bool worth_trying(const struct seg_pieces *pieces, size_t taste, uint64_t first,
			 uint64_t least_fine)
{
	return taste + 1 < SEG_ARRAY_SIZE(TASTES) || pieces->n <= REFINE_MOST ||
	       least_fine > first + first / 5;
}

static int plan_best(struct seg_build *b, const struct seg_pieces *pieces, struct seg_plan *best)
{
	_cleanup_(seg_masks_closep) struct seg_masks *masks = NULL;
	uint64_t least = UINT64_MAX, first = 0, least_fine = UINT64_MAX, cost = 0;
	int r = seg_masks_open(pieces, &masks);

	for (size_t i = 0; !r && least > COST_GOOD && i < SEG_ARRAY_SIZE(TASTES); i++) {
		struct seg_plan plan = {0}, worse = plan;

		if (!worth_trying(pieces, i, first, least_fine))
			break;
		r = plan_make(b, pieces, masks, &TASTES[i], &plan, &cost);
		first = i ? first : cost;
		least_fine = TASTES[i].fine && cost < least_fine ? cost : least_fine;
		worse = !r && cost < least ? *best : plan;
		if (!r && cost < least) {
			*best = plan;
			least = cost;
		}
		seg_plan_free(&worse);
	}
	return r ? r : plan_refine(b, pieces, best, least);
}

/* --- into the image -------------------------------------------------------------- */

static void table_put(const struct seg_pieces *pieces, const struct seg_plan *plan,
		      unsigned int table, uint32_t slots, struct seg_bank *bank)
{
	uint32_t column = bank->n++, first = pieces->first + plan->first[table];

	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		bank->mask[w][column] = plan->mask[table][w];
	bank->shift[column] = 32 - plan->bits[table];
	bank->base[column] = slots + plan->base[table];
	bank->first = first < bank->first ? first : bank->first;
}

static int banks_put(struct seg_build *b, const struct seg_pieces *pieces,
		     const struct seg_plan *plan, uint32_t slots)
{
	int r = 0;

	for (unsigned int first = 0; !r && first < plan->tables; first += SEG_BANK_TABLES) {
		struct seg_bank bank = seg_bank_empty();

		for (unsigned int t = first; t < plan->tables && t < first + SEG_BANK_TABLES; t++)
			table_put(pieces, plan, t, slots, &bank);
		r = SEG_PUSH(&b->banks, bank);
	}
	return r;
}

static int plan_put(struct seg_build *b, const struct seg_pieces *pieces,
		    const struct seg_plan *plan)
{
	seg_words_of *slots = &b->slots[pieces->family == 6];
	int r = SEG_ROOM(slots, plan->slots_n);

	if (r)
		return r;
	if (plan->slots_n) /* no rule of this family: there is nothing to point at */
		memcpy(slots->item + slots->n, plan->slots, plan->slots_n * sizeof(*plan->slots));
	slots->n += plan->slots_n;
	for (uint32_t i = 0; i < pieces->n; i++)
		seg_piece_box(b, pieces, i)->next = plan->next[i];
	return banks_put(b, pieces, plan, slots->n - plan->slots_n);
}

int seg_tables_make(struct seg_build *b, const struct seg_pieces *pieces, struct seg_finder *out)
{
	_cleanup_(seg_plan_free) struct seg_plan plan = {0};
	int r = 0;

	*out = (struct seg_finder){.first = b->banks.n,
				   .words = pieces->words,
				   .box_first = pieces->first,
				   .box_end = pieces->first + pieces->n};
	if (pieces->n)
		r = plan_best(b, pieces, &plan);
	if (!r)
		r = plan_put(b, pieces, &plan);
	out->count = b->banks.n - out->first;
	return r;
}

/* --- all of them ------------------------------------------------------------------- */

static int finder_make(struct seg_build *b, unsigned int section, enum seg_stage stage)
{
	_cleanup_(seg_pieces_free) struct seg_pieces pieces = {0};
	struct seg_finder finder;
	int r = seg_pieces_make(b, section, stage, &pieces);

	if (!r)
		r = seg_tables_make(b, &pieces, &finder);
	return r ? r : SEG_PUSH(&b->finders, finder);
}

/* Masks ask nothing of words that only others have. */
static void words_level(struct seg_build *b)
{
	uint32_t most[2] = {0};

	for (uint32_t i = 0; i < b->finders.n; i++) {
		uint32_t *most_of = &most[i / SEG_LANE_MAX % 2], words = b->finders.item[i].words;

		*most_of = words > *most_of ? words : *most_of;
	}
	for (uint32_t i = 0; i < b->finders.n; i++)
		b->finders.item[i].words = most[i / SEG_LANE_MAX % 2];
}

static int empties_make(struct seg_build *b)
{
	for (int six = 0; six < 2; six++)
		if (SEG_PUSH(&b->slots[six], 0) || SEG_PUSH(&b->slots[six], 0))
			return -ENOMEM;
	return SEG_PUSH(&b->rests,
			(struct seg_rest){.src_set = SEG_SET_NONE, .dst_set = SEG_SET_NONE});
}

static bool has_shadow(const struct seg_build *b)
{
	for (uint32_t i = 0; i < b->rules.n; i++)
		if (b->rules.item[i].stage == SEG_STAGE_SHADOW)
			return true;
	return false;
}

int seg_finders_make(struct seg_build *b)
{
	enum seg_stage last = has_shadow(b) ? SEG_STAGE_SHADOW : SEG_STAGE_ENFORCE;
	int r = empties_make(b);

	for (enum seg_stage stage = 0; stage <= last; stage++)
		for (unsigned int section = 0; !r && section < 2 * SEG_LANE_MAX; section++)
			r = finder_make(b, section, stage);
	words_level(b);
	return r;
}
