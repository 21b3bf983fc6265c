/* SPDX-License-Identifier: BSD-2-Clause */
/* fill_scalar.c - flows to questions on any CPU, a word after the other. */
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "fill_steps.h"

/* Masks of what stands for the ports. */
struct way {
	uint32_t ports, type, number;
};

static const struct way *way_of(unsigned int words, uint8_t proto)
{
#define NUMBERS(a, z) [a... z] = { 0, 0, UINT32_MAX }
#define PORTS(lane)                                                                                \
	{                                                                                          \
		UINT32_MAX, 0, 0                                                                   \
	}
#define ICMP                                                                                       \
	{                                                                                          \
		0, UINT32_MAX, 0                                                                   \
	}
	static const struct way WAY4[256] = ROWS4(NUMBERS, PORTS, ICMP);
	static const struct way WAY6[256] = ROWS6(NUMBERS, PORTS, ICMP);

	return words == 1 ? &WAY4[proto] : &WAY6[proto];
}

_Static_assert(offsetof(struct seg_flow, dport) == offsetof(struct seg_flow, sport) + 2,
	       "both ports are one word");

static ALWAYS_INLINE void words_put(const struct seg_flow *flow, unsigned int words, uint32_t *to)
{
	const struct way *way = way_of(words, flow->proto);
	uint32_t ports;

	for (unsigned int i = 0; i < words; i++) {
		to[i] = ntohl(flow->src[4 - words + i]);
		to[words + i] = ntohl(flow->dst[4 - words + i]);
	}
	memcpy(&ports, &flow->sport, sizeof(ports)); /* and dport, which is behind it */
	to[2 * words] =
		(ntohl(ports) & way->ports) |
		(seg_key_ports(0, (uint16_t)(flow->icmp_type << 8 | flow->icmp_code)) & way->type) |
		(seg_key_ports(flow->proto, 0) & way->number);
}

void seg_fill_scalar(struct seg_questions *questions, unsigned int n)
{
	fill(questions, n);
}
