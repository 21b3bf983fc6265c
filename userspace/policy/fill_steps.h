/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fill_steps.h - flows to questions, included by each way of doing it, which defines words_put().
 * What depends on the protocol is looked up in rows: it differs from flow to flow, and a jump would
 * often be a wrong one.
 */
#ifndef SEG_FILL_STEPS_H
#define SEG_FILL_STEPS_H

#include "inline.h"
#include "key.h"
#include "lookup.h"

/* Addresses and ports as words in host order (key.h). What is behind them may be overwritten. */
static ALWAYS_INLINE void words_put(const struct seg_flow *flow, unsigned int words, uint32_t *to);

/* --- by protocol ------------------------------------------------------------------- */

/* A row for each: numbers(first, last), whose number stands for a port; ports(lane); icmp. */
#define ROWS(numbers, ports)                                                                       \
	[6] = ports(TCP), numbers(7, 16), [17] = ports(UDP),                                       \
	numbers(18, 32), [33] = ports(OTHER), [132] = ports(OTHER),                                \
	numbers(133, 135), [136] = ports(OTHER), numbers(137, 255)
#define ROWS4(numbers, ports, icmp)                                                                \
	{                                                                                          \
		numbers(0, 0), [1] = icmp, numbers(2, 5), ROWS(numbers, ports), numbers(34, 131)   \
	}
#define ROWS6(numbers, ports, icmp)                                                                \
	{                                                                                          \
		numbers(0, 5), ROWS(numbers, ports), numbers(34, 57), [58] = icmp,                 \
								      numbers(59, 131)             \
	}

static ALWAYS_INLINE uint32_t finder_of(const struct seg_flow *flow, unsigned int words)
{
#define NUMBERS(a, z) [a... z] = SEG_LANE_OTHER
#define PORTS(lane)   SEG_LANE_##lane
	static const uint8_t LANE4[256] = ROWS4(NUMBERS, PORTS, SEG_LANE_ICMP);
	static const uint8_t LANE6[256] = ROWS6(NUMBERS, PORTS, SEG_LANE_ICMP);
#undef NUMBERS
#undef PORTS

	return words == 1 ? LANE4[flow->proto] : (uint32_t)SEG_LANE_MAX + LANE6[flow->proto];
}

/* --- questions --------------------------------------------------------------------- */

static ALWAYS_INLINE void extras_put(const struct seg_flow *flow, uint32_t *behind)
{
	behind[SEG_KEY_VLAN] = seg_key_vlan(flow->vlan);
	behind[SEG_KEY_WHERE] = seg_key_where(flow->iface, flow->direction);
	behind[SEG_KEY_HEADER] = seg_key_header(flow->tcp_flags, flow->dscp);
}

/* The flows of one family; `words`, of an address, is a constant where this is inlined. `extras`:
 * some rule asks for what is neither address nor port. */
static ALWAYS_INLINE void family_fill(struct seg_questions *questions, unsigned int n,
				      unsigned int words)
{
	bool extras = questions->image->section[SEG_SECTION_RESTS].count > 1;
	const struct seg_flow *flow = questions->flows;
	struct seg_question *q = questions->item;
	uint8_t family = words == 1 ? 4 : 6;

	for (unsigned int i = 0; i < n; i++, flow++) {
		if (flow->family != family)
			continue;
		q->box = SEG_BOX_NONE;
		q->flow = i;
		q->finder = finder_of(flow, words);
		q->proto = (uint32_t)flow->proto << SEG_BOX_PROTO_SHIFT;
		words_put(flow, words, q->word);
		if (extras)
			extras_put(flow, q->word + 2 * words);
		q++;
	}
	questions->n = (unsigned int)(q - questions->item);
}

static ALWAYS_INLINE void fill(struct seg_questions *questions, unsigned int n)
{
	if (questions->family == 4)
		family_fill(questions, n, 1);
	else
		family_fill(questions, n, 4);
}

#endif
