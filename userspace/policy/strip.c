/* SPDX-License-Identifier: BSD-2-Clause */
/* strip.c - a hole has the number of what is before it, so that numbers never descend. */
#include "strip.h"

#include <errno.h>

#include "chain.h"

#define FAR 4096 /* where no hole is nearer, places are to be given out anew */

static bool is_boxes(const struct seg_strip *strip)
{
	return strip->section > SEG_SECTION_BEFORE;
}

static struct seg_row *row_at(const struct seg_strip *strip, uint32_t place)
{
	return (struct seg_row *)seg_section_edit(strip->image, strip->section) + place;
}

static struct seg_box *box_at(const struct seg_strip *strip, uint32_t place)
{
	return seg_box_edit(strip->image, strip->section == SEG_SECTION_BOXES6, place);
}

struct seg_strip seg_strip_rows(struct seg_image *image, unsigned int lane)
{
	uint32_t *bases = seg_section_edit(image, SEG_SECTION_BASES);

	return (struct seg_strip){.image = image,
				  .section = lane,
				  .end = image->section[lane].count,
				  .base = bases + seg_row_bases(image->section, lane)};
}

struct seg_strip seg_strip_boxes(struct seg_image *image, uint32_t finder)
{
	const struct seg_finder *at = seg_section_edit(image, SEG_SECTION_FINDERS);
	bool six = seg_finder_six(finder);

	return (struct seg_strip){.image = image,
				  .section = SEG_SECTION_BOXES4 + six,
				  .finder = finder,
				  .first = at[finder].box_first,
				  .end = at[finder].box_end,
				  .base = seg_section_edit(image, SEG_SECTION_BASES4 + six)};
}

/* --- numbers --------------------------------------------------------------------- */

/* The word that has a place's number, and which bits of it. */
static uint32_t *number_word(const struct seg_strip *strip, uint32_t place, uint32_t *mask)
{
	*mask = is_boxes(strip) ? SEG_BOX_RULE : UINT32_MAX;
	return is_boxes(strip) ? &box_at(strip, place)->info : &row_at(strip, place)->rule;
}

static uint32_t number_of(const struct seg_strip *strip, uint32_t place)
{
	uint32_t mask, *word = number_word(strip, place, &mask);

	return (*word + strip->base[place / SEG_BLOCK]) & mask;
}

void seg_strip_number(const struct seg_strip *strip, uint32_t place, uint32_t rule)
{
	uint32_t mask, *word = number_word(strip, place, &mask);

	*word = (*word & ~mask) | ((rule - strip->base[place / SEG_BLOCK]) & mask);
}

uint32_t seg_strip_find(const struct seg_strip *strip, uint32_t rule)
{
	uint32_t low = strip->first, high = strip->end;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (number_of(strip, middle) < rule)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A strip's blocks are its own. */
void seg_strip_renumber(const struct seg_strip *strip, uint32_t from, uint32_t by)
{
	for (; from < strip->end && from % SEG_BLOCK; from++)
		seg_strip_number(strip, from, number_of(strip, from) + by);
	for (; from < strip->end; from += SEG_BLOCK)
		strip->base[from / SEG_BLOCK] += by;
}

/* --- holes ----------------------------------------------------------------------- */

static bool is_hole(const struct seg_strip *strip, uint32_t place)
{
	return is_boxes(strip) ? seg_box_is_hole(box_at(strip, place))
			       : !row_at(strip, place)->directions;
}

static void hole_make(const struct seg_strip *strip, uint32_t place)
{
	const struct seg_chains chains = {strip->image, strip->finder};
	bool six = strip->section == SEG_SECTION_BOXES6;
	uint32_t *rests = seg_section_edit(strip->image, SEG_SECTION_RESTS4 + six);

	if (!is_boxes(strip)) {
		row_at(strip, place)->directions = 0;
		return;
	}
	seg_chain_take(&chains, place);
	seg_box_clear(box_at(strip, place));
	rests[place] = 0;
}

/* Holes are numbered as the rule before, which is there still; the first rule's, as the next. */
void seg_strip_remove(const struct seg_strip *strip, uint32_t rule)
{
	uint32_t first = seg_strip_find(strip, rule), end = seg_strip_find(strip, rule + 1);

	for (uint32_t i = first; i < end; i++)
		if (!is_hole(strip, i))
			hole_make(strip, i);
	seg_strip_renumber(strip, rule ? first : end, -1u);
}

static void item_move(const struct seg_strip *strip, uint32_t from, uint32_t to)
{
	const struct seg_chains chains = {strip->image, strip->finder};
	uint32_t number = number_of(strip, from);

	if (is_boxes(strip))
		seg_chain_move(&chains, from, to);
	else
		*row_at(strip, to) = *row_at(strip, from);
	seg_strip_number(strip, to, number);
}

/* The nearest, to either side. */
static bool hole_find(const struct seg_strip *strip, uint32_t at, uint32_t *out)
{
	for (uint32_t far = 0; far < FAR; far++) {
		bool right = at + far<strip->end, left = at - strip->first> far;

		if (right && is_hole(strip, at + far))
			*out = at + far;
		else if (left && is_hole(strip, at - far - 1))
			*out = at - far - 1;
		else
			continue;
		return true;
	}
	return false;
}

int seg_strip_room(const struct seg_strip *strip, uint32_t at, uint32_t *place)
{
	uint32_t hole = 0;

	if (!hole_find(strip, at, &hole))
		return -EAGAIN;
	for (; hole > at; hole--)
		item_move(strip, hole - 1, hole);
	for (; hole + 1 < at; hole++)
		item_move(strip, hole + 1, hole);
	*place = hole;
	return 0;
}
