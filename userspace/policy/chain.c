/* SPDX-License-Identifier: BSD-2-Clause */
/* chain.c - no box knows its table: its key tells where it would be in each, and there it is looked
 * for. */
#include "chain.h"

#include <string.h>

#include "key.h"
#include "plan.h"

static bool six_of(const struct seg_chains *chains)
{
	return seg_finder_six(chains->finder);
}

static struct seg_box *box_at(const struct seg_chains *chains, uint32_t box)
{
	return seg_box_edit(chains->image, six_of(chains), box);
}

static void *items(const struct seg_chains *chains, unsigned int section)
{
	return seg_section_edit(chains->image, section);
}

/* --- keys ------------------------------------------------------------------------ */

/* As pieces have it: of a protocol without ports its number, in the lane of many protocols. */
static uint16_t sport_of(const struct seg_chains *chains, const struct seg_box *box)
{
	uint8_t proto = (uint8_t)((box->info & SEG_BOX_PROTO) >> SEG_BOX_PROTO_SHIFT);
	bool other = chains->finder % SEG_LANE_MAX == SEG_LANE_OTHER;

	return other && !(box->info & SEG_BOX_ANY_PROTO) && !seg_proto_has_ports(proto)
		       ? proto
		       : box->sport_first;
}

static void key_of(const struct seg_chains *chains, uint32_t number,
		   uint32_t key[SEG_KEY_WORDS_MAX])
{
	bool six = six_of(chains);
	unsigned int words = six ? 4 : 1;
	const struct seg_box *box = box_at(chains, number);
	const uint32_t *bound = seg_box_bound(box);
	const uint32_t *rests = items(chains, SEG_SECTION_RESTS4 + six);
	const struct seg_rest *rest = items(chains, SEG_SECTION_RESTS);
	uint32_t *behind = key + 2 * words;

	memset(key, 0, SEG_KEY_WORDS_MAX * sizeof(*key));
	memcpy(key, bound, words * sizeof(*key));
	memcpy(key + words, bound + 2 * words, words * sizeof(*key));
	behind[SEG_KEY_PORTS] = seg_key_ports(sport_of(chains, box), box->dport_first);
	memcpy(behind + SEG_KEY_VLAN, rest[rests[number]].value, sizeof(rest->value));
}

static uint32_t table_hash(struct seg_column table, const uint32_t key[SEG_KEY_WORDS_MAX])
{
	uint32_t mask[SEG_KEY_WORDS_MAX];

	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		mask[w] = table.bank->mask[w][table.number];
	return seg_key_hash(key, mask, SEG_KEY_WORDS_MAX);
}

static uint32_t *slot_of(const struct seg_chains *chains, struct seg_column table, uint32_t hash)
{
	uint32_t *slots = items(chains, SEG_SECTION_SLOTS4 + six_of(chains));

	return &slots[table.bank->base[table.number] + (hash >> table.bank->shift[table.number])];
}

/* --- links ----------------------------------------------------------------------- */

/* The word of the chain that names this box, or the first one behind it, or nothing. */
static uint32_t *link_seek(const struct seg_chains *chains, uint32_t *slot, uint32_t box)
{
	uint32_t *link = slot;

	while (*link && (*link & SEG_SLOT_BOX) < box)
		link = &box_at(chains, *link & SEG_SLOT_BOX)->next;
	return link;
}

/* A slot's tag stays. */
static void link_set(uint32_t *link, uint32_t box)
{
	*link = (*link & ~SEG_SLOT_BOX) | box;
}

/* What names the box, and in which bank; NULL: nothing does. */
static uint32_t *link_find(const struct seg_chains *chains, uint32_t box, struct seg_bank **out)
{
	const struct seg_finder *finder =
		(const struct seg_finder *)items(chains, SEG_SECTION_FINDERS) + chains->finder;
	struct seg_bank *bank = (struct seg_bank *)items(chains, SEG_SECTION_BANKS) + finder->first;
	uint32_t key[SEG_KEY_WORDS_MAX];

	key_of(chains, box, key);
	for (const struct seg_bank *end = bank + finder->count; bank < end; bank++)
		for (unsigned int c = 0; c < bank->n; c++) {
			struct seg_column table = {bank, c};
			uint32_t *slot = slot_of(chains, table, table_hash(table, key));
			uint32_t *link = link_seek(chains, slot, box);

			if (!*link || (*link & SEG_SLOT_BOX) != box)
				continue;
			*out = bank;
			return link;
		}
	return NULL;
}

unsigned int seg_chain_length(const struct seg_chains *chains, struct seg_column table,
			      uint32_t box, unsigned int most)
{
	uint32_t key[SEG_KEY_WORDS_MAX], link;
	unsigned int n = 0;

	key_of(chains, box, key);
	link = *slot_of(chains, table, table_hash(table, key));
	for (; link && n < most; n++)
		link = box_at(chains, link & SEG_SLOT_BOX)->next;
	return n;
}

void seg_chain_put(const struct seg_chains *chains, struct seg_column table, uint32_t box)
{
	uint32_t key[SEG_KEY_WORDS_MAX], hash, *slot, *link;

	key_of(chains, box, key);
	hash = table_hash(table, key);
	slot = slot_of(chains, table, hash);
	link = link_seek(chains, slot, box);
	box_at(chains, box)->next = *link & SEG_SLOT_BOX;
	if (link != slot)
		*link = box;
	*slot = seg_slot_word(*slot, seg_key_tag(hash), link == slot ? box : *slot & SEG_SLOT_BOX);
	if (box < table.bank->first)
		table.bank->first = box;
}

void seg_chain_take(const struct seg_chains *chains, uint32_t box)
{
	struct seg_bank *bank;
	uint32_t *link = link_find(chains, box, &bank), next = box_at(chains, box)->next;

	if (!link)
		return;
	if (next)
		link_set(link, next);
	else
		*link = 0;
}

/* Neither its key nor its place among those of its chain is another. */
void seg_chain_move(const struct seg_chains *chains, uint32_t from, uint32_t to)
{
	bool six = six_of(chains);
	uint32_t *rests = items(chains, SEG_SECTION_RESTS4 + six);
	struct seg_bank *bank;
	uint32_t *link = link_find(chains, from, &bank);

	memcpy(box_at(chains, to), box_at(chains, from), seg_box_size(six ? 6 : 4));
	rests[to] = rests[from];
	if (!link)
		return;
	link_set(link, to);
	if (to < bank->first)
		bank->first = to;
}
