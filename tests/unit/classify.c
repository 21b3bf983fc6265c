/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classifier against a matcher that knows nothing of rows, lanes or sets:
 * random policies are kept as plain structs, written out as YAML, compiled, and
 * every flow is judged by both.
 */
#include "classify.h"

#include <arpa/inet.h>
#include <errno.h>

#include "check.h"
#include "compiled.h"
#include "policies.h"

/* --- one policy, by hand --------------------------------------------------- */

static struct seg_flow flow_of(const char *src, const char *dst, uint8_t proto, uint16_t sport,
			       uint16_t dport)
{
	struct seg_flow flow = {.proto = proto, .sport = htons(sport), .dport = htons(dport)};
	int six = strchr(src, ':') != NULL;

	flow.family = six ? 6 : 4;
	flow.src[2] = flow.dst[2] = htonl(0xffff);
	inet_pton(six ? AF_INET6 : AF_INET, src, six ? flow.src : flow.src + 3);
	inet_pton(six ? AF_INET6 : AF_INET, dst, six ? flow.dst : flow.dst + 3);
	return flow;
}

static struct seg_decision decide(const struct seg_image *image, struct seg_flow flow)
{
	struct seg_decision decision;

	seg_image_classify(image, &flow, &decision, 1);
	return decision;
}

static const char *rule_of(const struct seg_image *image, struct seg_flow flow)
{
	return seg_image_rule_id(image, decide(image, flow).rule);
}

TEST(classify, first_match_wins)
{
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\nrules:\n"
			 "- {id: no, from: 10.0.0.66, service: tcp/80, action: deny, log: true}\n"
			 "- {id: yes, from: 10.0.0.0/24, service: tcp/80-81, action: allow}\n"
			 "- {id: late, service: tcp/80, action: deny}\n");
	struct seg_decision decision = decide(image, flow_of("10.0.0.66", "10.1.0.1", 6, 9, 80));

	check_eq(decision.rule, 0);
	check_eq(decision.verdict, SEG_VERDICT_DENY);
	check_eq(decision.flags, SEG_DECISION_LOG);
	decision = decide(image, flow_of("10.0.0.66", "10.1.0.1", 6, 9, 81));
	check_eq(decision.rule, 1);
	check_eq(decision.verdict, SEG_VERDICT_ALLOW);
	check_eq(decision.flags, 0);
	check_str_eq(rule_of(image, flow_of("10.0.1.1", "10.1.0.1", 6, 9, 80)), "late");
	check_str_eq(rule_of(image, flow_of("10.0.1.1", "10.1.0.1", 17, 9, 80)), "default");
}

TEST(classify, defaults_by_direction)
{
	_cleanup_image_ struct seg_image *image = compiled("version: 1\n");
	struct seg_flow flow = flow_of("10.0.0.1", "10.0.0.2", 6, 1, 2);

	check_eq(decide(image, flow).verdict, SEG_VERDICT_DENY);
	flow.direction = SEG_EGRESS;
	check_eq(decide(image, flow).verdict, SEG_VERDICT_ALLOW);
	flow.direction = SEG_FORWARD;
	check_eq(decide(image, flow).verdict, SEG_VERDICT_DENY);
}

TEST(classify, direction)
{
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\nrules:\n"
			 "- {id: in, direction: ingress, action: allow}\n"
			 "- {id: through, direction: forward, action: allow}\n"
			 "- {id: all, action: allow}\n");
	struct seg_flow flow = flow_of("10.0.0.1", "10.0.0.2", 6, 1, 2);

	check_str_eq(rule_of(image, flow), "in");
	flow.direction = SEG_FORWARD;
	check_str_eq(rule_of(image, flow), "through");
	flow.direction = SEG_EGRESS;
	check_str_eq(rule_of(image, flow), "all");
}

TEST(classify, families_are_apart)
{
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\nrules:\n"
			 "- {id: four, from: 0.0.0.0/0, action: allow}\n"
			 "- {id: six, from: '::/0', action: allow}\n");
	_cleanup_image_ struct seg_image *six =
		compiled("version: 1\nrules:\n- {id: six, from: '::/0', action: allow}\n");

	check_str_eq(rule_of(image, flow_of("10.0.0.1", "10.0.0.2", 6, 1, 2)), "four");
	check_str_eq(rule_of(image, flow_of("::1", "::2", 6, 1, 2)), "six");
	check_str_eq(rule_of(six, flow_of("10.0.0.1", "10.0.0.2", 6, 1, 2)), "default");
}

TEST(classify, icmp_is_not_icmpv6)
{
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\nrules:\n"
			 "- {id: ping, service: icmp/echo-request, action: allow}\n"
			 "- {id: ping6, service: icmpv6/echo-request, action: allow}\n"
			 "- {id: port, service: icmp/3/3, action: allow}\n"
			 "- {id: raw, service: [proto/1, proto/58], action: allow}\n");
	struct seg_flow four = flow_of("10.0.0.1", "10.0.0.2", 1, 7, 7),
			six = flow_of("::1", "::2", 58, 7, 7);

	four.icmp_type = 8;
	six.icmp_type = 128;
	check_str_eq(rule_of(image, four), "ping");
	check_str_eq(rule_of(image, six), "ping6");
	four.icmp_type = 128;
	six.icmp_type = 8;
	check_str_eq(rule_of(image, four), "raw");
	check_str_eq(rule_of(image, six), "raw");
	four.icmp_type = 3;
	four.icmp_code = 3;
	check_str_eq(rule_of(image, four), "port");
	four.icmp_code = 4;
	check_str_eq(rule_of(image, four), "raw");
	six.proto = 1;
	check_str_eq(rule_of(image, six), "raw");
}

TEST(classify, vlans)
{
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\ndefaults: {ingress: allow}\nrules:\n"
			 "- {id: hundred, vlan: 100, action: allow}\n"
			 "- {id: stack, vlan: 100/200, action: allow}\n"
			 "- {id: web, service: tcp/80, action: allow}\n");
	struct seg_flow flow = flow_of("10.0.0.1", "10.0.0.2", 6, 1, 80);
	struct seg_decision decision;

	check_str_eq(rule_of(image, flow), "web");
	flow.vlan[0] = SEG_VLAN_PRESENT | 100;
	check_str_eq(rule_of(image, flow), "hundred");
	flow.vlan[1] = SEG_VLAN_PRESENT | 200;
	check_str_eq(rule_of(image, flow), "stack");
	flow.vlan[1] = SEG_VLAN_PRESENT | 201;
	decision = decide(image, flow);
	check_eq(decision.rule, SEG_RULE_DEFAULT);
	check_eq(decision.verdict, SEG_VERDICT_DENY);
	check_eq(decision.flags, SEG_DECISION_UNKNOWN_VLAN);
}

/* An IPv4-mapped IPv6 address is no IPv4 address: no range of IPv4 has it, and one of IPv6 has it
 * with what is around it. Lookups and a scan of all rules agree. */
TEST(classify, mapped_addresses_are_ipv6)
{
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\nrules:\n"
			 "- {id: both, from: [10.0.0.0/8, '2001:db8::/32'], action: deny}\n"
			 "- {id: above, from: ['::1:0:0:0/128', '2001:db8::/32'], action: deny}\n"
			 "- {id: but, from: ['::/0', not: '2001:db8::/32'], to: '2001:db8::1', "
			 "action: deny}\n"
			 "- {id: low, from: ['::/64', 10.0.0.0/8], action: deny}\n");
	struct seg_flow flow = flow_of("::ffff:10.0.0.1", "2001:db8::1", 6, 1, 2);

	flow.family = 6;
	check_str_eq(rule_of(image, flow), "but");
	check_eq(seg_image_scan(image, &flow).rule, 2);
	inet_pton(AF_INET6, "2001:db8::2", flow.dst);
	check_str_eq(rule_of(image, flow), "low");
	check_eq(seg_image_scan(image, &flow).rule, 3);
	flow = flow_of("10.0.0.1", "10.0.0.2", 6, 1, 2);
	check_str_eq(rule_of(image, flow), "both");
	check_eq(seg_image_scan(image, &flow).rule, 0);
}

/* A rule without `vlan` also judges the stacks that another rule names. */
TEST(classify, known_vlans_are_judged_by_all)
{
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\nrules:\n"
			 "- {id: web, service: tcp/80, action: allow}\n"
			 "- {id: hundred, vlan: 100, action: allow}\n");
	struct seg_flow flow = flow_of("10.0.0.1", "10.0.0.2", 6, 1, 80);

	flow.vlan[0] = SEG_VLAN_PRESENT | 100;
	check_str_eq(rule_of(image, flow), "web");
	flow.vlan[0] = SEG_VLAN_PRESENT | 101;
	check_str_eq(rule_of(image, flow), "default");
}

TEST(classify, interfaces)
{
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\nrules: [{id: e1, iface: [eth0, eth1], action: allow}]\n");
	struct seg_flow flow = flow_of("10.0.0.1", "10.0.0.2", 6, 1, 80);

	check_str_eq(rule_of(image, flow), "default");
	flow.iface = seg_image_iface(image, "eth1");
	check_str_eq(rule_of(image, flow), "e1");
	flow.iface = seg_image_iface(image, "eth2");
	check_str_eq(rule_of(image, flow), "default");
}

TEST(classify, groups_and_services_by_name)
{
	_cleanup_image_ struct seg_image *image = compiled(
		"version: 1\n"
		"rules:\n"
		"- {id: web, from: [not: bad], to: web, service: [site, tcp/8080], action: allow}\n"
		"- {id: bad, from: [bad, 10.9.0.1], action: deny}\n"
		"groups:\n"
		"  other: [172.16.0.0/12]\n"
		"  web: {include: [dmz, '2001:db8::/64'], except: [10.0.1.66]}\n"
		"  dmz: 10.0.1.0/24\n"
		"  bad: [192.0.2.0/24, 192.0.2.128-192.0.3.5]\n"
		"services: {site: [plain, tcp/443], plain: tcp/80}\n");

	check_str_eq(rule_of(image, flow_of("10.2.0.1", "10.0.1.1", 6, 9, 80)), "web");
	check_str_eq(rule_of(image, flow_of("10.2.0.1", "10.0.1.1", 6, 9, 443)), "web");
	check_str_eq(rule_of(image, flow_of("10.2.0.1", "10.0.1.1", 6, 9, 8080)), "web");
	check_str_eq(rule_of(image, flow_of("10.2.0.1", "10.0.1.1", 6, 9, 81)), "default");
	check_str_eq(rule_of(image, flow_of("10.2.0.1", "10.0.1.66", 6, 9, 80)), "default");
	check_str_eq(rule_of(image, flow_of("10.2.0.1", "10.0.2.1", 6, 9, 80)), "default");
	check_str_eq(rule_of(image, flow_of("10.2.0.1", "172.16.0.1", 6, 9, 80)), "default");
	check_str_eq(rule_of(image, flow_of("::1", "2001:db8::2", 6, 9, 80)), "web");
	check_str_eq(rule_of(image, flow_of("192.0.2.1", "10.0.1.1", 6, 9, 80)), "bad");
	check_str_eq(rule_of(image, flow_of("192.0.3.5", "10.0.1.1", 6, 9, 80)), "bad");
	check_str_eq(rule_of(image, flow_of("192.0.3.6", "10.0.1.1", 6, 9, 80)), "web");
	check_str_eq(rule_of(image, flow_of("10.9.0.1", "10.0.9.1", 6, 9, 80)), "bad");
}

/* The key that is named is the one that must change for the rule to match. */
TEST(classify, mismatch)
{
	_cleanup_image_ struct seg_image *image = compiled(
		"version: 1\nrules: [{direction: ingress, iface: eth0, vlan: 7, service: [tcp/80, "
		"udp/53],\n"
		"  source-port: 1024-65535, from: 10.0.0.0/8, to: 192.168.0.1, dscp: [ef, 0],\n"
		"  action: allow}]\n");
	struct seg_flow right = flow_of("10.0.0.1", "192.168.0.1", 6, 2000, 80), wrong;

	right.iface = 1;
	right.vlan[0] = SEG_VLAN_PRESENT | 7;
#define check_wrong(key)                                                                           \
	check_str_eq(seg_mismatch_key(seg_image_mismatch(image, 0, &wrong)), key);                 \
	check_eq(decide(image, wrong).rule == 0, !*(key));                                         \
	wrong = right
	wrong = right;
	check_wrong("");
	wrong.direction = SEG_FORWARD;
	check_wrong("direction");
	wrong.iface = 0;
	check_wrong("iface");
	wrong.vlan[0] = 0;
	check_wrong("vlan");
	wrong.dport = htons(81);
	check_wrong("service");
	wrong.proto = 17;
	check_wrong("service");
	wrong.sport = htons(1023);
	check_wrong("source-port");
	wrong.dscp = 10;
	check_wrong("dscp");
	wrong.dscp = 46;
	check_wrong("");
	wrong.src[3] = htonl(0x0b000001);
	check_wrong("from");
	wrong.dst[3] = htonl(0xc0a80002);
	check_wrong("to");
	wrong = flow_of("::1", "::2", 6, 2000, 80);
	wrong.iface = 1;
	wrong.vlan[0] = SEG_VLAN_PRESENT | 7;
	check_wrong("from");
}

TEST(classify, tcp_flags)
{
	_cleanup_image_ struct seg_image *image =
		compiled("version: 1\nrules: [{id: new, tcp-flags: syn/syn+ack, action: allow},\n"
			 "  {id: end, tcp-flags: [fin, rst], service: tcp/80, action: deny}]\n");
	struct seg_flow flow = flow_of("10.0.0.1", "192.168.0.1", 6, 2000, 80);
	static const struct {
		uint8_t flags;
		const char *rule;
	} CASES[] = {{0x02, "new"}, {0xc2, "new"}, {0x12, "default"}, {0x10, "default"},
		     {0x11, "end"}, {0x14, "end"}, {0x03, "new"},     {0x00, "default"}};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(CASES); i++) {
		flow.tcp_flags = CASES[i].flags;
		check_str_eq(rule_of(image, flow), CASES[i].rule);
	}
	check_str_eq(seg_mismatch_key(seg_image_mismatch(image, 0, &flow)), "tcp-flags");
	flow = flow_of("10.0.0.1", "192.168.0.1", 17, 2000, 80);
	check_str_eq(rule_of(image, flow), "default");
	check_str_eq(seg_mismatch_key(seg_image_mismatch(image, 0, &flow)), "service");
}

static const char *shadow_of(const struct seg_image *image, struct seg_flow flow)
{
	struct seg_decision decision;

	seg_image_classify(image, &flow, &decision, 1);
	return seg_image_rule_id(image, decision.shadow);
}

/* The first that would have decided is told: not one behind the rule that does. */
TEST(classify, the_shadow_rule_that_would_have_decided)
{
	_cleanup_image_ struct seg_image *image = compiled(
		"version: 1\nrules: [{id: s0, service: tcp/80, action: deny, stage: shadow},\n"
		"  {id: s1, service: tcp/80-81, action: deny, stage: shadow},\n"
		"  {id: now, service: tcp/80-82, action: allow},\n"
		"  {id: s2, service: tcp/82-83, action: allow, stage: shadow}]\n");
	static const char *const WANTED[] = {"s0", "s1", "default", "s2", "default"};

	for (uint16_t i = 0; i < 5; i++) {
		struct seg_flow flow = flow_of("10.0.0.1", "192.168.0.1", 6, 2000, 80 + i);

		check_str_eq(shadow_of(image, flow), WANTED[i]);
		check_str_eq(rule_of(image, flow), i < 3 ? "now" : "default");
		flow.vlan[0] = SEG_VLAN_PRESENT | 7;
		check_str_eq(shadow_of(image, flow), "default");
	}
}

/* A shadow rule decides nothing, and still says whether it would. */
TEST(classify, shadow)
{
	_cleanup_image_ struct seg_image *image = compiled(
		"version: 1\nrules: [{id: soon, service: tcp/80, action: deny, stage: shadow},\n"
		"  {id: now, service: tcp/80, log: true, action: allow,\n"
		"   limit: {rate: 2k/s, burst: 3, per: destination}}]\n");
	struct seg_flow flow = flow_of("10.0.0.1", "192.168.0.1", 6, 2000, 80);
	struct seg_rule_info info;

	check_str_eq(rule_of(image, flow), "now");
	check_eq(seg_image_mismatch(image, 0, &flow), SEG_MISMATCH_NONE);
	check_eq(seg_image_rule_info(image, 0, &info), 0);
	check_eq(info.stage, SEG_STAGE_SHADOW);
	check_eq(info.verdict, SEG_VERDICT_DENY);
	check_eq(info.log, 0);
	check_eq(info.line, 2);
	check_str_eq(info.file, "");
	check_eq(seg_image_rule_info(image, 1, &info), 0);
	check_eq(info.stage, SEG_STAGE_ENFORCE);
	check_eq(info.log, 1);
	check_eq(info.limit.rate, 2000);
	check_eq(info.limit.burst, 3);
	check_eq(info.limit.sessions, 0);
	check_eq(info.limit.per, SEG_PER_DESTINATION);
	check_eq(seg_image_rule_info(image, 2, &info), -ENOENT);
}

static const char *failsafe_of(const struct seg_image *image, struct seg_flow flow)
{
	return seg_image_failsafe_name(image, seg_image_failsafe(image, &flow));
}

TEST(classify, failsafe)
{
	_cleanup_image_ struct seg_image *image = compiled(
		"version: 1\ngroups: {admins: [10.0.0.0/24, 2001:db8::/64]}\n"
		"services: {web: [tcp/80, udp/443]}\n"
		"failsafe: [tcp/22 from admins, web, icmp/echo-request from 10.0.0.1, icmp/3, any "
		"from 10.7.7.7]\n");
	struct seg_flow ping = flow_of("10.0.0.1", "192.168.0.1", 1, 0, 0);

	ping.icmp_type = 8;
	check_str_eq(failsafe_of(image, ping), "icmp/echo-request from 10.0.0.1");
	ping.src[3] = htonl(0x0a000002);
	check_str_eq(failsafe_of(image, ping), "?");
	check_str_eq(failsafe_of(image, flow_of("10.0.0.9", "10.0.1.1", 6, 9, 22)),
		     "tcp/22 from admins");
	check_str_eq(failsafe_of(image, flow_of("2001:db8::7", "::1", 6, 9, 22)),
		     "tcp/22 from admins");
	check_str_eq(failsafe_of(image, flow_of("10.0.1.9", "10.0.1.1", 6, 9, 22)), "?");
	check_str_eq(failsafe_of(image, flow_of("10.0.1.9", "10.0.1.1", 17, 9, 443)), "web");
	check_str_eq(failsafe_of(image, flow_of("10.0.1.9", "10.0.1.1", 17, 9, 80)), "?");
	ping = flow_of("::1", "::2", 1, 0, 3 << 8);
	check_str_eq(failsafe_of(image, ping), "?");
	check_str_eq(failsafe_of(image, flow_of("10.7.7.7", "10.0.1.1", 47, 0, 0)),
		     "any from 10.7.7.7");
}

/* What leaves is what the service answers; what is forwarded has nothing to do with it. */
TEST(classify, failsafe_by_direction)
{
	_cleanup_image_ struct seg_image *image = compiled(
		"version: 1\nfailsafe: [tcp/22 from 10.0.0.0/24, icmp from 10.0.0.0/24]\n");
	struct seg_flow out = flow_of("10.9.9.9", "10.0.0.9", 6, 22, 9);
	struct seg_flow ping = flow_of("10.9.9.9", "10.0.0.9", 1, 0, 0);

	check_str_eq(failsafe_of(image, out), "?");
	out.direction = ping.direction = SEG_EGRESS;
	check_str_eq(failsafe_of(image, out), "tcp/22 from 10.0.0.0/24");
	check_str_eq(failsafe_of(image, ping), "?"); /* it asks */
	out = flow_of("10.0.0.9", "10.9.9.9", 6, 9, 22);
	check_str_eq(failsafe_of(image, out), "tcp/22 from 10.0.0.0/24");
	out.direction = SEG_FORWARD;
	check_str_eq(failsafe_of(image, out), "?");
}

static bool key_has(const struct seg_failsafe_key *key, uint32_t set, const __be32 address[4])
{
	const uint8_t *a = (const uint8_t *)key->addr, *b = (const uint8_t *)address;
	uint32_t bits = key->length - 32, whole = bits / 8;

	if (key->set != set || memcmp(a, b, whole))
		return false;
	return !(bits % 8) || !((a[whole] ^ b[whole]) >> (8 - bits % 8));
}

/* The programs find by rows and prefixes what the image finds by sets. */
TEST(classify, failsafe_prefixes_are_its_addresses)
{
	_cleanup_image_ struct seg_image *image = compiled(
		"version: 1\ngroups: {g: [10.0.0.3-10.0.2.17, 10.1.0.0/16, 2001:db8::/33, "
		"'2001:db8:8000::1-2001:db8:8000::1:0']}\n"
		"failsafe: [tcp/22 from g, udp/53, tcp/23 from g, tcp/24 from 0.0.0.0/0]\n");
	static const char *const ADDRESSES[] = {
		"10.0.0.2",           "10.0.0.3",           "10.0.1.0",   "10.0.2.17",
		"10.0.2.18",          "10.1.255.9",         "10.2.0.0",   "0.0.0.0",
		"255.255.255.255",    "2001:db8::1",        "2001:db7::", "2001:db9::1",
		"2001:db8:8000::1:0", "2001:db8:8000::1:1", "::1"};
	static struct seg_failsafe_key keys[256];
	uint32_t n = seg_image_failsafe_keys(image, keys, 256), more = 0;
	struct seg_failsafes rows;

	seg_image_failsafes(image, &rows);
	check_eq(rows.n, 4);
	check_eq(rows.row[0].set, rows.row[2].set);
	check_eq(rows.row[1].flags, SEG_FAILSAFE_ANYWHERE);
	check_eq(rows.row[3].first, 24);
	check(n < 60);
	check_eq(seg_image_failsafe_keys(image, NULL, 0), n);
	for (size_t i = 0; i < SEG_ARRAY_SIZE(ADDRESSES); i++) {
		struct seg_flow ssh = flow_of(
			ADDRESSES[i], strchr(ADDRESSES[i], ':') ? "::2" : "10.9.9.9", 6, 9, 22);
		unsigned int found = 0;

		for (uint32_t j = 0; j < n; j++)
			found += key_has(&keys[j], rows.row[0].set, ssh.src);
		check_eq(found, seg_image_failsafe(image, &ssh) != SEG_FAILSAFE_NONE);
		more += found;
	}
	check_eq(more, 6);
}

#define POLICIES 400
#define FLOWS    1000

/* --- the other matcher ----------------------------------------------------- */

static bool span_has(const struct span *span, const struct seg_flow *flow, const void *address)
{
	return span->six == (flow->family == 6) && memcmp(span->first, address, 16) <= 0 &&
	       memcmp(address, span->last, 16) <= 0;
}

static bool items_have(const struct item *items, unsigned int n, const struct seg_flow *flow,
		       const void *address)
{
	bool some = false, positive = false;

	for (unsigned int i = 0; i < n; i++) {
		if (items[i].negative && span_has(&items[i].span, flow, address))
			return false;
		some = some || (!items[i].negative && span_has(&items[i].span, flow, address));
		positive = positive || !items[i].negative;
	}
	return some || !positive;
}

static bool has_ports(const struct seg_flow *flow)
{
	return memchr(WITH_PORTS, flow->proto, sizeof(WITH_PORTS)) != NULL;
}

static bool service_has(const struct service_item *s, const struct seg_flow *flow)
{
	if (s->kind == ANY)
		return true;
	if (s->proto != flow->proto || s->kind == NUMBER)
		return s->proto == flow->proto;
	if (s->kind == PORTS)
		return ntohs(flow->dport) >= s->low && ntohs(flow->dport) <= s->high;
	return flow->family == (s->proto == 1 ? 4 : 6) && flow->icmp_type == s->low &&
	       (s->code == 256 || s->code == flow->icmp_code);
}

static unsigned int vid(uint16_t tag)
{
	return tag & 0xfff;
}

static bool lists_hold(const struct rule *rule, const struct seg_flow *flow)
{
	bool service = !rule->services_n, sport = !rule->sports_n, vlan = !rule->vlans_n;

	for (unsigned int i = 0; i < rule->services_n; i++)
		service = service || service_has(&rule->services[i], flow);
	for (unsigned int i = 0; i < rule->sports_n; i++)
		sport = sport || (has_ports(flow) && ntohs(flow->sport) >= rule->sports[i].low &&
				  ntohs(flow->sport) <= rule->sports[i].high);
	for (unsigned int i = 0; i < rule->vlans_n; i++)
		vlan = vlan || (rule->vlans[i][0] == vid(flow->vlan[0]) &&
				rule->vlans[i][1] == vid(flow->vlan[1]));
	return service && sport && vlan;
}

static bool fields_hold(const struct rule *rule, const struct seg_flow *flow)
{
	bool flags = !rule->flags_n, dscp = !rule->dscps_n;

	for (unsigned int i = 0; i < rule->flags_n; i++)
		flags = flags || (flow->proto == 6 &&
				  (flow->tcp_flags & rule->flags[i].mask) == rule->flags[i].value);
	for (unsigned int i = 0; i < rule->dscps_n; i++)
		dscp = dscp || rule->dscps[i] == flow->dscp;
	return flags && dscp;
}

static bool rule_has(const struct rule *rule, const struct seg_flow *flow)
{
	return (rule->directions >> flow->direction & 1) &&
	       (!rule->iface || rule->iface == flow->iface) && lists_hold(rule, flow) &&
	       fields_hold(rule, flow) && items_have(rule->from, rule->from_n, flow, flow->src) &&
	       items_have(rule->to, rule->to_n, flow, flow->dst);
}

static bool vlan_named(const struct policy *policy, const struct seg_flow *flow)
{
	if (!flow->vlan[0])
		return true;
	for (unsigned int i = 0; i < policy->n; i++)
		for (unsigned int j = 0; j < policy->rules[i].vlans_n; j++)
			if (policy->rules[i].vlans[j][0] == vid(flow->vlan[0]) &&
			    policy->rules[i].vlans[j][1] == vid(flow->vlan[1]))
				return true;
	return false;
}

static struct seg_decision expected(const struct policy *policy, const struct seg_flow *flow)
{
	uint32_t shadow = SEG_RULE_DEFAULT;

	if (!vlan_named(policy, flow))
		return (struct seg_decision){SEG_RULE_DEFAULT, SEG_VERDICT_DENY,
					     SEG_DECISION_UNKNOWN_VLAN, 0, SEG_RULE_DEFAULT};
	for (unsigned int i = 0; i < policy->n; i++) {
		const struct rule *rule = &policy->rules[i];

		if (!rule_has(rule, flow))
			continue;
		if (!rule->shadow)
			return (struct seg_decision){
				i, rule->allow ? SEG_VERDICT_ALLOW : SEG_VERDICT_DENY,
				rule->log ? SEG_DECISION_LOG : 0, 0, shadow};
		if (shadow == SEG_RULE_DEFAULT)
			shadow = i;
	}
	return (struct seg_decision){SEG_RULE_DEFAULT,
				     policy->allow[flow->direction] ? SEG_VERDICT_ALLOW
								    : SEG_VERDICT_DENY,
				     0, 0, shadow};
}

/* --- together -------------------------------------------------------------- */

static struct seg_flow flow_make(const struct seg_image *image)
{
	struct seg_flow flow = {.family = below(3) ? 4 : 6, .direction = (uint8_t)below(3)};
	char name[8] = "eth0";

	address_make(flow.family == 6, (uint8_t *)flow.src);
	address_make(flow.family == 6, (uint8_t *)flow.dst);
	flow.proto = (uint8_t[]){6, 17, 132, 136, 33, 1, 58, 47, 0, 255}[below(10)];
	if (has_ports(&flow)) {
		flow.sport = htons((uint16_t)below(16));
		flow.dport = htons((uint16_t)below(16));
	}
	flow.tcp_flags = flow.proto == 6 ? (uint8_t)below(32) : 0;
	flow.dscp = (uint8_t)(below(4) * 8);
	flow.icmp_type = (uint8_t)below(12);
	flow.icmp_code = (uint8_t)below(4);
	if (below(2))
		flow.vlan[0] = (uint16_t)(SEG_VLAN_PRESENT | (1 + below(3)));
	if (flow.vlan[0] && below(2))
		flow.vlan[1] = (uint16_t)(SEG_VLAN_PRESENT | (1 + below(3)));
	name[3] = (char)('0' + below(3));
	flow.iface = seg_image_iface(image, name);
	return flow;
}

/* Ids of interfaces are by first mention: the matcher counts them as eth1, eth2. */
static struct seg_flow renamed(const struct seg_image *image, struct seg_flow flow)
{
	uint16_t one = seg_image_iface(image, "eth1"), two = seg_image_iface(image, "eth2");

	flow.iface = flow.iface && flow.iface == one ? 1 : flow.iface && flow.iface == two ? 2 : 0;
	return flow;
}

/* `why` says of each rule by itself what the matcher says. */
static void rules_agree(const struct seg_image *image, const struct policy *policy,
			const struct seg_flow *flow, const struct seg_flow *renamed_flow)
{
	for (unsigned int i = 0; i < policy->n; i++)
		check_eq(seg_image_mismatch(image, i, flow) == SEG_MISMATCH_NONE,
			 rule_has(&policy->rules[i], renamed_flow));
}

/* However a lookup is done, and as the scan of all rules says. */
static void ways_agree(const struct seg_image *image, const struct seg_flow *flows,
		       const struct seg_decision *want)
{
	struct seg_decision got[SEG_CLASSIFY_MAX];

	for (enum seg_lookup_way way = 0; way < SEG_LOOKUP_WAYS; way++) {
		unsigned int n = 1 + below(SEG_CLASSIFY_MAX);

		if (!seg_lookup_runs(way))
			continue;
		seg_image_classify_by(way, image, flows, got, n);
		check(memcmp(got, want, n * sizeof(*got)) == 0);
	}
	for (unsigned int i = 0; i < SEG_CLASSIFY_MAX; i++) {
		got[i] = seg_image_scan(image, &flows[i]);
		check(memcmp(&got[i], &want[i], sizeof(*got)) == 0);
	}
}

static unsigned int shadowed; /* flows that a rule of stage shadow would have decided */

static unsigned int flows_judge(const struct seg_image *image, const struct policy *policy)
{
	struct seg_flow flows[SEG_CLASSIFY_MAX];
	struct seg_decision got[SEG_CLASSIFY_MAX];
	unsigned int matched = 0;

	for (unsigned int i = 0; i < FLOWS; i += SEG_CLASSIFY_MAX) {
		for (unsigned int j = 0; j < SEG_CLASSIFY_MAX; j++)
			flows[j] = flow_make(image);
		seg_image_classify(image, flows, got, SEG_CLASSIFY_MAX);
		ways_agree(image, flows, got);
		for (unsigned int j = 0; j < SEG_CLASSIFY_MAX; j++) {
			struct seg_flow flow = renamed(image, flows[j]);
			struct seg_decision want = expected(policy, &flow);

			check_eq(got[j].rule, want.rule);
			check_eq(got[j].verdict, want.verdict);
			check_eq(got[j].flags, want.flags);
			check_eq(got[j].shadow, want.shadow);
			shadowed += got[j].shadow != SEG_RULE_DEFAULT;
			if (j == 0)
				rules_agree(image, policy, &flows[j], &flow);
			matched += got[j].rule != SEG_RULE_DEFAULT;
		}
	}
	return matched;
}

TEST(classify, against_another_matcher)
{
	static struct policy policy;
	unsigned int matched = 0;

	seed = seg_random_seed();
	for (unsigned int i = 0; i < POLICIES; i++) {
		_cleanup_image_ struct seg_image *image = NULL;

		policy_make(&policy);
		image = image_of(&policy);
		check(image);
		matched += flows_judge(image, &policy);
	}
	/* A test in which everything goes to the default would test nothing. */
	check(matched > POLICIES * FLOWS / 5);
	check(shadowed > POLICIES * FLOWS / 50);
}

/* --- policies that are hard to find rules in ----------------------------------- */

#define HARD_FLOWS 4096

/* Every way agrees with the scan; how many flows a rule decided. */
static unsigned int scan_agrees(const struct seg_image *image, struct seg_flow (*make)(void))
{
	struct seg_flow flows[SEG_CLASSIFY_MAX];
	struct seg_decision want[SEG_CLASSIFY_MAX];
	unsigned int matched = 0;

	for (unsigned int done = 0; done < HARD_FLOWS; done += SEG_CLASSIFY_MAX) {
		for (unsigned int i = 0; i < SEG_CLASSIFY_MAX; i++) {
			flows[i] = make();
			want[i] = seg_image_scan(image, &flows[i]);
			matched += want[i].rule != SEG_RULE_DEFAULT;
		}
		ways_agree(image, flows, want);
	}
	return matched;
}

static struct seg_image *written(void (*write)(FILE *to))
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	write(f);
	fclose(f);
	return compiled(text);
}

/* 300 sources and 200 destinations: too many pairs; and none of a range but one address. */
static void long_lists_write(FILE *to)
{
	fputs("version: 1\ngroups:\n  a: [", to);
	for (unsigned int i = 0; i < 300; i++)
		fprintf(to, "10.0.%u.%u, '2001:db8::%x', ", i / 64, i % 64 * 3, i * 3);
	fputs("]\n  b: [", to);
	for (unsigned int i = 0; i < 200; i++)
		fprintf(to, "10.1.%u.%u, ", i / 64, i % 64 * 2);
	fputs("]\nrules:\n- {from: a, to: b, service: tcp/80, action: deny}\n"
	      "- {from: a, action: allow}\n- {to: [not: b], service: tcp/81, action: deny}\n",
	      to);
}

static struct seg_flow long_lists_flow(void)
{
	struct seg_flow flow = flow_of("10.0.0.0", "10.1.0.0", 6, 9, (uint16_t)(80 + below(2)));

	flow.src[3] |= htonl(below(5) << 8 | below(256));
	flow.dst[3] |= htonl(below(4) << 8 | below(160));
	if (below(4))
		return flow;
	flow = flow_of("2001:db8::", "2001:db8::", 6, 9, 80);
	flow.src[3] = htonl(below(1000));
	return flow;
}

TEST(classify, lists_too_long_for_pairs)
{
	_cleanup_image_ struct seg_image *image = NULL;

	seed = seg_random_seed();
	image = written(long_lists_write);
	check(scan_agrees(image, long_lists_flow) > HARD_FLOWS / 8);
}

/* No bit of their keys tells them apart. */
static void alike_write(FILE *to)
{
	fputs("version: 1\nrules:\n", to);
	for (unsigned int i = 0; i < 3000; i++)
		fprintf(to, "- {service: tcp/%u-%u, source-port: %u-%u, action: deny}\n", 32767 - i,
			32768 + i, i * 7 % 1000, 65535 - i * 3 % 1000);
}

static struct seg_flow alike_flow(void)
{
	return flow_of("10.0.0.1", "10.0.0.2", 6, (uint16_t)(below(2) ? below(1100) : below(65536)),
		       (uint16_t)(32768 - 3000 + below(6000)));
}

TEST(classify, many_that_collide)
{
	_cleanup_image_ struct seg_image *image = NULL;

	seed = seg_random_seed();
	image = written(alike_write);
	check(scan_agrees(image, alike_flow) > HARD_FLOWS / 8);
}

/* The same texts give the same bytes. */
TEST(classify, built_again_it_is_the_same)
{
	_cleanup_image_ struct seg_image *a = NULL, *b = NULL;

	a = written(long_lists_write);
	b = written(long_lists_write);
	check_eq(seg_image_size(a), seg_image_size(b));
	check(memcmp(a, b, seg_image_size(a)) == 0);
}
