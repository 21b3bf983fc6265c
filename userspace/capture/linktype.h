/* SPDX-License-Identifier: BSD-2-Clause */
/* linktype.h - from the link types that captures have to Ethernet. */
#ifndef SEG_LINKTYPE_H
#define SEG_LINKTYPE_H

#include <stddef.h>
#include <stdint.h>

#define SEG_ETHERNET_HEADER 14

struct seg_linktype {
	int dlt;         /* libpcap's number */
	uint32_t header; /* bytes that stand before the network layer, and are taken away */
	/* Fill the Ethernet header, zero until then, of a packet of which `length` >= header
	 * bytes are there. NULL: it is one. */
	void (*convert)(const uint8_t *data, uint32_t length, uint8_t *ethernet);
};

/* NULL: not supported. */
const struct seg_linktype *seg_linktype_find(int dlt);

#endif
