/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* packet_l4.h - what follows the IP header: ports, flags, types, and whether they can be real. */
#ifndef SEG_PACKET_L4_H
#define SEG_PACKET_L4_H

#include <stdbool.h>

#include "packet_place.h"

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

#endif
