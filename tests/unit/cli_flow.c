/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows in words: each form is read, printed and read again; what is wrong is
 * placed; and the frame made of a flow says that flow to the datapath's parser.
 */
#include <arpa/inet.h>

#include "check.h"
#include "first_packet.h"
#include "flow_text.h"
#include "packet.h"

static unsigned int assumed;

static struct seg_flow parse(const char *text)
{
	struct seg_error err = {0};
	struct seg_flow flow = {0};

	check_that(!seg_flow_parse(text, &flow, &assumed, &err), "%s: %s", text, err.what);
	return flow;
}

static void check_printed(const char *text, const char *printed)
{
	struct seg_flow flow = parse(text), again;
	char to[SEG_FLOW_TEXT_MAX];

	check_str_eq(seg_flow_print(&flow, to), printed);
	again = parse(to);
	check_that(!memcmp(&flow, &again, sizeof(flow)), "%s is another flow", to);
	check_eq(assumed, 0);
}

TEST(flow, forms)
{
	check_printed("tcp 10.0.0.1:4321 > 10.0.0.2:22",
		      "tcp 10.0.0.1:4321 > 10.0.0.2:22 flags syn");
	check_printed("tcp 10.0.0.1:4321>10.0.0.2:22", "tcp 10.0.0.1:4321 > 10.0.0.2:22 flags syn");
	check_printed("tcp 10.0.0.1 > 10.0.0.2:22", "tcp 10.0.0.1:40000 > 10.0.0.2:22 flags syn");
	check_printed("udp [2001:db8::1]:53 > [2001:db8::2]:5353",
		      "udp [2001:db8::1]:53 > [2001:db8::2]:5353");
	check_printed("udp 2001:db8::1 > [2001:db8::2]:5353",
		      "udp [2001:db8::1]:40000 > [2001:db8::2]:5353");
	check_printed("icmp 10.0.0.1 > 10.0.0.2", "icmp 10.0.0.1 > 10.0.0.2 8/0");
	check_printed("icmp 10.0.0.1 > 10.0.0.2 echo-request", "icmp 10.0.0.1 > 10.0.0.2 8/0");
	check_printed("icmpv6 fd00::1 > fd00::2 128", "icmpv6 fd00::1 > fd00::2 128/0");
	check_printed("icmp 10.0.0.1 > 10.0.0.2 3/4", "icmp 10.0.0.1 > 10.0.0.2 3/4");
	check_printed("proto/47 10.0.0.1 > 10.0.0.2", "proto/47 10.0.0.1 > 10.0.0.2");
	check_printed("sctp 10.0.0.1:1 > 10.0.0.2:2 vlan 100",
		      "sctp 10.0.0.1:1 > 10.0.0.2:2 vlan 100");
	check_printed("udplite 10.0.0.1:1 > 10.0.0.2:2 dscp af11 vlan 100/200",
		      "udplite 10.0.0.1:1 > 10.0.0.2:2 vlan 100/200 dscp 10");
	check_printed("tcp 10.0.0.1:1 > 10.0.0.2:2 flags syn+ack dscp 46",
		      "tcp 10.0.0.1:1 > 10.0.0.2:2 flags syn+ack dscp 46");
	check_printed("tcp 10.0.0.1:1 > 10.0.0.2:2 flags none",
		      "tcp 10.0.0.1:1 > 10.0.0.2:2 flags none");
	check_printed("proto/6 10.0.0.1:1 > 10.0.0.2:2", "tcp 10.0.0.1:1 > 10.0.0.2:2 flags syn");
}

TEST(flow, what_is_assumed)
{
	parse("tcp 10.0.0.1 > 10.0.0.2:22");
	check_eq(assumed, SEG_ASSUMED_SOURCE_PORT | SEG_ASSUMED_TCP_FLAGS);
	parse("tcp 10.0.0.1:1 > 10.0.0.2:22 flags ack");
	check_eq(assumed, 0);
	parse("icmp 10.0.0.1 > 10.0.0.2");
	check_eq(assumed, SEG_ASSUMED_ICMP_TYPE);
	check_eq(ntohs(parse("udp 10.0.0.1 > 10.0.0.2:53").sport), SEG_SOURCE_PORT_ASSUMED);
}

/* A tag of VID 0 carries priority only: it is none. */
TEST(flow, vlan_0_is_no_vlan)
{
	struct seg_flow flow = parse("udp 10.0.0.1 > 10.0.0.2:53 vlan 0/7");

	check_eq(flow.vlan[0], SEG_VLAN_PRESENT | 7);
	check_eq(flow.vlan[1], 0);
}

static void check_wrong(const char *text, unsigned int column, const char *what)
{
	struct seg_error err = {0};
	struct seg_flow flow;

	check_eq(seg_flow_parse(text, &flow, &assumed, &err), -22);
	check_str_eq(err.what, what);
	check_str_eq(err.file, "flow");
	check_eq(err.line, 1);
	check_that(err.column == column, "%s: column %u, not %u", text, err.column, column);
	check_str_eq(err.source, text);
	check_eq(err.exit, SEG_EXIT_USAGE);
	check_that(err.mend[0], "%s: no mend", text);
}

TEST(flow, what_is_wrong_is_placed)
{
	check_wrong("", 1, "no protocol");
	check_wrong("tpc 10.0.0.1 > 10.0.0.2:22", 1, "'tpc' is no protocol");
	check_wrong("any 10.0.0.1 > 10.0.0.2:22", 1, "'any' is not one protocol");
	check_wrong("proto 10.0.0.1 > 10.0.0.2", 1, "'proto' is not one protocol");
	check_wrong("tcp/80 10.0.0.1 > 10.0.0.2", 4, "a flow begins with its protocol alone");
	check_wrong("tcp", 4, "no source address");
	check_wrong("tcp > 10.0.0.2:22", 5, "no source address");
	check_wrong("tcp 10.0.0.256:1 > 10.0.0.2:22", 5, "'10.0.0.256' is no address");
	check_wrong("tcp 10.0.0.1:99999 > 10.0.0.2:22", 14, "'99999' is no port");
	check_wrong("tcp [::1]x:1 > [::2]:22", 5, "'[::1]x:1' is no address");
	check_wrong("tcp 10.0.0.1:1 10.0.0.2:22", 16, "'>' and the destination are missing");
	check_wrong("tcp 10.0.0.1:1 >", 17, "no destination address");
	check_wrong("tcp 10.0.0.1:1 > 10.0.0.2", 18, "a destination without a port");
	check_wrong("tcp 10.0.0.1:1 > [fd00::2]:22", 18, "from IPv4 to IPv6");
	check_wrong("icmp fd00::1 > fd00::2", 6, "icmp is a protocol of IPv4");
	check_wrong("icmp 10.0.0.1:7 > 10.0.0.2", 15, "this protocol has no ports");
	check_wrong("icmp 10.0.0.1 > 10.0.0.2 ecko-request", 26, "'ecko-request' is no ICMP type");
	check_wrong("udp 10.0.0.1 > 10.0.0.2:53 vlan", 32, "'vlan' needs a value");
	check_wrong("udp 10.0.0.1 > 10.0.0.2:53 vlan 9/4095", 35, "'4095' is no VLAN id");
	check_wrong("udp 10.0.0.1 > 10.0.0.2:53 flags syn", 34, "only TCP has flags");
	check_wrong("tcp 10.0.0.1 > 10.0.0.2:53 flags sin", 34, "'sin' are no TCP flags");
	check_wrong("tcp 10.0.0.1 > 10.0.0.2:53 flags syn/ack", 34, "'syn/ack' are no TCP flags");
	check_wrong("tcp 10.0.0.1 > 10.0.0.2:53 dscp 64", 33, "'64' is no DSCP");
	check_wrong("tcp 10.0.0.1 > 10.0.0.2:53 vlam 6", 28, "'vlam' means nothing here");
	check_wrong("tcp é 10.0.0.1", 5, "'é' is no address");
	check_wrong("udp 10.0.0.1 > 10.0.0.2:53 vlan 1 vlan 2", 35, "a second 'vlan'");
	check_wrong("udp 10.0.0.1 > 10.0.0.2:53 dscp 1 vlan 2 dscp 1", 42, "a second 'dscp'");
}

static void check_mend(const char *text, const char *mend)
{
	struct seg_error err = {0};
	struct seg_flow flow;

	check_eq(seg_flow_parse(text, &flow, &assumed, &err), -22);
	check_str_eq(err.mend, mend);
}

TEST(flow, mends_are_about_what_is_wrong)
{
	check_mend("tpc 10.0.0.1 > 10.0.0.2:22", "did you mean 'tcp'?");
	check_mend("proto/256 10.0.0.1 > 10.0.0.2",
		   "one of tcp, udp, icmp, icmpv6, sctp, or proto/0 to proto/255");
	check_mend("tcp 10.0.0.1 > 10.0.0.2:99999", "a port is a number from 0 to 65535");
	check_mend("icmp 10.0.0.1:7 > 10.0.0.2",
		   "leave it out: icmp 10.0.0.1 > 10.0.0.2 echo-request");
	check_mend("icmp fd00::1 > fd00::2", "between these it is icmpv6");
	check_mend("tcp 10.0.0.1:1 > [fd00::2]:22", "a flow has two addresses of one family");
	check_mend("udp 10.0.0.1 > 10.0.0.2:53 vlan 4095",
		   "an id from 0 to 4094, or two: vlan 100/200");
	check_mend("udp 10.0.0.1 > 10.0.0.2:53 flags syn", "leave 'flags' and its value out");
	check_mend("tcp 10.0.0.1 > 10.0.0.2:53 flags xyz", "flags are joined by '+': syn, syn+ack");
	check_mend("tcp 10.0.0.1 > 10.0.0.2:53 dscp 64",
		   "a number from 0 to 63, or a class: af11, cs1, ef");
	check_mend("icmp 10.0.0.1 > 10.0.0.2 300",
		   "a name, or numbers of type and code: echo-request, 3/1");
}

TEST(flow, columns_count_characters)
{
	check_wrong("tcp é10.0.0.1 x", 5, "'é10.0.0.1' is no address");
	check_wrong("udp 10.0.0.1 > 10.0.0.2:53 é é", 28, "'é' means nothing here");
}

/* --- frames ------------------------------------------------------------------- */

static struct seg_first_packet read_frame(const char *text, bool vlans, bool pickup)
{
	uint8_t frame[SEG_FIRST_PACKET_MAX];
	struct seg_flow flow = parse(text);
	const struct seg_first_packet_rules rules = {.vlans = vlans, .pickup = pickup};
	size_t size = seg_first_packet_make(&flow, frame);
	struct seg_first_packet first;

	seg_first_packet_read(frame, size, &rules, &first);
	return first;
}

static void check_same_flow(const char *text)
{
	struct seg_first_packet first = read_frame(text, true, false);
	struct seg_flow flow = parse(text);

	check_that(first.reason == SEG_PARSED, "%s: reason %d", text, first.reason);
	check_that(!memcmp(&first.flow, &flow, sizeof(flow)), "%s came back as another flow", text);
	check(!first.answer);
}

TEST(first_packet, says_the_flow)
{
	check_same_flow("tcp 10.0.0.1:4321 > 10.0.0.2:22");
	check_same_flow("tcp [2001:db8::1]:4321 > [2001:db8::2]:22 dscp 46 vlan 7");
	check_same_flow("udp 10.0.0.1:4321 > 10.0.0.2:53 vlan 100/200 dscp af11");
	check_same_flow("udp [2001:db8::1]:4321 > [2001:db8::2]:53");
	check_same_flow("icmp 10.0.0.1 > 10.0.0.2");
	check_same_flow("icmpv6 2001:db8::1 > 2001:db8::2");
	check_same_flow("proto/47 10.0.0.1 > 10.0.0.2");
	check_same_flow("proto/50 2001:db8::1 > 2001:db8::2");
	check_same_flow("sctp 10.0.0.1:1 > 10.0.0.2:2");
	check_same_flow("udplite 10.0.0.1:1 > 10.0.0.2:2");
	check_same_flow("dccp 10.0.0.1:1 > 10.0.0.2:2");
}

static void check_reason(const char *text, int reason)
{
	struct seg_first_packet first = read_frame(text, false, false);

	check_that(first.reason == reason, "%s: reason %d, not %d", text, first.reason, reason);
}

TEST(first_packet, what_no_rule_is_asked_for)
{
	check_reason("udp 10.0.0.1 > 10.0.0.2:53 vlan 100", SEG_REASON_VLAN_UNKNOWN);
	check_reason("udp 127.0.0.1 > 10.0.0.2:53", SEG_REASON_MARTIAN);
	check_reason("tcp 10.0.0.1 > 10.0.0.2:53 flags syn+fin", SEG_REASON_TCP_HEADER);
	check_reason("tcp 10.0.0.1 > 10.0.0.2:53 flags ack", SEG_REASON_TCP_MIDFLOW);
	check_reason("icmp 10.0.0.1 > 10.0.0.2 redirect", SEG_REASON_ICMP_TYPE);
	check_reason("icmp 10.0.0.1 > 10.0.0.2 time-exceeded", SEG_REASON_ICMP_UNRELATED);
	check_reason("icmp 10.0.0.1 > 10.0.0.2 3/4", SEG_REASON_ICMP_UNRELATED);
	check_reason("icmpv6 2001:db8::1 > 2001:db8::2 packet-too-big", SEG_REASON_ICMP_UNRELATED);
	check_reason("icmpv6 fe80::1 > fe80::2 nd-neighbor-solicit", SEG_REASON_ND);
	check_reason("udp 10.0.0.1:67 > 10.0.0.2:68", SEG_REASON_DHCP);
	check_eq(read_frame("tcp 10.0.0.1 > 10.0.0.2:53 flags ack", false, true).reason,
		 SEG_PARSED);
}

TEST(first_packet, an_answer_is_the_other_flow)
{
	struct seg_first_packet first =
		read_frame("tcp 10.0.0.1:80 > 10.0.0.2:4321 flags syn+ack", false, false);
	struct seg_flow flow = parse("tcp 10.0.0.2:4321 > 10.0.0.1:80 flags syn+ack");

	check_eq(first.reason, SEG_PARSED);
	check(first.answer);
	check(!memcmp(&first.flow, &flow, sizeof(flow)));
	first = read_frame("icmp 10.0.0.1 > 10.0.0.2 echo-reply", false, false);
	flow = parse("icmp 10.0.0.2 > 10.0.0.1 echo-request");
	check(first.answer);
	check(!memcmp(&first.flow, &flow, sizeof(flow)));
}
