/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser: a table of frames (packets.h), every TCP flag combination, every
 * cut of every good frame, and what is found in a packet.
 */
#include "packets.h"

#include "check.h"
#include "random.h"

#define ZONE 9

static const char *const reason_names[] = {
#define X(id, name, verdict, path, text) name,
	SEG_REASONS(X)
#undef X
		"parsed",
};

/* The frame lies against the end of its memory and at an odd address, for the sanitizers. */
struct placed {
	__u8 *memory;
	__u8 *data;
	__u8 *end;
};

static struct placed place(const __u8 *bytes, __u32 size)
{
	struct placed p = {.memory = malloc(size + 1)};

	check(p.memory);
	p.data = p.memory + 1;
	p.end = p.data + size;
	memcpy(p.data, bytes, size);
	return p;
}

/* As the XDP program does: an ICMP error is what its quote is. */
static int parse_all(const __u8 *bytes, __u32 size, struct seg_packet *packet,
		     struct seg_packet *quote)
{
	struct placed p = place(bytes, size);
	int reason = seg_packet_parse(p.data, p.end, 0, SEG_FEATURE_VLAN, ZONE, packet);
	struct seg_packet plain;

	if (seg_packet_parse_plain(p.data, p.end, 0, ZONE, &plain) == SEG_PARSED) {
		check_eq(reason, SEG_PARSED);
		check(!memcmp(&plain, packet, sizeof(plain)));
	}
	memset(quote, 0, sizeof(*quote));
	if (reason == SEG_PARSED && packet->flags & SEG_PACKET_ICMP_ERROR)
		reason = seg_quote_parse(p.data, p.end, packet, quote);
	free(p.memory);
	return reason;
}

static int parse(const char *text, struct seg_packet *packet)
{
	struct frame f = frame_of(text);
	struct seg_packet quote;

	return parse_all(f.bytes, f.size, packet, &quote);
}

TEST(packet, table)
{
	struct seg_packet packet, quote;

	for (size_t i = 0; i < SAMPLES; i++) {
		struct frame f = frame_of(samples[i].text);
		int reason = parse_all(f.bytes, f.size, &packet, &quote);

		check_that(reason == (int)samples[i].reason, "%s: is %s, not %s", samples[i].name,
			   reason_names[reason], reason_names[samples[i].reason]);
	}
}

static int goes_on(int reason)
{
	return reason == SEG_PARSED || reason == SEG_REASON_ND || reason == SEG_REASON_DHCP ||
	       reason == SEG_REASON_MULTICAST_LISTENER || reason == SEG_REASON_ARP;
}

/* A packet that goes on does not when its frame lacks one byte of its datagram, or any number. */
TEST(packet, no_cut_of_a_good_packet_is_one)
{
	struct seg_packet packet, quote;

	for (size_t i = 0; i < SAMPLES; i++) {
		struct frame f = frame_of(samples[i].text);
		int reason = parse_all(f.bytes, f.size, &packet, &quote);
		__u32 end = packet.end ? packet.end : f.size;

		if (!goes_on(reason))
			continue;
		for (__u32 size = 0; size < end; size++)
			check_that(parse_all(f.bytes, size, &packet, &quote) ==
					   SEG_REASON_TRUNCATED,
				   "%s, cut to %u bytes", samples[i].name, size);
	}
}

/* The rule in words; the parser has it as a set. */
static int flags_sent_by_a_tcp(unsigned int flags)
{
	int fin = flags & SEG_TCP_FIN, syn = flags & SEG_TCP_SYN, rst = flags & SEG_TCP_RST;
	int ack = flags & SEG_TCP_ACK, urg = flags & SEG_TCP_URG;

	if (syn || rst)
		return !fin && !urg && !(syn && rst);
	return ack != 0;
}

TEST(packet, tcp_flags)
{
	struct frame f = frame_of(IP4("06") TCP(SYN));
	struct seg_packet packet, quote;
	int valid = 0;

	for (unsigned int flags = 0; flags < 256; flags++) {
		int expected = flags_sent_by_a_tcp(flags) ? SEG_PARSED : SEG_REASON_TCP_HEADER;

		f.bytes[14 + 20 + 13] = (__u8)flags;
		check_that(parse_all(f.bytes, f.size, &packet, &quote) == expected, "flags %#x",
			   flags);
		check_eq(packet.tcp_flags, flags);
		valid += expected == SEG_PARSED;
	}
	check_eq(valid, 8 * 2 * 4); /* with and without PSH, ECE, CWR */
}

TEST(packet, what_is_in_it)
{
	struct seg_packet p;

	check_eq(parse(ETH("0800") "45 b9 4l 1234 4000 3f 06 4s " A4 B4 TCP("1b") "| 00*6", &p),
		 SEG_REASON_TCP_HEADER);
	check_eq(parse(ETH("0800") "45 b9 4l 1234 4000 3f 06 4s " A4 B4 TCP("18") "| 00*6", &p),
		 SEG_PARSED);
	check_eq(p.l3, 14);
	check_eq(p.l4, 34);
	check_eq(p.end, 54);
	check_eq(p.family, 4);
	check_eq(p.proto, 6);
	check_eq(p.flags, 0);
	check_eq(p.tcp_flags, 0x18);
	check_eq(p.tos, 0xb9);
	check_eq(p.ttl, 0x3f);
	check_eq(p.vlan[0], 0);
	check_eq(p.zone, ZONE);
	check_eq(SEG_BE16(p.sport), 12345);
	check_eq(SEG_BE16(p.dport), 80);
}

TEST(packet, what_is_in_ipv6)
{
	struct seg_packet p;

	check_eq(parse(ETH("86dd") "6b912345 6l 3c 07 " A6 B6 DSTOPTS("11") UDP, &p), SEG_PARSED);
	check_eq(p.l4, 14 + 40 + 8);
	check_eq(p.end, 14 + 40 + 8 + 8);
	check_eq(p.family, 6);
	check_eq(p.proto, 17);
	check_eq(p.tos, 0xb9);
	check_eq(p.ttl, 7);
	check_eq(SEG_BE16(p.dport), 53);
}

TEST(packet, tags)
{
	struct seg_packet p;

	check_eq(parse(ETH("88a8") "e064 8100 10c8 0800" V4("06") TCP(SYN), &p), SEG_PARSED);
	check_eq(p.vlan[0], SEG_VLAN_PRESENT | 0x064);
	check_eq(p.vlan[1], SEG_VLAN_PRESENT | 0x0c8);
	check_eq(p.l3, 22);
	check_eq(parse(ETH("8100") "e000 8100 0fff 0800" V4("06") TCP(SYN), &p), SEG_PARSED);
	check_eq(p.vlan[0], SEG_VLAN_PRESENT | 0xfff);
	check_eq(p.vlan[1], 0);
}

/* Where no rule names a VLAN a tag is refused, a priority is not. */
TEST(packet, tags_not_admitted)
{
	struct frame tagged = frame_of(ETH("8100") "0064 0800" V4("06") TCP(SYN));
	struct frame priority = frame_of(ETH("8100") "e000 0800" V4("06") TCP(SYN));
	struct seg_packet p;

	check_eq(seg_packet_parse(tagged.bytes, tagged.bytes + tagged.size, 0, 0, ZONE, &p),
		 SEG_REASON_VLAN_UNKNOWN);
	check_eq(seg_packet_parse(priority.bytes, priority.bytes + priority.size, 0, 0, ZONE, &p),
		 SEG_PARSED);
}

TEST(packet, fragments_are_flagged)
{
	struct seg_packet p;

	parse(ETH("0800") V4_WITH("45", "2000", "40", "06", A4, B4) TCP(SYN), &p);
	check_eq(p.flags, SEG_PACKET_FRAGMENT);
	parse(ETH("0800") V4_WITH("45", "2001", "40", "06", A4, B4) TCP(SYN), &p);
	check_eq(p.flags, SEG_PACKET_FRAGMENT | SEG_PACKET_LATER);
	check_eq(p.l4, 34);
	parse(IP6("2c") "06 00 0001 12345678" TCP(SYN), &p);
	check_eq(p.flags, SEG_PACKET_FRAGMENT);
	check_eq(p.proto, 6);
	check_eq(p.l4, 14 + 40 + 8);
	parse(IP6("2c") "06 00 0006 12345678" TCP(SYN), &p); /* reserved bits */
	check_eq(p.flags, SEG_PACKET_WHOLE);                 /* atomic */
	parse(IP6("2c") "06 00 0008 12345678" TCP(SYN), &p);
	check_eq(p.flags, SEG_PACKET_FRAGMENT | SEG_PACKET_LATER);
}

TEST(packet, icmp_ports)
{
	struct seg_packet p;

	parse(IP4("01") ICMP("0800"), &p);
	check_eq(SEG_BE16(p.sport), 7);
	check_eq(SEG_BE16(p.dport), 8);
	check_eq(p.flags, 0);
	parse(IP4("01") ICMP("0000"), &p);
	check_eq(SEG_BE16(p.sport), 8);
	check_eq(SEG_BE16(p.dport), 7);
	check_eq(p.flags, SEG_PACKET_ICMP_REPLY);
	parse(IP4("01") ICMP("0a03"), &p);
	check_eq(SEG_BE16(p.sport), 0x0a03);
	check_eq(SEG_BE16(p.dport), 0x0a03);
	parse(IP6("3a") ICMP("8100"), &p);
	check_eq(SEG_BE16(p.dport), 7);
	check_eq(p.flags, SEG_PACKET_ICMP_REPLY);
}

TEST(packet, not_ip)
{
	struct seg_packet p;

	check_eq(parse(ETH("8100") "0064 88cc 0000", &p), SEG_REASON_NON_IP);
	check_eq(p.family, 0);
	check_eq(p.l3, 18);
	check_eq(SEG_BE16(p.sport), 0x88cc);
	check_eq(p.vlan[0], SEG_VLAN_PRESENT | 100);
}

/* The quoted packet, as its sender sent it. */
TEST(packet, quote)
{
	struct frame f =
		frame_of(ERROR4("0304", "00000500",
				V4_WITH("46", "0000", "40", "06", A4, B4) "01010100"
									  "3039 0050 0a0b0c0d"));
	struct seg_packet packet, quote;
	__be32 addr[2][4];

	check_eq(parse_all(f.bytes, f.size, &packet, &quote), SEG_PARSED);
	check_eq(packet.flags, SEG_PACKET_ICMP_ERROR);
	check_eq(quote.l3, 14 + 20 + 8);
	check_eq(quote.l4, 14 + 20 + 8 + 24);
	check_eq(quote.proto, 6);
	check_eq(quote.zone, ZONE);
	check_eq(SEG_BE16(quote.sport), 12345);
	check_eq(SEG_BE16(quote.dport), 80);
	check(seg_packet_addresses(f.bytes, f.bytes + f.size, &quote, addr));
	check_eq(SEG_BE32(addr[0][3]), 0xc0000201);
	check_eq(SEG_BE32(addr[1][3]), 0xc6336401);
	check_eq(SEG_BE32(addr[1][2]), 0xffff);
}

TEST(packet, quote_in_ipv6)
{
	struct frame f = frame_of(
		ERROR6("0104", "00000000", "6b912345 6l 11 07 " A6 B6 UDP_FROM_TO("0102", "0035")));
	struct seg_packet packet, quote;

	check_eq(parse_all(f.bytes, f.size, &packet, &quote), SEG_PARSED);
	check_eq(quote.tos, 0xb9);
	check_eq(quote.ttl, 7);
	check_eq(quote.l4, 14 + 40 + 8 + 40);
	check_eq(SEG_BE16(quote.sport), 0x0102);
}

TEST(packet, addresses)
{
	struct frame f = frame_of(IP6("06") TCP(SYN));
	struct seg_packet packet, quote;
	__be32 addr[2][4];

	check_eq(parse_all(f.bytes, f.size, &packet, &quote), SEG_PARSED);
	check(seg_packet_addresses(f.bytes, f.bytes + f.size, &packet, addr));
	check(!memcmp(addr, f.bytes + 14 + 8, 32));
	check(!seg_packet_addresses(f.bytes, f.bytes + 53, &packet, addr));
}

/* A frame of which only the head can be read: its length counts, not the head's. */
TEST(packet, longer_than_its_head)
{
	struct frame f = frame_of(ETH("0800") "45 00 05dc 1234 0000 40 06 4s " A4 B4 TCP(ACK));
	struct seg_packet p;

	check_eq(seg_packet_parse(f.bytes, f.bytes + f.size, 0, 0, ZONE, &p), SEG_REASON_TRUNCATED);
	check_eq(seg_packet_parse(f.bytes, f.bytes + f.size, 1513, 0, ZONE, &p),
		 SEG_REASON_TRUNCATED);
	check_eq(seg_packet_parse(f.bytes, f.bytes + f.size, 1514, 0, ZONE, &p), SEG_PARSED);
	check_eq(p.end, 1514);
}

/* Offsets have 16 bits. */
TEST(packet, the_longest)
{
	struct frame fits = frame_of(ETH("0800") "45 00 fff1 1234 0000 40 06 4s " A4 B4 TCP(ACK));
	struct frame over = frame_of(ETH("0800") "45 00 fff2 1234 0000 40 06 4s " A4 B4 TCP(ACK));
	struct frame fits6 = frame_of(ETH("86dd") "60000000 ffc9 06 40 " A6 B6 TCP(ACK));
	struct frame over6 = frame_of(ETH("86dd") "60000000 ffca 06 40 " A6 B6 TCP(ACK));
	struct seg_packet p;

	check_eq(seg_packet_parse(fits.bytes, fits.bytes + 100, 70000, 0, ZONE, &p), SEG_PARSED);
	check_eq(p.end, 0xffff);
	check_eq(seg_packet_parse(over.bytes, over.bytes + 100, 70000, 0, ZONE, &p),
		 SEG_REASON_TRUNCATED);
	check_eq(seg_packet_parse(fits6.bytes, fits6.bytes + 100, 70000, 0, ZONE, &p), SEG_PARSED);
	check_eq(p.end, 0xffff);
	check_eq(seg_packet_parse(over6.bytes, over6.bytes + 100, 70000, 0, ZONE, &p),
		 SEG_REASON_TRUNCATED);
}

/* Nothing is left over from the packet before. */
TEST(packet, output_is_whole)
{
	struct seg_packet a, b;

	for (size_t i = 0; i < SAMPLES; i++) {
		struct frame f = frame_of(samples[i].text);

		memset(&a, 0x55, sizeof(a));
		memset(&b, 0xaa, sizeof(b));
		seg_packet_parse(f.bytes, f.bytes + f.size, 0, SEG_FEATURE_VLAN, ZONE, &a);
		seg_packet_parse(f.bytes, f.bytes + f.size, 0, SEG_FEATURE_VLAN, ZONE, &b);
		check_that(!memcmp(&a, &b, sizeof(a)), "%s", samples[i].name);
	}
}

/* Whatever the bytes are, offsets stay in order and in the frame. */
TEST(packet, mutations_stay_in_the_frame)
{
	__u64 seed = seg_random_seed();
	struct seg_packet packet, quote;

	for (int n = 0; n < 200000; n++) {
		struct frame f = frame_of(samples[seg_random(&seed) % SAMPLES].text);
		int reason;

		if (!f.size)
			continue;
		for (__u64 flips = 1 + seg_random(&seed) % 4; flips; flips--)
			f.bytes[seg_random(&seed) % f.size] = (__u8)seg_random(&seed);
		reason = parse_all(f.bytes, f.size, &packet, &quote);
		if (reason != SEG_PARSED)
			continue;
		check(packet.l3 < packet.l4 && packet.l4 <= packet.end && packet.end <= f.size);
		if (packet.flags & SEG_PACKET_ICMP_ERROR)
			check(packet.l4 < quote.l3 && quote.l3 < quote.l4 &&
			      quote.l4 + 8 <= quote.end);
	}
}
