/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splice.c - the rule that goes leaves holes; the one that comes fills some, and those behind it
 * are numbered anew by their blocks.
 */
#include "splice.h"

#include <errno.h>
#include <string.h>

#include "chain.h"
#include "plan.h"
#include "strip.h"

#define CHAIN_LONG 8 /* where a slot has so many boxes, a table more is better if there is room */
#define CHAIN_MOST 64
#define TABLE_BITS 6

static void *items(const struct seg_splice *s, unsigned int section)
{
	return seg_section_edit(s->image, section);
}

static struct seg_finder *finder_at(const struct seg_splice *s, uint32_t number)
{
	return (struct seg_finder *)items(s, SEG_SECTION_FINDERS) + number;
}

static uint32_t finders(const struct seg_splice *s)
{
	return s->image->section[SEG_SECTION_FINDERS].count;
}

static bool has(uint32_t rule)
{
	return rule != SEG_SPLICE_NONE;
}

/* The new rule's number, once the other is gone. */
static uint32_t place_now(const struct seg_splice *s)
{
	return s->place - (has(s->gone) && s->gone < s->place);
}

/* --- sections that grow at their end ------------------------------------------------ */

/* As the build has them: what is no longer used stays. */
#define FROM_BUILD(X)                                                                              \
	X(SETS, sets)                                                                              \
	X(INTERVALS, intervals)                                                                    \
	X(IFACES, ifaces)                                                                          \
	X(RESTS, rests)                                                                            \
	X(STRINGS, strings)

bool seg_splice_fits(const struct seg_splice *s)
{
	const struct seg_build *b = s->build;
	bool fits = b->vlans.n <= seg_section_room(s->image, SEG_SECTION_VLANS) &&
		    seg_image_rules(s->image) < seg_section_room(s->image, SEG_SECTION_RULES);

#define X(id, member) fits &= b->member.n <= seg_section_room(s->image, SEG_SECTION_##id);
	FROM_BUILD(X)
#undef X
	return fits;
}

static void tail_put(const struct seg_splice *s, unsigned int section, const void *from, uint32_t n)
{
	size_t size = seg_section_item_size(section);
	uint32_t had = s->image->section[section].count;

	if (n > had)
		memcpy((char *)items(s, section) + had * size, (const char *)from + had * size,
		       (n - had) * size);
	s->image->section[section].count = n;
}

static void tails_put(const struct seg_splice *s)
{
	const struct seg_build *b = s->build;

	s->image->section[SEG_SECTION_VLANS].count = 0; /* sorted: all are put anew */
	tail_put(s, SEG_SECTION_VLANS, b->vlans.item, b->vlans.n);
#define X(id, member) tail_put(s, SEG_SECTION_##id, b->member.item, b->member.n);
	FROM_BUILD(X)
#undef X
}

/* --- rules --------------------------------------------------------------------------- */

/* Rules from..end-1 go to to..., each a line further down or up: those of other files come before
 * all that can be changed. */
static void rules_move(const struct seg_splice *s, uint32_t from, uint32_t end, uint32_t to)
{
	struct seg_rule *rule = items(s, SEG_SECTION_RULES);

	memmove(rule + to, rule + from, (end - from) * sizeof(*rule));
	for (uint32_t i = to; i < to + (end - from); i++) {
		rule[i].line += to - from;
		if (rule[i].by_place)
			rule[i].id = s->place_ids[i];
	}
}

/* Only what comes between the two places changes its own. */
static void rules_change(const struct seg_splice *s)
{
	uint32_t n = seg_image_rules(s->image), gone = has(s->gone) ? s->gone : n;
	uint32_t place = has(s->place) ? place_now(s) : n;
	struct seg_rule *rule = items(s, SEG_SECTION_RULES);

	if (place <= gone)
		rules_move(s, place, gone, place + 1);
	else
		rules_move(s, gone + 1, has(s->place) ? place + 1 : n, gone);
	if (has(s->place))
		rule[place] = s->rule;
	s->image->section[SEG_SECTION_RULES].count = n + has(s->place) - has(s->gone);
}

/* --- which table --------------------------------------------------------------------- */

/* Can a table with this mask find the piece? */
static bool mask_fits(struct seg_column table, const struct seg_shape *shape)
{
	uint32_t missing = 0;

	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		missing |= table.bank->mask[w][table.number] & ~shape->known[w];
	return !missing;
}

static unsigned int table_find(const struct seg_splice *s, uint32_t number,
			       const struct seg_shape *shape, uint32_t box, struct seg_column *best)
{
	const struct seg_chains chains = {s->image, number};
	struct seg_bank *bank =
		(struct seg_bank *)items(s, SEG_SECTION_BANKS) + finder_at(s, number)->first;
	unsigned int least = CHAIN_MOST + 1;

	for (uint32_t i = 0; i < finder_at(s, number)->count; i++)
		for (unsigned int c = 0; c < bank[i].n; c++) {
			struct seg_column table = {&bank[i], c};
			unsigned int length;

			if (!mask_fits(table, shape))
				continue;
			length = seg_chain_length(&chains, table, box, CHAIN_MOST);
			if (length >= least)
				continue;
			least = length;
			*best = table;
		}
	return least;
}

static struct seg_bank *last_bank(const struct seg_splice *s, uint32_t number)
{
	const struct seg_finder *finder = finder_at(s, number);
	struct seg_bank *banks = items(s, SEG_SECTION_BANKS);

	return finder->count ? &banks[finder->first + finder->count - 1] : NULL;
}

static bool bank_has_room(const struct seg_splice *s, uint32_t number)
{
	const struct seg_bank *bank = last_bank(s, number);

	return bank && bank->n < SEG_BANK_TABLES;
}

/* Banks of all finders are one behind the other. NULL: there is no room. */
static struct seg_bank *bank_make(const struct seg_splice *s, uint32_t number)
{
	struct seg_section *section = &s->image->section[SEG_SECTION_BANKS];
	struct seg_bank *banks = items(s, SEG_SECTION_BANKS);
	uint32_t at = finder_at(s, number)->first + finder_at(s, number)->count;

	if (section->count == seg_section_room(s->image, SEG_SECTION_BANKS))
		return NULL;
	memmove(banks + at + 1, banks + at, (section->count - at) * sizeof(*banks));
	banks[at] = seg_bank_empty();
	section->count++;
	finder_at(s, number)->count++;
	for (uint32_t i = number + 1; i < finders(s); i++)
		finder_at(s, i)->first++;
	return &banks[at];
}

/* A table of its own, for others like it too. */
static int table_make(const struct seg_splice *s, uint32_t number, uint32_t piece,
		      struct seg_column *out)
{
	const struct seg_pieces *pieces = &s->pieces[number];
	unsigned int slots = SEG_SECTION_SLOTS4 + seg_finder_six(number);
	struct seg_section *section = &s->image->section[slots];
	uint32_t mask[SEG_KEY_WORDS_MAX], size = 1u << TABLE_BITS;
	struct seg_bank *bank =
		bank_has_room(s, number) ? last_bank(s, number) : bank_make(s, number);

	if (!bank || section->count + size > seg_section_room(s->image, slots))
		return -EAGAIN;
	*out = (struct seg_column){bank, bank->n++};
	seg_mask_of_shape(pieces, pieces->shape.item[piece], mask);
	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		bank->mask[w][out->number] = mask[w];
	bank->shift[out->number] = 32 - TABLE_BITS;
	bank->base[out->number] = section->count;
	section->count += size;
	return 0;
}

static int table_choose(const struct seg_splice *s, uint32_t number, uint32_t piece, uint32_t box,
			struct seg_column *out)
{
	const struct seg_pieces *pieces = &s->pieces[number];
	const struct seg_shape *shape = &pieces->shapes.item[pieces->shape.item[piece]];
	unsigned int length = table_find(s, number, shape, box, out);

	if (length > CHAIN_MOST || (length >= CHAIN_LONG && bank_has_room(s, number)))
		return table_make(s, number, piece, out);
	return 0;
}

/* --- rows and boxes ------------------------------------------------------------------ */

static int rows_add(const struct seg_splice *s, unsigned int lane)
{
	struct seg_strip strip = seg_strip_rows(s->image, lane);
	uint32_t rule = place_now(s), at = seg_strip_find(&strip, rule), place = 0;
	struct seg_row *row = items(s, lane);
	int r = 0;

	seg_strip_renumber(&strip, at, 1);
	for (uint32_t i = 0; !r && i < s->build->lanes[lane].n; i++) {
		r = seg_strip_room(&strip, at, &place);
		if (r)
			return r;
		row[place] = s->build->lanes[lane].item[i];
		seg_strip_number(&strip, place, rule);
		at = place + 1;
	}
	return r;
}

static int box_add(const struct seg_splice *s, const struct seg_strip *strip, uint32_t piece,
		   uint32_t place)
{
	const struct seg_pieces *pieces = &s->pieces[strip->finder];
	const struct seg_chains chains = {s->image, strip->finder};
	bool six = pieces->family == 6;
	uint32_t *rests = items(s, SEG_SECTION_RESTS4 + six);
	struct seg_column table;
	int r;

	memcpy(seg_box_edit(s->image, six, place), seg_piece_box(s->build, pieces, piece),
	       seg_box_size(pieces->family));
	rests[place] = s->build->box_rests[six].item[pieces->first + piece];
	seg_strip_number(strip, place, place_now(s));
	r = table_choose(s, strip->finder, piece, place, &table);
	if (!r)
		seg_chain_put(&chains, table, place);
	return r;
}

static int boxes_add(const struct seg_splice *s, uint32_t number)
{
	struct seg_strip strip = seg_strip_boxes(s->image, number);
	uint32_t at = seg_strip_find(&strip, place_now(s)), place = 0;
	int r = 0;

	seg_strip_renumber(&strip, at, 1);
	for (uint32_t i = 0; !r && i < s->pieces[number].n; i++) {
		r = seg_strip_room(&strip, at, &place);
		if (!r)
			r = box_add(s, &strip, i, place);
		at = place + 1;
	}
	return r;
}

/* Keys of a family are all as long. */
static void words_level(const struct seg_splice *s, uint32_t number)
{
	const struct seg_pieces *pieces = &s->pieces[number];

	for (uint32_t i = 0; pieces->n && i < finders(s); i++)
		if (seg_finder_six(i) == seg_finder_six(number) &&
		    finder_at(s, i)->words < pieces->words)
			finder_at(s, i)->words = pieces->words;
}

static void rule_remove(const struct seg_splice *s)
{
	for (unsigned int i = SEG_SECTION_LANES; i <= SEG_SECTION_BEFORE; i++) {
		struct seg_strip strip = seg_strip_rows(s->image, i);

		seg_strip_remove(&strip, s->gone);
	}
	for (uint32_t i = 0; i < finders(s); i++) {
		struct seg_strip strip = seg_strip_boxes(s->image, i);

		seg_strip_remove(&strip, s->gone);
	}
}

static int rule_add(const struct seg_splice *s)
{
	int r = 0;

	for (unsigned int i = SEG_SECTION_LANES; !r && i <= SEG_SECTION_BEFORE; i++)
		r = rows_add(s, i);
	for (uint32_t i = 0; !r && i < finders(s); i++) {
		words_level(s, i);
		r = boxes_add(s, i);
	}
	return r;
}

int seg_image_splice(const struct seg_splice *s)
{
	int r = 0;

	if (has(s->gone))
		rule_remove(s);
	tails_put(s);
	if (has(s->place))
		r = rule_add(s);
	if (!r)
		rules_change(s);
	return r;
}
