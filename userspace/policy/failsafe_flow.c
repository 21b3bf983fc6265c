/* SPDX-License-Identifier: BSD-2-Clause */
/* failsafe_flow.c - which failsafe service a flow may always reach. */
#include "probe.h"

static bool failsafe_holds(const struct seg_image *image, const struct seg_failsafe *failsafe,
			   const struct seg_flow *flow, const struct seg_probe *probe)
{
	if (failsafe->family && failsafe->family != flow->family)
		return false;
	if (!(failsafe->flags & SEG_ROW_ANY_PROTO) && failsafe->proto != flow->proto)
		return false;
	return probe->dport >= failsafe->dport_first && probe->dport <= failsafe->dport_last &&
	       seg_set_has(image, failsafe->from, probe->from, flow->family);
}

/* What leaves begins no flow with the service: it answers. */
static struct seg_probe failsafe_probe(const struct seg_flow *flow)
{
	struct seg_probe probe = seg_probe_of(flow, seg_lane_of(flow->family, flow->proto));

	if (flow->direction == SEG_EGRESS) {
		probe.dport = probe.sport;
		probe.from = probe.to;
	}
	return probe;
}

static bool is_icmp(const struct seg_flow *flow)
{
	return seg_lane_of(flow->family, flow->proto) == SEG_LANE_ICMP;
}

uint32_t seg_image_failsafe(const struct seg_image *image, const struct seg_flow *flow)
{
	const struct seg_failsafe *item = seg_section_items(image, SEG_SECTION_FAILSAFES);
	struct seg_probe probe = failsafe_probe(flow);

	if (flow->direction == SEG_FORWARD || (flow->direction == SEG_EGRESS && is_icmp(flow)))
		return SEG_FAILSAFE_NONE;
	for (uint32_t i = 0; i < image->section[SEG_SECTION_FAILSAFES].count; i++)
		if (failsafe_holds(image, &item[i], flow, &probe))
			return i;
	return SEG_FAILSAFE_NONE;
}

const char *seg_image_failsafe_name(const struct seg_image *image, uint32_t failsafe)
{
	const struct seg_failsafe *item = seg_section_items(image, SEG_SECTION_FAILSAFES);
	const char *strings = seg_section_items(image, SEG_SECTION_STRINGS);

	if (failsafe >= image->section[SEG_SECTION_FAILSAFES].count)
		return "?";
	return strings + item[failsafe].name;
}
