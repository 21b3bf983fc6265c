/* SPDX-License-Identifier: BSD-2-Clause */
#include "linktype.h"

#include <linux/if_arp.h>
#include <pcap/dlt.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

#define DLT_RAW_OPENBSD 14
#define ETHERTYPE_MIN   0x0600 /* below, it is a length, or a number of Linux's own */

/* --- raw IP ------------------------------------------------------------------- */

/* What is neither IPv4 nor IPv6 is no other protocol, but broken IP: refused as such later. */
static void raw_convert(const uint8_t *packet, uint32_t length, struct seg_eth *eth)
{
	int six = length && packet[0] >> 4 == 6;

	eth->type = six ? SEG_BE16(SEG_ETHERTYPE_IP6) : SEG_BE16(SEG_ETHERTYPE_IP4);
}

static void ip4_convert(const uint8_t *packet, uint32_t length, struct seg_eth *eth)
{
	(void)packet;
	(void)length;
	eth->type = SEG_BE16(SEG_ETHERTYPE_IP4);
}

static void ip6_convert(const uint8_t *packet, uint32_t length, struct seg_eth *eth)
{
	(void)packet;
	(void)length;
	eth->type = SEG_BE16(SEG_ETHERTYPE_IP6);
}

/* --- BSD loopback: the capturing machine's address family ---------------------- */

/* AF_INET is 2 everywhere; AF_INET6 is not. */
static uint16_t family_ethertype(uint32_t family)
{
	switch (family) {
	case 2:
		return SEG_BE16(SEG_ETHERTYPE_IP4);
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		return SEG_BE16(SEG_ETHERTYPE_IP6);
	default:
		return 0;
	}
}

/* In that machine's byte order, or the network's: a family is small, so either shows. */
static void loopback_convert(const uint8_t *packet, uint32_t length, struct seg_eth *eth)
{
	uint32_t family;

	(void)length;
	memcpy(&family, packet, sizeof(family));
	eth->type = family_ethertype(family > UINT16_MAX ? __builtin_bswap32(family) : family);
}

/* --- Linux cooked --------------------------------------------------------------- */

/* Where the protocol says nothing, or something else, of what follows. */
static int without_ethertype(unsigned int hardware)
{
	return hardware == ARPHRD_NETLINK || hardware == ARPHRD_IEEE80211_RADIOTAP ||
	       hardware == ARPHRD_FRAD;
}

static void cooked(struct seg_eth *eth, unsigned int type, uint16_t hardware, uint16_t protocol)
{
	if (SEG_BE16(protocol) >= ETHERTYPE_MIN && !without_ethertype(SEG_BE16(hardware)))
		eth->type = protocol;
	if (type == LINUX_SLL_BROADCAST)
		memset(eth->dst, 0xff, sizeof(eth->dst));
	else if (type == LINUX_SLL_MULTICAST)
		eth->dst[0] = 1; /* the group bit */
}

static void sll_convert(const uint8_t *packet, uint32_t length, struct seg_eth *eth)
{
	struct sll_header header;

	(void)length;
	memcpy(&header, packet, sizeof(header));
	cooked(eth, SEG_BE16(header.sll_pkttype), header.sll_hatype, header.sll_protocol);
	if (SEG_BE16(header.sll_halen) == sizeof(eth->src))
		memcpy(eth->src, header.sll_addr, sizeof(eth->src));
}

static void sll2_convert(const uint8_t *packet, uint32_t length, struct seg_eth *eth)
{
	struct sll2_header header;

	(void)length;
	memcpy(&header, packet, sizeof(header));
	cooked(eth, header.sll2_pkttype, header.sll2_hatype, header.sll2_protocol);
	if (header.sll2_halen == sizeof(eth->src))
		memcpy(eth->src, header.sll2_addr, sizeof(eth->src));
}

/* --- all of them ------------------------------------------------------------------ */

static const struct seg_linktype linktypes[] = {
	{DLT_EN10MB, 0, NULL},
	{DLT_RAW, 0, raw_convert},
	{DLT_RAW_OPENBSD, 0, raw_convert},
	{DLT_IPV4, 0, ip4_convert},
	{DLT_IPV6, 0, ip6_convert},
	{DLT_NULL, 4, loopback_convert},
	{DLT_LOOP, 4, loopback_convert},
	{DLT_LINUX_SLL, SLL_HDR_LEN, sll_convert},
	{DLT_LINUX_SLL2, SLL2_HDR_LEN, sll2_convert},
};

const struct seg_linktype *seg_linktype_find(int dlt)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(linktypes); i++)
		if (linktypes[i].dlt == dlt)
			return &linktypes[i];
	return NULL;
}

char *seg_linktype_names(char *to, size_t size)
{
	size_t used = 0;

	to[0] = '\0';
	for (size_t i = 0; i < SEG_ARRAY_SIZE(linktypes) && used < size; i++) {
		const char *name = pcap_datalink_val_to_name(linktypes[i].dlt);

		if (name)
			used += (size_t)snprintf(to + used, size - used, "%s%s", used ? ", " : "",
						 name);
	}
	return to;
}
