/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * packet.h - a frame taken apart: what is in it, and whether it can be real.
 *
 * Pure: one source for the BPF programs, the worker and the tests. A packet is
 * refused at its first fault, under the reason an administrator expects
 * (reasons.h). Untagged IPv4 and IPv6 without options or extension headers run
 * straight through; what is rare is a function of its own.
 */
#ifndef SEG_PACKET_H
#define SEG_PACKET_H

#include "packet_ip.h"

#define SEG_TAGS_MAX 2

/* --- Ethernet ------------------------------------------------------------- */

SEG_INLINE int seg_is_tag(__be16 type)
{
	return type == SEG_BE16(SEG_ETHERTYPE_VLAN) || type == SEG_BE16(SEG_ETHERTYPE_QINQ);
}

/*
 * Up to two tags. VID 0 is no VLAN but a priority (802.1Q 9.6): such a frame is
 * untagged to the stack behind, and here.
 */
SEG_INLINE int seg_parse_tags(const void *data, const void *data_end, __u32 features,
			      struct seg_packet *out, __be16 *type)
{
	__u16 *vlan = out->vlan;

	for (int i = 0; i < SEG_TAGS_MAX && seg_is_tag(*type); i++) {
		__u32 at = (__u32)(sizeof(struct seg_eth) + sizeof(struct seg_tag) * i);
		const struct seg_tag *tag = seg_at(data, data_end, at, sizeof(*tag));
		__u16 vid;

		if (!tag)
			return SEG_REASON_TRUNCATED;
		vid = SEG_BE16(tag->tci) & 0xfff;
		if (vid)
			*vlan++ = SEG_VLAN_PRESENT | vid;
		if (vid && !(features & SEG_FEATURE_VLAN))
			return SEG_REASON_VLAN_UNKNOWN;
		*type = tag->type;
		out->l3 = (__u16)(at + sizeof(*tag));
	}
	return seg_is_tag(*type) ? SEG_REASON_VLAN_UNKNOWN : SEG_PARSED;
}

SEG_INLINE int seg_parse_arp(const void *data, const void *data_end, const struct seg_packet *out)
{
	return seg_at(data, data_end, seg_l3(out), sizeof(struct seg_arp)) ? SEG_REASON_ARP
									   : SEG_REASON_TRUNCATED;
}

/* Neither IPv4 nor IPv6 at first sight. SEG_PARSED: behind tags it is, and *type says which. */
SEG_COLD int seg_parse_l2(const void *data, const void *data_end, __u32 features,
			  struct seg_packet *out, __be16 *type)
{
	int reason = seg_parse_tags(data, data_end, features, out, type);

	if (reason != SEG_PARSED)
		return reason;
	if (*type == SEG_BE16(SEG_ETHERTYPE_IP4) || *type == SEG_BE16(SEG_ETHERTYPE_IP6))
		return SEG_PARSED;
	out->sport = *type;
	if (*type == SEG_BE16(SEG_ETHERTYPE_ARP))
		return seg_parse_arp(data, data_end, out);
	return SEG_REASON_NON_IP;
}

/*
 * Take a frame apart and refuse what cannot be real.
 *
 * data, data_end  what can be read of it: from the Ethernet header, without FCS
 * length          of the whole frame where only its head is there (multi-buffer,
 *                 GSO); 0: it ends at data_end. The headers must be in the head
 * features        SEG_FEATURE_VLAN: admit tags. A constant, so that the rest is dropped
 * zone            of untagged packets here
 *
 * Returns SEG_PARSED or the enum seg_reason that answers the packet; `out` holds
 * what was found until then, and is zero beyond. With vlan[0] set the zone is the
 * caller's to look up, before it heeds an answer that allows.
 */
SEG_INLINE int seg_packet_parse(const void *data, const void *data_end, __u32 length,
				__u32 features, __u16 zone, struct seg_packet *out)
{
	const struct seg_eth *eth = seg_at(data, data_end, 0, sizeof(*eth));
	__be16 type;

	*out = (struct seg_packet){.l3 = sizeof(*eth), .zone = zone};
	if (!eth)
		return SEG_REASON_TRUNCATED;
	type = eth->type;
	if (seg_unlikely(type != SEG_BE16(SEG_ETHERTYPE_IP4) &&
			 type != SEG_BE16(SEG_ETHERTYPE_IP6))) {
		__be16 inner = type;
		int reason = seg_parse_l2(data, data_end, features, out, &inner);

		if (reason != SEG_PARSED)
			return reason;
		type = inner;
	}
	if (seg_likely(type == SEG_BE16(SEG_ETHERTYPE_IP4)))
		return seg_parse_ip4(data, data_end, length, seg_l3(out), false, out);
	return seg_parse_ip6(data, data_end, length, seg_l3(out), false, out);
}

/*
 * The same for what most packets are: untagged IPv4 and IPv6 with TCP or UDP, and nothing rare
 * about them. SEG_PARSED, or any other answer: then nothing is said, and `out` holds nothing, until
 * seg_packet_parse() is asked. Small, so that it may stand in the hot path.
 */
SEG_INLINE int seg_packet_parse_plain(const void *data, const void *data_end, __u32 length,
				      __u16 zone, struct seg_packet *out)
{
	const struct seg_eth *eth = seg_at(data, data_end, 0, sizeof(*eth));

	*out = (struct seg_packet){.l3 = sizeof(*eth), .zone = zone};
	if (!eth)
		return SEG_NOT_PLAIN;
	if (seg_likely(eth->type == SEG_BE16(SEG_ETHERTYPE_IP4)))
		return seg_parse_ip4(data, data_end, length, sizeof(*eth), true, out);
	if (seg_likely(eth->type == SEG_BE16(SEG_ETHERTYPE_IP6)))
		return seg_parse_ip6(data, data_end, length, sizeof(*eth), true, out);
	return SEG_NOT_PLAIN;
}

/*
 * A datagram that came in fragments, put together: it begins with its IP header, and `out` has its
 * zone and VLANs; all else is found here. Answers as seg_packet_parse() does.
 */
SEG_COLD int seg_packet_parse_whole(const void *data, const void *data_end, struct seg_packet *out)
{
	const __u8 *first = seg_at(data, data_end, 0, 1);

	*out = (struct seg_packet){
		.flags = SEG_PACKET_WHOLE, .vlan = {out->vlan[0], out->vlan[1]}, .zone = out->zone};
	if (first && *first >> 4 == 4)
		return seg_parse_ip4(data, data_end, 0, 0, false, out);
	return seg_parse_ip6(data, data_end, 0, 0, false, out);
}

/*
 * What was refused as a fragment: its ports, if it is the first one, which has the L4 header. UDP's
 * length is the datagram's. SEG_PARSED, or the reason that answers it; FRAGMENT: a later one.
 */
SEG_INLINE int seg_parse_first_fragment(const void *data, const void *data_end,
					struct seg_packet *out)
{
	const struct seg_udp *udp;

	if (out->flags & SEG_PACKET_LATER)
		return SEG_REASON_FRAGMENT;
	if (out->proto == IPPROTO_TCP)
		return seg_parse_tcp(data, data_end, seg_l4(out), out);
	if (out->proto != IPPROTO_UDP && out->proto != SEG_IPPROTO_UDPLITE)
		return seg_parse_l4_other(data, data_end, out);
	udp = seg_at_ip(data, data_end, out, seg_l4(out), sizeof(*udp));
	if (!udp)
		return SEG_REASON_TRUNCATED;
	out->sport = udp->sport;
	out->dport = udp->dport;
	return SEG_PARSED;
}

/* --- addresses ------------------------------------------------------------ */

/*
 * Source and destination as in seg_key, IPv4 mapped; `packet` is one that was
 * parsed, or a quote. Returns 0 where the frame is not the one that was parsed.
 */
SEG_INLINE int seg_packet_addresses(const void *data, const void *data_end,
				    const struct seg_packet *packet, __be32 addr[2][4])
{
	__u32 l3 = seg_l3(packet);
	const struct seg_ip4 *ip4;
	const struct seg_ip6 *ip6;

	if (seg_likely(packet->family == 4)) {
		ip4 = seg_at(data, data_end, l3, sizeof(*ip4));
		if (!ip4)
			return 0;
		addr[0][0] = addr[0][1] = addr[1][0] = addr[1][1] = 0;
		addr[0][2] = addr[1][2] = SEG_BE32(0xffff);
		addr[0][3] = ip4->src;
		addr[1][3] = ip4->dst;
		return 1;
	}
	ip6 = seg_at(data, data_end, l3, sizeof(*ip6));
	if (!ip6)
		return 0;
	for (int i = 0; i < 4; i++) {
		addr[0][i] = ip6->src.word[i];
		addr[1][i] = ip6->dst.word[i];
	}
	return 1;
}

/* --- what an ICMP error quotes -------------------------------------------- */

#define SEG_IP4_MTU_MIN 68   /* RFC 791 */
#define SEG_IP6_MTU_MIN 1280 /* RFC 8200 5 */

/* Does the error claim a path MTU that no link may have? (RFC 5927 7, RFC 8201 4) */
SEG_INLINE int seg_mtu_too_low(const struct seg_icmp *icmp, __u8 family)
{
	if (family == 4)
		return icmp->type == SEG_ICMP_UNREACHABLE &&
		       icmp->code == SEG_ICMP_FRAGMENTATION_NEEDED &&
		       SEG_BE16(icmp->fragmentation.mtu) < SEG_IP4_MTU_MIN;
	return icmp->type == SEG_ICMP6_TOO_BIG && SEG_BE32(icmp->mtu6) < SEG_IP6_MTU_MIN;
}

/* The quoted IP header: of a packet that the error's receiver sent, with its first L4 bytes. */
SEG_INLINE int seg_quote_ip4(const void *data, const void *data_end, __be32 receiver,
			     struct seg_packet *out)
{
	__u32 l3 = seg_l3(out), header;
	const struct seg_ip4 *ip = seg_at_ip(data, data_end, out, l3, sizeof(*ip));

	if (!ip || ip->version_ihl >> 4 != 4 || ip->version_ihl < SEG_IP4_PLAIN)
		return 0;
	header = (ip->version_ihl & 15) * 4u;
	out->l4 = (__u16)(l3 + header);
	out->proto = ip->proto;
	out->tos = ip->tos;
	out->ttl = ip->ttl;
	return ip->src == receiver && !(ip->fragment & SEG_BE16(SEG_IP4_OFFSET));
}

SEG_INLINE int seg_quote_ip6(const void *data, const void *data_end,
			     const struct seg_ip6_address *receiver, struct seg_packet *out)
{
	__u32 l3 = seg_l3(out);
	const struct seg_ip6 *ip6 = seg_at_ip(data, data_end, out, l3, sizeof(*ip6));

	if (!ip6 || SEG_BE32(ip6->flow) >> 28 != 6 || !seg_same_address(&ip6->src, receiver))
		return 0;
	out->l4 = (__u16)(l3 + sizeof(*ip6));
	out->proto = ip6->proto;
	out->tos = (__u8)(SEG_BE32(ip6->flow) >> 20);
	out->ttl = ip6->hops;
	if (seg_is_extension(ip6->proto) && seg_parse_extensions(data, data_end, out) != SEG_PARSED)
		return 0;
	return !(out->flags & SEG_PACKET_LATER);
}

/* The first 8 bytes of L4, which RFC 792 promises: ports, or an echo. No error quotes an error. */
SEG_INLINE int seg_quote_l4(const void *data, const void *data_end, struct seg_packet *out)
{
	const void *l4 = seg_at_ip(data, data_end, out, seg_l4(out), sizeof(struct seg_udp));
	const struct seg_icmp *icmp = l4;
	const struct seg_udp *udp = l4;

	if (!l4)
		return 0;
	switch (out->proto) {
	case IPPROTO_ICMP:
		return out->family == 4 && seg_judge_icmp4(icmp, out) == SEG_PARSED &&
		       !(out->flags & SEG_PACKET_ICMP_ERROR);
	case SEG_IPPROTO_ICMP6:
		seg_fill_icmp(icmp, SEG_ICMP6_ECHO, SEG_ICMP6_ECHO_REPLY, out);
		return out->family == 6 && icmp->type >= SEG_ICMP6_ECHO;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case SEG_IPPROTO_UDPLITE:
	case SEG_IPPROTO_SCTP:
	case SEG_IPPROTO_DCCP:
		out->sport = udp->sport;
		out->dport = udp->dport;
	}
	return 1;
}

SEG_INLINE int seg_quote_ip(const void *data, const void *data_end, const struct seg_packet *error,
			    struct seg_packet *out)
{
	const struct seg_ip4 *ip4 = seg_at(data, data_end, seg_l3(error), sizeof(*ip4));
	const struct seg_ip6 *ip6;

	if (error->family == 4)
		return ip4 && seg_quote_ip4(data, data_end, ip4->dst, out);
	ip6 = seg_at(data, data_end, seg_l3(error), sizeof(*ip6));
	return ip6 && seg_quote_ip6(data, data_end, &ip6->dst, out);
}

/*
 * The packet that an ICMP error quotes. error: what seg_packet_parse() made of
 * the frame, flagged SEG_PACKET_ICMP_ERROR. out: the quoted packet in the same
 * frame, as its sender sent it: look its session up by seg_packet_addresses()
 * and its ports. TCP's sequence number is readable at out->l4 + 4; length, TCP
 * flags and checksums of a quote are nothing to go by.
 *
 * Returns SEG_PARSED, or the reason that refuses the error: ICMP_QUOTE (cut
 * short, a later fragment, itself an error, not sent by the error's receiver),
 * ICMP_MTU.
 */
SEG_COLD int seg_quote_parse(const void *data, const void *data_end, const struct seg_packet *error,
			     struct seg_packet *out)
{
	const struct seg_icmp *icmp =
		seg_at_ip(data, data_end, error, seg_l4(error), sizeof(*icmp));

	*out = (struct seg_packet){.l3 = (__u16)(seg_l4(error) + sizeof(*icmp)),
				   .end = error->end,
				   .family = error->family,
				   .vlan = {error->vlan[0], error->vlan[1]},
				   .zone = error->zone};
	if (!icmp)
		return SEG_REASON_ICMP_QUOTE;
	if (seg_mtu_too_low(icmp, error->family))
		return SEG_REASON_ICMP_MTU;
	if (!seg_quote_ip(data, data_end, error, out) || !seg_quote_l4(data, data_end, out))
		return SEG_REASON_ICMP_QUOTE;
	return SEG_PARSED;
}

#endif
