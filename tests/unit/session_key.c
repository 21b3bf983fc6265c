/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys: both directions of a flow have one, different flows have two.
 */
#include <arpa/inet.h>
#include <linux/icmp.h>

#include "check.h"
#include "session_key.h"

static const __be32 low6[4] = {1, 2, 3, 4};
static const __be32 high6[4] = {1, 2, 4, 0}; /* its first word alone does for IPv4 */

static struct seg_packet packet_of(__u8 family, __u8 proto, __u16 sport, __u16 dport)
{
	return (struct seg_packet){.family = family,
				   .proto = proto,
				   .zone = 9,
				   .sport = htons(sport),
				   .dport = htons(dport)};
}

/* Both directions: one key; returns the direction of the first. */
static __u32 both(const struct seg_packet *there, const __be32 *a, const __be32 *b,
		  struct seg_key *key)
{
	struct seg_packet back = *there;
	struct seg_key other;
	__u32 direction;

	memset(key, 0xaa, sizeof(*key));
	memset(&other, 0x55, sizeof(other));
	back.sport = there->dport;
	back.dport = there->sport;
	direction = seg_key_make(key, there, there->family, a, b);
	check_eq(seg_key_make(&other, &back, back.family, b, a), !direction);
	check(memcmp(key, &other, sizeof(other)) == 0);
	return direction;
}

TEST(key, ipv4_is_mapped_and_canonical)
{
	struct seg_packet packet = packet_of(4, IPPROTO_TCP, 1000, 80);
	const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};
	__be32 a = 5;
	__be32 b = 6;
	struct seg_key key;

	check_eq(both(&packet, &a, &b, &key), 0);
	check(memcmp(key.addr[0], mapped, 12) == 0 && memcmp(key.addr[1], mapped, 12) == 0);
	check_eq(key.addr[0][3], a);
	check_eq(key.addr[1][3], b);
	check_eq(key.port[0], htons(1000));
	check_eq(key.port[1], htons(80));
	check_eq(key.proto, IPPROTO_TCP);
	check_eq(key.family, 4);
	check_eq(key.zone, 9);
	check_eq(both(&packet, &b, &a, &key), 1);
	check_eq(key.port[1], htons(1000));
}

TEST(key, ipv6_compares_every_word)
{
	struct seg_packet packet = packet_of(6, IPPROTO_UDP, 53, 1000);
	struct seg_key key;

	check_eq(both(&packet, low6, high6, &key), 0);
	check(memcmp(key.addr[0], low6, 16) == 0);
	for (int word = 0; word < 4; word++) {
		__be32 other[4];

		memcpy(other, low6, sizeof(other));
		other[word]++;
		check_eq(both(&packet, low6, other, &key), 0);
		check_eq(both(&packet, other, low6, &key), 1);
	}
}

TEST(key, same_address_goes_by_port)
{
	struct seg_packet packet = packet_of(6, IPPROTO_UDP, 1, 2);
	__be32 a = 5;
	struct seg_key key;
	__u32 there = both(&packet, low6, low6, &key);

	check_eq(there, packet.sport > packet.dport);
	packet.family = 4;
	check_eq(both(&packet, &a, &a, &key), there);
	check_eq(key.port[there], packet.sport);
}

/* An echo's identifier is the port of who asks: what the other side asks is another flow. */
static void check_echo(__u16 id)
{
	struct seg_packet request = packet_of(4, IPPROTO_ICMP, id, (__u16)(id + 1));
	struct seg_packet reply = packet_of(4, IPPROTO_ICMP, (__u16)(id + 1), id);
	__be32 a = 5, b = 6;
	struct seg_key key, back, other;

	check_eq(seg_key_make(&key, &request, 4, &a, &b), !seg_key_make(&back, &reply, 4, &b, &a));
	check(memcmp(&key, &back, sizeof(key)) == 0);
	seg_key_make(&other, &request, 4, &b, &a);
	check(memcmp(&key, &other, sizeof(key)) != 0);
	seg_key_make(&other, &reply, 4, &a, &b);
	check(memcmp(&key, &other, sizeof(key)) != 0);
}

TEST(key, echo_and_reply_are_one_flow)
{
	check_echo(0x1234);
	check_echo(0);
	check_echo(0xffff);
}
