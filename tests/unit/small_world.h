/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * small_world.h - random policies whose rules tell apart so few packets that all of them can be
 * asked: one of each kind that any rule could tell from another. A policy is a list of lines, so
 * that a rule can be left out.
 */
#ifndef SEG_SMALL_WORLD_H
#define SEG_SMALL_WORLD_H

#include <arpa/inet.h>
#include <stdlib.h>

#include "compiled.h"
#include "random.h"

#define WORLD_RULES 9
#define WORLD_LINE  256

struct world_policy {
	char head[512];
	char rule[WORLD_RULES][WORLD_LINE];
	unsigned int n;
};

static __u64 world_seed;

static unsigned int world_below(unsigned int n)
{
	return (unsigned int)(seg_random(&world_seed) % n);
}

/* One of the words, each as likely. */
#define WORLD_WORD(...)                                                                            \
	({                                                                                         \
		static const char *const _words[] = {__VA_ARGS__};                                 \
		_words[world_below(sizeof(_words) / sizeof(_words[0]))];                           \
	})

static const char *world_addresses(void)
{
	return WORLD_WORD("10.0.0.0", "10.0.0.1", "10.0.0.0/31", "10.0.0.1-10.0.0.2", "10.0.0.0/30",
			  "[10.0.0.0, 10.0.0.2]", "[not: 10.0.0.1]", "2001:db8::", "2001:db8::/127",
			  "[10.0.0.2, 2001:db8::1]", "::/0", "0.0.0.0/0");
}

/* Behind what is there; cut to the line, which no line needs. */
static void world_add(char *line, const char *key, const char *value)
{
	size_t used = strlen(line);

	snprintf(line + used, WORLD_LINE - used, ", %s: %s", key, value);
}

static void world_rule(char *line, unsigned int i)
{
	bool tcp = world_below(5) == 0;

	snprintf(line, WORLD_LINE, "- {id: r%u, action: %s", i, WORLD_WORD("allow", "deny"));
	if (world_below(3))
		world_add(line, "from", world_addresses());
	if (world_below(3))
		world_add(line, "to", world_addresses());
	if (tcp)
		world_add(line, "tcp-flags",
			  WORLD_WORD("syn/syn+ack", "syn", "[ack/ack, syn/syn+ack]"));
	if (tcp)
		world_add(line, "service", WORLD_WORD("tcp", "tcp/1-2"));
	else if (world_below(4))
		world_add(line, "service",
			  WORLD_WORD("tcp/1", "tcp/1-2", "tcp", "udp/2", "[tcp/2, udp]", "icmp",
				     "icmp/8", "icmpv6/128", "proto/47",
				     "[udp/1, proto/47, icmp]"));
	if (world_below(8) == 0 && !strstr(line, "icmp") && !strstr(line, "proto"))
		world_add(line, "source-port", WORLD_WORD("1", "1-65535"));
	if (world_below(3) == 0)
		world_add(line, "direction", WORLD_WORD("ingress", "egress", "forward"));
	if (world_below(8) == 0)
		world_add(line, "vlan", WORLD_WORD("1", "2", "[1, 2]"));
	if (world_below(8) == 0)
		world_add(line, "iface", "eth1");
	if (world_below(8) == 0)
		world_add(line, "dscp", WORLD_WORD("1", "[1, 2]"));
	if (world_below(8) == 0)
		world_add(line, "log", "true");
	if (world_below(12) == 0 && strstr(line, "allow"))
		world_add(line, "limit", WORLD_WORD("{rate: 1/s}", "{sessions: 9}"));
	if (world_below(10) == 0)
		world_add(line, "stage", "shadow");
	snprintf(line + strlen(line), WORLD_LINE - strlen(line), "}\n");
}

static struct world_policy world_policy(void)
{
	struct world_policy policy = {.n = 1 + world_below(WORLD_RULES)};

	snprintf(policy.head, sizeof(policy.head),
		 "version: 1\ndefaults: {ingress: %s, egress: %s, forward: %s}\n%s",
		 WORLD_WORD("allow", "deny"), WORLD_WORD("allow", "deny"),
		 WORLD_WORD("allow", "deny"),
		 WORLD_WORD("", "", "", "failsafe: [tcp/1]\n",
			    "groups: {a: 10.0.0.1}\nfailsafe: [tcp/2 from a, icmp]\n",
			    "groups: {a: 10.0.0.0/31}\nfailsafe: [any from a]\n"));
	for (unsigned int i = 0; i < policy.n; i++)
		world_rule(policy.rule[i], i);
	return policy;
}

/* Without the rules whose bits are set. NULL: what is left is no policy. */
static struct seg_image *world_without(const struct world_policy *policy, unsigned int left_out,
				       char text[WORLD_LINE * (WORLD_RULES + 3)])
{
	struct seg_image *image = NULL;
	struct seg_error err = {0};
	size_t size = WORLD_LINE * (WORLD_RULES + 3);
	size_t used = (size_t)snprintf(text, size, "%srules:%s\n", policy->head,
				       left_out + 1 == 1u << policy->n ? " []" : "");
	struct seg_policy_file file = {"world.yaml", text, 0};

	for (unsigned int i = 0; i < policy->n; i++)
		if (!(left_out >> i & 1))
			used += (size_t)snprintf(text + used, size - used, "%s", policy->rule[i]);
	file.len = used;
	seg_policy_compile(&file, NULL, &image, &err);
	return image;
}

/* --- packets ----------------------------------------------------------------------- */

static void world_address(bool six, unsigned int i, __be32 to[4])
{
	memset(to, 0, 16);
	to[2] = six ? 0 : htonl(0xffff);
	to[0] = six ? htonl(0x20010db8) : 0;
	to[3] = htonl(six ? i : 0x0a000000 + i);
}

/* The next value of a digit; false: it was the last, and it is the first again. */
static bool world_turn(unsigned int *digit, unsigned int n)
{
	*digit = (*digit + 1) % n;
	return *digit != 0;
}

enum {
	W_SIX,
	W_SRC,
	W_DST,
	W_KIND,
	W_SPORT,
	W_DPORT,
	W_FLAGS,
	W_DIRECTION,
	W_VLAN,
	W_IFACE,
	W_DSCP,
	W_DIGITS
};

struct world_packet {
	unsigned int digit[W_DIGITS];
};

static bool world_next(struct world_packet *packet)
{
	static const unsigned int OF[W_DIGITS] = {
		[W_SIX] = 2,   [W_SRC] = 5,   [W_DST] = 5,   [W_KIND] = 5,
		[W_SPORT] = 3, [W_DPORT] = 3, [W_FLAGS] = 4, [W_DIRECTION] = 3,
		[W_VLAN] = 3,  [W_IFACE] = 2, [W_DSCP] = 3};

	for (unsigned int i = 0; i < W_DIGITS; i++)
		if (world_turn(&packet->digit[i], OF[i]))
			return true;
	return false;
}

/* False: there is no such packet. `port` tells ICMP's type, too. */
static bool world_flow(const struct world_packet *packet, const struct seg_image *image,
		       struct seg_flow *flow)
{
	static const uint8_t PROTO[] = {6, 17, 1, 47, 50}, FLAGS[] = {0x02, 0x12, 0x10, 0x04};
	const unsigned int *digit = packet->digit;
	bool six = digit[W_SIX], ports = digit[W_KIND] < 2;

	if ((six && (digit[W_SRC] > 2 || digit[W_DST] > 2)) || (!ports && digit[W_SPORT]) ||
	    (digit[W_KIND] > 2 && digit[W_DPORT]) || (digit[W_KIND] && digit[W_FLAGS]))
		return false;
	*flow = (struct seg_flow){
		.family = six ? 6 : 4,
		.proto = six && PROTO[digit[W_KIND]] == 1 ? 58 : PROTO[digit[W_KIND]],
		.sport = htons(ports ? (uint16_t)(digit[W_SPORT]) : 0),
		.dport = htons(ports ? (uint16_t)(1 + digit[W_DPORT]) : 0),
		.tcp_flags = digit[W_KIND] ? 0 : FLAGS[digit[W_FLAGS]],
		.direction = (uint8_t)digit[W_DIRECTION],
		.dscp = (uint8_t)digit[W_DSCP],
		.iface = digit[W_IFACE] ? seg_image_iface(image, "eth1") : 0,
	};
	if (digit[W_KIND] == 2)
		flow->icmp_type =
			(uint8_t)((six ? 128 : 8) + (digit[W_DPORT] == 2 ? 1 + six * 20 : 0));
	if (digit[W_KIND] == 2)
		flow->icmp_code = digit[W_DPORT] == 1;
	if (digit[W_VLAN])
		flow->vlan[0] = (uint16_t)(SEG_VLAN_PRESENT | digit[W_VLAN]);
	world_address(six, digit[W_SRC], flow->src);
	world_address(six, digit[W_DST], flow->dst);
	return true;
}

#endif
