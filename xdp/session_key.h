/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * session_key.h - from a parsed packet to the key of its session.
 *
 * Both directions give one key. The direction that seg_key_make returns says
 * which endpoint sent the packet and indexes every [2] of a session.
 */
#ifndef SEG_SESSION_KEY_H
#define SEG_SESSION_KEY_H

#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>

#include "abi.h"
#include "compat.h"

struct seg_endpoint {
	const __be32 *addr; /* 1 or 4 words */
	__be16 port;
};

static __always_inline bool seg_is_icmp(__u8 proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static __always_inline bool seg_is_echo(__u8 proto, __u8 type)
{
	/* RFC 792. Not from <linux/icmp.h>: it needs a libc of the BPF target's word size. */
	const __u8 echo_reply = 0, echo = 8;

	if (proto == IPPROTO_ICMP)
		return type == echo || type == echo_reply;
	return type == ICMPV6_ECHO_REQUEST || type == ICMPV6_ECHO_REPLY;
}

/* Any total order does, as long as BPF and C on one machine agree: words as they are loaded. */
static __always_inline bool seg_addr_above(const __be32 *a, const __be32 *b)
{
	for (int i = 0; i < 3; i++)
		if (a[i] != b[i])
			return a[i] > b[i];
	return a[3] > b[3];
}

static __always_inline bool seg_addr_equal(const __be32 *a, const __be32 *b)
{
	return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]));
}

static __always_inline bool seg_endpoint_above(const struct seg_endpoint *a,
					       const struct seg_endpoint *b, __u8 family)
{
	if (family == 4)
		return *a->addr == *b->addr ? a->port > b->port : *a->addr > *b->addr;
	return seg_addr_equal(a->addr, b->addr) ? a->port > b->port
						: seg_addr_above(a->addr, b->addr);
}

static __always_inline void seg_addr_map(__be32 *to, const __be32 *from, __u8 family)
{
	const __u8 mapped[4] = {0, 0, 0xff, 0xff};

	if (family == 4) {
		to[0] = 0;
		to[1] = 0;
		seg_copy(&to[2], mapped, sizeof(mapped));
		to[3] = from[0];
		return;
	}
	for (int i = 0; i < 4; i++)
		to[i] = from[i];
}

/*
 * The key of the session that `packet` belongs to. `source` and `destination`
 * point at the addresses in its IP header, 4-byte aligned as the header's type
 * is: one word each for family 4, four for 6. `family` is the packet's: a
 * constant, so that the verifier sees what is read. Returns 0 if endpoint 0 sent
 * it, else 1. Writes every byte of `key`.
 */
static __always_inline __u32 seg_key_make(struct seg_key *key, const struct seg_packet *packet,
					  __u8 family, const __be32 *source,
					  const __be32 *destination)
{
	struct seg_endpoint low = {source, packet->sport};
	struct seg_endpoint high = {destination, packet->dport};
	__u32 direction = 0;

	if (seg_endpoint_above(&low, &high, family)) {
		struct seg_endpoint swapped = low;

		low = high;
		high = swapped;
		direction = 1;
	}
	seg_addr_map(key->addr[0], low.addr, family);
	seg_addr_map(key->addr[1], high.addr, family);
	key->port[0] = low.port;
	key->port[1] = high.port;
	key->proto = packet->proto;
	key->family = family;
	key->zone = packet->zone;
	return direction;
}

#endif
