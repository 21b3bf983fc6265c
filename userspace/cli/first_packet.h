/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * first_packet.h - between a flow and the frame that begins it. The datapath's own
 * parser reads the frame, so that `why` and the filter agree on what is refused
 * before any rule. Pure.
 */
#ifndef SEG_FIRST_PACKET_H
#define SEG_FIRST_PACKET_H

#include <stdbool.h>

#include "classify.h"

#define SEG_FIRST_PACKET_MAX 128

/* A frame that begins `flow`, without payload. Returns its length, SEG_FIRST_PACKET_MAX at most. */
size_t seg_first_packet_make(const struct seg_flow *flow, uint8_t frame[SEG_FIRST_PACKET_MAX]);

/* What a frame says of its flow. */
struct seg_first_packet {
	struct seg_flow flow; /* but direction and iface: the caller's */
	struct seg_key key;   /* zone 0; an ICMP error's: of the flow that it quotes */
	bool parsed;          /* the parser let it through */
	bool keyed;           /* there is a key */
	bool error;           /* an ICMP error: it belongs to that flow, if that is known */
	bool answer;          /* it answers a flow that is not known: `flow` is that one */
	bool loose;           /* taken up in the middle of its flow, if a rule allows it */
	bool judged;          /* the rules decide... */
	int reason;           /* ...else this enum seg_reason; SEG_PARSED */
};

/* How frames are read. */
struct seg_first_packet_rules {
	bool vlans;     /* the policy names some */
	bool pickup;    /* TCP is taken up in the middle of its flow */
	bool checksums; /* of L4 are verified */
	bool two_sided; /* both directions are seen: an answer begins nothing */
};

/*
 * Read a frame as a flow's first packet; one that may not begin a flow gets the
 * reason that it would meet.
 */
void seg_first_packet_read(const uint8_t *frame, size_t size,
			   const struct seg_first_packet_rules *rules,
			   struct seg_first_packet *out);

/* The same of a datagram that came in fragments, put together: it begins with its IP header. */
void seg_first_packet_read_whole(const uint8_t *datagram, size_t size, const uint16_t vlan[2],
				 const struct seg_first_packet_rules *rules,
				 struct seg_first_packet *out);

#endif
