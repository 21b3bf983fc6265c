/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linktype.h - from what a capture has before the network header to an Ethernet
 * header. Numbers and layouts: https://www.tcpdump.org/linktypes.html.
 *
 * Ethernet stays as it is. Raw IP, BSD loopback (NULL, LOOP) and Linux cooked (SLL,
 * SLL2) lose their own header and get:
 * - ethertype: by the IP version, IPv4 if it is not 6, or by the address family; of a cooked one
 * its protocol. 0 where that is none: other families, 802.2, Novell, CAN, netlink, radiotap, frame
 * relay. Such a packet is not IP, and is judged so; it is not refused.
 * - source: a cooked one's sender, if its address has 6 bytes; else 0.
 * - destination, by a cooked one's packet type: broadcast ff:ff:ff:ff:ff:ff,
 *   multicast 01:00:00:00:00:00; else 0.
 */
#ifndef SEG_LINKTYPE_H
#define SEG_LINKTYPE_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct seg_linktype {
	int dlt;      /* libpcap's number */
	uint32_t own; /* bytes of its own header, in whose place the Ethernet header comes */
	/* `packet` is at least `own` bytes long; *eth is zero. NULL: it is Ethernet. */
	void (*convert)(const uint8_t *packet, uint32_t length, struct seg_eth *eth);
};

/* Static; NULL: not supported. */
const struct seg_linktype *seg_linktype_find(int dlt);

/* The supported ones' names, "EN10MB, RAW, ...", cut to size. Returns to. */
char *seg_linktype_names(char *to, size_t size);

#endif
