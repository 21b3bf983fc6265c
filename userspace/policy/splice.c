/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splice.c - first it is decided which table takes each new box, so that sizes are known; then each
 * section is copied in runs: what comes before the change, between its two places, and behind.
 */
#include "splice.h"

#include <errno.h>
#include <string.h>

#include "plan.h"

#define CHAIN_LONG 8 /* where a slot has so many boxes, a table more is better if there is room */
#define CHAIN_MOST 64
#define TABLE_BITS 6

/* --- runs ---------------------------------------------------------------------- */

/* Of a section's items, those in gone..end-1 go, and `more` come before the item `at`, which is
 * none of them. */
struct edit {
	uint32_t n, gone, end, at, more;
	bool before; /* `at` comes before `gone` */
};

/* Items from..from+n-1 are at to..to+n-1 then. */
struct run {
	uint32_t from, n, to;
	uint32_t rules; /* added to numbers of rules */
};

struct runs {
	struct run run[3];
	uint32_t at; /* of what is new */
};

static uint32_t edit_size(const struct edit *e)
{
	return e->n - (e->end - e->gone) + e->more;
}

static struct run run_of(uint32_t from, uint32_t end, uint32_t to, uint32_t rules)
{
	return (struct run){from, end - from, to, rules};
}

/* What comes between the two places counts one more or one less. */
static struct runs runs_of(const struct seg_splice *s, const struct edit *e)
{
	uint32_t less = e->end - e->gone, gone = s->gone != SEG_SPLICE_NONE;
	uint32_t more = s->place != SEG_SPLICE_NONE;

	if (e->before)
		return (struct runs){{run_of(0, e->at, 0, 0),
				      run_of(e->at, e->gone, e->at + e->more, more),
				      run_of(e->end, e->n, e->gone + e->more, more - gone)},
				     e->at};
	return (struct runs){{run_of(0, e->gone, 0, 0), run_of(e->end, e->at, e->gone, -gone),
			      run_of(e->at, e->n, e->at - less + e->more, more - gone)},
			     e->at - less};
}

static bool comes_before(const struct seg_splice *s)
{
	return s->gone == SEG_SPLICE_NONE || (s->place != SEG_SPLICE_NONE && s->place <= s->gone);
}

/* `rule_of` an item, which ascends. */
typedef uint32_t rule_of(const void *items, uint32_t item);

static uint32_t lower_bound(const void *items, uint32_t n, rule_of *of, uint32_t rule)
{
	uint32_t low = 0;

	while (low < n) {
		uint32_t middle = low + (n - low) / 2;

		if (of(items, middle) < rule)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

static struct edit edit_of(const struct seg_splice *s, const void *items, uint32_t n, rule_of *of,
			   uint32_t more)
{
	struct edit e = {.n = n, .more = more, .before = comes_before(s)};

	if (s->place != SEG_SPLICE_NONE)
		e.at = lower_bound(items, n, of, s->place);
	e.gone = e.end = e.at;
	if (s->gone != SEG_SPLICE_NONE) {
		e.gone = lower_bound(items, n, of, s->gone);
		e.end = lower_bound(items, n, of, s->gone + 1);
	}
	if (s->place == SEG_SPLICE_NONE)
		e.at = e.end;
	return e;
}

static void runs_copy(const struct runs *runs, size_t size, const char *from, char *to)
{
	for (int i = 0; i < 3; i++)
		if (runs->run[i].n)
			memcpy(to + runs->run[i].to * size, from + runs->run[i].from * size,
			       runs->run[i].n * size);
}

/* --- finders -------------------------------------------------------------------- */

#define FINDERS_MAX (2 * 2 * SEG_LANE_MAX)

struct finder_change {
	const struct seg_finder *old;
	struct seg_finder now;
	struct edit edit;   /* of its boxes, which are counted from box_first */
	const char *boxes;  /* the old ones, from box_first on */
	uint32_t new_first; /* of the splice's boxes: where its own begin */
};

/* Where each new box goes: a column of a bank. */
struct home {
	uint32_t bank, column;
};

struct splicing {
	struct seg_splice *s;
	struct seg_image *image;
	struct finder_change finder[FINDERS_MAX];
	uint32_t finders;
	SEG_VECTOR(struct seg_bank) banks;
	SEG_VECTOR(uint32_t) bank_before; /* of each: the old bank, or SEG_SPLICE_NONE */
	SEG_VECTOR(struct home) homes;    /* of all new boxes, finder after finder */
	uint32_t slots[2];                /* of each family */
	uint32_t boxes[2];
};

static void splicing_free(struct splicing *sp)
{
	free(sp->banks.item);
	free(sp->bank_before.item);
	free(sp->homes.item);
}

static unsigned int six_of(uint32_t finder)
{
	return finder / SEG_LANE_MAX % 2;
}

static const void *old_items(const struct splicing *sp, unsigned int section)
{
	return seg_section_items(sp->s->old, section);
}

static void *new_items(const struct splicing *sp, unsigned int section)
{
	return (char *)sp->image + sp->image->section[section].offset;
}

static uint32_t row_rule(const void *items, uint32_t item)
{
	return ((const struct seg_row *)items)[item].rule;
}

static uint32_t box4_rule(const void *items, uint32_t item)
{
	return ((const struct seg_box4 *)items)[item].box.info & SEG_BOX_RULE;
}

static uint32_t box6_rule(const void *items, uint32_t item)
{
	return ((const struct seg_box6 *)items)[item].box.info & SEG_BOX_RULE;
}

static void finder_open(struct splicing *sp, uint32_t number)
{
	const struct seg_finder *old = old_items(sp, SEG_SECTION_FINDERS);
	unsigned int six = six_of(number);
	struct finder_change *f = &sp->finder[number];
	const char *boxes = old_items(sp, SEG_SECTION_BOXES4 + six);

	f->old = &old[number];
	f->boxes = boxes + f->old->box_first * seg_box_size(six ? 6 : 4);
	f->edit = edit_of(sp->s, f->boxes, f->old->box_end - f->old->box_first,
			  six ? box6_rule : box4_rule, sp->s->pieces[number].n);
	f->now = *f->old;
	f->now.box_first = sp->boxes[six];
	sp->boxes[six] += edit_size(&f->edit);
	f->now.box_end = sp->boxes[six];
	f->new_first = sp->s->pieces[number].first;
}

static const struct seg_box *old_box(const struct finder_change *f, uint32_t number, bool six)
{
	size_t at = (size_t)(number - f->old->box_first) * seg_box_size(six ? 6 : 4);

	return (const void *)(f->boxes + at);
}

static bool box_goes(const struct finder_change *f, uint32_t number)
{
	uint32_t i = number - f->old->box_first;

	return i >= f->edit.gone && i < f->edit.end;
}

/* The new number of a box that stays, or of the one behind those that go. */
static uint32_t box_now(const struct finder_change *f, uint32_t number)
{
	const struct edit *e = &f->edit;
	uint32_t i = number - f->old->box_first;
	uint32_t more = i > e->at || (i == e->at && !(i >= e->gone && i < e->end)) ? e->more : 0;
	uint32_t less = i >= e->end ? e->end - e->gone : i > e->gone ? i - e->gone : 0;

	return f->now.box_first + i + more - less;
}

/* The same of the first in a chain from this box on that stays, or SEG_BOX_NONE. */
static uint32_t link_now(const struct finder_change *f, uint32_t number, bool six)
{
	while (box_goes(f, number)) {
		number = old_box(f, number, six)->next;
		if (!number)
			return SEG_BOX_NONE;
	}
	return box_now(f, number);
}

static uint32_t next_now(const struct finder_change *f, uint32_t next, bool six)
{
	uint32_t now = next ? link_now(f, next, six) : SEG_BOX_NONE;

	return now == SEG_BOX_NONE ? 0 : now;
}

/* --- which table ------------------------------------------------------------------ */

/* Can a table with this mask find the piece? */
static bool mask_fits(const struct seg_bank *bank, unsigned int column,
		      const struct seg_shape *shape)
{
	uint32_t missing = 0;

	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		missing |= bank->mask[w][column] & ~shape->known[w];
	return !missing;
}

static uint32_t column_hash(const struct seg_bank *bank, unsigned int column,
			    const struct seg_pieces *pieces, uint32_t piece)
{
	uint32_t mask[SEG_KEY_WORDS_MAX];

	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		mask[w] = bank->mask[w][column];
	return seg_piece_hash(pieces, piece, mask);
}

/* How many boxes are where the piece would be; tables that are new are empty. */
static unsigned int chain_length(const struct splicing *sp, uint32_t number, uint32_t bank,
				 unsigned int column, uint32_t piece)
{
	const struct seg_bank *b = &sp->banks.item[bank];
	const uint32_t *slots = old_items(sp, SEG_SECTION_SLOTS4 + six_of(number));
	uint32_t hash = column_hash(b, column, &sp->s->pieces[number], piece);
	uint32_t at = b->base[column] + (hash >> b->shift[column]), box;
	unsigned int length = 0;

	if (at >= sp->s->old->section[SEG_SECTION_SLOTS4 + six_of(number)].count)
		return 0;
	box = slots[at] & SEG_SLOT_BOX;
	length = slots[at] != 0;
	while (length && length < CHAIN_MOST &&
	       (box = old_box(&sp->finder[number], box, six_of(number))->next))
		length++;
	return length;
}

static unsigned int home_find(const struct splicing *sp, uint32_t number, uint32_t piece,
			      struct home *best)
{
	const struct seg_finder *now = &sp->finder[number].now;
	const struct seg_pieces *pieces = &sp->s->pieces[number];
	const struct seg_shape *shape = &pieces->shapes.item[pieces->shape.item[piece]];
	unsigned int least = CHAIN_MOST + 1;

	for (uint32_t i = now->first; i < now->first + now->count; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): `count` were pushed */
		for (unsigned int c = 0; c < sp->banks.item[i].n; c++) {
			unsigned int length;

			if (!mask_fits(&sp->banks.item[i], c, shape))
				continue;
			length = chain_length(sp, number, i, c, piece);
			if (length >= least)
				continue;
			least = length;
			*best = (struct home){i, c};
		}
	return least;
}

static int bank_push(struct splicing *sp, struct seg_bank bank, uint32_t before)
{
	return SEG_PUSH(&sp->banks, bank) || SEG_PUSH(&sp->bank_before, before) ? -ENOMEM : 0;
}

/* A table of its own, for others like it too. */
static int home_make(struct splicing *sp, uint32_t number, uint32_t piece, struct home *out)
{
	const struct seg_pieces *pieces = &sp->s->pieces[number];
	struct seg_finder *now = &sp->finder[number].now;
	uint32_t mask[SEG_KEY_WORDS_MAX];
	struct seg_bank *bank;

	if (!now->count || sp->banks.item[sp->banks.n - 1].n == SEG_BANK_TABLES) {
		if (bank_push(sp, seg_bank_empty(), SEG_SPLICE_NONE))
			return -ENOMEM;
		now->count++;
	}
	bank = &sp->banks.item[sp->banks.n - 1];
	seg_mask_of_shape(pieces, pieces->shape.item[piece], mask);
	*out = (struct home){sp->banks.n - 1, bank->n};
	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		bank->mask[w][bank->n] = mask[w];
	bank->shift[bank->n] = 32 - TABLE_BITS;
	bank->base[bank->n++] = sp->slots[six_of(number)];
	sp->slots[six_of(number)] += 1u << TABLE_BITS;
	return 0;
}

static int home_choose(struct splicing *sp, uint32_t number, uint32_t piece)
{
	const struct seg_finder *now = &sp->finder[number].now;
	struct home home = {0};
	unsigned int length = home_find(sp, number, piece, &home);
	bool room = now->count && sp->banks.item[sp->banks.n - 1].n < SEG_BANK_TABLES;
	int r = 0;

	if (length > CHAIN_MOST || (length >= CHAIN_LONG && room))
		r = home_make(sp, number, piece, &home);
	return r ? r : SEG_PUSH(&sp->homes, home);
}

/* A finder's banks are one behind the other, and so are all finders'. */
static int finder_plan(struct splicing *sp, uint32_t number)
{
	const struct seg_bank *banks = old_items(sp, SEG_SECTION_BANKS);
	struct finder_change *f = &sp->finder[number];
	int r = 0;

	f->now.first = sp->banks.n;
	for (uint32_t i = f->old->first; !r && i < f->old->first + f->old->count; i++)
		r = bank_push(sp, banks[i], i);
	for (uint32_t i = 0; !r && i < sp->s->pieces[number].n; i++)
		r = home_choose(sp, number, i);
	return r;
}

/* Keys of a family are all as long. */
static void words_level(struct splicing *sp)
{
	for (uint32_t i = 0; i < sp->finders; i++) {
		const struct seg_pieces *pieces = &sp->s->pieces[i];

		for (uint32_t j = 0; pieces->n && j < sp->finders; j++)
			if (six_of(i) == six_of(j) && sp->finder[j].now.words < pieces->words)
				sp->finder[j].now.words = pieces->words;
	}
}

static int plan(struct splicing *sp)
{
	const struct seg_image *old = sp->s->old;
	int r = 0;

	sp->finders = old->section[SEG_SECTION_FINDERS].count;
	for (unsigned int six = 0; six < 2; six++)
		sp->slots[six] = old->section[SEG_SECTION_SLOTS4 + six].count;
	for (uint32_t i = 0; i < sp->finders; i++)
		finder_open(sp, i);
	for (uint32_t i = 0; !r && i < sp->finders; i++)
		r = finder_plan(sp, i);
	words_level(sp);
	return r;
}

/* --- rules and rows ----------------------------------------------------------------- */

static uint32_t rules_now(const struct seg_splice *s)
{
	return seg_image_rules(s->old) + (s->place != SEG_SPLICE_NONE) -
	       (s->gone != SEG_SPLICE_NONE);
}

/* The new rule's number. */
static uint32_t place_now(const struct seg_splice *s)
{
	return s->place - (s->gone != SEG_SPLICE_NONE && s->gone < s->place);
}

static struct edit rules_edit(const struct seg_splice *s)
{
	uint32_t n = seg_image_rules(s->old);
	struct edit e = {.n = n,
			 .at = s->place,
			 .more = s->place != SEG_SPLICE_NONE,
			 .gone = s->gone,
			 .end = s->gone + 1,
			 .before = comes_before(s)};

	if (s->gone == SEG_SPLICE_NONE)
		e.gone = e.end = e.at;
	if (s->place == SEG_SPLICE_NONE)
		e.at = e.end;
	return e;
}

/* Each is a line of the text. */
static void rules_renumber(struct seg_rule *rule, const struct run *run, const uint32_t *place_ids)
{
	for (uint32_t i = run->to; run->rules && i < run->to + run->n; i++) {
		rule[i].line += run->rules;
		if (rule[i].by_place)
			rule[i].id = place_ids[i];
	}
}

static void rules_put(struct splicing *sp)
{
	struct seg_splice *s = sp->s;
	struct edit edit = rules_edit(s);
	struct runs runs = runs_of(s, &edit);
	struct seg_rule *rule = new_items(sp, SEG_SECTION_RULES);

	runs_copy(&runs, sizeof(*rule), old_items(sp, SEG_SECTION_RULES), (char *)rule);
	for (int i = 0; i < 3; i++)
		rules_renumber(rule, &runs.run[i], s->place_ids);
	if (edit.more)
		rule[runs.at] = s->rule;
}

static void rows_put(struct splicing *sp, unsigned int lane, const struct edit *edit)
{
	struct runs runs = runs_of(sp->s, edit);
	struct seg_row *row = new_items(sp, lane);

	runs_copy(&runs, sizeof(*row), old_items(sp, lane), (char *)row);
	for (int i = 0; i < 3; i++)
		for (uint32_t j = 0; runs.run[i].rules && j < runs.run[i].n; j++)
			row[runs.run[i].to + j].rule += runs.run[i].rules;
	for (uint32_t i = 0; i < edit->more; i++) {
		row[runs.at + i] = sp->s->build->lanes[lane].item[i];
		row[runs.at + i].rule = place_now(sp->s);
	}
}

/* --- boxes --------------------------------------------------------------------------- */

static struct seg_box *new_box(struct splicing *sp, uint32_t number, bool six)
{
	char *boxes = new_items(sp, SEG_SECTION_BOXES4 + six);

	return (void *)(boxes + number * seg_box_size(six ? 6 : 4));
}

/* Only what comes behind the change is numbered anew. */
static bool renumbers(const struct finder_change *f)
{
	const struct edit *e = &f->edit;

	return f->now.box_first != f->old->box_first || e->more || e->end > e->gone;
}

static void boxes_renumber(struct splicing *sp, const struct finder_change *f,
			   const struct run *run, bool six)
{
	uint32_t first = f->now.box_first + run->to;
	bool links = renumbers(f);

	for (uint32_t i = first; (links || run->rules) && i < first + run->n; i++) {
		struct seg_box *box = new_box(sp, i, six);

		box->info += run->rules; /* in the lowest bits, which do not overflow */
		box->next = links ? next_now(f, box->next, six) : box->next;
	}
}

/* Into a slot's chain, which is in order. */
static void box_link(struct splicing *sp, struct home home, const struct seg_pieces *pieces,
		     uint32_t piece, uint32_t number)
{
	const struct seg_bank *bank = &sp->banks.item[home.bank];
	bool six = pieces->family == 6;
	uint32_t *slots = new_items(sp, SEG_SECTION_SLOTS4 + six);
	uint32_t hash = column_hash(bank, home.column, pieces, piece);
	uint32_t *slot = &slots[bank->base[home.column] + (hash >> bank->shift[home.column])];
	uint32_t head = *slot & SEG_SLOT_BOX, at = head;
	struct seg_box *box = new_box(sp, number, six);

	box->next = *slot ? head : 0;
	if (!*slot || number < head) {
		*slot = seg_slot_word(*slot, seg_key_tag(hash), number);
		return;
	}
	while (new_box(sp, at, six)->next && new_box(sp, at, six)->next < number)
		at = new_box(sp, at, six)->next;
	box->next = new_box(sp, at, six)->next;
	new_box(sp, at, six)->next = number;
	*slot = seg_slot_word(*slot, seg_key_tag(hash), head);
}

/* Of `number`'s finder, whose boxes' homes begin at `home`. */
static void boxes_add(struct splicing *sp, const struct finder_change *f, uint32_t number,
		      uint32_t home)
{
	const struct seg_pieces *pieces = &sp->s->pieces[number];
	bool six = pieces->family == 6;
	struct runs runs = runs_of(sp->s, &f->edit);

	for (uint32_t i = 0; i < pieces->n; i++) {
		uint32_t at = f->now.box_first + runs.at + i;
		const struct home *of = &sp->homes.item[home + i];
		struct seg_bank *bank = &sp->banks.item[of->bank];
		struct seg_box *box = new_box(sp, at, six);

		memcpy(box, seg_piece_box(sp->s->build, pieces, i), seg_box_size(pieces->family));
		box->info |= place_now(sp->s);
		box_link(sp, *of, pieces, i, at);
		bank->first = at < bank->first ? at : bank->first;
	}
}

static void boxes_put(struct splicing *sp, uint32_t number)
{
	const struct finder_change *f = &sp->finder[number];
	bool six = six_of(number);
	struct runs runs = runs_of(sp->s, &f->edit);
	const uint32_t *old = old_items(sp, SEG_SECTION_RESTS4 + six);
	const uint32_t *more = sp->s->build->box_rests[six].item;
	uint32_t *rests = new_items(sp, SEG_SECTION_RESTS4 + six);

	runs_copy(&runs, seg_box_size(six ? 6 : 4), f->boxes,
		  (char *)new_box(sp, f->now.box_first, six));
	runs_copy(&runs, sizeof(*rests), (const char *)(old + f->old->box_first),
		  (char *)(rests + f->now.box_first));
	if (f->edit.more)
		memcpy(rests + f->now.box_first + runs.at, more + f->new_first,
		       f->edit.more * sizeof(*rests));
	for (int i = 0; i < 3; i++)
		boxes_renumber(sp, f, &runs.run[i], six);
}

/* --- slots --------------------------------------------------------------------------- */

static void table_renumber(const struct finder_change *f, uint32_t *slot, uint32_t n, bool six)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t link;

		if (!slot[i])
			continue;
		link = link_now(f, slot[i] & SEG_SLOT_BOX, six);
		slot[i] = link == SEG_BOX_NONE ? 0 : (slot[i] & ~SEG_SLOT_BOX) | link;
	}
}

static void slots_put(struct splicing *sp, bool six)
{
	unsigned int section = SEG_SECTION_SLOTS4 + six;
	uint32_t had = sp->s->old->section[section].count;
	uint32_t *slots = new_items(sp, section);

	memcpy(slots, old_items(sp, section), had * sizeof(*slots));
	memset(slots + had, 0, (sp->slots[six] - had) * sizeof(*slots));
}

/* Of the tables that were there. */
static void slots_renumber(struct splicing *sp, uint32_t number)
{
	const struct finder_change *f = &sp->finder[number];
	const struct seg_bank *old = old_items(sp, SEG_SECTION_BANKS);
	uint32_t *slots = new_items(sp, SEG_SECTION_SLOTS4 + six_of(number));

	for (uint32_t i = f->old->first; renumbers(f) && i < f->old->first + f->old->count; i++)
		for (unsigned int c = 0; c < old[i].n; c++)
			table_renumber(f, slots + old[i].base[c], 1u << (32 - old[i].shift[c]),
				       six_of(number));
}

/* A bank's first box; where that went, the next one, which is as good. */
static void banks_renumber(struct splicing *sp, const struct finder_change *f)
{
	for (uint32_t i = f->now.first; i < f->now.first + f->now.count; i++)
		if (sp->bank_before.item[i] != SEG_SPLICE_NONE &&
		    sp->banks.item[i].first != SEG_BOX_NONE)
			sp->banks.item[i].first = box_now(f, sp->banks.item[i].first);
}

static void finders_put(struct splicing *sp)
{
	struct seg_finder *finder = new_items(sp, SEG_SECTION_FINDERS);
	uint32_t home = 0;

	for (unsigned int six = 0; six < 2; six++)
		slots_put(sp, six);
	for (uint32_t i = 0; i < sp->finders; i++) {
		boxes_put(sp, i);
		slots_renumber(sp, i);
		banks_renumber(sp, &sp->finder[i]);
		boxes_add(sp, &sp->finder[i], i, home);
		home += sp->s->pieces[i].n;
		finder[i] = sp->finder[i].now;
	}
	if (sp->banks.n)
		memcpy(new_items(sp, SEG_SECTION_BANKS), sp->banks.item,
		       sp->banks.n * sizeof(*sp->banks.item));
}

/* --- all of it ------------------------------------------------------------------------- */

/* Sections that are as the build has them: what is no longer used stays. */
#define FROM_BUILD(X)                                                                              \
	X(SETS, sets)                                                                              \
	X(INTERVALS, intervals)                                                                    \
	X(VLANS, vlans)                                                                            \
	X(IFACES, ifaces)                                                                          \
	X(RESTS, rests)                                                                            \
	X(STRINGS, strings)

static void sizes_count(const struct splicing *sp, const struct edit lanes[2 * SEG_LANE_MAX],
			uint32_t count[SEG_SECTION_MAX])
{
	const struct seg_build *b = sp->s->build;

	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++)
		count[i] = sp->s->old->section[i].count;
	for (unsigned int i = 0; i < 2 * SEG_LANE_MAX; i++)
		count[i] = edit_size(&lanes[i]);
#define X(id, member) count[SEG_SECTION_##id] = b->member.n;
	FROM_BUILD(X)
#undef X
	count[SEG_SECTION_RULES] = rules_now(sp->s);
	count[SEG_SECTION_BANKS] = sp->banks.n;
	for (unsigned int six = 0; six < 2; six++) {
		count[SEG_SECTION_SLOTS4 + six] = sp->slots[six];
		count[SEG_SECTION_BOXES4 + six] = sp->boxes[six];
		count[SEG_SECTION_RESTS4 + six] = sp->boxes[six];
	}
}

static void rest_put(struct splicing *sp)
{
	const struct seg_build *b = sp->s->build;

#define X(id, member)                                                                              \
	if (b->member.n)                                                                           \
		memcpy(new_items(sp, SEG_SECTION_##id), b->member.item,                            \
		       b->member.n * sizeof(*b->member.item));
	FROM_BUILD(X)
#undef X
	memcpy(new_items(sp, SEG_SECTION_FAILSAFES), old_items(sp, SEG_SECTION_FAILSAFES),
	       sp->image->section[SEG_SECTION_FAILSAFES].count * sizeof(struct seg_failsafe));
}

int seg_image_splice(struct seg_splice *s, struct seg_image **out)
{
	_cleanup_(splicing_free) struct splicing sp = {.s = s};
	struct edit lanes[2 * SEG_LANE_MAX];
	uint32_t count[SEG_SECTION_MAX];
	int r = plan(&sp);

	for (unsigned int i = 0; i < 2 * SEG_LANE_MAX; i++)
		lanes[i] = edit_of(s, old_items(&sp, i), s->old->section[i].count, row_rule,
				   s->build->lanes[i].n);
	sizes_count(&sp, lanes, count);
	if (!r)
		r = seg_image_make(count, &sp.image);
	if (r)
		return r;
	rules_put(&sp);
	for (unsigned int i = 0; i < 2 * SEG_LANE_MAX; i++)
		rows_put(&sp, i, &lanes[i]);
	finders_put(&sp);
	rest_put(&sp);
	*out = sp.image;
	return 0;
}
