/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan.c - rows read one by one: the first rule that matches, to judge lookups by; and why a rule
 * does not match. seg_image_check() has made every reference in an image safe to follow.
 */
#include "interval.h"
#include "probe.h"

static bool set_has(const struct seg_image *image, uint32_t index, struct seg_wide address)
{
	const struct seg_set *sets = seg_section_items(image, SEG_SECTION_SETS);
	const struct seg_interval *intervals = seg_section_items(image, SEG_SECTION_INTERVALS);
	uint32_t low = sets[index].first, high = low + sets[index].count;

	/* The last interval that begins at or before the address. */
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (seg_wide_compare(intervals[middle].first, address) <= 0)
			low = middle;
		else
			high = middle;
	}
	return seg_wide_compare(intervals[low].first, address) <= 0 &&
	       seg_wide_compare(address, intervals[low].last) <= 0;
}

bool seg_set_has(const struct seg_image *image, uint32_t set, struct seg_wide address,
		 uint8_t family)
{
	const struct seg_wide first = SEG_INTERVAL_V4.first, last = SEG_INTERVAL_V4.last;

	if (family == 4 || seg_wide_compare(address, first) < 0 ||
	    seg_wide_compare(address, last) > 0)
		return set_has(image, set, address);
	return set_has(image, set, (struct seg_wide){first.high, first.low - 1}) &&
	       set_has(image, set, (struct seg_wide){last.high, last.low + 1});
}

/* No branches: most rows say no, and which field says it cannot be predicted. */
static bool bounds_hold(const struct seg_row *row, const struct seg_probe *probe)
{
	return (probe->dst - row->dst_first <= row->dst_last - row->dst_first) &
	       (probe->src - row->src_first <= row->src_last - row->src_first) &
	       (probe->dport >= row->dport_first) & (probe->dport <= row->dport_last) &
	       (probe->sport >= row->sport_first) & (probe->sport <= row->sport_last);
}

static bool vlan_holds(const struct seg_row *row, const struct seg_flow *flow)
{
	return !row->vlan[0] || (row->vlan[0] == flow->vlan[0] && row->vlan[1] == flow->vlan[1]);
}

static bool iface_holds(const struct seg_row *row, const struct seg_flow *flow)
{
	return row->iface == SEG_IFACE_NONE || row->iface == flow->iface;
}

static bool proto_holds(const struct seg_row *row, const struct seg_flow *flow)
{
	return (row->flags & SEG_ROW_ANY_PROTO) || row->proto == flow->proto;
}

static bool direction_holds(const struct seg_row *row, const struct seg_flow *flow)
{
	return row->directions >> flow->direction & 1;
}

static bool tcp_flags_hold(const struct seg_row *row, const struct seg_flow *flow)
{
	return (flow->tcp_flags & row->tcp_mask) == row->tcp_value;
}

static bool dscp_holds(const struct seg_row *row, const struct seg_flow *flow)
{
	return !(row->flags & SEG_ROW_DSCP) || row->dscp == flow->dscp;
}

static bool row_holds(const struct seg_image *image, const struct seg_row *row,
		      const struct seg_flow *flow, const struct seg_probe *probe)
{
	return bounds_hold(row, probe) && direction_holds(row, flow) && proto_holds(row, flow) &&
	       vlan_holds(row, flow) && iface_holds(row, flow) && tcp_flags_hold(row, flow) &&
	       dscp_holds(row, flow) &&
	       (row->dst_set == SEG_SET_NONE ||
		seg_set_has(image, row->dst_set, probe->to, flow->family)) &&
	       (row->src_set == SEG_SET_NONE ||
		seg_set_has(image, row->src_set, probe->from, flow->family));
}

/* `shadow`: left alone where no rule of that stage matches before. */
static uint32_t first_match(const struct seg_image *image, const struct seg_flow *flow,
			    uint32_t *shadow)
{
	enum seg_lane lane = seg_lane_of(flow->family, flow->proto);
	unsigned int section = seg_lane_section(flow->family, lane);
	const struct seg_row *row = seg_section_items(image, section);
	struct seg_probe probe = seg_probe_of(flow, lane);

	for (uint32_t i = 0; i < image->section[section].count; i++) {
		if (!row_holds(image, &row[i], flow, &probe))
			continue;
		if (!(row[i].flags & SEG_ROW_SHADOW))
			return seg_row_rule(image, section, i);
		if (*shadow == SEG_RULE_DEFAULT)
			*shadow = seg_row_rule(image, section, i);
	}
	return SEG_RULE_DEFAULT;
}

bool seg_vlan_known(const struct seg_image *image, const struct seg_flow *flow)
{
	const struct seg_vlan *vlans;
	unsigned int n = seg_image_vlans(image, &vlans);

	if (!flow->vlan[0] && !flow->vlan[1])
		return true;
	for (unsigned int i = 0; i < n; i++)
		if (vlans[i].tag[0] == flow->vlan[0] && vlans[i].tag[1] == flow->vlan[1])
			return true;
	return false;
}

/* The judge of all ways: every row, in the rules' order. */
struct seg_decision seg_image_scan(const struct seg_image *image, const struct seg_flow *flow)
{
	const struct seg_rule *rules = seg_section_items(image, SEG_SECTION_RULES);
	uint32_t rule, shadow = SEG_RULE_DEFAULT;

	if (!seg_vlan_known(image, flow))
		return SEG_UNKNOWN_VLAN;
	rule = first_match(image, flow, &shadow);
	if (rule == SEG_RULE_DEFAULT)
		return (struct seg_decision){rule, image->defaults.verdict[flow->direction], 0, 0,
					     shadow};
	return (struct seg_decision){rule, rules[rule].verdict, rules[rule].flags, 0, shadow};
}

/* How far a row of the rule goes along with the flow, addresses aside. */
static enum seg_mismatch row_mismatch(const struct seg_row *row, const struct seg_flow *flow)
{
	struct seg_probe probe = seg_probe_of(flow, seg_lane_of(flow->family, flow->proto));

	if (!direction_holds(row, flow))
		return SEG_MISMATCH_DIRECTION;
	if (!iface_holds(row, flow))
		return SEG_MISMATCH_IFACE;
	if (!vlan_holds(row, flow))
		return SEG_MISMATCH_VLAN;
	if (!proto_holds(row, flow) || probe.dport < row->dport_first ||
	    probe.dport > row->dport_last)
		return SEG_MISMATCH_SERVICE;
	if (probe.sport < row->sport_first || probe.sport > row->sport_last)
		return SEG_MISMATCH_SOURCE_PORT;
	if (!tcp_flags_hold(row, flow))
		return SEG_MISMATCH_TCP_FLAGS;
	if (!dscp_holds(row, flow))
		return SEG_MISMATCH_DSCP;
	return SEG_MISMATCH_NONE;
}

/* A lane's rows are in the rules' order. */
static uint32_t row_first(const struct seg_image *image, unsigned int section, uint32_t rule)
{
	uint32_t low = 0, high = image->section[section].count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (seg_row_rule(image, section, middle) < rule)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Of all the rows of a rule in one lane, the one that comes nearest. */
static enum seg_mismatch lane_mismatch(const struct seg_image *image, unsigned int section,
				       uint32_t rule, const struct seg_flow *flow)
{
	const struct seg_row *row = seg_section_items(image, section);
	uint32_t n = image->section[section].count;
	enum seg_mismatch best = SEG_MISMATCH_DIRECTION;

	for (uint32_t i = row_first(image, section, rule);
	     i < n && seg_row_rule(image, section, i) == rule; i++) {
		enum seg_mismatch mismatch = row_mismatch(&row[i], flow);

		if (mismatch == SEG_MISMATCH_NONE)
			return mismatch;
		if (mismatch > best)
			best = mismatch;
	}
	return best;
}

static enum seg_mismatch address_mismatch(const struct seg_image *image, uint32_t rule,
					  const struct seg_flow *flow)
{
	const struct seg_rule *rules = seg_section_items(image, SEG_SECTION_RULES);

	if (!seg_set_has(image, rules[rule].from, seg_wide_of(flow->src), flow->family))
		return SEG_MISMATCH_FROM;
	return seg_set_has(image, rules[rule].to, seg_wide_of(flow->dst), flow->family)
		       ? SEG_MISMATCH_NONE
		       : SEG_MISMATCH_TO;
}

/* Rows of other lanes than the flow's own never match it, but may say best why the rule does not:
 * it is for the other family's addresses, or its services. */
static enum seg_mismatch other_mismatch(const struct seg_image *image, unsigned int section,
					uint32_t rule, const struct seg_flow *flow)
{
	enum seg_mismatch mismatch = lane_mismatch(image, section, rule, flow);

	if (mismatch == SEG_MISMATCH_NONE)
		mismatch = address_mismatch(image, rule, flow);
	return mismatch == SEG_MISMATCH_NONE ? SEG_MISMATCH_SERVICE : mismatch;
}

enum seg_mismatch seg_image_mismatch(const struct seg_image *image, uint32_t rule,
				     const struct seg_flow *flow)
{
	enum seg_lane lane = seg_lane_of(flow->family, flow->proto);
	unsigned int own = seg_lane_section(flow->family, lane);
	enum seg_mismatch best = lane_mismatch(image, own, rule, flow);

	if (best == SEG_MISMATCH_NONE)
		return address_mismatch(image, rule, flow);
	for (unsigned int section = 0; section < 2 * SEG_LANE_MAX; section++) {
		enum seg_mismatch other =
			section == own ? best : other_mismatch(image, section, rule, flow);

		if (other > best)
			best = other;
	}
	return best;
}

const char *seg_mismatch_key(enum seg_mismatch mismatch)
{
	static const char *const KEYS[SEG_MISMATCH_MAX] = {
		[SEG_MISMATCH_NONE] = "",
		[SEG_MISMATCH_DIRECTION] = "direction",
		[SEG_MISMATCH_IFACE] = "iface",
		[SEG_MISMATCH_VLAN] = "vlan",
		[SEG_MISMATCH_SERVICE] = "service",
		[SEG_MISMATCH_SOURCE_PORT] = "source-port",
		[SEG_MISMATCH_TCP_FLAGS] = "tcp-flags",
		[SEG_MISMATCH_DSCP] = "dscp",
		[SEG_MISMATCH_FROM] = "from",
		[SEG_MISMATCH_TO] = "to",
	};

	return KEYS[mismatch];
}
