/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup_steps.h - the steps of a lookup, included by each way of doing it, which
 * defines probe() and advance().
 *
 * Boxes are in the rules' order, and so are those of a slot. So of all that a key's slots
 * lead to, the nearest, that with the lowest number, is looked at first; the first that
 * holds is the answer, and most of what collides is never looked at.
 *
 * Branches that cannot be predicted cost more than what they save, and waiting for memory
 * more than both. So a burst is judged in waves: each looks at the nearest box of every key
 * that has no answer yet, and fetches the next.
 */
#ifndef SEG_LOOKUP_STEPS_H
#define SEG_LOOKUP_STEPS_H

#include "inline.h"
#include "key.h"
#include "lookup.h"

#define UNROLL _Pragma("GCC unroll 12")

/* The candidates of a key, and the nearest. `words` is a constant where this is inlined. */
static ALWAYS_INLINE uint32_t probe(const struct seg_bank *bank, const uint32_t *slots,
				    const uint32_t *word, unsigned int words, uint32_t *out);

/* Is the key within an IPv4 box's bounds? By scalar_holds(), or better. */
static ALWAYS_INLINE unsigned int box4_holds(const struct seg_box *box,
					     const struct seg_question *q);

/* `nearest` was looked at: `next` takes its place. Returns what is the nearest now. */
static ALWAYS_INLINE uint32_t advance(uint32_t *candidates, uint32_t nearest, uint32_t next);

/* --- boxes ----------------------------------------------------------------------- */

typedef unsigned __int128 wide;

static ALWAYS_INLINE wide wide_of(const uint32_t *word)
{
	uint64_t high = (uint64_t)word[0] << 32 | word[1], low = (uint64_t)word[2] << 32 | word[3];

	return (wide)high << 64 | low;
}

/* first <= word <= last, in one comparison. */
static ALWAYS_INLINE unsigned int within(const uint32_t *word, const uint32_t *bound,
					 unsigned int words)
{
	if (words == 1)
		return word[0] - bound[0] <= bound[1] - bound[0];
	return wide_of(word) - wide_of(bound) <= wide_of(bound + words) - wide_of(bound);
}

static ALWAYS_INLINE unsigned int ports_within(const struct seg_box *box, uint32_t ports)
{
	uint32_t sport = ports >> 16, dport = ports & 0xffff;

	unsigned int above = sport >= box->sport_first, below = sport <= box->sport_last;
	unsigned int from = dport >= box->dport_first, to = (dport <= box->dport_last);

	return above & below & from & to;
}

static ALWAYS_INLINE unsigned int scalar_holds(const struct seg_box *box,
					       const struct seg_question *q, unsigned int words)
{
	return within(q->word, seg_box_bound(box), words) &
	       within(q->word + words, seg_box_bound(box) + 2 * words, words) &
	       ports_within(box, q->word[2 * words + SEG_KEY_PORTS]);
}

static ALWAYS_INLINE unsigned int bounds_hold(const struct seg_box *box,
					      const struct seg_question *q, unsigned int words)
{
	return words == 1 ? box4_holds(box, q) : scalar_holds(box, q, words);
}

/* Most lanes are of one protocol; in that of all others it is asked for. */
static ALWAYS_INLINE bool proto_right(const struct seg_box *box, const struct seg_question *q)
{
	return !(box->info & SEG_BOX_ASKS_PROTO) || !((box->info ^ q->proto) & SEG_BOX_PROTO);
}

/* The rare rest, out of the way. */
static ALWAYS_INLINE bool rest_holds(const struct seg_questions *questions,
				     const struct seg_question *q, uint32_t box, unsigned int words)
{
	const struct seg_rest *rests = seg_section_items(questions->image, SEG_SECTION_RESTS);
	const uint32_t *numbers = seg_section_items(
		questions->image, words == 1 ? SEG_SECTION_RESTS4 : SEG_SECTION_RESTS6);
	const struct seg_rest *rest = &rests[numbers[box]];
	const uint32_t *word = q->word + 2 * words + SEG_KEY_VLAN;
	uint32_t wrong = 0;

	UNROLL for (unsigned int i = 0; i < SEG_KEY_EXTRAS; i++) wrong |=
		(word[i] ^ rest->value[i]) & rest->mask[i];
	if (__builtin_expect((rest->src_set & rest->dst_set) != SEG_SET_NONE, 0))
		return !wrong && seg_rest_sets_hold(questions, q, rest);
	return !wrong;
}

/* --- waves ----------------------------------------------------------------------- */

/* What is the same for a whole burst is read once, into locals: what is stored in between might be
 * it, for all the compiler knows. */

/* What is under way: the questions that are still without an answer. */
struct open {
	unsigned int n;
	uint8_t who[SEG_CLASSIFY_MAX];
};

static ALWAYS_INLINE size_t box_bytes(unsigned int words)
{
	return words == 1 ? sizeof(struct seg_box4) : sizeof(struct seg_box6);
}

/* Where there is none, what is there already: an address without memory is looked for in vain, and
 * at length. */
static ALWAYS_INLINE void fetch(const char *boxes, uint32_t box, uint32_t otherwise,
				unsigned int words)
{
	box = box == SEG_BOX_NONE ? otherwise : box;
	__builtin_prefetch(boxes + box * box_bytes(words));
}

/* Is the nearest box the answer? */
static ALWAYS_INLINE bool look(const struct seg_questions *questions, struct seg_question *q,
			       const char *boxes, unsigned int words)
{
	const struct seg_box *box = (const void *)(boxes + q->nearest * box_bytes(words));
	bool holds = bounds_hold(box, q, words);
	uint32_t mine;

	if (__builtin_expect(box->info & (SEG_BOX_REST | SEG_BOX_ASKS_PROTO), 0))
		holds &= proto_right(box, q) && rest_holds(questions, q, q->nearest, words);
	mine = q->nearest | (holds - 1u); /* no jump: it would often be a wrong one */
	q->box = mine < q->box ? mine : q->box;
	return holds;
}

/* On to the next box; true: there is one, and it may be the answer. */
static ALWAYS_INLINE bool go_on(struct seg_question *q, const char *boxes, unsigned int words)
{
	const struct seg_box *box = (const void *)(boxes + q->nearest * box_bytes(words));
	uint32_t next = box->next ? box->next : SEG_BOX_NONE, had = q->nearest, none;

	q->nearest = advance(q->candidate, had, next);
	none = 0 - (q->nearest >> 31); /* no jump: half have none */
	fetch(boxes, (q->nearest & ~none) | (had & none), had, words);
	return q->nearest < q->box;
}

/* Where few ask, nothing hides that memory is far: all that may be looked at is fetched at once. */
#define FEW 4

static ALWAYS_INLINE void fetch_all(const struct seg_question *q, const char *boxes,
				    unsigned int words)
{
	UNROLL for (unsigned int i = 0; i < SEG_BANK_TABLES; i++)
		fetch(boxes, q->candidate[i], q->nearest, words);
}

/* The first answers most. Who goes on cannot be foretold: so all look, and then the few go on. */
static ALWAYS_INLINE void wave_first(const struct seg_questions *questions, struct open *open,
				     const char *boxes, unsigned int words)
{
	struct seg_question *item = questions->item;
	unsigned int had = open->n, n = 0;

	for (unsigned int i = 0; i < had; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): n were set */
		uint8_t who = open->who[i];

		open->who[n] = who;
		n += !look(questions, &item[who], boxes, words);
	}
	had = n;
	n = 0;
	for (unsigned int i = 0; i < had; i++) {
		uint8_t who = open->who[i];

		open->who[n] = who;
		n += go_on(&item[who], boxes, words);
	}
	open->n = n;
}

/* Of few a loop's end is what cannot be foretold: one loop, in which each goes on, needed or not.
 */
static ALWAYS_INLINE void wave_next(const struct seg_questions *questions, struct open *open,
				    const char *boxes, unsigned int words)
{
	struct seg_question *item = questions->item;
	unsigned int had = open->n, n = 0;

	for (unsigned int i = 0; i < had; i++) {
		uint8_t who = open->who[i];
		bool holds = look(questions, &item[who], boxes, words);
		bool goes_on = go_on(&item[who], boxes, words);

		open->who[n] = who;
		n += !holds & goes_on;
	}
	open->n = n;
}

/* No other is left to be looked at meanwhile. */
static ALWAYS_INLINE void last(const struct seg_questions *questions, struct seg_question *q,
			       const char *boxes, unsigned int words)
{
	while (!look(questions, q, boxes, words) && go_on(q, boxes, words))
		;
}

/* --- bursts ---------------------------------------------------------------------- */

/* Those whose answer may be in a bank: where its boxes may come before what was found. Returns
 * whether there is a question with so many banks. */
static ALWAYS_INLINE bool ask(const struct seg_questions *questions, uint32_t number,
			      struct open *open, const char *boxes, unsigned int words,
			      unsigned int key_words)
{
	const uint32_t *slots = seg_section_items(
		questions->image, words == 1 ? SEG_SECTION_SLOTS4 : SEG_SECTION_SLOTS6);
	const struct seg_bank *banks = seg_section_items(questions->image, SEG_SECTION_BANKS);
	const struct seg_finder *finders = questions->finders;
	struct seg_question *item = questions->item;
	unsigned int n = 0, all = questions->n;
	bool asked = false;

	for (unsigned int i = 0; i < all; i++) {
		struct seg_question *q = &item[i];
		const struct seg_finder *finder = &finders[q->finder];
		const struct seg_bank *bank = &banks[finder->first + number];

		if (number >= finder->count)
			continue;
		asked = true;
		if (q->box < bank->first)
			continue;
		q->nearest = probe(bank, slots, q->word, key_words, q->candidate);
		if (all < FEW)
			fetch_all(q, boxes, words);
		else
			fetch(boxes, q->nearest, 0, words);
		open->who[n] = (uint8_t)i;
		n += q->nearest < q->box;
	}
	open->n = n;
	return asked;
}

static ALWAYS_INLINE void answer_by(const struct seg_questions *questions, unsigned int words,
				    unsigned int key_words)
{
	const char *boxes = seg_section_items(questions->image,
					      words == 1 ? SEG_SECTION_BOXES4 : SEG_SECTION_BOXES6);
	struct open open;

	for (uint32_t i = 0; ask(questions, i, &open, boxes, words, key_words); i++) {
		if (open.n > 1)
			wave_first(questions, &open, boxes, words);
		while (open.n > 1)
			wave_next(questions, &open, boxes, words);
		if (open.n)
			last(questions, &questions->item[open.who[0]], boxes, words);
	}
}

/* The key's words: those that all keys have, or all. */
static ALWAYS_INLINE void answer_family(const struct seg_questions *questions, unsigned int words)
{
	unsigned int base = 2 * words + 1;

	if (questions->finders[questions->item->finder].words == base)
		answer_by(questions, words, base);
	else
		answer_by(questions, words, base + SEG_KEY_EXTRAS);
}

static ALWAYS_INLINE void answer(const struct seg_questions *questions)
{
	if (questions->family == 4)
		answer_family(questions, 1);
	else
		answer_family(questions, 4);
}

#endif
