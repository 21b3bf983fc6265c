/* SPDX-License-Identifier: BSD-2-Clause */
/* spread.c - sizes first, then each section; rows and boxes go to every place but each eighth. */
#include <errno.h>
#include <string.h>

#include "key.h"
#include "splice.h"

#define STEP 8 /* of so many places the last is a hole */

/* The place of a row of its lane, or a box of its finder. */
static uint32_t spread(uint32_t item)
{
	return item + item / (STEP - 1);
}

/* Whole blocks, and at least one, so that every lane and finder has its own bases. */
static uint32_t places(uint32_t items)
{
	return (spread(items) / SEG_BLOCK + 1) * SEG_BLOCK;
}

struct spreading {
	const struct seg_image *from;
	struct seg_image *to;
	uint32_t boxes[2];
};

static const void *old_items(const struct spreading *s, unsigned int section)
{
	return seg_section_items(s->from, section);
}

static void *new_items(const struct spreading *s, unsigned int section)
{
	return seg_section_edit(s->to, section);
}

/* --- sizes ----------------------------------------------------------------------- */

/* What sections have room for beyond what they have: an eighth more, and so much. */
static const uint32_t MORE[SEG_SECTION_MAX] = {
	[SEG_SECTION_SETS] = 256,    [SEG_SECTION_INTERVALS] = 1024, [SEG_SECTION_RULES] = 256,
	[SEG_SECTION_VLANS] = 64,    [SEG_SECTION_IFACES] = 64,      [SEG_SECTION_BANKS] = 16,
	[SEG_SECTION_SLOTS4] = 1024, [SEG_SECTION_SLOTS6] = 1024,    [SEG_SECTION_RESTS] = 64,
	[SEG_SECTION_STRINGS] = 8192};

static void rows_count(const struct seg_image *from, struct seg_section now[SEG_SECTION_MAX])
{
	for (unsigned int i = SEG_SECTION_LANES; i <= SEG_SECTION_BEFORE; i++)
		now[i].count = places(from->section[i].count);
	now[SEG_SECTION_BASES].count = seg_row_bases(now, 2 * SEG_LANE_MAX);
}

static void boxes_count(const struct seg_image *from, struct seg_section now[SEG_SECTION_MAX])
{
	const struct seg_finder *finder = seg_section_items(from, SEG_SECTION_FINDERS);

	for (unsigned int six = 0; six < 2; six++) {
		uint32_t n = 0;

		for (uint32_t i = 0; i < from->section[SEG_SECTION_FINDERS].count; i++)
			if (seg_finder_six(i) == six)
				n += places(finder[i].box_end - finder[i].box_first);
		now[SEG_SECTION_BOXES4 + six].count = n;
		now[SEG_SECTION_RESTS4 + six].count = n;
		now[SEG_SECTION_BASES4 + six].count = n / SEG_BLOCK;
	}
}

/* What the places of rules with an id of their own are called, once one without comes there. */
static uint32_t ids_size(const struct seg_image *from)
{
	const struct seg_rule *rule = seg_section_items(from, SEG_SECTION_RULES);
	uint32_t n = 0;

	for (uint32_t i = 0; i < seg_image_rules(from); i++)
		n += !rule[i].by_place;
	return n * (uint32_t)sizeof("rule-131071");
}

static int room_make(struct spreading *s)
{
	struct seg_section now[SEG_SECTION_MAX];
	uint32_t room[SEG_SECTION_MAX];
	int r;

	memcpy(now, s->from->section, sizeof(now));
	rows_count(s->from, now);
	boxes_count(s->from, now);
	if (now[SEG_SECTION_BOXES4].count > SEG_BOXES_MAX ||
	    now[SEG_SECTION_BOXES6].count > SEG_BOXES_MAX)
		return -E2BIG;
	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++)
		room[i] = now[i].count + (MORE[i] ? now[i].count / 8 + MORE[i] : 0);
	room[SEG_SECTION_STRINGS] += ids_size(s->from);
	r = seg_image_make(room, &s->to);
	for (unsigned int i = 0; !r && i < SEG_SECTION_MAX; i++)
		s->to->section[i].count = now[i].count;
	return r;
}

/* --- rows and boxes ---------------------------------------------------------------- */

static void rows_put(const struct spreading *s, unsigned int lane)
{
	const struct seg_row *from = old_items(s, lane);
	struct seg_row *to = new_items(s, lane), last = {0};
	uint32_t n = s->from->section[lane].count, item = 0;

	for (uint32_t i = 0; i < s->to->section[lane].count; i++) {
		bool hole = item == n || i % STEP == STEP - 1;

		last = hole ? last : from[item++];
		to[i] = last;
		to[i].directions = hole ? 0 : last.directions;
	}
}

static uint32_t box_now(const struct seg_finder *old, const struct seg_finder *now, uint32_t box)
{
	return now->box_first + spread(box - old->box_first);
}

static void box_put(const struct spreading *s, bool six, uint32_t from, uint32_t to)
{
	const uint32_t *rests = old_items(s, SEG_SECTION_RESTS4 + six);
	uint32_t *now = new_items(s, SEG_SECTION_RESTS4 + six);

	memcpy(seg_box_edit(s->to, six, to), seg_box_at(s->from, six, from),
	       seg_box_size(six ? 6 : 4));
	now[to] = rests[from];
}

/* Of no flow, and as nobody's. */
static void hole_put(const struct spreading *s, bool six, uint32_t at, uint32_t rule)
{
	uint32_t *rests = new_items(s, SEG_SECTION_RESTS4 + six);
	struct seg_box *box = seg_box_edit(s->to, six, at);

	memset(box, 0, seg_box_size(six ? 6 : 4));
	seg_box_clear(box);
	box->info |= rule;
	rests[at] = 0;
}

static void boxes_put(const struct spreading *s, bool six, const struct seg_finder *old,
		      const struct seg_finder *now)
{
	uint32_t item = old->box_first, rule = 0;

	for (uint32_t i = now->box_first; i < now->box_end; i++) {
		struct seg_box *box = seg_box_edit(s->to, six, i);

		if (item == old->box_end || i % STEP == STEP - 1) {
			hole_put(s, six, i, rule);
			continue;
		}
		box_put(s, six, item++, i);
		rule = seg_box_rule(s->from, six, item - 1);
		box->next = box->next ? box_now(old, now, box->next) : 0;
	}
}

static void slots_put(const struct spreading *s, bool six, const struct seg_finder *old,
		      const struct seg_finder *now)
{
	const struct seg_bank *bank = old_items(s, SEG_SECTION_BANKS);
	uint32_t *slots = new_items(s, SEG_SECTION_SLOTS4 + six);

	for (uint32_t i = old->first; i < old->first + old->count; i++)
		for (unsigned int c = 0; c < bank[i].n; c++) {
			uint32_t *slot = slots + bank[i].base[c];

			for (uint32_t n = 1u << (32 - bank[i].shift[c]); n; n--, slot++)
				if (*slot)
					*slot = (*slot & ~SEG_SLOT_BOX) |
						box_now(old, now, *slot & SEG_SLOT_BOX);
		}
}

static void finder_put(struct spreading *s, uint32_t number)
{
	const struct seg_finder *old =
		(const struct seg_finder *)old_items(s, SEG_SECTION_FINDERS) + number;
	struct seg_finder *now = (struct seg_finder *)new_items(s, SEG_SECTION_FINDERS) + number;
	struct seg_bank *bank = new_items(s, SEG_SECTION_BANKS);
	bool six = seg_finder_six(number);

	now->box_first = s->boxes[six];
	s->boxes[six] += places(old->box_end - old->box_first);
	now->box_end = s->boxes[six];
	boxes_put(s, six, old, now);
	slots_put(s, six, old, now);
	for (uint32_t i = now->first; i < now->first + now->count; i++)
		if (bank[i].first != SEG_BOX_NONE)
			bank[i].first = box_now(old, now, bank[i].first);
}

/* --- all of it ------------------------------------------------------------------------ */

static bool is_spread(unsigned int section)
{
	return section <= SEG_SECTION_BEFORE ||
	       (section >= SEG_SECTION_BOXES4 && section <= SEG_SECTION_BASES);
}

/* What is behind a section's items is zero, too: it is part of what is sealed. */
static void section_put(const struct spreading *s, unsigned int section)
{
	size_t size = seg_section_item_size(section), had = s->from->section[section].count * size;
	size_t room = seg_section_room(s->to, section) * size;

	if (!is_spread(section) && had)
		memcpy(new_items(s, section), old_items(s, section), had);
	else
		had = 0;
	memset((char *)new_items(s, section) + had, 0, room - had);
}

static void head_put(const struct spreading *s)
{
	struct seg_image head = *s->from;

	head.size = s->to->size;
	memcpy(head.section, s->to->section, sizeof(head.section));
	*s->to = head;
}

int seg_image_spread(const struct seg_image *from, struct seg_image **out)
{
	struct spreading s = {.from = from};
	int r = room_make(&s);

	if (r)
		return r;
	for (unsigned int i = 0; i < SEG_SECTION_MAX; i++)
		section_put(&s, i);
	for (unsigned int i = SEG_SECTION_LANES; i <= SEG_SECTION_BEFORE; i++)
		rows_put(&s, i);
	for (uint32_t i = 0; i < from->section[SEG_SECTION_FINDERS].count; i++)
		finder_put(&s, i);
	head_put(&s);
	*out = s.to;
	return 0;
}
