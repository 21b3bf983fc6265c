/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key.h - a flow as words that can be masked and hashed, the same for who builds
 * the tables and who asks them.
 *
 * IPv4 has one word an address, IPv6 four. Behind the addresses comes a word of ports (of ICMP:
 * type and code), and, where rows ask for such things, three words of all else.
 */
#ifndef SEG_KEY_H
#define SEG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image_layout.h"

/* The words behind the addresses. */
enum seg_key_word { SEG_KEY_PORTS, SEG_KEY_VLAN, SEG_KEY_WHERE, SEG_KEY_HEADER };

/* Words that every key has. */
static inline unsigned int seg_key_words(unsigned int address_words)
{
	return 2 * address_words + 1;
}

static inline unsigned int seg_address_words(uint8_t family)
{
	return family == 4 ? 1 : 4;
}

static inline size_t seg_box_size(uint8_t family)
{
	return family == 4 ? sizeof(struct seg_box4) : sizeof(struct seg_box6);
}

/* As seg_port_protocols() has them. */
static inline bool seg_proto_has_ports(uint8_t proto)
{
	return proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
}

/* Neither ports nor the family's ICMP. */
static inline bool seg_proto_is_number(uint8_t family, uint8_t proto)
{
	return !seg_proto_has_ports(proto) && proto != (family == 4 ? 1 : 58);
}

/* Where a protocol has no ports, its number stands for the source port. */
static inline uint32_t seg_key_ports(uint16_t sport, uint16_t dport)
{
	return (uint32_t)sport << 16 | dport;
}

static inline uint32_t seg_key_vlan(const uint16_t vlan[2])
{
	return (uint32_t)vlan[0] << 16 | vlan[1];
}

static inline uint32_t seg_key_where(uint16_t iface, uint16_t direction)
{
	return (uint32_t)iface << 16 | direction;
}

static inline uint32_t seg_key_header(uint8_t tcp_flags, uint8_t dscp)
{
	return (uint32_t)tcp_flags << 8 | dscp;
}

/* A hash is the sum of the masked words, each times one of these, mixed. */
static const uint32_t SEG_KEY_FACTORS[SEG_KEY_WORDS_MAX] = {
	0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1, 0xd35a2d97,
	0xb5297a4d, 0x68e31da5, 0x1b56c4e9, 0x7feb352d, 0x846ca68b, 0xac4c1b51};

#define SEG_KEY_MIX 0x2c1b3c6du

static inline uint32_t seg_key_mix(uint32_t sum)
{
	sum ^= sum >> 15;
	return sum * SEG_KEY_MIX;
}

static inline uint32_t seg_key_hash(const uint32_t *word, const uint32_t *mask, unsigned int words)
{
	uint32_t sum = 0;

	for (unsigned int w = 0; w < words; w++)
		sum += (word[w] & mask[w]) * SEG_KEY_FACTORS[w];
	return seg_key_mix(sum);
}

/* The upper bits choose the slot; these tell apart who is there. */
#define SEG_KEY_TAG_SHIFT 20

static inline uint32_t seg_key_tag(uint32_t hash)
{
	return (hash << SEG_KEY_TAG_SHIFT & SEG_SLOT_TAG) | SEG_SLOT_TAKEN;
}

#endif
