/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragment.h - what a fragment says of its datagram, and the datagram put together
 * from all of them. Pure.
 *
 * A fragment is judged by what its datagram would be, so nothing here looks beyond
 * the fragment's place in it, but for what no datagram may rely on: an L4 header that
 * is cut in two (RFC 1858, RFC 3128, RFC 7112).
 */
#ifndef SEG_FRAGMENT_H
#define SEG_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "packet.h"

#define SEG_PIECES_MAX   64    /* fragments of a datagram: 65,535 bytes by links of 1,044 */
#define SEG_DATAGRAM_MAX 65535 /* bytes, IP header included: what seg_packet can say */

/* A datagram's name: RFC 791 3.2, RFC 8200 4.5. VLANs are networks of their own. */
struct seg_datagram_key {
	__be32 addr[2][4]; /* source, destination; IPv4 mapped, as in seg_key */
	__be32 id;
	uint16_t vlan[2];
	uint16_t way;   /* whatever else keeps datagrams apart: enum seg_direction */
	uint8_t family; /* 4 or 6 */
	uint8_t proto;  /* IPv4 only */
};

_Static_assert(sizeof(struct seg_datagram_key) == 44, "no padding: compared as bytes");

/* A fragment where it lies: offsets are from the frame's first byte. */
struct seg_piece {
	const uint8_t *frame; /* the caller's, until the piece is given back */
	uint64_t address;     /* the caller's name for it */
	uint32_t length;      /* of the frame */
	uint16_t l3;
	uint16_t payload; /* what follows the IP header, or the fragment header */
	uint16_t size;    /* of the payload */
	uint16_t offset;  /* of the payload in the datagram's */
	uint16_t next;    /* IPv6: the Next Header field that leads to the fragment header */
	bool more;        /* it is not the last */
};

struct seg_fragment {
	struct seg_datagram_key key;
	struct seg_piece piece;
};

/*
 * Read a frame that seg_packet_parse() answered with FRAGMENT. `packet` is what it found.
 * `address`: copied to the piece. SEG_PARSED with *out set, or the enum seg_reason that
 * refuses the fragment by itself: FRAGMENT_LENGTH, FRAGMENT_TINY.
 */
int seg_fragment_read(const uint8_t *frame, uint32_t length, uint64_t address,
		      const struct seg_packet *packet, struct seg_fragment *out);

/*
 * Put a datagram together: its header as the first fragment has it (RFC 8200 4.5), lengths and
 * the IPv4 checksum made right. pieces: all of them, in order. `to`: SEG_DATAGRAM_MAX bytes.
 * Returns its size.
 */
uint32_t seg_datagram_join(const struct seg_piece *pieces, uint32_t count, uint8_t *to);

#endif
