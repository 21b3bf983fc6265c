/* SPDX-License-Identifier: BSD-2-Clause */
/* What `why` says of a flow: verdict, rule, stage, path, and each rule that was considered. */
#include "check.h"
#include "cleanup.h"
#include "explain.h"
#include "flow_text.h"

static const char TEXT[] =
	"version: 1\n"
	"name: edge\n"
	"failsafe: [tcp/2222 from admins]\n"
	"groups:\n"
	"  admins: [192.0.2.10]\n"
	"  web: [10.0.1.0/24]\n"
	"rules:\n"
	"  - {id: ssh, direction: ingress, from: admins, service: tcp/22, action: allow}\n"
	"  - {id: shady, to: web, service: tcp/80, action: deny, stage: shadow}\n"
	"  - {id: web, to: web, service: tcp/80, action: allow, limit: {rate: 5/s}}\n"
	"  - {id: tagged, vlan: 7, service: udp, iface: eth7, action: allow}\n";

/* What is said of the first packet of a flow, as one line of JSON; the caller frees it. */
static char *explain(const char *flow_text, enum seg_direction direction, const char *iface)
{
	const struct seg_policy_file file = {"edge.yaml", TEXT, sizeof(TEXT) - 1};
	const struct seg_first_packet_rules rules = {.vlans = true};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	uint8_t frame[SEG_FIRST_PACKET_MAX];
	struct seg_first_packet first;
	struct seg_error err = {0};
	json_auto_t *why = NULL;
	unsigned int assumed;
	struct seg_flow flow;
	size_t size;

	check_that(!seg_policy_open(&file, NULL, &policy, &err), "%s", err.what);
	check_that(!seg_flow_parse(flow_text, &flow, &assumed, &err), "%s", err.what);
	size = seg_first_packet_make(&flow, frame);
	seg_first_packet_read(frame, size, &rules, &first);
	first.flow.direction = (uint8_t)direction;
	if (iface)
		first.flow.iface = seg_image_iface(seg_policy_image(policy), iface);
	why = seg_explain(policy, file.name, &first);
	return json_dumps(why, JSON_COMPACT);
}

static void check_says(const char *flow, enum seg_direction direction, const char *iface,
		       const char *said)
{
	_cleanup_free_ char *text = explain(flow, direction, iface);

	check_str_eq(text, said);
}

TEST(explain, rule_and_what_stands_before_it)
{
	check_says(
		"tcp 192.0.2.10:1 > 10.0.0.9:22", SEG_INGRESS, NULL,
		"{\"verdict\":\"allow\",\"rule\":\"ssh\",\"stage\":\"enforce\",\"path\":\"slow\","
		"\"reason\":\"rule-allow\",\"file\":\"edge.yaml\",\"line\":8,"
		"\"flow\":\"tcp 192.0.2.10:1 > 10.0.0.9:22 flags syn\","
		"\"direction\":\"ingress\",\"considered\":[{\"rule\":\"ssh\",\"matched\":true,"
		"\"stage\":\"enforce\",\"verdict\":\"allow\"}]}");
}

TEST(explain, shadow_rule_would_have_matched)
{
	check_says(
		"tcp 192.0.2.9:1 > 10.0.1.9:80", SEG_INGRESS, NULL,
		"{\"verdict\":\"allow\",\"rule\":\"web\",\"stage\":\"enforce\",\"path\":\"slow\","
		"\"reason\":\"rule-allow\",\"file\":\"edge.yaml\",\"line\":10,"
		"\"notes\":[\"not judged here: the rule's limit\"],"
		"\"flow\":\"tcp 192.0.2.9:1 > 10.0.1.9:80 flags syn\","
		"\"direction\":\"ingress\",\"considered\":["
		"{\"rule\":\"ssh\",\"matched\":false,\"because\":\"service not tcp/22\"},"
		"{\"rule\":\"shady\",\"matched\":true,\"stage\":\"shadow\",\"verdict\":\"deny\"},"
		"{\"rule\":\"web\",\"matched\":true,\"stage\":\"enforce\",\"verdict\":\"allow\"}]"
		"}");
}

TEST(explain, default_after_all_rules)
{
	check_says("udp 192.0.2.9:1 > 10.0.1.9:53", SEG_FORWARD, NULL,
		   "{\"verdict\":\"deny\",\"rule\":\"default\",\"stage\":\"enforce\","
		   "\"path\":\"slow\",\"reason\":\"rule-deny\","
		   "\"flow\":\"udp 192.0.2.9:1 > 10.0.1.9:53\",\"direction\":\"forward\","
		   "\"considered\":["
		   "{\"rule\":\"ssh\",\"matched\":false,\"because\":\"direction not ingress\"},"
		   "{\"rule\":\"shady\",\"matched\":false,\"because\":\"service not tcp/80\"},"
		   "{\"rule\":\"web\",\"matched\":false,\"because\":\"service not tcp/80\"},"
		   "{\"rule\":\"tagged\",\"matched\":false,\"because\":\"iface not eth7\"}]}");
}

TEST(explain, no_rule_is_asked)
{
	check_says("udp 192.0.2.9:1 > 10.0.1.9:53 vlan 8", SEG_INGRESS, NULL,
		   "{\"verdict\":\"deny\",\"rule\":\"-\",\"stage\":\"enforce\",\"path\":\"guard\","
		   "\"reason\":\"vlan-unknown\",\"flow\":\"udp 192.0.2.9:1 > 10.0.1.9:53 vlan 8\","
		   "\"direction\":\"ingress\",\"considered\":[]}");
	check_says("tcp 192.0.2.9:1 > 10.0.1.9:80 flags fin+ack", SEG_INGRESS, NULL,
		   "{\"verdict\":\"deny\",\"rule\":\"-\",\"stage\":\"enforce\",\"path\":\"guard\","
		   "\"reason\":\"tcp-midflow\","
		   "\"notes\":[\"it is picked up by the rules after attach, for 5s\"],"
		   "\"flow\":\"tcp 192.0.2.9:1 > 10.0.1.9:80 flags fin+ack\","
		   "\"direction\":\"ingress\",\"considered\":[]}");
}

TEST(explain, failsafe_also_in_the_middle_of_a_flow)
{
	check_says("tcp 192.0.2.10:1 > 10.0.1.9:2222 flags ack", SEG_INGRESS, NULL,
		   "{\"verdict\":\"allow\",\"rule\":\"-\",\"stage\":\"enforce\",\"path\":\"guard\","
		   "\"reason\":\"failsafe\",\"notes\":[\"failsafe: tcp/2222 from admins\"],"
		   "\"flow\":\"tcp 192.0.2.10:1 > 10.0.1.9:2222 flags ack\","
		   "\"direction\":\"ingress\",\"considered\":[]}");
}

TEST(explain, vlan_and_iface)
{
	_cleanup_free_ char *in =
		explain("udp 192.0.2.9:1 > 10.0.1.9:53 vlan 7", SEG_INGRESS, "eth7");
	_cleanup_free_ char *other =
		explain("udp 192.0.2.9:1 > 10.0.1.9:53 vlan 7", SEG_INGRESS, "eth8");

	check(strstr(in, "\"rule\":\"tagged\",\"stage\"") != NULL);
	check(strstr(other, "\"rule\":\"default\"") != NULL);
}
