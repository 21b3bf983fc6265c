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
	struct seg_key key;   /* its session's, zone 0; valid with SEG_PARSED */
	int reason;           /* SEG_PARSED: the rules decide; else enum seg_reason */
	bool answer;          /* it answers a flow that is not known: `flow` is that one */
};

/*
 * Read the first packet of a flow; a packet that may not begin one gets the
 * reason that it would meet. vlans: the policy names some. pickup: TCP is taken
 * up at any time.
 */
void seg_first_packet_read(const uint8_t *frame, size_t size, bool vlans, bool pickup,
			   struct seg_first_packet *out);

#endif
