/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `policy diff` says: by examples, and against every packet of small worlds: a packet that
 * fares differently is in one region, which says so, and any other is in none.
 */
#include "policy_diff.h"

#include "small_world.h"

/* --- by hand -------------------------------------------------------------------------- */

struct line {
	char text[1024];
	const char *key;
};

static void word_add(void *context, const char *key, const char *word)
{
	struct line *line = context;
	size_t used = strlen(line->text);

	snprintf(line->text + used, sizeof(line->text) - used, "%s%s%s%s",
		 line->key == key ? ","
		 : used           ? " "
				  : "",
		 line->key == key ? "" : key, line->key == key ? "" : "=", word);
	line->key = key;
}

/* "direction=ingress from=10.0.0.1: allow"; ... */
static const char *changes(const char *before, const char *after)
{
	static char all[4096];
	char text[2][2048];
	_cleanup_image_ struct seg_image *a = NULL, *b = NULL;
	_cleanup_space_ struct seg_space space = {0};
	seg_changes regions = {0};

	snprintf(text[0], sizeof(text[0]), "version: 1\n%s", before);
	snprintf(text[1], sizeof(text[1]), "version: 1\n%s", after);
	a = compiled(text[0]);
	b = compiled(text[1]);
	check_eq(seg_policy_diff(&space, a, b, &regions), 0);
	*all = '\0';
	for (uint32_t i = 0; i < regions.n; i++) {
		struct line line = {0};
		size_t used = strlen(all);

		seg_change_words(&space, &regions.item[i], word_add, &line);
		snprintf(all + used, sizeof(all) - used, "%s%s: %s", i ? "; " : "", line.text,
			 regions.item[i].owner[1].answer & SEG_ANSWER_ALLOW ? "allow" : "deny");
	}
	free(regions.item);
	return all;
}

#define OPEN "defaults: {ingress: allow, egress: allow, forward: allow}\n"

TEST(policy_diff, equivalent_however_written)
{
	check_str_eq(changes("", ""), "");
	check_str_eq(
		changes("rules: [{from: 10.0.0.0/24, service: tcp/1-10, action: allow}]\n",
			"rules:\n"
			"- {from: 10.0.0.128/25, service: [tcp/1-3, tcp/4-10], action: allow}\n"
			"- {from: 10.0.0.0/25, service: tcp/5-10, action: allow}\n"
			"- {from: 10.0.0.0/26, service: tcp/1-4, action: allow}\n"
			"- {from: 10.0.0.64-10.0.0.127, service: tcp/1-4, action: allow}\n"),
		"");
	check_str_eq(changes(OPEN, "rules: [{action: allow}]\n"), "");
	check_str_eq(changes("rules: [{action: allow}]\n", "rules: [{action: allow, log: true}]\n"),
		     "");
	check_str_eq(changes("", "rules: [{action: allow, stage: shadow}]\n"), "");
}

TEST(policy_diff, one_line_each)
{
	check_str_eq(changes("", "defaults: {ingress: allow}\n"), "direction=ingress: allow");
	check_str_eq(changes(OPEN, OPEN "rules: [{from: 10.0.0.0/24, action: deny}]\n"),
		     "from=10.0.0.0/24: deny");
	check_str_eq(changes(OPEN, OPEN "rules: [{service: [tcp/80, udp/80], action: deny}]\n"),
		     "service=tcp/80,udp/80: deny");
	check_str_eq(changes(OPEN, OPEN "rules: [{service: [icmp/8, icmp/9/1], action: deny}]\n"),
		     "from=0.0.0.0/0 service=icmp/8,icmp/9/1: deny");
	check_str_eq(changes(OPEN,
			     OPEN "rules: [{from: \"::/0\", tcp-flags: syn/syn+ack, dscp: 46, "
				  "action: deny}]\n"),
		     "from=::/0 service=tcp tcp-flags=syn/syn+ack dscp=46: deny");
	check_str_eq(
		changes(OPEN, OPEN "rules: [{iface: eth1, service: proto/47, action: deny}]\n"),
		"from=0.0.0.0/0 service=proto/47 iface=eth1: deny; "
		"from=::/0 service=proto/47 iface=eth1: deny");
}

TEST(policy_diff, what_no_rule_is_asked_about)
{
	check_str_eq(
		changes(OPEN, OPEN "rules: [{service: [icmp/3, icmp/4, icmp/5], action: deny}]\n"),
		"");
	check_str_eq(changes(OPEN, OPEN "rules: [{from: 127.0.0.0/8, action: deny}]\n"), "");
	check_str_eq(changes(OPEN, OPEN "rules: [{from: 126.0.0.0/7, action: deny}]\n"),
		     "from=126.0.0.0/7: deny");
}

TEST(policy_diff, failsafe_and_vlan)
{
	check_str_eq(changes("", "failsafe: [tcp/22]\n"),
		     "direction=ingress service=tcp/22: allow");
	check_str_eq(changes(OPEN, OPEN "rules: [{vlan: 7, service: tcp/80, action: deny}]\n"),
		     "service=udp,icmp,icmpv6,other vlan=7: allow; "
		     "service=tcp/0-79,tcp/81-65535 vlan=7: allow");
}

/* --- against every packet ----------------------------------------------------------------- */

/* The number of a packet on an axis. */
static uint32_t number_of(const struct seg_space *space, const struct seg_flow *flow,
			  enum seg_axis axis)
{
	const struct seg_vlan vlan = {{flow->vlan[0], flow->vlan[1]}};
	const __be32 *address = axis == SEG_AXIS_SRC ? flow->src : flow->dst;
	struct seg_interval at;
	seg_spans spans = {0};
	uint32_t number;

	switch (axis) {
	case SEG_AXIS_PROTO:
		return seg_lane_of(flow->family, flow->proto) == SEG_LANE_OTHER
			       ? seg_axes_proto(&space->axes, flow->family, flow->proto)
			       : 0;
	case SEG_AXIS_DIRECTION:
		return flow->direction;
	case SEG_AXIS_VLAN:
		return seg_axes_vlan(&space->axes, &vlan);
	case SEG_AXIS_IFACE:
		return flow->iface ? seg_axes_iface(&space->axes, "eth1") : 0;
	case SEG_AXIS_FLAGS:
		return flow->proto == 6 ? space->axes.flag_class[flow->tcp_flags] : 0;
	case SEG_AXIS_DSCP:
		return flow->dscp;
	case SEG_AXIS_SPORT:
		return ntohs(flow->sport);
	case SEG_AXIS_DPORT:
		return seg_lane_of(flow->family, flow->proto) == SEG_LANE_ICMP
			       ? (uint32_t)(flow->icmp_type << 8 | flow->icmp_code)
			       : ntohs(flow->dport);
	default:
		at.first.high = (uint64_t)ntohl(address[0]) << 32 | ntohl(address[1]);
		at.first.low = (uint64_t)ntohl(address[2]) << 32 | ntohl(address[3]);
		at.last = at.first;
		seg_axes_addresses(&space->axes, flow->family, &at, 1, &spans);
		number = spans.item[0].first;
		free(spans.item);
		return number;
	}
}

static bool slice_has(const struct seg_space *space, const struct seg_slice *slice, uint32_t number)
{
	const struct seg_span *span;
	struct seg_span room;
	uint32_t n;

	if (seg_slice_is_any(slice))
		return true;
	span = seg_axes_spans(&space->axes, slice, &room, &n);
	for (uint32_t i = 0; i < n; i++)
		if (number >= span[i].first && number <= span[i].last)
			return true;
	return false;
}

static bool region_has(const struct seg_space *space, const struct seg_change *region,
		       const struct seg_flow *flow)
{
	/* no policy names its VLAN: both drop it */
	if (flow->vlan[0] && !number_of(space, flow, SEG_AXIS_VLAN))
		return false;
	if (!(region->families & (flow->family == 4 ? 1 : 2)) ||
	    !(region->kinds >> seg_lane_of(flow->family, flow->proto) & 1))
		return false;
	for (enum seg_axis axis = 0; axis < SEG_AXES; axis++)
		if (!seg_slice_is_any(&region->on[axis]) &&
		    !slice_has(space, &region->on[axis], number_of(space, flow, axis)))
			return false;
	return true;
}

struct fate {
	uint8_t verdict;
	uint32_t rule;
	struct seg_limit limit;
};

static struct fate fate_of(const struct seg_image *image, const struct seg_flow *flow)
{
	struct seg_rule_info info = {0};
	struct seg_decision decision;

	seg_image_classify(image, flow, &decision, 1);
	if (!(decision.flags & SEG_DECISION_UNKNOWN_VLAN) &&
	    seg_image_failsafe(image, flow) != SEG_FAILSAFE_NONE)
		return (struct fate){.verdict = SEG_VERDICT_ALLOW, .rule = SEG_RULE_DEFAULT};
	seg_image_rule_info(image, decision.rule, &info);
	return (struct fate){decision.verdict, decision.rule, info.limit};
}

static bool same_fate(const struct fate *a, const struct fate *b)
{
	return a->verdict == b->verdict && !memcmp(&a->limit, &b->limit, sizeof(a->limit));
}

static void owner_agrees(const struct seg_owner *owner, const struct fate *fate)
{
	check_eq((owner->answer & SEG_ANSWER_ALLOW) != 0, fate->verdict == SEG_VERDICT_ALLOW);
	check_eq(owner->kind == SEG_OWNER_RULE ? owner->index : SEG_RULE_DEFAULT, fate->rule);
}

/* 1: it fares differently. */
static unsigned int packet_agrees(const struct seg_space *space, const seg_changes *regions,
				  const struct seg_flow *flow, const struct fate fate[2])
{
	uint32_t in = 0;

	for (uint32_t i = 0; i < regions->n; i++) {
		const struct seg_change *region = &regions->item[i];

		if (!region_has(space, region, flow))
			continue;
		in++;
		owner_agrees(&region->owner[0], &fate[0]);
		owner_agrees(&region->owner[1], &fate[1]);
	}
	check_eq(in, !same_fate(&fate[0], &fate[1]));
	return in;
}

static unsigned int packets_agree(const struct seg_space *space, const seg_changes *regions,
				  const struct seg_image *before, const struct seg_image *after)
{
	struct world_packet packet = {0};
	struct seg_flow flow, other;
	unsigned int differ = 0;

	do {
		struct fate fate[2];

		if (!world_flow(&packet, before, &flow))
			continue;
		world_flow(&packet, after, &other);
		fate[0] = fate_of(before, &flow);
		fate[1] = fate_of(after, &other);
		flow.iface |= other.iface;
		differ += packet_agrees(space, regions, &flow, fate);
	} while (world_next(&packet));
	return differ;
}

/* How many packets fare differently. */
static unsigned int compare(const struct seg_image *before, const struct seg_image *after)
{
	_cleanup_space_ struct seg_space space = {0};
	seg_changes regions = {0};
	unsigned int differ;

	check_eq(seg_policy_diff(&space, before, after, &regions), 0);
	differ = packets_agree(&space, &regions, before, after);
	free(regions.item);
	return differ;
}

/* Another one, or the same with some rules left out, or two that changed places. */
static struct world_policy relative_of(const struct world_policy *policy, unsigned int *without)
{
	struct world_policy other = *policy;
	unsigned int a = world_below(policy->n), b = world_below(policy->n);

	*without = 0;
	if (world_below(3) == 0)
		return world_policy();
	if (world_below(2))
		*without = 1u << a;
	memcpy(other.rule[a], policy->rule[b], WORLD_LINE);
	memcpy(other.rule[b], policy->rule[a], WORLD_LINE);
	return other;
}

#define PAIRS 40

TEST(policy_diff, against_every_packet)
{
	char text[WORLD_LINE * (WORLD_RULES + 3)];
	unsigned int met = 0, differ = 0;

	world_seed = seg_random_seed();
	while (met < PAIRS) {
		struct world_policy policy = world_policy();
		unsigned int without;
		struct world_policy other = relative_of(&policy, &without);
		_cleanup_image_ struct seg_image *a = world_without(&policy, 0, text);
		_cleanup_image_ struct seg_image *b = world_without(&other, without, text);

		if (!a || !b)
			continue;
		met++;
		check_eq(compare(a, a), 0);
		check_eq(compare(a, b), compare(b, a));
		differ += compare(a, b) > 0;
	}
	check(differ > PAIRS / 4);
}
