/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* packet_place.h - where in a frame things lie, and what taking it apart answers. */
#ifndef SEG_PACKET_PLACE_H
#define SEG_PACKET_PLACE_H

#include <linux/in.h>
#include <linux/types.h>

#include "abi.h"
#include "wire.h"

/* Not answered by the parser: go on to the lookup. Otherwise an enum seg_reason is. */
#define SEG_PARSED SEG_REASON_MAX
/* Of the plain way only (seg_packet_parse_plain()): something is rare here. */
#define SEG_NOT_PLAIN (SEG_PARSED + 1)

#define SEG_IPPROTO_IGMP       2
#define SEG_IPPROTO_HOP_BY_HOP 0
#define SEG_IPPROTO_ROUTING    43
#define SEG_IPPROTO_FRAGMENT   44
#define SEG_IPPROTO_AH         51
#define SEG_IPPROTO_ICMP6      58
#define SEG_IPPROTO_DSTOPTS    60
#define SEG_IPPROTO_DCCP       33
#define SEG_IPPROTO_SCTP       132
#define SEG_IPPROTO_UDPLITE    136

/* No offset exceeds this: two tags, IPv6, 8 extension headers of 2 KiB. It is a bound for the
 * verifier, which does not remember what went through seg_packet. */
#define SEG_OFFSET_MASK 0x7fff

SEG_INLINE __u32 seg_l3(const struct seg_packet *packet)
{
	return packet->l3 & SEG_OFFSET_MASK;
}

SEG_INLINE __u32 seg_l4(const struct seg_packet *packet)
{
	return packet->l4 & SEG_OFFSET_MASK;
}

/* `size` bytes at `offset` that are in the frame and in the datagram: not Ethernet padding. */
SEG_INLINE void *seg_at_ip(const void *data, const void *data_end, const struct seg_packet *packet,
			   __u32 offset, __u32 size)
{
	if (offset + size > packet->end)
		return 0;
	return seg_at(data, data_end, offset, size);
}

/* Is the frame, of which only a part may be linear, at least `size` bytes long? */
SEG_INLINE int seg_reaches(const void *data, const void *data_end, __u32 length, __u32 size)
{
	return length ? size <= length : seg_at(data, data_end, size, 0) != 0;
}

#endif
