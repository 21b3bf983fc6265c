/* SPDX-License-Identifier: BSD-2-Clause */
#include "gather.h"

#include <string.h>

#define seg_for_each_datagram(d, g)                                                                \
	for (__typeof__((g)->datagram[0]) *d = (g)->datagram;                                      \
	     d < (g)->datagram + SEG_DATAGRAMS_MAX; d++)                                           \
		if (d->until)

/* --- give back ------------------------------------------------------------------ */

static void shed_piece(struct seg_shed *shed, const struct seg_piece *piece, uint8_t reason)
{
	shed->piece[shed->count].address = piece->address;
	shed->piece[shed->count].length = piece->length;
	shed->piece[shed->count].reason = reason;
	shed->count++;
}

static void shed_pieces(struct seg_gather *g, struct seg_datagram *d, struct seg_shed *shed,
			uint8_t reason)
{
	const struct seg_piece *piece = seg_gather_pieces(g, d);

	for (uint32_t i = 0; i < d->count; i++)
		shed_piece(shed, &piece[i], reason);
	g->held -= d->count;
	d->count = 0;
}

void seg_gather_done(struct seg_gather *g, struct seg_datagram *d)
{
	g->held -= d->count;
	g->used--;
	d->count = 0;
	d->until = 0;
}

static void drop(struct seg_gather *g, struct seg_datagram *d, struct seg_shed *shed,
		 uint8_t reason)
{
	shed_pieces(g, d, shed, reason);
	seg_gather_done(g, d);
}

/* Its name stays, so that what still comes of it, or is sent again, is not taken for another. */
static void refuse(struct seg_gather *g, struct seg_datagram *d, struct seg_shed *shed,
		   uint8_t reason)
{
	shed_pieces(g, d, shed, reason);
	d->refused = reason;
}

/* --- room ------------------------------------------------------------------------ */

static struct seg_datagram *older(struct seg_datagram *a, struct seg_datagram *b)
{
	return !a || b->until < a->until ? b : a;
}

static struct seg_datagram *oldest_of(struct seg_gather *g)
{
	struct seg_datagram *oldest = NULL;

	seg_for_each_datagram(d, g) oldest = older(oldest, d);
	return oldest;
}

/* Another one that holds anything. */
static struct seg_datagram *oldest_holder_but(struct seg_gather *g,
					      const struct seg_datagram * not )
{
	struct seg_datagram *oldest = NULL;

	seg_for_each_datagram(d, g) if (d != not &&d->count) oldest = older(oldest, d);
	return oldest;
}

/* A host has a whole IPv6 /64 to send from. */
static bool same_source(const struct seg_datagram_key *a, const struct seg_datagram_key *b)
{
	return a->family == b->family &&
	       !memcmp(a->addr[0], b->addr[0], a->family == 6 ? 8 : sizeof(a->addr[0]));
}

/* The oldest datagram of a source that holds its share already, or NULL. */
static struct seg_datagram *excess_of(struct seg_gather *g, const struct seg_datagram_key *key)
{
	struct seg_datagram *oldest = NULL;
	uint32_t datagrams = 0, pieces = 0;

	seg_for_each_datagram(d, g)
	{
		if (!same_source(&d->key, key))
			continue;
		datagrams++;
		pieces += d->count;
		oldest = older(oldest, d);
	}
	return datagrams >= SEG_DATAGRAMS_SOURCE || pieces >= g->capacity / 2 ? oldest : NULL;
}

static struct seg_datagram *free_place(struct seg_gather *g)
{
	for (uint32_t i = 0; i < SEG_DATAGRAMS_MAX; i++)
		if (!g->datagram[i].until)
			return &g->datagram[i];
	return NULL;
}

/* --- datagrams --------------------------------------------------------------------- */

static struct seg_datagram *find(struct seg_gather *g, const struct seg_datagram_key *key)
{
	seg_for_each_datagram(d, g) if (!memcmp(&d->key, key, sizeof(*key))) return d;
	return NULL;
}

static struct seg_datagram *begin(struct seg_gather *g, const struct seg_datagram_key *key,
				  uint64_t now, struct seg_shed *shed)
{
	struct seg_datagram *d = excess_of(g, key);

	if (!d && g->used == SEG_DATAGRAMS_MAX)
		d = oldest_of(g);
	if (d)
		drop(g, d, shed, SEG_REASON_FRAGMENT_EXCESS);
	d = free_place(g);
	d->key = *key;
	d->until = now + SEG_GATHER_NS;
	d->size = d->have = 0;
	d->refused = 0;
	g->used++;
	return d;
}

/* --- pieces -------------------------------------------------------------------------- */

static uint32_t end_of(const struct seg_piece *piece)
{
	return piece->offset + (uint32_t)piece->size;
}

/* A datagram and its pieces. */
struct pile {
	struct seg_datagram *datagram;
	struct seg_piece *piece;
};

/* Where it belongs: behind all that begin before it. */
static uint32_t place_of(const struct pile *pile, const struct seg_piece *piece)
{
	uint32_t i = pile->datagram->count;

	while (i && pile->piece[i - 1].offset >= piece->offset)
		i--;
	return i;
}

/* The network may deliver a packet twice (RFC 8200 4.5 admits to ignore that). */
static bool is_copy(const struct pile *pile, const struct seg_piece *piece)
{
	const struct seg_piece *there = &pile->piece[place_of(pile, piece)];

	return there < pile->piece + pile->datagram->count && there->offset == piece->offset &&
	       there->size == piece->size && there->more == piece->more &&
	       !memcmp(there->frame + there->payload, piece->frame + piece->payload, piece->size);
}

/* RFC 5722 3, RFC 1858 4: no byte has two values; nor has the end. */
static bool overlaps(const struct pile *pile, const struct seg_piece *piece)
{
	uint32_t at = place_of(pile, piece), end = end_of(piece);

	if (at && end_of(&pile->piece[at - 1]) > piece->offset)
		return true;
	if (at < pile->datagram->count && (pile->piece[at].offset < end || !piece->more))
		return true;
	return pile->datagram->size && (!piece->more || end > pile->datagram->size);
}

static void insert(struct seg_gather *g, const struct pile *pile, const struct seg_piece *piece)
{
	uint32_t at = place_of(pile, piece);
	struct seg_datagram *d = pile->datagram;

	memmove(&pile->piece[at + 1], &pile->piece[at], (d->count - at) * sizeof(*piece));
	pile->piece[at] = *piece;
	d->count++;
	d->have += piece->size;
	if (!piece->more)
		d->size = end_of(piece);
	g->held++;
}

/* Why a datagram may not have this piece; 0: it may. */
static uint8_t why_not(const struct pile *pile, const struct seg_piece *piece)
{
	if (overlaps(pile, piece))
		return SEG_REASON_FRAGMENT_OVERLAP;
	return pile->datagram->count == SEG_PIECES_MAX ? SEG_REASON_FRAGMENT_EXCESS : 0;
}

static void make_room(struct seg_gather *g, const struct seg_datagram *d, struct seg_shed *shed)
{
	struct seg_datagram *oldest = g->held < g->capacity ? NULL : oldest_holder_but(g, d);

	if (oldest)
		drop(g, oldest, shed, SEG_REASON_FRAGMENT_EXCESS);
}

/* --- what others call ------------------------------------------------------------------ */

static enum seg_gathered shed_it(struct seg_shed *shed, const struct seg_piece *piece,
				 uint8_t reason)
{
	shed_piece(shed, piece, reason);
	return SEG_GATHERED_SHED;
}

static enum seg_gathered add(struct seg_gather *g, const struct pile *pile,
			     const struct seg_piece *piece, struct seg_shed *shed)
{
	struct seg_datagram *d = pile->datagram;
	uint8_t reason = d->refused;

	if (reason)
		return shed_it(shed, piece, reason);
	if (is_copy(pile, piece))
		return shed_it(shed, piece, SEG_REASON_FRAGMENT_OVERLAP);
	reason = why_not(pile, piece);
	if (reason) {
		refuse(g, d, shed, reason);
		return shed_it(shed, piece, reason);
	}
	make_room(g, d, shed);
	insert(g, pile, piece);
	return d->have == d->size ? SEG_GATHERED_WHOLE : SEG_GATHERED_HELD;
}

enum seg_gathered seg_gather_add(struct seg_gather *g, const struct seg_fragment *fragment,
				 uint64_t now, struct seg_shed *shed, struct seg_datagram **whole)
{
	struct seg_datagram *d = find(g, &fragment->key);
	struct pile pile;

	shed->count = 0;
	if (!d)
		d = begin(g, &fragment->key, now, shed);
	pile = (struct pile){d, seg_gather_pieces(g, d)};
	*whole = d;
	return add(g, &pile, &fragment->piece, shed);
}

bool seg_gather_expire(struct seg_gather *g, uint64_t now, struct seg_shed *shed)
{
	struct seg_datagram *d = g->used ? oldest_of(g) : NULL;

	shed->count = 0;
	if (!d || d->until > now)
		return false;
	drop(g, d, shed, SEG_REASON_FRAGMENT_TIMEOUT);
	return true;
}

uint64_t seg_gather_next(const struct seg_gather *g)
{
	uint64_t next = 0;

	if (!g->used)
		return 0;
	seg_for_each_datagram(d, g) next = !next || d->until < next ? d->until : next;
	return next;
}
