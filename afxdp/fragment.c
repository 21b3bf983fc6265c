/* SPDX-License-Identifier: BSD-2-Clause */
#include "fragment.h"

#include <string.h>

#define FRAGMENT_HEADER 8 /* IPv6 */

/* --- read ---------------------------------------------------------------------- */

static void read_ip4(struct seg_fragment *out)
{
	struct seg_piece *piece = &out->piece;
	const struct seg_ip4 *ip = (const void *)(piece->frame + piece->l3);
	uint16_t word = SEG_BE16(ip->fragment);

	out->key.id = ip->id;
	out->key.proto = ip->proto;
	piece->payload = (uint16_t)(piece->l3 + (ip->version_ihl & 15) * 4);
	piece->offset = (uint16_t)((word & SEG_IP4_OFFSET) * 8);
	piece->more = word & SEG_IP4_MORE;
}

/* The parser went this way before, and found a fragment header that is all there. */
static void read_ip6(struct seg_fragment *out)
{
	struct seg_piece *piece = &out->piece;
	const uint8_t *frame = piece->frame;
	uint32_t next = piece->l3 + (uint32_t) __builtin_offsetof(struct seg_ip6, proto);
	uint32_t at = piece->l3 + (uint32_t)sizeof(struct seg_ip6);
	const struct seg_extension *header = (const void *)(frame + at);

	while (frame[next] != SEG_IPPROTO_FRAGMENT) {
		uint32_t size = seg_extension_size(header, frame[next]);

		next = at;
		at += size;
		header = (const void *)(frame + at);
	}
	out->key.id = header->rest;
	piece->next = (uint16_t)next;
	piece->payload = (uint16_t)(at + FRAGMENT_HEADER);
	piece->offset = SEG_BE16(header->fragment) & 0xfff8;
	piece->more = SEG_BE16(header->fragment) & 1;
}

static uint32_t header_size(const struct seg_piece *piece, uint8_t family)
{
	return piece->payload - piece->l3 - (family == 6 ? FRAGMENT_HEADER : 0u);
}

/* RFC 791 3.2, RFC 8200 4.5: all but the last are multiples of 8 long; no datagram is too long. */
static bool is_possible(const struct seg_fragment *f)
{
	const struct seg_piece *piece = &f->piece;
	uint32_t end = header_size(piece, f->key.family) + piece->offset + piece->size;

	return piece->size && !(piece->more && piece->size % 8) && end <= SEG_DATAGRAM_MAX;
}

/* What the L4 header of a first fragment takes; a protocol that is not known has none. */
static uint32_t l4_size(const uint8_t *frame, const struct seg_packet *packet)
{
	const struct seg_tcp *tcp = (const void *)(frame + packet->l4);

	switch (packet->proto) {
	case IPPROTO_TCP:
		return packet->l4 + sizeof(*tcp) <= packet->end ? (tcp->offset >> 4) * 4u
								: (uint32_t)sizeof(*tcp);
	case IPPROTO_UDP:
	case SEG_IPPROTO_UDPLITE:
	case IPPROTO_ICMP:
	case SEG_IPPROTO_ICMP6:
		return sizeof(struct seg_udp);
	case SEG_IPPROTO_SCTP:
	case SEG_IPPROTO_DCCP:
		return sizeof(struct seg_sctp);
	default:
		return 0;
	}
}

/* RFC 1858 3, RFC 7112 5: the first fragment has the whole header. RFC 3128: none begins in TCP's.
 */
static bool is_tiny(const struct seg_fragment *f, const struct seg_packet *packet)
{
	if (f->piece.offset)
		return packet->proto == IPPROTO_TCP && f->piece.offset < sizeof(struct seg_tcp);
	return packet->l4 + l4_size(f->piece.frame, packet) > packet->end;
}

static void read_key(const struct seg_packet *packet, struct seg_fragment *out)
{
	const struct seg_piece *piece = &out->piece;

	out->key.family = packet->family;
	out->key.vlan[0] = packet->vlan[0];
	out->key.vlan[1] = packet->vlan[1];
	seg_packet_addresses(piece->frame, piece->frame + piece->length, packet, out->key.addr);
}

int seg_fragment_read(const uint8_t *frame, uint32_t length, uint64_t address,
		      const struct seg_packet *packet, struct seg_fragment *out)
{
	struct seg_fragment f;

	memset(&f, 0, sizeof(f)); /* the key is compared as bytes */
	f.piece.frame = frame;
	f.piece.address = address;
	f.piece.length = length;
	f.piece.l3 = packet->l3;
	read_key(packet, &f);
	if (packet->family == 4)
		read_ip4(&f);
	else
		read_ip6(&f);
	f.piece.size = (uint16_t)(packet->end - f.piece.payload);
	if (!is_possible(&f))
		return SEG_REASON_FRAGMENT_LENGTH;
	if (is_tiny(&f, packet))
		return SEG_REASON_FRAGMENT_TINY;
	*out = f;
	return SEG_PARSED;
}

/* --- join ---------------------------------------------------------------------- */

static void mend_ip4(struct seg_ip4 *ip, uint32_t header, uint32_t size)
{
	uint64_t sum = 0;

	ip->total = SEG_BE16(size);
	ip->fragment = 0;
	ip->checksum = 0;
	for (uint32_t i = 0; i < header; i += 2)
		sum += SEG_LOAD16((const uint8_t *)ip + i);
	ip->checksum = (uint16_t)~seg_fold(sum);
}

/* The Next Header that led to the fragment header leads to what followed it. */
static void mend_ip6(const struct seg_piece *first, struct seg_ip6 *ip, uint32_t size)
{
	uint8_t following = first->frame[first->payload - FRAGMENT_HEADER];

	((uint8_t *)ip)[first->next - first->l3] = following;
	ip->payload = SEG_BE16(size - sizeof(*ip));
}

uint32_t seg_datagram_join(const struct seg_piece *pieces, uint32_t count, uint8_t *to)
{
	uint8_t family = pieces->frame[pieces->l3] >> 4;
	uint32_t header = header_size(pieces, family), size = header;

	memcpy(to, pieces->frame + pieces->l3, header);
	for (uint32_t i = 0; i < count; i++) {
		memcpy(to + size, pieces[i].frame + pieces[i].payload, pieces[i].size);
		size += pieces[i].size;
	}
	if (family == 4)
		mend_ip4((void *)to, header, size);
	else
		mend_ip6(pieces, (void *)to, size);
	return size;
}
