/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * frame_key.h - the session key of a frame that was parsed: addresses from the
 * frame, the rest from struct seg_packet. For who does not branch by family anyway.
 */
#ifndef SEG_FRAME_KEY_H
#define SEG_FRAME_KEY_H

#include "packet.h"
#include "session_key.h"

/*
 * Fill `key`, every byte. Returns the direction: the endpoint, 0 or 1, that sent
 * the packet; -1 if the frame is shorter than `packet` says, which only the
 * verifier believes.
 */
static __always_inline int seg_frame_key(const void *data, const void *data_end,
					 const struct seg_packet *packet, struct seg_key *key)
{
	__be32 addr[2][4];
	int first = packet->family == 4 ? 3 : 0;

	if (!seg_packet_addresses(data, data_end, packet, addr))
		return -1;
	return (int)seg_key_make(key, packet, packet->family, &addr[0][first], &addr[1][first]);
}

#endif
