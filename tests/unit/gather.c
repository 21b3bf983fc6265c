/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather.c - fragments, their store, and what is put together from them: by tables, by
 * bounds that are reached, and by random fragmentation against a reassembler that knows
 * bytes only.
 */
#include <string.h>

#include "check.h"
#include "gather.h"
#include "random.h"

#define L2      14u
#define S       1000000000ull
#define FRAMES  4096
#define FRAME   1600
#define CONTENT 65536

static uint8_t frames[FRAMES][FRAME];
static uint32_t frames_used;
static struct seg_gather store;
static struct seg_shed shed;

/* --- frames --------------------------------------------------------------------------- */

struct cut {
	uint8_t family;
	uint8_t proto;
	uint8_t source; /* last byte of the address */
	uint32_t id;
	uint32_t offset, size;
	bool more;
};

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint8_t *put_ip4(uint8_t *at, const struct cut *c)
{
	uint32_t sum = 0;

	at[0] = 0x45;
	put16(at + 2, 20 + c->size);
	put16(at + 4, c->id);
	put16(at + 6, (c->more ? 0x2000u : 0) | c->offset / 8);
	at[8] = 64;
	at[9] = c->proto;
	memcpy(at + 12, (uint8_t[]){192, 0, 2, c->source, 198, 51, 100, 1}, 8);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(at + 10, ~sum);
	return at + 20;
}

static uint8_t *put_ip6(uint8_t *at, const struct cut *c)
{
	at[0] = 0x60;
	put16(at + 4, 8 + c->size);
	at[6] = 44;
	at[7] = 64;
	memcpy(at + 8, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0", 15);
	at[8 + 7] = c->source;
	memcpy(at + 24, "\x20\x01\x0d\xb8\0\0\0\1\0\0\0\0\0\0\0\1", 16);
	at[40] = c->proto;
	put16(at + 42, c->offset | c->more);
	put16(at + 46, c->id);
	return at + 48;
}

#define NO_FRAGMENT (SEG_PARSED + 1)

/* A frame with this part of `content`; its packet is what the parser says. */
static int read_cut(const struct cut *c, const uint8_t *content, struct seg_fragment *out)
{
	uint8_t *frame = frames[frames_used++ % FRAMES], *body;
	struct seg_packet packet;
	uint32_t length;
	int reason;

	memset(frame, 0, L2 + 48);
	put16(frame + 12, c->family == 4 ? 0x0800 : 0x86dd);
	body = c->family == 4 ? put_ip4(frame + L2, c) : put_ip6(frame + L2, c);
	memcpy(body, content + c->offset, c->size);
	length = (uint32_t)(body - frame) + c->size;
	reason = seg_packet_parse(frame, frame + length, 0, 0, 0, &packet);
	if (reason != SEG_REASON_FRAGMENT)
		return NO_FRAGMENT;
	return seg_fragment_read(frame, length, frames_used, &packet, out);
}

static uint8_t content[CONTENT];

static void begin(uint32_t capacity)
{
	memset(&store, 0, sizeof(store));
	store.capacity = capacity;
	for (uint32_t i = 0; i < CONTENT; i++)
		content[i] = (uint8_t)(i * 7 + (i >> 8));
}

static enum seg_gathered add(const struct cut *c, uint64_t now, struct seg_datagram **whole)
{
	struct seg_fragment f;

	check_eq(read_cut(c, content, &f), SEG_PARSED);
	return seg_gather_add(&store, &f, now, &shed, whole);
}

static enum seg_gathered held(uint8_t source, uint32_t id, uint32_t offset, uint64_t now)
{
	struct cut c = {4, IPPROTO_UDP, source, id, offset, 64, true};
	struct seg_datagram *d;

	return add(&c, now, &d);
}

/* --- one fragment ------------------------------------------------------------------------ */

struct possible {
	const char *what;
	int reason;
	struct cut cut;
};

static const struct possible possible[] = {
	{"UDP, first", SEG_PARSED, {4, IPPROTO_UDP, 1, 1, 0, 8, true}},
	{"a UDP header in two", SEG_PARSED, {4, IPPROTO_UDP, 1, 1, 8, 1, false}},
	{"8 bytes of TCP (RFC 1858)", SEG_REASON_FRAGMENT_TINY, {4, IPPROTO_TCP, 1, 1, 0, 8, true}},
	{"16 bytes of TCP", SEG_REASON_FRAGMENT_TINY, {4, IPPROTO_TCP, 1, 1, 0, 16, true}},
	{"offset 1, TCP (RFC 3128)", SEG_REASON_FRAGMENT_TINY, {4, IPPROTO_TCP, 1, 1, 8, 8, true}},
	{"offset 1, UDP", SEG_PARSED, {4, IPPROTO_UDP, 1, 1, 8, 8, true}},
	{"offset 3, TCP", SEG_PARSED, {4, IPPROTO_TCP, 1, 1, 24, 8, true}},
	{"8 bytes of TCP, IPv6", SEG_REASON_FRAGMENT_TINY, {6, IPPROTO_TCP, 1, 1, 0, 8, true}},
	{"8 bytes of SCTP", SEG_REASON_FRAGMENT_TINY, {6, 132, 1, 1, 0, 8, true}},
	{"8 bytes of GRE", SEG_PARSED, {4, 47, 1, 1, 0, 8, true}},
	{"nothing in it", SEG_REASON_FRAGMENT_LENGTH, {4, IPPROTO_UDP, 1, 1, 64, 0, false}},
	{"nothing in it, and more", SEG_REASON_FRAGMENT_LENGTH, {6, 17, 1, 1, 64, 0, true}},
	{"12 bytes, and more", SEG_REASON_FRAGMENT_LENGTH, {4, IPPROTO_UDP, 1, 1, 64, 12, true}},
	{"12 bytes, the last", SEG_PARSED, {4, IPPROTO_UDP, 1, 1, 64, 12, false}},
	{"to 65,535", SEG_PARSED, {4, IPPROTO_UDP, 1, 1, 65504, 11, false}},
	{"to 65,536", SEG_REASON_FRAGMENT_LENGTH, {4, IPPROTO_UDP, 1, 1, 65504, 12, false}},
	{"ping of death", SEG_REASON_FRAGMENT_LENGTH, {4, IPPROTO_ICMP, 1, 1, 65528, 500, false}},
	{"to 65,535, IPv6", SEG_PARSED, {6, 17, 1, 1, 65488, 7, false}},
	{"to 65,536, IPv6", SEG_REASON_FRAGMENT_LENGTH, {6, 17, 1, 1, 65488, 8, false}},
	{"an atomic fragment", NO_FRAGMENT, {6, 17, 1, 1, 0, 8, false}},
};

TEST(gather, what_a_fragment_may_be)
{
	static const uint8_t nothing[CONTENT + FRAME];
	struct seg_fragment f;

	for (uint32_t i = 0; i < sizeof(possible) / sizeof(*possible); i++) {
		const struct possible *p = &possible[i];
		int reason = read_cut(&p->cut, nothing, &f);

		check_that(reason == p->reason, "%s: %d, not %d", p->what, reason, p->reason);
	}
}

TEST(gather, what_names_a_datagram)
{
	struct cut one = {4, IPPROTO_UDP, 1, 1, 0, 64, true}, other = one;
	struct seg_datagram *d;

	begin(1000);
	check_eq(add(&one, S, &d), SEG_GATHERED_HELD);
	other.offset = 64, other.more = false, other.proto = 47;
	check_eq(add(&other, S, &d), SEG_GATHERED_HELD);
	other.proto = IPPROTO_UDP, other.source = 2;
	check_eq(add(&other, S, &d), SEG_GATHERED_HELD);
	other.source = 1, other.id = 2;
	check_eq(add(&other, S, &d), SEG_GATHERED_HELD);
	other.id = 1;
	check_eq(add(&other, S, &d), SEG_GATHERED_WHOLE);
	check_eq(d->count, 2);
	check_eq(store.used, 4);
	one.family = other.family = 6, other.proto = 47; /* RFC 8200: no part of its name */
	check_eq(add(&one, S, &d), SEG_GATHERED_HELD);
	check_eq(add(&other, S, &d), SEG_GATHERED_WHOLE);
}

/* --- bounds --------------------------------------------------------------------------------- */

TEST(gather, a_copy_is_ignored_a_contradiction_is_not)
{
	struct seg_datagram *d;
	struct cut c = {4, IPPROTO_UDP, 1, 1, 64, 64, true};

	begin(1000);
	check_eq(add(&c, S, &d), SEG_GATHERED_HELD);
	check_eq(add(&c, S, &d), SEG_GATHERED_SHED);
	check_eq(shed.count, 1);
	check_eq(store.held, 1);
	content[100] ^= 1;
	check_eq(add(&c, S, &d), SEG_GATHERED_SHED);
	check_eq(shed.count, 2);
	check_eq(shed.piece[0].reason, SEG_REASON_FRAGMENT_OVERLAP);
	check_eq(store.held, 0);
	content[100] ^= 1;
	c.offset = 128;
	check_eq(add(&c, S, &d), SEG_GATHERED_SHED); /* its name is used up */
	check(!seg_gather_expire(&store, S + SEG_GATHER_NS - 1, &shed));
	check(seg_gather_expire(&store, S + SEG_GATHER_NS, &shed));
	check_eq(shed.count, 0);
	check_eq(add(&c, S + SEG_GATHER_NS, &d), SEG_GATHERED_HELD);
}

TEST(gather, sixty_four_fragments_a_datagram)
{
	struct seg_datagram *d;
	struct cut c = {4, IPPROTO_UDP, 1, 1, 0, 8, true};

	for (uint32_t more = 0; more < 2; more++) {
		begin(1000);
		for (c.offset = 0, c.more = true; c.offset < 63 * 8; c.offset += 8)
			check_eq(add(&c, S, &d), SEG_GATHERED_HELD);
		c.more = more;
		check_eq(add(&c, S, &d), more ? SEG_GATHERED_HELD : SEG_GATHERED_WHOLE);
		c.offset += 8;
	}
	check_eq(add(&c, S, &d), SEG_GATHERED_SHED);
	check_eq(shed.count, 65);
	check_eq(shed.piece[64].reason, SEG_REASON_FRAGMENT_EXCESS);
}

TEST(gather, a_source_loses_its_own)
{
	begin(1000);
	held(9, 0, 0, 1);
	for (uint32_t id = 0; id < SEG_DATAGRAMS_SOURCE; id++)
		check_eq(held(1, id, 0, S + id), SEG_GATHERED_HELD);
	check_eq(store.used, SEG_DATAGRAMS_SOURCE + 1);
	check_eq(held(1, 1000, 0, 2 * S), SEG_GATHERED_HELD);
	check_eq(shed.count, 1);
	check_eq(shed.piece[0].reason, SEG_REASON_FRAGMENT_EXCESS);
	check_eq(store.used, SEG_DATAGRAMS_SOURCE + 1);
	check_eq(seg_gather_next(&store), 1 + SEG_GATHER_NS); /* the other's is there */
	check_eq(held(1, 0, 64, 2 * S), SEG_GATHERED_HELD);   /* its oldest one is not: a new one */
	check_eq(shed.count, 1);
}

TEST(gather, of_all_the_oldest_goes)
{
	begin(100);
	for (uint32_t n = 0; n < 100; n++)
		check_eq(held((uint8_t)(n % 20), n / 20, 0, S + n), SEG_GATHERED_HELD);
	check_eq(held(99, 0, 0, 2 * S), SEG_GATHERED_HELD);
	check_eq(shed.count, 1);
	check_eq(store.held, 100);
	check_eq(seg_gather_next(&store), S + 1 + SEG_GATHER_NS);
	begin(10000);
	for (uint32_t n = 0; n < SEG_DATAGRAMS_MAX; n++)
		check_eq(held((uint8_t)(n % 20), n / 20, 0, S + n), SEG_GATHERED_HELD);
	check_eq(held(99, 0, 0, 2 * S), SEG_GATHERED_HELD);
	check_eq(shed.count, 1);
	check_eq(store.used, SEG_DATAGRAMS_MAX);
}

TEST(gather, an_ipv6_network_is_one_source)
{
	struct cut c = {6, IPPROTO_UDP, 1, 0, 0, 64, true};
	struct seg_fragment f;
	struct seg_datagram *d;

	begin(1000);
	for (uint32_t n = 0; n <= SEG_DATAGRAMS_SOURCE; n++) {
		check_eq(read_cut(&c, content, &f), SEG_PARSED);
		f.key.addr[0][3] = n; /* behind the /64 */
		check_eq(seg_gather_add(&store, &f, S + n, &shed, &d), SEG_GATHERED_HELD);
	}
	check_eq(shed.count, 1);
	check_eq(store.used, SEG_DATAGRAMS_SOURCE);
}

TEST(gather, all_of_time)
{
	uint32_t gone = 0;

	begin(1000);
	check_eq(seg_gather_next(&store), 0);
	for (uint32_t n = 0; n < 50; n++)
		held((uint8_t)n, 1, 0, S * (n + 1));
	while (seg_gather_expire(&store, S * 30 + SEG_GATHER_NS, &shed))
		gone += shed.count;
	check_eq(gone, 30);
	check_eq(shed.count, 0);
	check_eq(store.held, 20);
	check_eq(seg_gather_next(&store), 31 * S + SEG_GATHER_NS);
}

/* --- against bytes ------------------------------------------------------------------------------
 */

#define NAMES 3
#define CUTS  80

/* One datagram as it should be seen: byte by byte. */
struct reference {
	int16_t byte[4096]; /* -1: not there */
	uint32_t end;       /* 0: not known */
	uint32_t count;
	bool refused;
	struct cut seen[CUTS];
};

static struct reference reference[NAMES];

static void forget(struct reference *r)
{
	memset(r, 0, sizeof(*r));
	memset(r->byte, 0xff, sizeof(r->byte));
}

static bool seen_before(const struct reference *r, const struct cut *c)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (r->seen[i].offset == c->offset && r->seen[i].size == c->size &&
		    r->seen[i].more == c->more) {
			for (uint32_t b = 0; b < c->size; b++)
				if (r->byte[c->offset + b] != content[c->offset + b])
					return false;
			return true;
		}
	return false;
}

static bool contradicts(const struct reference *r, const struct cut *c)
{
	uint32_t end = c->offset + c->size;

	for (uint32_t b = c->offset; b < sizeof(r->byte) / sizeof(*r->byte); b++)
		if (r->byte[b] >= 0 && (b < end || !c->more))
			return true;
	return r->end && (!c->more || end > r->end);
}

static bool is_all_there(const struct reference *r)
{
	for (uint32_t b = 0; b < r->end; b++)
		if (r->byte[b] < 0)
			return false;
	return r->end;
}

static enum seg_gathered expect(struct reference *r, const struct cut *c)
{
	if (r->refused || seen_before(r, c))
		return SEG_GATHERED_SHED;
	if (contradicts(r, c) || r->count == SEG_PIECES_MAX) {
		forget(r);
		r->refused = true;
		return SEG_GATHERED_SHED;
	}
	r->seen[r->count++] = *c;
	for (uint32_t b = 0; b < c->size; b++)
		r->byte[c->offset + b] = content[c->offset + b];
	if (!c->more)
		r->end = c->offset + c->size;
	return is_all_there(r) ? SEG_GATHERED_WHOLE : SEG_GATHERED_HELD;
}

/* The payload is what its bytes were, and the parser takes the header for an IP header. */
static void check_joined(const struct seg_datagram *d, const struct reference *r,
			 const struct cut *c)
{
	static uint8_t joined[SEG_DATAGRAM_MAX + 1];
	uint32_t header = c->family == 4 ? 20 : 40;
	uint32_t size = seg_datagram_join(seg_gather_pieces(&store, d), d->count, joined);
	struct seg_packet packet = {.zone = 5};

	check_eq(size, header + r->end);
	for (uint32_t b = 0; b < r->end; b++)
		check_eq(joined[header + b], r->byte[b]);
	check_eq(seg_packet_parse_whole(joined, joined + size, &packet), SEG_PARSED);
	check_eq(packet.family, c->family);
	check_eq(packet.proto, 47);
	check_eq(packet.l4, header);
	check_eq(packet.end, size);
	check_eq(packet.zone, 5);
}

static void feed(struct cut *c, struct reference *r)
{
	struct seg_datagram *d = NULL;
	struct seg_fragment f;
	enum seg_gathered want;

	if (read_cut(c, content, &f) != SEG_PARSED)
		return; /* an atomic fragment, or a whole packet */
	want = expect(r, c);
	check_eq(seg_gather_add(&store, &f, S, &shed, &d), want);
	if (want != SEG_GATHERED_WHOLE)
		return;
	check_joined(d, r, c);
	seg_gather_done(&store, d);
	forget(r);
}

/* Parts of a datagram of `size` bytes, cut at random multiples of 8. */
static uint32_t cut_up(__u64 *rng, struct cut *cuts, struct cut like, uint32_t size)
{
	uint32_t n = 0;

	for (uint32_t at = 0; at < size && n < CUTS / 2; n++) {
		uint32_t part = 8 * (1 + (uint32_t)(seg_random(rng) % 40));

		part = n == CUTS / 2 - 1 || at + part > size ? size - at : part;
		part = part > 1400 ? 1400 : part;
		cuts[n] = like;
		cuts[n].offset = at;
		cuts[n].size = part;
		at += part;
		cuts[n].more = at < size;
	}
	return n;
}

/* What an attacker, or a bad network, makes of it. */
static uint32_t disturb(__u64 *rng, struct cut *cuts, uint32_t n)
{
	uint32_t i = (uint32_t)(seg_random(rng) % n);

	switch (seg_random(rng) % 8) {
	case 0:
		cuts[n++] = cuts[i];
		break;
	case 1:
		cuts[n] = cuts[i];
		cuts[n++].offset += 8;
		break;
	case 2:
		cuts[i] = cuts[--n];
		break;
	case 3:
		cuts[i].more = !cuts[i].more;
		break;
	}
	for (uint32_t k = n - 1; k > 0 && k < n; k--) {
		uint32_t other = (uint32_t)(seg_random(rng) % (k + 1));
		struct cut swap = cuts[k];

		cuts[k] = cuts[other];
		cuts[other] = swap;
	}
	return n;
}

static void round_of(__u64 *rng)
{
	struct cut cuts[NAMES][CUTS];
	uint32_t n[NAMES], left = 0;

	memset(&store, 0, sizeof(store));
	store.capacity = 1000;
	for (uint32_t i = 0; i < NAMES; i++) {
		struct cut like = {seg_random(rng) % 2 ? 4 : 6, 47, 1, i, 0, 0, false};

		forget(&reference[i]);
		n[i] = cut_up(rng, cuts[i], like, 1 + (uint32_t)(seg_random(rng) % 3000));
		n[i] = disturb(rng, cuts[i], n[i]);
		left += n[i];
	}
	while (left) {
		uint32_t i = (uint32_t)(seg_random(rng) % NAMES);

		if (!n[i])
			continue;
		if (!(seg_random(rng) % 64))
			content[seg_random(rng) % 4096] ^=
				1; /* so that copies differ now and then */
		feed(&cuts[i][--n[i]], &reference[i]);
		left--;
	}
}

TEST(gather, random_fragments_against_their_bytes)
{
	__u64 rng = seg_random_seed();

	begin(1000);
	for (uint32_t i = 0; i < 20000; i++)
		round_of(&rng);
}
