/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * masks.c - which bits each table hashes. A table can take the pieces that know all of its
 * mask. One mask for each shape would be the tuple space search of Srinivasan et al. (SIGCOMM
 * 1999), with hundreds of tables; here shapes are merged as in TupleMerge (Daly et al., ToN
 * 2019): a table takes pieces that know more than it hashes, as long as few have the same hash.
 *
 * TupleMerge inserts rules one by one; here all are known, so masks are chosen greedily: next
 * is always the mask with the largest share of what is left. A share can only shrink as
 * others take theirs, so stale shares are upper bounds (lazy greedy, Minoux 1978), and few
 * masks are counted more than once. Coarse masks fit more pieces, and lead more keys to pieces that
 * are not theirs: how much that counts against them is a matter of taste.
 */
#include <string.h>

#include "plan.h"

#define MASKS_MAX 1024
#define WEIGHT    256 /* of a piece that is alone with its hash */
#define NO_TABLE  UINT8_MAX

struct mask {
	uint32_t word[SEG_KEY_WORDS_MAX];
	uint64_t share; /* at most so much */
	uint64_t most;  /* at most so much before any table is chosen */
};

struct seg_masks {
	const struct seg_pieces *pieces;
	struct seg_plan *plan;
	uint32_t *left; /* pieces without a table */
	uint32_t left_n;
	uint32_t *by_shape; /* the same, shape after shape */
	struct group {
		uint32_t first, n;
	} * group;         /* of each shape, there */
	uint16_t *count;   /* of pieces by hash */
	unsigned int bits; /* of such a hash */
	const struct seg_taste *taste;
	bool *fits; /* which shapes know all that a mask asks */
	SEG_VECTOR(struct mask) masks;
	struct seg_index mask_index;
};

void seg_masks_close(struct seg_masks *c)
{
	if (!c)
		return;
	free(c->left);
	free(c->by_shape);
	free(c->group);
	free(c->count);
	free(c->fits);
	free(c->masks.item);
	seg_index_free(&c->mask_index);
	free(c);
}

uint32_t seg_piece_hash(const struct seg_pieces *pieces, uint32_t piece, const uint32_t *mask)
{
	uint32_t sum = 0;

	for (unsigned int w = 0; w < pieces->words; w++)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a mask is never missing */
		sum += (pieces->value[w].item[piece] & mask[w]) * SEG_KEY_FACTORS[w];
	return seg_key_mix(sum);
}

/* --- masks that might do --------------------------------------------------------- */

/* Fewer lengths of prefixes, fewer masks: what is between them is told apart by looking. */
static void prefix_round(uint32_t *word, unsigned int words)
{
	unsigned int length = 0, step = words == 1 ? 2 : 4;

	for (unsigned int w = 0; w < words; w++)
		length += (unsigned int)__builtin_popcount(word[w]);
	length -= length % step;
	if (words == 1 && length < 8)
		length = 0;
	for (unsigned int w = 0; w < words; w++) {
		unsigned int in = length > 32 * w ? length - 32 * w : 0;

		word[w] = in == 0 ? 0 : in >= 32 ? UINT32_MAX : ~(UINT32_MAX >> in);
	}
}

/* All of a port, or what tells the ports above 1023 from those below. */
static uint32_t port_round(uint32_t known)
{
	return known == 0xffff ? 0xffff : (known & 0xfc00) == 0xfc00 ? 0xfc00 : 0;
}

static bool mask_same(const void *array, uint32_t item, const void *key)
{
	const struct mask *masks = array;

	return !memcmp(masks[item].word, key, sizeof(masks->word));
}

static int mask_add(struct seg_masks *c, const struct mask *mask)
{
	uint32_t hash = 0;

	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		hash += mask->word[w] * SEG_KEY_FACTORS[w];
	hash = seg_key_mix(hash);
	if (c->masks.n == MASKS_MAX ||
	    seg_index_find(&c->mask_index, hash, mask_same, c->masks.item, mask) != SEG_INDEX_NONE)
		return 0;
	return SEG_PUSH(&c->masks, *mask) ? -ENOMEM
					  : seg_index_add(&c->mask_index, hash, c->masks.n - 1);
}

/* What a mask may leave out of a shape. */
enum {
	LESS_SPORT = 1,
	LESS_DPORT = 2,
	LESS_EXTRAS = 4,
	LESS_SRC = 8,
	LESS_DST = 16,
	LESS_ALL = 31
};

/* What a shape knows, in steps. */
static void shape_round(const struct seg_pieces *pieces, const struct seg_shape *shape,
			uint32_t word[SEG_KEY_WORDS_MAX])
{
	unsigned int words = seg_address_words(pieces->family), ports = 2 * words;

	memcpy(word, shape->known, sizeof(shape->known));
	prefix_round(word, words);
	prefix_round(word + words, words);
	word[ports] = port_round(word[ports] >> 16) << 16 | port_round(word[ports] & 0xffff);
}

void seg_mask_of_shape(const struct seg_pieces *pieces, uint32_t shape,
		       uint32_t mask[SEG_KEY_WORDS_MAX])
{
	shape_round(pieces, &pieces->shapes.item[shape], mask);
}

static int shape_mask_add(struct seg_masks *c, const struct seg_shape *shape, unsigned int less)
{
	unsigned int words = seg_address_words(c->pieces->family), ports = 2 * words;
	struct mask mask = {.share = UINT64_MAX};
	uint32_t *word = mask.word;

	shape_round(c->pieces, shape, word);
	word[ports] &= ~((less & LESS_SPORT ? 0xffff0000 : 0) | (less & LESS_DPORT ? 0xffff : 0));
	if (less & LESS_EXTRAS)
		memset(word + ports + SEG_KEY_VLAN, 0, SEG_KEY_EXTRAS * sizeof(*word));
	if (less & LESS_SRC)
		memset(word, 0, words * sizeof(*word));
	if (less & LESS_DST)
		memset(word + words, 0, words * sizeof(*word));
	return mask_add(c, &mask);
}

static int masks_make(struct seg_masks *c)
{
	const struct seg_pieces *pieces = c->pieces;
	int r = mask_add(c, &(struct mask){.share = UINT64_MAX});

	for (unsigned int less = 0; less <= LESS_ALL; less++)
		for (uint32_t i = 0; !r && i < pieces->shapes.n; i++)
			r = shape_mask_add(c, &pieces->shapes.item[i], less);
	return r;
}

/* --- the choice ------------------------------------------------------------------ */

static void fits_fill(struct seg_masks *c, const struct mask *mask)
{
	const struct seg_pieces *pieces = c->pieces;

	for (uint32_t i = 0; i < pieces->shapes.n; i++) {
		uint32_t missing = 0;

		for (unsigned int w = 0; w < pieces->words; w++)
			missing |= mask->word[w] & ~pieces->shapes.item[i].known[w];
		c->fits[i] = !missing;
	}
}

/* Where a piece comes among those of its hash if the table takes it, from 0; `depth`: it does
 * not. */
static unsigned int piece_place(struct seg_masks *c, uint32_t piece, const struct mask *mask,
				unsigned int depth)
{
	uint16_t *count;

	if (!c->fits[c->pieces->shape.item[piece]])
		return depth;
	count = &c->count[seg_piece_hash(c->pieces, piece, mask->word) >> (32 - c->bits)];
	if (*count >= depth)
		return depth;
	return *count < SEG_DEPTH_ALL - 1 ? (*count)++ : *count;
}

/* What a piece adds to a mask's share: where two have one hash, flows of the second make a lookup
 * look at the first too, and so on. */
static uint32_t weight(unsigned int place)
{
#define W(place) WEIGHT / ((1 + (place)) * (1 + (place)))
	static const uint16_t WEIGHTS[] = {W(0), W(1), W(2),  W(3),  W(4),  W(5),  W(6),  W(7),
					   W(8), W(9), W(10), W(11), W(12), W(13), W(14), W(15)};

	return place < SEG_ARRAY_SIZE(WEIGHTS) ? WEIGHTS[place] : 1;
}

/* A mask's words that are not empty, with what they mask. */
struct hashing {
	unsigned int n;
	const uint32_t *value[SEG_KEY_WORDS_MAX];
	uint32_t mask[SEG_KEY_WORDS_MAX], factor[SEG_KEY_WORDS_MAX];
};

static struct hashing hashing_of(const struct seg_pieces *pieces, const uint32_t *mask)
{
	struct hashing h = {0};

	for (unsigned int w = 0; w < pieces->words; w++) {
		if (!mask[w])
			continue;
		h.value[h.n] = pieces->value[w].item;
		h.mask[h.n] = mask[w];
		h.factor[h.n++] = SEG_KEY_FACTORS[w];
	}
	return h;
}

/* As seg_piece_hash(). */
static inline uint32_t hash_by(const struct hashing *h, uint32_t piece)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < h->n; i++)
		sum += (h->value[i][piece] & h->mask[i]) * h->factor[i];
	return seg_key_mix(sum);
}

/* In whichever order they come, the sum is the same. So all of a shape are counted at once: whether
 * the next piece fits could not be foretold. */
static uint64_t group_count(struct seg_masks *c, const struct group *group,
			    const struct hashing *hashing, unsigned int depth)
{
	const uint32_t *piece = c->by_shape + group->first;
	uint64_t share = 0;

	for (uint32_t i = 0; i < group->n; i++) {
		uint16_t *count = &c->count[hash_by(hashing, piece[i]) >> (32 - c->bits)];
		unsigned int place = *count;

		share += place < depth ? weight(place) : 0;
		*count = (uint16_t)(place + (place < depth && place < SEG_DEPTH_ALL - 1));
	}
	return share;
}

/* As the taste has it. */
static uint64_t weighed(const struct seg_masks *c, const uint32_t *mask, uint64_t share)
{
	unsigned int words = c->pieces->family == 6 ? 9 : 3, known = 0; /* addresses and ports */

	for (unsigned int w = 0; w < words; w++)
		known += (unsigned int)__builtin_popcount(mask[w]);
	return share + share * c->taste->fine * known / (32 * words);
}

static uint64_t share_count(struct seg_masks *c, const struct mask *mask, unsigned int depth)
{
	struct hashing hashing = hashing_of(c->pieces, mask->word);
	uint64_t share = 0;

	fits_fill(c, mask);
	memset(c->count, 0, sizeof(*c->count) << c->bits);
	for (uint32_t i = 0; i < c->pieces->shapes.n; i++)
		if (c->fits[i])
			share += group_count(c, &c->group[i], &hashing, depth);
	return weighed(c, mask->word, share);
}

/* Pieces that have a table now are no longer in their groups. */
static void groups_thin(struct seg_masks *c)
{
	for (uint32_t i = 0; i < c->pieces->shapes.n; i++) {
		uint32_t *piece = c->by_shape + c->group[i].first, n = 0;

		for (uint32_t j = 0; c->fits[i] && j < c->group[i].n; j++)
			if (c->plan->table[piece[j]] == NO_TABLE)
				piece[n++] = piece[j];
		c->group[i].n = c->fits[i] ? n : c->group[i].n;
	}
}

static void groups_make(struct seg_masks *c)
{
	const struct seg_pieces *pieces = c->pieces;
	uint32_t at = 0;

	for (uint32_t i = 0; i < pieces->shapes.n; i++) {
		c->group[i] = (struct group){at, 0};
		at += pieces->shapes.item[i].pieces;
	}
	for (uint32_t i = 0; i < pieces->n; i++) {
		struct group *group = &c->group[pieces->shape.item[i]];

		c->by_shape[group->first + group->n++] = i;
	}
}

static struct mask *largest(struct seg_masks *c)
{
	struct mask *best = c->masks.item;

	for (uint32_t i = 1; i < c->masks.n; i++)
		if (c->masks.item[i].share > best->share)
			best = &c->masks.item[i];
	return best;
}

/* The mask with the largest share: counted anew until the largest is no stale bound. */
static struct mask *mask_best(struct seg_masks *c, unsigned int depth)
{
	for (struct mask *last = NULL;;) {
		struct mask *mask = largest(c);

		if (mask == last)
			return mask;
		mask->share = share_count(c, mask, depth);
		last = mask;
	}
}

/* A table hashes all that its pieces know together, which is more than what it was chosen for. */
static void piece_give(struct seg_masks *c, uint32_t piece)
{
	const struct seg_shape *shape = &c->pieces->shapes.item[c->pieces->shape.item[piece]];
	unsigned int table = c->plan->tables;

	c->plan->table[piece] = (uint8_t)table;
	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		c->plan->mask[table][w] &= shape->known[w];
}

static void mask_take(struct seg_masks *c, const struct mask *mask, unsigned int depth)
{
	uint32_t left = 0;

	fits_fill(c, mask);
	memset(c->count, 0, sizeof(*c->count) << c->bits);
	memset(c->plan->mask[c->plan->tables], UINT8_MAX, sizeof(*c->plan->mask));
	for (uint32_t i = 0; i < c->left_n; i++) {
		uint32_t piece = c->left[i];

		if (piece_place(c, piece, mask, depth) < depth)
			piece_give(c, piece);
		else
			c->left[left++] = piece;
	}
	c->left_n = left;
	c->plan->tables++;
	groups_thin(c);
}

/* Before any was counted: as if all that fits were alone with its hash. */
static void shares_bound(struct seg_masks *c)
{
	const struct seg_pieces *pieces = c->pieces;

	for (uint32_t i = 0; i < c->masks.n; i++) {
		fits_fill(c, &c->masks.item[i]);
		c->masks.item[i].most = 0;
		for (uint32_t j = 0; j < pieces->shapes.n; j++)
			if (c->fits[j])
				c->masks.item[i].most +=
					(uint64_t)pieces->shapes.item[j].pieces * WEIGHT;
	}
}

/* From here on tables take more of one hash: what comes behind the old depth weighs little. */
static void shares_deepen(struct seg_masks *c, unsigned int had)
{
	for (uint32_t i = 0; i < c->masks.n; i++)
		c->masks.item[i].share +=
			weighed(c, c->masks.item[i].word, (uint64_t)c->left_n * weight(had));
}

static unsigned int depth_of(const struct seg_taste *taste, unsigned int table)
{
	if (table == SEG_TABLES_MAX - 1)
		return SEG_DEPTH_ALL;
	return taste->depth[table < SEG_DEPTHS ? table : SEG_DEPTHS - 1];
}

/* The mask of nothing is among them, and the last table takes all: nothing is left over. */
static void choose(struct seg_masks *c)
{
	unsigned int depth = depth_of(c->taste, 0);

	while (c->left_n) {
		unsigned int next = depth_of(c->taste, c->plan->tables);

		if (next > depth)
			shares_deepen(c, depth);
		depth = next;
		mask_take(c, mask_best(c, depth), depth);
	}
}

static int masks_room(struct seg_masks *c)
{
	const struct seg_pieces *pieces = c->pieces;

	c->bits = 7;
	while (c->bits < 24 && 1u << c->bits < 2 * pieces->n)
		c->bits++;
	c->left = malloc(pieces->n * sizeof(*c->left));
	c->count = malloc(sizeof(*c->count) << c->bits);
	c->fits = malloc(pieces->shapes.n * sizeof(*c->fits));
	c->by_shape = malloc(pieces->n * sizeof(*c->by_shape));
	c->group = malloc(pieces->shapes.n * sizeof(*c->group));
	return c->left && c->count && c->fits && c->by_shape && c->group ? 0 : -ENOMEM;
}

int seg_masks_open(const struct seg_pieces *pieces, struct seg_masks **out)
{
	struct seg_masks *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->pieces = pieces;
	r = masks_room(c);
	if (!r)
		r = masks_make(c);
	if (r) {
		seg_masks_close(c);
		return r;
	}
	shares_bound(c);
	*out = c;
	return 0;
}

/* Nothing is chosen yet. */
static void begin(struct seg_masks *c)
{
	for (uint32_t i = 0; i < c->pieces->n; i++)
		c->left[i] = i;
	c->left_n = c->pieces->n;
	for (uint32_t i = 0; i < c->masks.n; i++)
		c->masks.item[i].share = weighed(c, c->masks.item[i].word, c->masks.item[i].most);
	groups_make(c);
}

int seg_masks_choose(struct seg_masks *masks, const struct seg_taste *taste, struct seg_plan *plan)
{
	uint32_t n = masks->pieces->n;

	plan->tables = 0;
	plan->table = malloc(n);
	if (!plan->table)
		return -ENOMEM;
	memset(plan->table, NO_TABLE, n);
	masks->plan = plan;
	masks->taste = taste;
	begin(masks);
	choose(masks);
	return 0;
}
