/* SPDX-License-Identifier: BSD-2-Clause */
/* probe.h - a flow in the units of rows and sets, for what reads an image one by one. */
#ifndef SEG_PROBE_H
#define SEG_PROBE_H

#include <arpa/inet.h>
#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "classify.h"
#include "image_layout.h"

/* A flow, in the units of the rows that could match it. */
struct seg_probe {
	uint64_t src, dst;
	uint16_t sport, dport;
	struct seg_wide from, to;
};

static inline struct seg_wide seg_wide_of(const __be32 address[4])
{
	uint64_t half[2];

	memcpy(half, address, sizeof(half));
	return (struct seg_wide){be64toh(half[0]), be64toh(half[1])};
}

static inline struct seg_probe seg_probe_of(const struct seg_flow *flow, enum seg_lane lane)
{
	struct seg_probe probe = {.from = seg_wide_of(flow->src), .to = seg_wide_of(flow->dst)};

	probe.src = seg_lane_unit(flow->family, probe.from);
	probe.dst = seg_lane_unit(flow->family, probe.to);
	probe.sport = ntohs(flow->sport);
	probe.dport = ntohs(flow->dport);
	if (lane == SEG_LANE_ICMP) {
		probe.sport = 0;
		probe.dport = (uint16_t)(flow->icmp_type << 8 | flow->icmp_code);
	}
	return probe;
}

/* Is an address in the set of this number? An IPv6 one that lies where IPv4 does on the line is, if
 * what is on both sides of IPv4 is. */
bool seg_set_has(const struct seg_image *image, uint32_t set, struct seg_wide address,
		 uint8_t family);

/* What a stack of VLANs that no rule names gets. */
#define SEG_UNKNOWN_VLAN                                                                           \
	((struct seg_decision){SEG_RULE_DEFAULT, SEG_VERDICT_DENY, SEG_DECISION_UNKNOWN_VLAN, 0,   \
			       SEG_RULE_DEFAULT})

/* Has it no VLAN, or those that some rule names? */
bool seg_vlan_known(const struct seg_image *image, const struct seg_flow *flow);

#endif
