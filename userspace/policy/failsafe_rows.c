/* SPDX-License-Identifier: BSD-2-Clause */
/* failsafe_rows.c - what is never cut off, as the programs look it up. */
#include <endian.h>
#include <string.h>

#include "classify.h"
#include "image_layout.h"

/* --- an interval in prefixes ---------------------------------------------------- */

struct keys {
	struct seg_failsafe_key *item;
	uint32_t n, max;
};

static uint64_t ones(unsigned int n)
{
	return n >= 64 ? UINT64_MAX : (1ull << n) - 1;
}

/* The last address of the block of 2^bits at its first. */
static struct seg_wide block_last(struct seg_wide first, unsigned int bits)
{
	first.low |= ones(bits);
	first.high |= bits > 64 ? ones(bits - 64) : 0;
	return first;
}

static unsigned int zeros_below(struct seg_wide address)
{
	if (address.low)
		return (unsigned int)__builtin_ctzll(address.low);
	return address.high ? 64 + (unsigned int)__builtin_ctzll(address.high) : 128;
}

/* The largest block that begins at `first` and ends at `last` or before. */
static unsigned int block_bits(struct seg_wide first, struct seg_wide last)
{
	unsigned int bits = zeros_below(first);

	while (bits && seg_wide_compare(block_last(first, bits), last) > 0)
		bits--;
	return bits;
}

static void key_push(struct keys *keys, uint32_t set, struct seg_wide first, unsigned int bits)
{
	uint64_t half[2] = {htobe64(first.high), htobe64(first.low)};
	struct seg_failsafe_key key = {.length = SEG_FAILSAFE_KEY_BITS - bits, .set = set};

	memcpy(key.addr, half, sizeof(key.addr));
	if (keys->n < keys->max)
		keys->item[keys->n] = key;
	keys->n++;
}

static void interval_cut(struct keys *keys, uint32_t set, const struct seg_interval *interval)
{
	struct seg_wide first = interval->first, end;

	for (;;) {
		unsigned int bits = block_bits(first, interval->last);

		key_push(keys, set, first, bits);
		end = block_last(first, bits);
		if (!seg_wide_compare(end, interval->last))
			return;
		first = (struct seg_wide){end.high + (end.low == UINT64_MAX), end.low + 1};
	}
}

/* --- rows ------------------------------------------------------------------------- */

static bool is_anywhere(const struct seg_image *image, uint32_t index)
{
	const struct seg_set *set =
		(const struct seg_set *)seg_section_items(image, SEG_SECTION_SETS) + index;
	const struct seg_interval *interval =
		(const struct seg_interval *)seg_section_items(image, SEG_SECTION_INTERVALS) +
		set->first;

	return !interval->first.high && !interval->first.low && interval->last.high == UINT64_MAX &&
	       interval->last.low == UINT64_MAX;
}

void seg_image_failsafes(const struct seg_image *image, struct seg_failsafes *out)
{
	const struct seg_failsafe *item = seg_section_items(image, SEG_SECTION_FAILSAFES);
	uint32_t n = image->section[SEG_SECTION_FAILSAFES].count;

	*out = (struct seg_failsafes){.n = n};
	for (uint32_t i = 0; i < n; i++)
		out->row[i] = (struct seg_failsafe_row){
			.set = item[i].from,
			.first = item[i].dport_first,
			.last = item[i].dport_last,
			.proto = item[i].proto,
			.family = item[i].family,
			.flags = (item[i].flags & SEG_ROW_ANY_PROTO ? SEG_FAILSAFE_ANY_PROTO : 0) |
				 (is_anywhere(image, item[i].from) ? SEG_FAILSAFE_ANYWHERE : 0),
		};
}

/* Several services may be for one group. */
static bool is_first(const struct seg_failsafe *item, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (item[j].from == item[i].from)
			return false;
	return true;
}

uint32_t seg_image_failsafe_keys(const struct seg_image *image, struct seg_failsafe_key *keys,
				 uint32_t max)
{
	const struct seg_failsafe *item = seg_section_items(image, SEG_SECTION_FAILSAFES);
	const struct seg_set *sets = seg_section_items(image, SEG_SECTION_SETS);
	const struct seg_interval *intervals = seg_section_items(image, SEG_SECTION_INTERVALS);
	struct keys all = {keys, 0, max};

	for (uint32_t i = 0; i < image->section[SEG_SECTION_FAILSAFES].count; i++) {
		const struct seg_set *set = &sets[item[i].from];

		if (!is_first(item, i) || is_anywhere(image, item[i].from))
			continue;
		for (uint32_t j = 0; j < set->count; j++)
			interval_cut(&all, item[i].from, &intervals[set->first + j]);
	}
	return all.n;
}
