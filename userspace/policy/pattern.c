/* SPDX-License-Identifier: BSD-2-Clause */
#include "pattern.h"

uint32_t seg_image_patterns(const struct seg_image *image, uint8_t family, enum seg_lane lane)
{
	return image->section[seg_lane_section(family, lane)].count;
}

struct seg_pattern seg_image_pattern(const struct seg_image *image, uint8_t family,
				     enum seg_lane lane, uint32_t i)
{
	const struct seg_rule *rules = seg_section_items(image, SEG_SECTION_RULES);
	unsigned int section = seg_lane_section(family, lane);
	const struct seg_row *row = (const struct seg_row *)seg_section_items(image, section) + i;
	uint32_t rule = seg_row_rule(image, section, i);

	return (struct seg_pattern){
		.rule = rule,
		.from = rules[rule].from,
		.to = rules[rule].to,
		.sport = {row->sport_first, row->sport_last},
		.dport = {row->dport_first, row->dport_last},
		.vlan = {{row->vlan[0], row->vlan[1]}},
		.iface = row->iface,
		.proto = row->proto,
		.directions = row->directions,
		.tcp_mask = row->tcp_mask,
		.tcp_value = row->tcp_value,
		.dscp = row->flags & SEG_ROW_DSCP ? row->dscp : SEG_DSCP_ANY,
		.any_proto = row->flags & SEG_ROW_ANY_PROTO,
	};
}

const struct seg_interval *seg_image_set(const struct seg_image *image, uint32_t set, uint32_t *n)
{
	const struct seg_set *sets = seg_section_items(image, SEG_SECTION_SETS);
	const struct seg_interval *intervals = seg_section_items(image, SEG_SECTION_INTERVALS);

	*n = sets[set].count;
	return intervals + sets[set].first;
}

uint32_t seg_image_sets(const struct seg_image *image)
{
	return image->section[SEG_SECTION_SETS].count;
}

/* The set of all addresses has an own place only if somebody asked for it: `to` is left to the
 * caller. */
bool seg_image_failsafe_pattern(const struct seg_image *image, uint32_t i, uint8_t family,
				enum seg_lane lane, struct seg_pattern *out)
{
	const struct seg_failsafe *item = seg_section_items(image, SEG_SECTION_FAILSAFES);
	bool any = item[i].flags & SEG_ROW_ANY_PROTO;

	if (item[i].family && item[i].family != family)
		return false;
	if (!any && seg_lane_of(family, item[i].proto) != lane)
		return false;
	*out = (struct seg_pattern){
		.rule = i,
		.from = item[i].from,
		.sport = {0, UINT16_MAX},
		.dport = {item[i].dport_first, item[i].dport_last},
		.proto = item[i].proto,
		.directions = 1 << SEG_INGRESS,
		.dscp = SEG_DSCP_ANY,
		.any_proto = any,
	};
	return true;
}

uint32_t seg_image_failsafe_count(const struct seg_image *image)
{
	return image->section[SEG_SECTION_FAILSAFES].count;
}

const char *seg_image_iface_name(const struct seg_image *image, uint16_t iface)
{
	const uint32_t *ifaces = seg_section_items(image, SEG_SECTION_IFACES);
	const char *strings = seg_section_items(image, SEG_SECTION_STRINGS);

	if (!iface || iface > image->section[SEG_SECTION_IFACES].count)
		return NULL;
	return strings + ifaces[iface - 1];
}
