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

#include <stdbool.h>

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

#define SEG_TAGS_MAX       2
#define SEG_EXTENSIONS_MAX 8 /* headers a packet, RFC 8504 5.3 leaves the number to us */

/* --- where things lie ----------------------------------------------------- */

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

/* --- TCP ------------------------------------------------------------------ */

#define SEG_TCP_SET(flags)     (1ull << (flags))
#define SEG_TCP_SET_PSH(flags) (SEG_TCP_SET(flags) | SEG_TCP_SET((flags) | SEG_TCP_PSH))

/*
 * The combinations of FIN, SYN, RST, PSH, ACK and URG that a TCP sends (RFC
 * 9293 3.10), as bits of a set; ECE, CWR and AE go with any. SYN and RST stand
 * alone or with ACK, all else has ACK, and PSH goes with each.
 */
#define SEG_TCP_FLAGS_VALID                                                                        \
	(SEG_TCP_SET_PSH(SEG_TCP_SYN) | SEG_TCP_SET_PSH(SEG_TCP_SYN | SEG_TCP_ACK) |               \
	 SEG_TCP_SET_PSH(SEG_TCP_RST) | SEG_TCP_SET_PSH(SEG_TCP_RST | SEG_TCP_ACK) |               \
	 SEG_TCP_SET_PSH(SEG_TCP_ACK) | SEG_TCP_SET_PSH(SEG_TCP_ACK | SEG_TCP_URG) |               \
	 SEG_TCP_SET_PSH(SEG_TCP_FIN | SEG_TCP_ACK) |                                              \
	 SEG_TCP_SET_PSH(SEG_TCP_FIN | SEG_TCP_ACK | SEG_TCP_URG))

SEG_INLINE int seg_tcp_flags_valid(__u8 flags)
{
	return SEG_TCP_FLAGS_VALID >> (flags & 0x3f) & 1;
}

SEG_INLINE int seg_parse_tcp(const void *data, const void *data_end, __u32 l4,
			     struct seg_packet *out)
{
	const struct seg_tcp *tcp = seg_at_ip(data, data_end, out, l4, sizeof(*tcp));
	__u32 header;

	if (!tcp)
		return SEG_REASON_TRUNCATED;
	out->sport = tcp->sport;
	out->dport = tcp->dport;
	out->tcp_flags = tcp->flags;
	header = (tcp->offset >> 4) * 4u;
	if (header < sizeof(*tcp) || l4 + header > out->end || !seg_tcp_flags_valid(tcp->flags))
		return SEG_REASON_TCP_HEADER;
	return SEG_PARSED;
}

/* --- UDP ------------------------------------------------------------------ */

#define SEG_PORT_DHCP_SERVER  67
#define SEG_PORT_DHCP_CLIENT  68
#define SEG_PORT_DHCP6_CLIENT 546
#define SEG_PORT_DHCP6_SERVER 547

SEG_INLINE int seg_is_link_local(const struct seg_ip6_address *addr)
{
	return (addr->word[0] & SEG_BE32(0xffc00000)) == SEG_BE32(0xfe800000);
}

/*
 * A DHCP server's answer (RFC 2131 4.1, RFC 8415 7.2). A DHCPv6 client asks
 * from its link-local address and is answered there, which no router forwards.
 */
SEG_COLD int seg_judge_dhcp(const void *data, const void *data_end, const struct seg_packet *packet)
{
	const struct seg_ip6 *ip6;

	if (packet->family == 4)
		return packet->dport == SEG_BE16(SEG_PORT_DHCP_CLIENT) &&
				       packet->sport == SEG_BE16(SEG_PORT_DHCP_SERVER)
			       ? SEG_REASON_DHCP
			       : SEG_PARSED;
	ip6 = seg_at(data, data_end, seg_l3(packet), sizeof(*ip6));
	if (ip6 && packet->dport == SEG_BE16(SEG_PORT_DHCP6_CLIENT) &&
	    packet->sport == SEG_BE16(SEG_PORT_DHCP6_SERVER) && seg_is_link_local(&ip6->dst))
		return SEG_REASON_DHCP;
	return SEG_PARSED;
}

SEG_INLINE int seg_parse_udp(const void *data, const void *data_end, __u32 l4, bool plain,
			     struct seg_packet *out)
{
	const struct seg_udp *udp = seg_at_ip(data, data_end, out, l4, sizeof(*udp));
	__u16 length;

	if (!udp)
		return SEG_REASON_TRUNCATED;
	out->sport = udp->sport;
	out->dport = udp->dport;
	length = SEG_BE16(udp->length);
	if (length < sizeof(*udp) || l4 + length > out->end)
		return SEG_REASON_UDP_LENGTH;
	if (seg_unlikely(udp->dport == SEG_BE16(SEG_PORT_DHCP_CLIENT) ||
			 udp->dport == SEG_BE16(SEG_PORT_DHCP6_CLIENT)))
		return plain ? SEG_NOT_PLAIN : seg_judge_dhcp(data, data_end, out);
	return SEG_PARSED;
}

/* RFC 3828 3.1: what is summed is all of it (0), or the header at least and no more than is there.
 */
SEG_INLINE int seg_parse_udplite(const void *data, const void *data_end, struct seg_packet *out)
{
	__u32 l4 = seg_l4(out);
	const struct seg_udp *udp = seg_at_ip(data, data_end, out, l4, sizeof(*udp));
	__u16 coverage;

	if (!udp)
		return SEG_REASON_TRUNCATED;
	out->sport = udp->sport;
	out->dport = udp->dport;
	coverage = SEG_BE16(udp->length);
	if (coverage && (coverage < sizeof(*udp) || l4 + coverage > out->end))
		return SEG_REASON_UDP_LENGTH;
	return SEG_PARSED;
}

/* SCTP's common header, and the least that DCCP has: 12 bytes, ports first. */
SEG_INLINE int seg_parse_ports(const void *data, const void *data_end, struct seg_packet *out)
{
	const struct seg_sctp *header =
		seg_at_ip(data, data_end, out, seg_l4(out), sizeof(*header));

	if (!header)
		return SEG_REASON_TRUNCATED;
	out->sport = header->sport;
	out->dport = header->dport;
	return SEG_PARSED;
}

/* --- ICMP ----------------------------------------------------------------- */

enum {
	SEG_ICMP_ECHO_REPLY = 0,
	SEG_ICMP_UNREACHABLE = 3,
	SEG_ICMP_ECHO = 8,
	SEG_ICMP_TIME_EXCEEDED = 11,
	SEG_ICMP_PARAMETER = 12,
	SEG_ICMP_FRAGMENTATION_NEEDED = 4, /* code of unreachable */

	SEG_ICMP6_UNREACHABLE = 1,
	SEG_ICMP6_TOO_BIG = 2,
	SEG_ICMP6_PARAMETER = 4,
	SEG_ICMP6_ECHO = 128,
	SEG_ICMP6_ECHO_REPLY = 129,
	SEG_ICMP6_MLD_QUERY = 130,
	SEG_ICMP6_MLD_DONE = 132,
	SEG_ICMP6_ROUTER_SOLICITATION = 133,
	SEG_ICMP6_ROUTER_ADVERTISEMENT = 134,
	SEG_ICMP6_NEIGHBOUR_SOLICITATION = 135,
	SEG_ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
	SEG_ICMP6_REDIRECT = 137,
	SEG_ICMP6_RENUMBERING = 138,
	SEG_ICMP6_MLD2_REPORT = 143,
};

#define SEG_ICMP_ERRORS                                                                            \
	(1ull << SEG_ICMP_UNREACHABLE | 1ull << SEG_ICMP_TIME_EXCEEDED | 1ull << SEG_ICMP_PARAMETER)

/* Source quench (RFC 6633), redirect, timestamps, and what RFC 6918 retired: 6, 15-18, 30-39. */
#define SEG_ICMP_REFUSED (1ull << 4 | 1ull << 5 | 1ull << 6 | 0x3full << 13 | 0x3ffull << 30)

/* The port of who is asked: whichever two identifiers both sides use, neither's question has the
 * key of the other's answer. */
SEG_INLINE __be16 seg_echo_other(__be16 id)
{
	return SEG_BE16((__u16)(SEG_BE16(id) + 1));
}

/*
 * See seg_key: an echo by the identifier of who asks, so that an answer has its session and another
 * one's question with the same identifier has not (RFC 5508 3.1); all else by type and code.
 */
SEG_INLINE void seg_fill_icmp(const struct seg_icmp *icmp, __u8 echo, __u8 reply,
			      struct seg_packet *out)
{
	out->icmp_type = icmp->type;
	out->icmp_code = icmp->code;
	out->sport = out->dport = SEG_BE16(icmp->type << 8 | icmp->code);
	if (icmp->type == echo || icmp->type == reply) {
		__be16 other = seg_echo_other(icmp->echo.id);

		out->sport = icmp->type == echo ? icmp->echo.id : other;
		out->dport = icmp->type == echo ? other : icmp->echo.id;
	}
	if (icmp->type == reply)
		out->flags |= SEG_PACKET_ICMP_REPLY;
}

SEG_INLINE int seg_judge_icmp4(const struct seg_icmp *icmp, struct seg_packet *out)
{
	seg_fill_icmp(icmp, SEG_ICMP_ECHO, SEG_ICMP_ECHO_REPLY, out);
	if (icmp->type > 63)
		return SEG_PARSED;
	if (SEG_ICMP_REFUSED >> icmp->type & 1)
		return SEG_REASON_ICMP_TYPE;
	if (SEG_ICMP_ERRORS >> icmp->type & 1)
		out->flags |= SEG_PACKET_ICMP_ERROR;
	return SEG_PARSED;
}

SEG_INLINE int seg_parse_icmp4(const void *data, const void *data_end, struct seg_packet *out)
{
	const struct seg_icmp *icmp = seg_at_ip(data, data_end, out, seg_l4(out), sizeof(*icmp));

	return icmp ? seg_judge_icmp4(icmp, out) : SEG_REASON_TRUNCATED;
}

SEG_INLINE int seg_is_unspecified(const struct seg_ip6_address *addr)
{
	return !(addr->word[0] | addr->word[1] | addr->word[2] | addr->word[3]);
}

/* ff02::1:ff00:0/104, where a node asks whether its address is taken (RFC 4861 7.1.1). */
SEG_INLINE int seg_is_solicited_node(const struct seg_ip6_address *addr)
{
	return addr->word[0] == SEG_BE32(0xff020000) && !addr->word[1] &&
	       addr->word[2] == SEG_BE32(1) &&
	       (addr->word[3] & SEG_BE32(0xff000000)) == SEG_BE32(0xff000000);
}

/*
 * RFC 4861 6.1, 7.1: only a neighbour can send hop limit 255. No header stands
 * between, above all no fragment header (RFC 6980).
 */
SEG_INLINE int seg_judge_neighbour(const struct seg_ip6 *ip6, const struct seg_packet *packet)
{
	__u8 type = packet->icmp_type;
	__u32 size = type == SEG_ICMP6_ROUTER_SOLICITATION    ? 8
		     : type == SEG_ICMP6_ROUTER_ADVERTISEMENT ? 16
							      : 24;
	int unspecified = seg_is_unspecified(&ip6->src);

	if (packet->ttl != 255 || packet->icmp_code || packet->l4 != packet->l3 + sizeof(*ip6) ||
	    packet->flags & SEG_PACKET_WHOLE)
		return SEG_REASON_OFF_LINK;
	if (packet->l4 + size > packet->end)
		return SEG_REASON_TRUNCATED;
	if (type == SEG_ICMP6_ROUTER_ADVERTISEMENT && !seg_is_link_local(&ip6->src))
		return SEG_REASON_OFF_LINK;
	if (unspecified &&
	    (type == SEG_ICMP6_NEIGHBOUR_ADVERTISEMENT ||
	     (type == SEG_ICMP6_NEIGHBOUR_SOLICITATION && !seg_is_solicited_node(&ip6->dst))))
		return SEG_REASON_MARTIAN;
	return SEG_REASON_ND;
}

/* RFC 3810 5: hop limit 1, router alert, a link-local source; a report before there is one, ::.
 * All but its second version's report hold an address. */
SEG_INLINE int seg_judge_listener(const struct seg_ip6 *ip6, const struct seg_packet *packet)
{
	int report = packet->icmp_type != SEG_ICMP6_MLD_QUERY;
	__u32 size = packet->icmp_type == SEG_ICMP6_MLD2_REPORT ? 8 : 24;

	if (packet->l4 + size > packet->end)
		return SEG_REASON_TRUNCATED;

	if (packet->ttl != 1 || !(packet->flags & SEG_PACKET_ROUTER_ALERT))
		return SEG_REASON_OFF_LINK;
	if (!seg_is_link_local(&ip6->src) && !(report && seg_is_unspecified(&ip6->src)))
		return SEG_REASON_OFF_LINK;
	return SEG_REASON_MULTICAST_LISTENER;
}

SEG_INLINE int seg_parse_icmp6(const void *data, const void *data_end, struct seg_packet *out)
{
	const struct seg_icmp *icmp = seg_at_ip(data, data_end, out, seg_l4(out), sizeof(*icmp));
	const struct seg_ip6 *ip6 = seg_at(data, data_end, seg_l3(out), sizeof(*ip6));
	__u8 type;

	if (!icmp || !ip6)
		return SEG_REASON_TRUNCATED;
	seg_fill_icmp(icmp, SEG_ICMP6_ECHO, SEG_ICMP6_ECHO_REPLY, out);
	type = icmp->type;
	if (type >= SEG_ICMP6_ROUTER_SOLICITATION && type <= SEG_ICMP6_NEIGHBOUR_ADVERTISEMENT)
		return seg_judge_neighbour(ip6, out);
	if ((type >= SEG_ICMP6_MLD_QUERY && type <= SEG_ICMP6_MLD_DONE) ||
	    type == SEG_ICMP6_MLD2_REPORT)
		return seg_judge_listener(ip6, out);
	if (out->flags & SEG_PACKET_ROUTER_ALERT)
		return SEG_REASON_EXTENSION_HEADERS;
	if (seg_is_unspecified(&ip6->src))
		return SEG_REASON_MARTIAN;
	if (type == SEG_ICMP6_REDIRECT || type == SEG_ICMP6_RENUMBERING)
		return SEG_REASON_ICMP_TYPE;
	if (type >= SEG_ICMP6_ECHO)
		return SEG_PARSED;
	if (type < SEG_ICMP6_UNREACHABLE || type > SEG_ICMP6_PARAMETER)
		return SEG_REASON_ICMP_TYPE; /* an error that nobody knows */
	out->flags |= SEG_PACKET_ICMP_ERROR;
	return SEG_PARSED;
}

/* IGMP stays on its link (RFC 3376 4). */
SEG_INLINE int seg_parse_igmp(const void *data, const void *data_end, struct seg_packet *out)
{
	if (!seg_at_ip(data, data_end, out, seg_l4(out), 8))
		return SEG_REASON_TRUNCATED;
	return out->ttl == 1 ? SEG_REASON_MULTICAST_LISTENER : SEG_REASON_OFF_LINK;
}

/* Whatever is neither TCP nor UDP. A protocol without ports goes by its number. */
SEG_COLD int seg_parse_l4_other(const void *data, const void *data_end, struct seg_packet *out)
{
	int ip4 = out->family == 4;

	switch (out->proto) {
	case IPPROTO_ICMP:
		return ip4 ? seg_parse_icmp4(data, data_end, out) : SEG_REASON_BAD_HEADER;
	case SEG_IPPROTO_ICMP6:
		return ip4 ? SEG_REASON_BAD_HEADER : seg_parse_icmp6(data, data_end, out);
	case SEG_IPPROTO_IGMP:
		return ip4 ? seg_parse_igmp(data, data_end, out) : SEG_REASON_BAD_HEADER;
	case SEG_IPPROTO_UDPLITE:
		return seg_parse_udplite(data, data_end, out);
	case SEG_IPPROTO_SCTP:
	case SEG_IPPROTO_DCCP:
		return seg_parse_ports(data, data_end, out);
	default:
		return SEG_PARSED;
	}
}

SEG_INLINE int seg_parse_l4(const void *data, const void *data_end, __u32 l4, bool plain,
			    struct seg_packet *out)
{
	if (seg_likely(out->proto == IPPROTO_TCP))
		return seg_parse_tcp(data, data_end, l4, out);
	if (seg_likely(out->proto == IPPROTO_UDP))
		return seg_parse_udp(data, data_end, l4, plain, out);
	return plain ? SEG_NOT_PLAIN : seg_parse_l4_other(data, data_end, out);
}

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
