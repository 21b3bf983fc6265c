/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets.h - frames written as text, and a table of what must come of each.
 *
 * A frame is hexadecimal bytes in any grouping, and a few words:
 *     *N   the byte before, N times in all
 *     4l   IPv4 total length      4s   IPv4 header checksum
 *     6l   IPv6 payload length    ul   UDP length
 *     |    the datagram ends here; Ethernet padding follows
 */
#ifndef SEG_TEST_PACKETS_H
#define SEG_TEST_PACKETS_H

#include <stdlib.h>
#include <string.h>

#include "packet.h"

#define FRAME_MAX 2048

struct frame {
	__u8 bytes[FRAME_MAX];
	__u32 size;
};

/* --- from text to bytes ---------------------------------------------------- */

struct frame_mark {
	char kind[2];
	__u32 at;
};

static inline void frame_put16(struct frame *f, __u32 at, __u32 value)
{
	f->bytes[at] = (__u8)(value >> 8);
	f->bytes[at + 1] = (__u8)value;
}

/* RFC 1071 as it is written: the tests' own measure. */
static inline __u32 frame_sum(const __u8 *p, __u32 size, __u32 sum)
{
	for (__u32 i = 0; i < size; i++)
		sum += i & 1 ? p[i] : (__u32)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline void frame_resolve(struct frame *f, const struct frame_mark *mark, __u32 end)
{
	__u8 *p = f->bytes + mark->at;

	if (!memcmp(mark->kind, "4l", 2))
		frame_put16(f, mark->at, end - (mark->at - 2));
	else if (!memcmp(mark->kind, "6l", 2))
		frame_put16(f, mark->at, end - (mark->at + 36));
	else if (!memcmp(mark->kind, "ul", 2))
		frame_put16(f, mark->at, end - (mark->at - 4));
	else
		frame_put16(f, mark->at, ~frame_sum(p - 10, (p[-10] & 15u) * 4, 0));
}

static inline struct frame frame_of(const char *text)
{
	struct frame_mark marks[8];
	struct frame f = {.size = 0};
	__u32 count = 0, end = 0;

	while (*text) {
		if (*text == ' ') {
			text++;
		} else if (*text == '|') {
			end = f.size;
			text++;
		} else if (*text == '*') {
			for (long n = strtol(text + 1, (char **)&text, 10); n > 1; n--, f.size++)
				f.bytes[f.size] = f.bytes[f.size - 1];
		} else if (text[1] == 'l' || text[1] == 's') {
			memcpy(marks[count].kind, text, 2);
			marks[count++].at = f.size;
			f.size += 2;
			text += 2;
		} else {
			char byte[3] = {text[0], text[1], 0};

			f.bytes[f.size++] = (__u8)strtoul(byte, NULL, 16);
			text += 2;
		}
	}
	for (__u32 i = 0; i < count; i++) /* lengths stand before checksums */
		frame_resolve(&f, &marks[i], end ? end : f.size);
	return f;
}

/* --- the words that frames are written in ----------------------------------- */

#define ETH(type)                   "020000000001 020000000002 " type " "
#define A4                          "c0000201 " /* 192.0.2.1 */
#define B4                          "c6336401 " /* 198.51.100.1 */
#define V4(proto)                   V4_FROM_TO(proto, A4, B4)
#define V4_FROM_TO(proto, from, to) V4_WITH("45", "0000", "40", proto, from, to)
#define V4_WITH(first, fragment, ttl, proto, from, to)                                             \
	first " 00 4l 1234 " fragment " " ttl " " proto " 4s " from " " to
#define IP4(proto)                   ETH("0800") V4(proto)
#define IP4_FROM_TO(proto, from, to) ETH("0800") V4_FROM_TO(proto, from, to)
#define IP4_WITH(first, fragment, ttl, proto, from, to)                                            \
	ETH("0800") V4_WITH(first, fragment, ttl, proto, from, to)

#define A6                              "20010db8 00*11 01 " /* 2001:db8::1 */
#define B6                              "20010db8 00*11 02 "
#define LINK6                           "fe80 00*13 01 "
#define NONE6                           "00*16 "
#define NODE6                           "ff02 00*9 01 ff 000001 " /* solicited node */
#define ALL6                            "ff02 00*13 01 "
#define V6(proto)                       V6_WITH(proto, "40", A6, B6)
#define V6_WITH(proto, hops, from, to)  "60000000 6l " proto " " hops " " from " " to
#define IP6(proto)                      ETH("86dd") V6(proto)
#define IP6_WITH(proto, hops, from, to) ETH("86dd") V6_WITH(proto, hops, from, to)

#define TCP(flags)              TCP_WITH("50", flags)
#define TCP_WITH(offset, flags) " 3039 0050 00000001 00000002 " offset " " flags " 2000 0000 0000 "
#define UDP                     UDP_FROM_TO("3039", "0035")
#define UDP_FROM_TO(from, to)   " " from " " to " ul 0000 "
#define ICMP(type_code)         " " type_code " 0000 00070001 "
#define SYN                     "02"
#define ACK                     "10"

#define DSTOPTS(next) next " 00 0104 00000000 "
#define ALERT(next)   next " 00 05020000 0100 "
#define NOPTS4        DSTOPTS("3c") DSTOPTS("3c") DSTOPTS("3c") DSTOPTS("3c")

#define ERROR4(type_code, rest, quote) IP4_FROM_TO("01", B4, A4) type_code " 0000 " rest " " quote
#define ERROR6(type_code, rest, quote)                                                             \
	IP6_WITH("3a", "40", B6, A6) type_code " 0000 " rest " " quote

/* --- the table --------------------------------------------------------------- */

struct sample {
	const char *name;
	__u32 reason; /* SEG_PARSED, or what answers it; for an ICMP error what its quote says */
	const char *text;
};

#define R(id) SEG_REASON_##id

static const struct sample samples[] = {
	{"TCP SYN", SEG_PARSED, IP4("06") TCP(SYN)},
	{"TCP in IPv6", SEG_PARSED, IP6("06") TCP(ACK)},
	{"UDP", SEG_PARSED, IP4("11") UDP "abcd"},
	{"UDP in IPv6", SEG_PARSED, IP6("11") UDP},
	{"Ethernet padding", SEG_PARSED, IP4("11") UDP "| 00*18"},
	{"GRE goes by its number", SEG_PARSED, IP4("2f") "00000800"},
	{"ESP with nothing in it", SEG_PARSED, IP4("32")},
	{"SCTP", SEG_PARSED, IP4("84") "3039 0050 00000000 00000000"},
	{"SCTP one byte short", R(TRUNCATED), IP4("84") "3039 0050 00000000 000000"},
	{"DCCP", SEG_PARSED, IP6("21") "3039 0050 03000000 00000000"},

	/* Ethernet */
	{"an empty frame", R(TRUNCATED), ""},
	{"Ethernet one byte short", R(TRUNCATED), "020000000001 020000000002 08"},
	{"ARP", R(ARP), ETH("0806") "0001 0800 06 04 0001 00*20"},
	{"ARP one byte short", R(TRUNCATED), ETH("0806") "0001 0800 06 04 0001 00*19"},
	{"LLDP", R(NON_IP), ETH("88cc") "0000"},
	{"PPPoE session", R(NON_IP), ETH("8864") "0000"},
	{"802.3 with LLC", R(NON_IP), ETH("0003") "424203"},

	/* VLAN: the tests admit tags */
	{"802.1Q", SEG_PARSED, ETH("8100") "0064 0800" V4("06") TCP(SYN)},
	{"802.1ad and 802.1Q", SEG_PARSED, ETH("88a8") "0064 8100 00c8 86dd" V6("06") TCP(SYN)},
	{"three tags", R(VLAN_UNKNOWN),
	 ETH("8100") "0001 8100 0002 8100 0003 0800" V4("06") TCP(SYN)},
	{"priority tag", SEG_PARSED, ETH("8100") "e000 0800" V4("06") TCP(SYN)},
	{"a tag cut short", R(TRUNCATED), ETH("8100") "0064 08"},
	{"ARP in a VLAN", R(ARP), ETH("8100") "0064 0806 0001 0800 06 04 0001 00*20"},

	/* IPv4 header */
	{"version 5", R(BAD_HEADER), IP4_WITH("55", "0000", "40", "06", A4, B4) TCP(SYN)},
	{"IHL 4", R(BAD_HEADER), IP4_WITH("44", "0000", "40", "06", A4, B4) TCP(SYN)},
	{"header checksum", R(BAD_CHECKSUM),
	 ETH("0800") "45 00 0028 1234 0000 40 06 beef" A4 B4 TCP(SYN)},
	{"total length below the header", R(BAD_HEADER),
	 ETH("0800") "45 00 0013 1234 0000 40 06 4s " A4 B4 TCP(SYN)},
	{"total length is the header", R(TRUNCATED),
	 ETH("0800") "45 00 0014 1234 0000 40 06 4s " A4 B4 TCP(SYN)},
	{"total length beyond the frame", R(TRUNCATED),
	 ETH("0800") "45 00 0029 1234 0000 40 06 4s " A4 B4 TCP(SYN)},
	{"IPv4 header one byte short", R(TRUNCATED),
	 ETH("0800") "45 00 0013 1234 0000 40 06 0000 c0000201 c63364"},
	{"TTL 0", R(TTL_ZERO), IP4_WITH("45", "0000", "00", "06", A4, B4) TCP(SYN)},
	{"TTL 1", SEG_PARSED, IP4_WITH("45", "0000", "01", "06", A4, B4) TCP(SYN)},
	{"ICMPv6 in IPv4", R(BAD_HEADER), IP4("3a") ICMP("8000")},

	/* IPv4 options */
	{"loose source route", R(IP_OPTIONS),
	 IP4_WITH("48", "0000", "40", "06", A4, B4) "830b04 c0000263 c0000264 00" TCP(SYN)},
	{"strict source route", R(IP_OPTIONS),
	 IP4_WITH("47", "0000", "40", "06", A4, B4) "890704 c0000263 00" TCP(SYN)},
	{"record route, one word", R(IP_OPTIONS),
	 IP4_WITH("46", "0000", "40", "06", A4, B4) "07030400" TCP(SYN)},
	{"padding only", R(IP_OPTIONS),
	 IP4_WITH("46", "0000", "40", "06", A4, B4) "01010100" TCP(SYN)},
	{"options beyond the frame", R(TRUNCATED),
	 IP4_WITH("46", "0000", "40", "06", A4, B4) "9404"},
	{"router alert, not IGMP", R(IP_OPTIONS),
	 IP4_WITH("46", "0000", "40", "06", A4, B4) "94040000" TCP(SYN)},
	{"router alert, checksum", R(BAD_CHECKSUM),
	 ETH("0800") "46 00 0020 1234 0000 01 02 beef" A4 "e0000016"
		     "94040000 22000000 00000000"},
	{"IGMP with router alert", R(MULTICAST_LISTENER),
	 IP4_WITH("46", "0000", "01", "02", A4, "e0000016") "94040000 22000000 00000000"},
	{"IGMP and more than that", R(IP_OPTIONS),
	 IP4_WITH("47", "0000", "01", "02", A4, "e0000016") "94040000 01010100 22000000 00000000"},
	{"IGMP without", R(MULTICAST_LISTENER),
	 IP4_WITH("45", "0000", "01", "02", A4, "e0000001") "11000000 00000000"},
	{"IGMP from 0.0.0.0", R(MULTICAST_LISTENER),
	 IP4_WITH("45", "0000", "01", "02", "00000000", "e0000001") "11000000 00000000"},
	{"IGMP from afar", R(OFF_LINK),
	 IP4_WITH("45", "0000", "40", "02", A4, "e0000001") "11000000 00000000"},
	{"IGMP one byte short", R(TRUNCATED),
	 IP4_WITH("45", "0000", "01", "02", A4, "e0000001") "11000000 000000"},

	/* IPv4 addresses */
	{"from 0.0.0.0", R(MARTIAN), IP4_FROM_TO("06", "00000000", B4) TCP(SYN)},
	{"from 0.1.2.3", R(MARTIAN), IP4_FROM_TO("06", "00010203", B4) TCP(SYN)},
	{"from 1.0.0.0", SEG_PARSED, IP4_FROM_TO("06", "01000000", B4) TCP(SYN)},
	{"from 126.255.255.255", SEG_PARSED, IP4_FROM_TO("06", "7effffff", B4) TCP(SYN)},
	{"from 127.0.0.1", R(MARTIAN), IP4_FROM_TO("06", "7f000001", B4) TCP(SYN)},
	{"from 128.0.0.0", SEG_PARSED, IP4_FROM_TO("06", "80000000", B4) TCP(SYN)},
	{"from 223.255.255.255", SEG_PARSED, IP4_FROM_TO("06", "dfffffff", B4) TCP(SYN)},
	{"from 224.0.0.1", R(MARTIAN), IP4_FROM_TO("06", "e0000001", B4) TCP(SYN)},
	{"from 239.255.255.255", R(MARTIAN), IP4_FROM_TO("06", "efffffff", B4) TCP(SYN)},
	{"from 240.0.0.1", SEG_PARSED, IP4_FROM_TO("06", "f0000001", B4) TCP(SYN)},
	{"from 240.0.0.1 to a network's zero", SEG_PARSED,
	 IP4_FROM_TO("06", "f0000001", "c6336400") TCP(SYN)},
	{"from broadcast", R(MARTIAN), IP4_FROM_TO("06", "ffffffff", B4) TCP(SYN)},
	{"to 127.0.0.1", R(MARTIAN), IP4_FROM_TO("06", A4, "7f000001") TCP(SYN)},
	{"to 0.0.0.0", R(MARTIAN), IP4_FROM_TO("06", A4, "00000000") TCP(SYN)},
	{"to multicast", SEG_PARSED, IP4_FROM_TO("11", A4, "e00000fb") UDP},
	{"LAND", R(MARTIAN), IP4_FROM_TO("06", A4, A4) TCP(SYN)},

	/* DHCP */
	{"DHCP answer", R(DHCP), IP4_FROM_TO("11", A4, "ffffffff") UDP_FROM_TO("0043", "0044")},
	{"DHCP question from 0.0.0.0", SEG_PARSED,
	 IP4_FROM_TO("11", "00000000", "ffffffff") UDP_FROM_TO("0044", "0043")},
	{"DHCP answer from 0.0.0.0", R(MARTIAN),
	 IP4_FROM_TO("11", "00000000", "ffffffff") UDP_FROM_TO("0043", "0044")},
	{"to port 68 from another port", SEG_PARSED,
	 IP4_FROM_TO("11", A4, B4) UDP_FROM_TO("0045", "0044")},
	{"DHCPv6 answer", R(DHCP),
	 IP6_WITH("11", "40", LINK6, "fe80 00*13 02") UDP_FROM_TO("0223", "0222")},
	{"DHCPv6 answer to an address that is routed", SEG_PARSED,
	 IP6("11") UDP_FROM_TO("0223", "0222")},
	{"DHCPv6 ports in IPv4", SEG_PARSED, IP4("11") UDP_FROM_TO("0223", "0222")},
	{"DHCP ports in IPv6", SEG_PARSED, IP6("11") UDP_FROM_TO("0043", "0044")},

	/* IPv4 fragments */
	{"first fragment", R(FRAGMENT), IP4_WITH("45", "2000", "40", "06", A4, B4) TCP(SYN)},
	{"later fragment", R(FRAGMENT), IP4_WITH("45", "0001", "40", "06", A4, B4) "0000"},
	{"do not fragment", SEG_PARSED, IP4_WITH("45", "4000", "40", "06", A4, B4) TCP(SYN)},

	/* TCP */
	{"TCP one byte short", R(TRUNCATED),
	 IP4("06") "3039 0050 00000001 00000002 5002 2000 0000 00"},
	{"TCP header in the padding", R(TRUNCATED),
	 IP4("06") "3039 0050 | 00000001 00000002 5002 2000 0000 0000"},
	{"data offset 4", R(TCP_HEADER), IP4("06") TCP_WITH("40", SYN)},
	{"data offset 6, 20 bytes", R(TCP_HEADER), IP4("06") TCP_WITH("60", SYN)},
	{"data offset 6, 23 bytes", R(TCP_HEADER), IP4("06") TCP_WITH("60", SYN) "020405"},
	{"data offset 6, 24 bytes", SEG_PARSED, IP4("06") TCP_WITH("60", SYN) "020405b4"},
	{"data offset 15", SEG_PARSED, IP4("06") TCP_WITH("f0", SYN) "01*40"},

	/* UDP */
	{"UDP one byte short", R(TRUNCATED), IP4("11") "3039 0035 0007 00"},
	{"UDP length 7", R(UDP_LENGTH), IP4("11") "3039 0035 0007 0000"},
	{"UDP length 0", R(UDP_LENGTH), IP4("11") "3039 0035 0000 0000"},
	{"UDP length one beyond", R(UDP_LENGTH), IP4("11") "3039 0035 0009 0000"},
	{"UDP length in the padding", R(UDP_LENGTH), IP4("11") "3039 0035 0009 0000 | 00"},
	{"UDP length below the datagram's", SEG_PARSED, IP4("11") "3039 0035 0008 0000 00"},
	{"UDP-Lite, all covered", SEG_PARSED, IP4("88") "3039 0035 0000 1111 00"},
	{"UDP-Lite, header covered", SEG_PARSED, IP4("88") "3039 0035 0008 1111 00"},
	{"UDP-Lite, coverage 7", R(UDP_LENGTH), IP4("88") "3039 0035 0007 1111 00"},
	{"UDP-Lite, coverage to the end", SEG_PARSED, IP4("88") "3039 0035 0009 1111 00"},
	{"UDP-Lite, coverage one beyond", R(UDP_LENGTH), IP4("88") "3039 0035 000a 1111 00"},

	/* ICMP */
	{"echo", SEG_PARSED, IP4("01") ICMP("0800")},
	{"echo reply", SEG_PARSED, IP4("01") ICMP("0000")},
	{"ICMP one byte short", R(TRUNCATED), IP4("01") "0800 0000 000700"},
	{"source quench", R(ICMP_TYPE), IP4("01") ICMP("0400")},
	{"redirect", R(ICMP_TYPE), IP4("01") ICMP("0501") V4("06") TCP(ACK)},
	{"router solicitation", SEG_PARSED, IP4("01") ICMP("0a00")},
	{"timestamp", R(ICMP_TYPE), IP4("01") ICMP("0d00")},
	{"address mask reply", R(ICMP_TYPE), IP4("01") ICMP("1200")},
	{"type 19", SEG_PARSED, IP4("01") ICMP("1300")},
	{"domain name reply", R(ICMP_TYPE), IP4("01") ICMP("2600")},
	{"extended echo", SEG_PARSED, IP4("01") ICMP("2a00")},
	{"type 255", SEG_PARSED, IP4("01") ICMP("ff00")},

	/* IPv6 header */
	{"IPv6, version 4", R(BAD_HEADER), ETH("86dd") "40000000 6l 06 40 " A6 B6 TCP(SYN)},
	{"IPv6 header one byte short", R(TRUNCATED),
	 ETH("86dd") "60000000 0000 3b 40 " A6 "20010db8 00*11"},
	{"payload length beyond the frame", R(TRUNCATED),
	 ETH("86dd") "60000000 0015 06 40 " A6 B6 TCP(SYN)},
	{"hop limit 0", R(TTL_ZERO), IP6_WITH("06", "00", A6, B6) TCP(SYN)},
	{"no next header", SEG_PARSED, IP6("3b")},
	{"ICMP in IPv6", R(BAD_HEADER), IP6("01") ICMP("0800")},
	{"IGMP in IPv6", R(BAD_HEADER), IP6("02") "11000000 00000000"},

	/* IPv6 addresses */
	{"from ::1", R(MARTIAN), IP6_WITH("06", "40", "00*15 01", B6) TCP(SYN)},
	{"to ::1", R(MARTIAN), IP6_WITH("06", "40", A6, "00*15 01") TCP(SYN)},
	{"from ::2", SEG_PARSED, IP6_WITH("06", "40", "00*15 02", B6) TCP(SYN)},
	{"from 0:1::", SEG_PARSED, IP6_WITH("06", "40", "00*3 01 00*12", B6) TCP(SYN)},
	{"from 0:0:0:1::", SEG_PARSED, IP6_WITH("06", "40", "00*7 01 00*8", B6) TCP(SYN)},
	{"from ::1:0:0", SEG_PARSED, IP6_WITH("06", "40", "00*11 01 00*4", B6) TCP(SYN)},
	{"from ::", R(MARTIAN), IP6_WITH("06", "40", NONE6, B6) TCP(SYN)},
	{"from :: behind an extension header", R(MARTIAN),
	 IP6_WITH("3c", "40", NONE6, B6) DSTOPTS("06") TCP(SYN)},
	{"echo from ::", R(MARTIAN), IP6_WITH("3a", "40", NONE6, B6) ICMP("8000")},
	{"to ::", R(MARTIAN), IP6_WITH("06", "40", A6, NONE6) TCP(SYN)},
	{"from multicast", R(MARTIAN), IP6_WITH("06", "40", ALL6, B6) TCP(SYN)},
	{"to multicast", SEG_PARSED, IP6_WITH("11", "40", A6, ALL6) UDP},
	{"to ff01::1, which is no link's", R(MARTIAN),
	 IP6_WITH("11", "40", A6, "ff01 00*13 01") UDP},
	{"from a mapped address", R(MARTIAN),
	 IP6_WITH("06", "40", "00*10 ffff c0000201", B6) TCP(SYN)},
	{"to a mapped address", R(MARTIAN),
	 IP6_WITH("06", "40", A6, "00*10 ffff c0000201") TCP(SYN)},
	{"from 64:ff9b::/96", SEG_PARSED,
	 IP6_WITH("06", "40", "0064ff9b 00*8 c0000201", B6) TCP(SYN)},
	{"LAND in IPv6", R(MARTIAN), IP6_WITH("06", "40", A6, A6) TCP(SYN)},

	/* extension headers */
	{"destination options", SEG_PARSED, IP6("3c") DSTOPTS("06") TCP(SYN)},
	{"8 extension headers", SEG_PARSED,
	 IP6("3c") NOPTS4 DSTOPTS("3c") DSTOPTS("3c") DSTOPTS("3c") DSTOPTS("06") TCP(SYN)},
	{"9 extension headers", R(EXTENSION_HEADERS),
	 IP6("3c") NOPTS4 NOPTS4 DSTOPTS("06") TCP(SYN)},
	{"an extension header cut short", R(TRUNCATED), IP6("3c") "06 00 0104 000000"},
	{"an extension header beyond the datagram", R(TRUNCATED), IP6("3c") "06 01 0104 00000000"},
	{"hop-by-hop, padding", SEG_PARSED, IP6("00") DSTOPTS("06") TCP(SYN)},
	{"hop-by-hop second", R(EXTENSION_HEADERS), IP6("3c") DSTOPTS("00") DSTOPTS("06") TCP(SYN)},
	{"hop-by-hop, unknown option to be skipped", R(EXTENSION_HEADERS),
	 IP6("00") "06 00 3e02 0000 0100" TCP(SYN)},
	{"hop-by-hop, unknown option to be dropped", R(EXTENSION_HEADERS),
	 IP6("00") "06 00 7e02 0000 0100" TCP(SYN)},
	{"hop-by-hop, option beyond the header", R(EXTENSION_HEADERS),
	 IP6("00") "06 00 0105 00000000" TCP(SYN)},
	{"hop-by-hop, jumbogram", R(EXTENSION_HEADERS),
	 ETH("86dd") "60000000 0000 00 40 " A6 B6 "| 06 00 c204 00010000" TCP(SYN)},
	{"hop-by-hop, more padding than any header needs", R(EXTENSION_HEADERS),
	 IP6("00") "06 01 010c 00*12" TCP(SYN)},
	{"hop-by-hop, Pad1 to the end of the frame", SEG_PARSED, IP6("00") "3b 00 00*6"},
	{"hop-by-hop, an option's length beyond the frame", R(EXTENSION_HEADERS),
	 IP6("00") "3b 00 00*5 01"},
	{"hop-by-hop, 9 options", R(EXTENSION_HEADERS), IP6("00") "06 01 00*8 0104 00*4" TCP(SYN)},
	{"hop-by-hop, 8 options", SEG_PARSED, IP6("00") "06 01 00*7 0105 00*5" TCP(SYN)},
	{"router alert, not MLD", R(EXTENSION_HEADERS), IP6("00") ALERT("06") TCP(SYN)},
	{"router alert, echo", R(EXTENSION_HEADERS), IP6("00") ALERT("3a") ICMP("8000")},
	{"routing header type 0", R(EXTENSION_HEADERS),
	 IP6("2b") "06 02 00 01 00000000 " A6 TCP(SYN)},
	{"routing header type 0, at its end", R(EXTENSION_HEADERS),
	 IP6("2b") "06 02 00 00 00000000 " A6 TCP(SYN)},
	{"routing header type 2, at its end", SEG_PARSED,
	 IP6("2b") "06 02 02 00 00000000 " A6 TCP(SYN)},
	{"segment routing, segments left", R(EXTENSION_HEADERS),
	 IP6("2b") "06 02 04 01 00000000 " A6 TCP(SYN)},
	{"AH", SEG_PARSED, IP6("33") "06 04 0000 00000001 00000001 00*12" TCP(SYN)},
	{"AH too short", R(EXTENSION_HEADERS), IP6("33") "06 00 0000 00000001" TCP(SYN)},
	{"AH of an odd length", R(EXTENSION_HEADERS),
	 IP6("33") "06 01 0000 00000001 00000001" TCP(SYN)},
	{"AH in IPv4 goes by its number", SEG_PARSED,
	 IP4("33") "06 04 0000 00000001 00000001 00*12" TCP(SYN)},
	{"atomic fragment", SEG_PARSED, IP6("2c") "06 00 0000 12345678" TCP(SYN)},
	{"IPv6 first fragment", R(FRAGMENT), IP6("2c") "06 00 0001 12345678" TCP(SYN)},
	{"IPv6 later fragment", R(FRAGMENT),
	 IP6("2c") "06 00 0008 12345678"
		   "0000"},
	{"IPv6 later fragment of an extension header", R(FRAGMENT),
	 IP6("2c") "3c 00 0009 12345678"
		   "0000"},
	{"IPv6 first fragment that ends in the chain", R(FRAGMENT_TINY),
	 IP6("2c") "3c 00 0001 12345678"
		   "06 00"},

	/* ICMPv6, ND, MLD */
	{"ICMPv6 echo", SEG_PARSED, IP6("3a") ICMP("8000")},
	{"ICMPv6 type 0", R(ICMP_TYPE), IP6("3a") ICMP("0000")},
	{"ICMPv6 type 5, an error unknown", R(ICMP_TYPE), IP6("3a") ICMP("0500")},
	{"ICMPv6 type 127", R(ICMP_TYPE), IP6("3a") ICMP("7f00")},
	{"ICMPv6 redirect", R(ICMP_TYPE), IP6_WITH("3a", "ff", LINK6, B6) ICMP("8900") "00*32"},
	{"router renumbering", R(ICMP_TYPE), IP6("3a") ICMP("8a00")},
	{"node information", SEG_PARSED, IP6("3a") ICMP("8b00")},
	{"neighbour solicitation", R(ND), IP6_WITH("3a", "ff", LINK6, NODE6) ICMP("8700") B6},
	{"neighbour advertisement", R(ND), IP6_WITH("3a", "ff", A6, B6) ICMP("8800") A6},
	{"router solicitation from ::", R(ND),
	 IP6_WITH("3a", "ff", NONE6, "ff02 00*13 02") ICMP("8500")},
	{"router advertisement", R(ND), IP6_WITH("3a", "ff", LINK6, ALL6) ICMP("8600") "00*8"},
	{"router advertisement from a routed address", R(OFF_LINK),
	 IP6_WITH("3a", "ff", A6, ALL6) ICMP("8600") "00*8"},
	{"router advertisement one byte short", R(TRUNCATED),
	 IP6_WITH("3a", "ff", LINK6, ALL6) ICMP("8600") "00*7"},
	{"solicitation, hop limit 254", R(OFF_LINK),
	 IP6_WITH("3a", "fe", LINK6, NODE6) ICMP("8700") B6},
	{"solicitation, code 1", R(OFF_LINK), IP6_WITH("3a", "ff", LINK6, NODE6) ICMP("8701") B6},
	{"solicitation one byte short", R(TRUNCATED),
	 IP6_WITH("3a", "ff", LINK6, NODE6) ICMP("8700") "20010db8 00*11"},
	{"solicitation in an atomic fragment", R(OFF_LINK),
	 IP6_WITH("2c", "ff", LINK6, NODE6) "3a 00 0000 12345678" ICMP("8700") B6},
	{"duplicate address detection", R(ND), IP6_WITH("3a", "ff", NONE6, NODE6) ICMP("8700") B6},
	{"the same, not to a solicited node", R(MARTIAN),
	 IP6_WITH("3a", "ff", NONE6, ALL6) ICMP("8700") B6},
	{"advertisement from ::", R(MARTIAN), IP6_WITH("3a", "ff", NONE6, ALL6) ICMP("8800") A6},
	{"MLD query", R(MULTICAST_LISTENER),
	 IP6_WITH("00", "01", LINK6, ALL6) ALERT("3a") ICMP("8200") NONE6},
	{"MLD query, padding first", R(MULTICAST_LISTENER),
	 IP6_WITH("00", "01", LINK6, ALL6) "3a 00 0100 0502 0000" ICMP("8200") NONE6},
	{"MLD query, padding twice", R(MULTICAST_LISTENER),
	 IP6_WITH("00", "01", LINK6, ALL6) "3a 01 05020000 0102 0000 0104 00*4" ICMP("8200") NONE6},
	{"MLD query and an unknown option", R(EXTENSION_HEADERS),
	 IP6_WITH("00", "01", LINK6, ALL6) "3a 01 05020000 3e02 0000 0104 00*4" ICMP("8200") NONE6},
	{"MLD query, router alert of another length", R(EXTENSION_HEADERS),
	 IP6_WITH("00", "01", LINK6, ALL6) "3a 00 0504 00*4" ICMP("8200") NONE6},
	{"MLD query from ::", R(OFF_LINK),
	 IP6_WITH("00", "01", NONE6, ALL6) ALERT("3a") ICMP("8200") NONE6},
	{"MLDv2 report from ::", R(MULTICAST_LISTENER),
	 IP6_WITH("00", "01", NONE6, ALL6) ALERT("3a") ICMP("8f00")},
	{"MLD without router alert", R(OFF_LINK),
	 IP6_WITH("3a", "01", LINK6, ALL6) ICMP("8300") NONE6},
	{"MLD, hop limit 2", R(OFF_LINK),
	 IP6_WITH("00", "02", LINK6, ALL6) ALERT("3a") ICMP("8400") NONE6},
	{"MLD from a routed address", R(OFF_LINK),
	 IP6_WITH("00", "01", A6, ALL6) ALERT("3a") ICMP("8300") NONE6},

	/* ICMP errors: what their quote says. A sent to B; B, or a router, answers. */
	{"port unreachable", SEG_PARSED, ERROR4("0303", "00000000", V4("11") UDP)},
	{"quote of 8 bytes of TCP", SEG_PARSED,
	 ERROR4("0b00", "00000000", V4("06") "3039 0050 00000001")},
	{"quote of 7 bytes of TCP", R(ICMP_QUOTE),
	 ERROR4("0b00", "00000000", V4("06") "3039 0050 000000")},
	{"quote of nothing", R(ICMP_QUOTE), ERROR4("0303", "00000000", "")},
	{"quote in the padding", R(ICMP_QUOTE), ERROR4("0303", "00000000", "|" V4("11") UDP)},
	{"quote with options", SEG_PARSED,
	 ERROR4("0303", "00000000", V4_WITH("46", "0000", "40", "11", A4, B4) "01010100" UDP)},
	{"quote, IHL 4", R(ICMP_QUOTE),
	 ERROR4("0303", "00000000", V4_WITH("44", "0000", "40", "11", A4, B4) UDP)},
	{"quote, version 6", R(ICMP_QUOTE),
	 ERROR4("0303", "00000000", V4_WITH("65", "0000", "40", "11", A4, B4) UDP)},
	{"quote of a first fragment", SEG_PARSED,
	 ERROR4("0304", "00000500", V4_WITH("45", "2000", "40", "11", A4, B4) UDP)},
	{"quote of a later fragment", R(ICMP_QUOTE),
	 ERROR4("0304", "00000500", V4_WITH("45", "0001", "40", "11", A4, B4) UDP)},
	{"quote of what another sent", R(ICMP_QUOTE),
	 ERROR4("0303", "00000000", V4_FROM_TO("11", B4, A4) UDP)},
	{"quote of an echo", SEG_PARSED, ERROR4("0301", "00000000", V4("01") ICMP("0800"))},
	{"quote of an error", R(ICMP_QUOTE), ERROR4("0301", "00000000", V4("01") ICMP("0301"))},
	{"quote of ICMPv6 in IPv4", R(ICMP_QUOTE),
	 ERROR4("0301", "00000000", V4("3a") ICMP("8000"))},
	{"quote of ESP", SEG_PARSED, ERROR4("0302", "00000000", V4("32") "00000001 00000001")},
	{"fragmentation needed, MTU 68", SEG_PARSED,
	 ERROR4("0304", "00000044", V4("06") "3039 0050 00000001")},
	{"fragmentation needed, MTU 67", R(ICMP_MTU),
	 ERROR4("0304", "00000043", V4("06") "3039 0050 00000001")},
	{"fragmentation needed, no MTU", R(ICMP_MTU),
	 ERROR4("0304", "00000000", V4("06") "3039 0050 00000001")},
	{"host unreachable, no MTU", SEG_PARSED,
	 ERROR4("0301", "00000000", V4("06") "3039 0050 00000001")},
	{"too big, MTU 1280", SEG_PARSED, ERROR6("0200", "00000500", V6("06") TCP(ACK))},
	{"too big, MTU 1279", R(ICMP_MTU), ERROR6("0200", "000004ff", V6("06") TCP(ACK))},
	{"too big, MTU beyond 16 bits", SEG_PARSED, ERROR6("0200", "00010000", V6("06") TCP(ACK))},
	{"unreachable in IPv6", SEG_PARSED, ERROR6("0104", "00000000", V6("11") UDP)},
	{"parameter problem in IPv6", SEG_PARSED, ERROR6("0401", "00000028", V6("11") UDP)},
	{"IPv6 quote cut short", R(ICMP_QUOTE),
	 ERROR6("0104", "00000000", V6("11") "3039 0035 000800")},
	{"IPv6 quote without the whole header", R(ICMP_QUOTE),
	 ERROR6("0104", "00000000", "60000000 0000 11 40 " A6 "20010db8 00*11")},
	{"IPv6 quote of a first fragment", SEG_PARSED,
	 ERROR6("0200", "00000500", V6("2c") "11 00 0001 12345678" UDP)},
	{"IPv6 quote of a later fragment", R(ICMP_QUOTE),
	 ERROR6("0200", "00000500", V6("2c") "11 00 0009 12345678" UDP)},
	{"IPv6 quote of what another sent", R(ICMP_QUOTE),
	 ERROR6("0104", "00000000", V6_WITH("11", "40", B6, A6) UDP)},
	{"IPv6 quote of an error", R(ICMP_QUOTE),
	 ERROR6("0104", "00000000", V6("3a") ICMP("0104"))},
	{"IPv6 quote of an echo", SEG_PARSED, ERROR6("0300", "00000000", V6("3a") ICMP("8000"))},
};

#undef R

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

#endif
