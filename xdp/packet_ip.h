/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* packet_ip.h - IPv4 and IPv6: headers, options, extensions, addresses that cannot be real. */
#ifndef SEG_PACKET_IP_H
#define SEG_PACKET_IP_H

#include <stdbool.h>

#include "packet_l4.h"

#define SEG_EXTENSIONS_MAX 8 /* headers a packet, RFC 8504 5.3 leaves the number to us */

/* --- IPv4 ----------------------------------------------------------------- */

#define SEG_IP4_PLAIN        0x45       /* version 4, 5 words: no options */
#define SEG_IP4_ROUTER_ALERT 0x94040000 /* RFC 2113: the option, its length, value 0 */

SEG_INLINE __u64 seg_ip4_sum(const struct seg_ip4 *ip)
{
	const __u8 *p = (const __u8 *)ip;

	return (__u64)SEG_LOAD32(p) + SEG_LOAD32(p + 4) + SEG_LOAD32(p + 8) + SEG_LOAD32(p + 12) +
	       SEG_LOAD32(p + 16);
}

/*
 * A header that does not begin with 0x45: malformed, or with options. Those are
 * refused (RFC 7126) save router alert, alone, and only for IGMP, which must
 * have it.
 */
SEG_COLD int seg_check_ip4_options(const void *data, const void *data_end,
				   const struct seg_packet *packet)
{
	const struct seg_ip4 *ip = seg_at(data, data_end, seg_l3(packet), sizeof(*ip) + 4);
	__u32 option;

	if (!ip)
		return SEG_REASON_TRUNCATED;
	if (ip->version_ihl >> 4 != 4 || ip->version_ihl < SEG_IP4_PLAIN)
		return SEG_REASON_BAD_HEADER;
	option = SEG_LOAD32(ip + 1);
	if (ip->version_ihl > SEG_IP4_PLAIN + 1)
		return SEG_REASON_IP_OPTIONS;
	if (seg_fold(seg_ip4_sum(ip) + option) != 0xffff)
		return SEG_REASON_BAD_CHECKSUM;
	if (option != SEG_BE32(SEG_IP4_ROUTER_ALERT) || ip->proto != SEG_IPPROTO_IGMP)
		return SEG_REASON_IP_OPTIONS;
	return SEG_PARSED;
}

/* What a host sends before it has an address: DHCP (RFC 2131 4.1), IGMP (RFC 3376 4.2.13). */
SEG_INLINE int seg_is_unconfigured(const void *data, const void *data_end,
				   const struct seg_packet *packet)
{
	const struct seg_udp *udp = seg_at_ip(data, data_end, packet, seg_l4(packet), sizeof(*udp));

	if (packet->proto == SEG_IPPROTO_IGMP)
		return 1;
	return packet->proto == IPPROTO_UDP && udp &&
	       udp->sport == SEG_BE16(SEG_PORT_DHCP_CLIENT) &&
	       udp->dport == SEG_BE16(SEG_PORT_DHCP_SERVER);
}

/* Addresses that seg_ip4_special() wants looked at: RFC 6890, RFC 1122 3.2.1.3. */
SEG_COLD int seg_check_ip4_addresses(const void *data, const void *data_end,
				     const struct seg_packet *packet)
{
	const struct seg_ip4 *ip = seg_at(data, data_end, seg_l3(packet), sizeof(*ip));
	__u32 src, dst;

	if (!ip)
		return SEG_REASON_TRUNCATED;
	src = SEG_BE32(ip->src);
	dst = SEG_BE32(ip->dst);
	if (src == dst || dst >> 24 == 0 || dst >> 24 == 127)
		return SEG_REASON_MARTIAN;
	if (src >> 24 == 127 || src >> 28 == 14 || src == 0xffffffff)
		return SEG_REASON_MARTIAN;
	if (src >> 24 == 0 && (src || !seg_is_unconfigured(data, data_end, packet)))
		return SEG_REASON_MARTIAN;
	return SEG_PARSED;
}

/* Source in 0/8, 127/8 or from 224/4 up; destination in 0/8 or 127/8; or both the same. */
SEG_INLINE int seg_ip4_special(const struct seg_ip4 *ip)
{
	__u8 src = *(const __u8 *)&ip->src, dst = *(const __u8 *)&ip->dst;

	return (__u8)(src - 1) >= 223 || src == 127 || dst == 0 || dst == 127 || ip->src == ip->dst;
}

SEG_INLINE int seg_mark_ip4_fragment(__be16 fragment, struct seg_packet *out)
{
	out->flags |= SEG_PACKET_FRAGMENT;
	if (fragment & SEG_BE16(SEG_IP4_OFFSET))
		out->flags |= SEG_PACKET_LATER;
	return SEG_REASON_FRAGMENT;
}

SEG_INLINE int seg_parse_ip4(const void *data, const void *data_end, __u32 length, __u32 l3,
			     bool plain, struct seg_packet *out)
{
	const struct seg_ip4 *ip = seg_at(data, data_end, l3, sizeof(*ip));
	__u32 header = sizeof(*ip), total;
	int reason;

	if (!ip)
		return SEG_REASON_TRUNCATED;
	out->family = 4;
	out->proto = ip->proto;
	out->tos = ip->tos;
	out->ttl = ip->ttl;
	if (seg_unlikely(ip->version_ihl != SEG_IP4_PLAIN)) {
		reason = plain ? SEG_NOT_PLAIN : seg_check_ip4_options(data, data_end, out);
		if (reason != SEG_PARSED)
			return reason;
		header += 4;
		out->flags |= SEG_PACKET_ROUTER_ALERT;
	} else if (seg_fold(seg_ip4_sum(ip)) != 0xffff) {
		return SEG_REASON_BAD_CHECKSUM;
	}
	total = SEG_BE16(ip->total);
	if (total < header)
		return SEG_REASON_BAD_HEADER;
	if (l3 + total > 0xffff || !seg_reaches(data, data_end, length, l3 + total))
		return SEG_REASON_TRUNCATED;
	out->l4 = (__u16)(l3 + header);
	out->end = (__u16)(l3 + total);
	if (!ip->ttl)
		return SEG_REASON_TTL_ZERO;
	if (seg_unlikely(seg_ip4_special(ip))) {
		reason = plain ? SEG_NOT_PLAIN : seg_check_ip4_addresses(data, data_end, out);
		if (reason != SEG_PARSED)
			return reason;
	}
	if (seg_unlikely(ip->fragment & SEG_BE16(SEG_IP4_MORE | SEG_IP4_OFFSET)))
		return seg_mark_ip4_fragment(ip->fragment, out);
	return seg_parse_l4(data, data_end, l3 + header, plain, out);
}

/* --- IPv6 ----------------------------------------------------------------- */

#define SEG_OPTIONS_MAX         8 /* hop-by-hop options, padding included (RFC 8504 5.3) */
#define SEG_OPTION_PAD1         0
#define SEG_OPTION_PADN         1
#define SEG_OPTION_ROUTER_ALERT 5 /* RFC 2711 */
#define SEG_PADN_MAX                                                                               \
	5 /* 7 bytes fill up any header; more is a covert channel (RFC 4942 2.1.9.5)               \
	   */

SEG_INLINE int seg_is_extension(__u8 proto)
{
	return proto == SEG_IPPROTO_HOP_BY_HOP || proto == SEG_IPPROTO_ROUTING ||
	       proto == SEG_IPPROTO_FRAGMENT || proto == SEG_IPPROTO_AH ||
	       proto == SEG_IPPROTO_DSTOPTS;
}

/* Padding; or router alert, once, with the value that says MLD (RFC 2711 2.1). */
SEG_INLINE int seg_option_valid(const struct seg_tlv *option, const struct seg_wire16 *value,
				struct seg_packet *out)
{
	if (option->type == SEG_OPTION_PADN)
		return option->length <= SEG_PADN_MAX;
	if (option->type != SEG_OPTION_ROUTER_ALERT || option->length != 2 || !value ||
	    value->value || out->flags & SEG_PACKET_ROUTER_ALERT)
		return 0;
	out->flags |= SEG_PACKET_ROUTER_ALERT;
	return 1;
}

/*
 * Hop-by-hop options, which every node on the way must act on: only padding and
 * router alert. An unknown one is refused even where its action bits would have
 * a host skip it (RFC 8200 4.2). They must fill their header, which ends at
 * `end`; out->l4 is the cursor. Destination options are for the receiver alone,
 * who judges them.
 */
SEG_COLD int seg_check_hop_by_hop(const void *data, const void *data_end, __u32 end,
				  struct seg_packet *out)
{
	out->l4 += sizeof(struct seg_tlv); /* next header and length are as long */
	for (int i = 0; i < SEG_OPTIONS_MAX && out->l4 < end; i++) {
		__u32 at = seg_l4(out), size = 1;
		const __u8 *type = seg_at(data, data_end, at, 1);
		const struct seg_tlv *option;
		const struct seg_wire16 *value;

		if (!type)
			return SEG_REASON_TRUNCATED;
		if (*type != SEG_OPTION_PAD1) {
			option = seg_at(data, data_end, at, sizeof(*option));
			value = seg_at(data, data_end, at + (__u32)sizeof(*option), sizeof(*value));
			if (!option || !seg_option_valid(option, value, out))
				return SEG_REASON_EXTENSION_HEADERS;
			size = (__u32)sizeof(*option) + option->length;
		}
		out->l4 = (__u16)(at + size);
		SEG_OPAQUE(out);
	}
	return out->l4 == end ? SEG_PARSED : SEG_REASON_EXTENSION_HEADERS;
}

SEG_INLINE __u32 seg_extension_size(const struct seg_extension *header, __u8 proto)
{
	if (proto == SEG_IPPROTO_FRAGMENT)
		return 8;
	if (proto == SEG_IPPROTO_AH)
		return header->length * 4u + 8;
	return header->length * 8u + 8;
}

/* An atomic fragment is a whole datagram (RFC 6946). There is one such header at most (RFC
 * 8200 4.1). */
SEG_INLINE int seg_mark_ip6_fragment(__be16 fragment, struct seg_packet *out)
{
	if (out->flags & (SEG_PACKET_FRAGMENT | SEG_PACKET_WHOLE))
		return SEG_REASON_EXTENSION_HEADERS;
	out->flags |= fragment & SEG_BE16(0xfff9) ? SEG_PACKET_FRAGMENT : SEG_PACKET_WHOLE;
	if (fragment & SEG_BE16(0xfff8))
		out->flags |= SEG_PACKET_LATER;
	return SEG_PARSED;
}

/* An extension header's own fields; `size` is its length in bytes, `index` its place in the chain.
 */
SEG_INLINE int seg_check_extension(const struct seg_extension *header, __u8 proto, __u32 size,
				   int index, struct seg_packet *out)
{
	if (proto == SEG_IPPROTO_HOP_BY_HOP && index)
		return SEG_REASON_EXTENSION_HEADERS;
	/* RFC 5095; and a source route leads past this filter */
	if (proto == SEG_IPPROTO_ROUTING &&
	    (!header->routing.type || header->routing.segments_left))
		return SEG_REASON_EXTENSION_HEADERS;
	if (proto == SEG_IPPROTO_AH && (size < 12 || size % 8)) /* RFC 4302 2.2, 3.3.3.2.1 */
		return SEG_REASON_EXTENSION_HEADERS;
	if (proto == SEG_IPPROTO_FRAGMENT)
		return seg_mark_ip6_fragment(header->fragment, out);
	return SEG_PARSED;
}

/*
 * From out->proto and out->l4 along the chain to the last header (RFC 8200 4),
 * or to a later fragment, behind which no header can be told. Fragments are
 * flagged, not refused.
 */
SEG_COLD int seg_parse_extensions(const void *data, const void *data_end, struct seg_packet *out)
{
	for (int i = 0; i < SEG_EXTENSIONS_MAX && seg_is_extension(out->proto); i++) {
		__u32 at = seg_l4(out), size;
		const struct seg_extension *header =
			seg_at_ip(data, data_end, out, at, sizeof(*header));
		int reason;

		if (!header)
			return SEG_REASON_TRUNCATED;
		size = seg_extension_size(header, out->proto);
		if (at + size > out->end)
			return SEG_REASON_TRUNCATED;
		reason = seg_check_extension(header, out->proto, size, i, out);
		if (reason == SEG_PARSED && out->proto == SEG_IPPROTO_HOP_BY_HOP)
			reason = seg_check_hop_by_hop(data, data_end, at + size, out);
		if (reason != SEG_PARSED)
			return reason;
		out->proto = header->next;
		out->l4 = (__u16)(at + size);
		SEG_OPAQUE(out);
		if (out->flags & SEG_PACKET_LATER)
			return SEG_PARSED;
	}
	return seg_is_extension(out->proto) ? SEG_REASON_EXTENSION_HEADERS : SEG_PARSED;
}

/* The chain of a packet that asks to get in. */
SEG_COLD int seg_check_extensions(const void *data, const void *data_end, struct seg_packet *out)
{
	const struct seg_ip6 *ip6;
	int reason;

	if (out->proto == SEG_IPPROTO_HOP_BY_HOP && out->l4 == out->end) /* jumbogram, RFC 2675 */
		return SEG_REASON_EXTENSION_HEADERS;
	reason = seg_parse_extensions(data, data_end, out);
	if (reason == SEG_REASON_TRUNCATED && out->flags & SEG_PACKET_FRAGMENT)
		return SEG_REASON_FRAGMENT_TINY; /* RFC 7112 5 */
	if (reason != SEG_PARSED)
		return reason;
	if (out->flags & SEG_PACKET_FRAGMENT)
		return SEG_REASON_FRAGMENT;
	if (out->proto == SEG_IPPROTO_ICMP6)
		return SEG_PARSED;
	if (out->flags & SEG_PACKET_ROUTER_ALERT)
		return SEG_REASON_EXTENSION_HEADERS;
	ip6 = seg_at(data, data_end, seg_l3(out), sizeof(*ip6));
	if (!ip6 || seg_is_unspecified(&ip6->src))
		return SEG_REASON_MARTIAN;
	return SEG_PARSED;
}

/* ::ffff:0:0/96 and ::1 */
SEG_INLINE int seg_is_mapped_or_loopback(const struct seg_ip6_address *addr)
{
	if (addr->word[0] | addr->word[1])
		return 0;
	return addr->word[2] == SEG_BE32(0xffff) ||
	       (!addr->word[2] && addr->word[3] == SEG_BE32(1));
}

/* Addresses that seg_ip6_special() wants looked at: RFC 4291 2.5, 2.7, RFC 6890. */
SEG_COLD int seg_check_ip6_addresses(const void *data, const void *data_end,
				     const struct seg_packet *packet)
{
	const struct seg_ip6 *ip6 = seg_at(data, data_end, seg_l3(packet), sizeof(*ip6));
	const __u8 *src, *dst;

	if (!ip6)
		return SEG_REASON_TRUNCATED;
	src = (const __u8 *)&ip6->src;
	dst = (const __u8 *)&ip6->dst;
	if (src[0] == 0xff ||
	    (dst[0] == 0xff && (dst[1] & 15) < 2)) /* scope 0, 1: never on a wire */
		return SEG_REASON_MARTIAN;
	if (seg_is_mapped_or_loopback(&ip6->src) || seg_is_mapped_or_loopback(&ip6->dst) ||
	    seg_is_unspecified(&ip6->dst))
		return SEG_REASON_MARTIAN;
	if (seg_is_unspecified(&ip6->src) && packet->proto != SEG_IPPROTO_ICMP6 &&
	    !seg_is_extension(packet->proto))
		return SEG_REASON_MARTIAN;
	return SEG_PARSED;
}

SEG_INLINE int seg_same_address(const struct seg_ip6_address *a, const struct seg_ip6_address *b)
{
	return a->word[3] == b->word[3] && a->word[2] == b->word[2] && a->word[1] == b->word[1] &&
	       a->word[0] == b->word[0];
}

/* Source or destination begins with 0::/32 or ff. */
SEG_INLINE int seg_ip6_special(const struct seg_ip6 *ip6)
{
	return !ip6->src.word[0] || !ip6->dst.word[0] || *(const __u8 *)&ip6->src == 0xff ||
	       *(const __u8 *)&ip6->dst == 0xff;
}

SEG_INLINE int seg_parse_ip6(const void *data, const void *data_end, __u32 length, __u32 l3,
			     bool plain, struct seg_packet *out)
{
	const struct seg_ip6 *ip6 = seg_at(data, data_end, l3, sizeof(*ip6));
	__u32 l4 = l3 + sizeof(*ip6), flow, end;
	int reason;

	if (!ip6)
		return SEG_REASON_TRUNCATED;
	flow = SEG_BE32(ip6->flow);
	out->family = 6;
	out->proto = ip6->proto;
	out->tos = (__u8)(flow >> 20);
	out->ttl = ip6->hops;
	if (flow >> 28 != 6)
		return SEG_REASON_BAD_HEADER;
	end = l4 + SEG_BE16(ip6->payload);
	if (end > 0xffff || !seg_reaches(data, data_end, length, end))
		return SEG_REASON_TRUNCATED;
	out->l4 = (__u16)l4;
	out->end = (__u16)end;
	if (!ip6->hops)
		return SEG_REASON_TTL_ZERO;
	if (seg_same_address(&ip6->src, &ip6->dst))
		return SEG_REASON_MARTIAN;
	if (seg_unlikely(seg_ip6_special(ip6))) {
		reason = plain ? SEG_NOT_PLAIN : seg_check_ip6_addresses(data, data_end, out);
		if (reason != SEG_PARSED)
			return reason;
	}
	if (seg_unlikely(seg_is_extension(ip6->proto))) {
		reason = plain ? SEG_NOT_PLAIN : seg_check_extensions(data, data_end, out);
		if (reason != SEG_PARSED)
			return reason;
		l4 = seg_l4(out);
	}
	return seg_parse_l4(data, data_end, l4, plain, out);
}

#endif
