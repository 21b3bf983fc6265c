/* SPDX-License-Identifier: BSD-2-Clause */
/* policies.h - random policies: as plain structs, and as the text of them. */
#ifndef SEG_POLICIES_H
#define SEG_POLICIES_H

#include <arpa/inet.h>

#include "check.h"
#include "policy.h"
#include "random.h"

#define RULES_MOST 40
#define ITEMS_MOST 4

/* An address range of one family: of 2^5 hosts below one of a few bases. */
struct span {
	int six;
	uint8_t first[16], last[16];
};

struct item {
	struct span span;
	bool negative;
};

struct service_item {
	enum { ANY, PORTS, ICMP, NUMBER } kind;
	uint8_t proto;
	unsigned int low, high; /* ports, or type; code 256: any */
	unsigned int code;
};

struct rule {
	unsigned int directions;
	struct item from[ITEMS_MOST], to[ITEMS_MOST];
	unsigned int from_n, to_n, services_n, sports_n, vlans_n, iface;
	struct service_item services[ITEMS_MOST];
	struct {
		unsigned int low, high;
	} sports[ITEMS_MOST];
	unsigned int vlans[ITEMS_MOST][2];
	unsigned int flags_n, dscps_n, dscps[ITEMS_MOST];
	struct {
		uint8_t value, mask;
	} flags[ITEMS_MOST];
	bool allow, log, shadow;
};

struct policy {
	struct rule rules[RULES_MOST];
	unsigned int n;
	bool allow[3];
};

static __u64 seed;

static unsigned int below(unsigned int n)
{
	return (unsigned int)(seg_random(&seed) % n);
}

static const char *const BASES4[] = {"10.0.0.0", "10.0.0.32", "10.0.1.0", "0.0.0.0",
				     "255.255.255.224"};
static const char *const BASES6[] = {"::", "2001:db8::", "2001:db8:0:1::", "2001:db8:0:1:8000::",
				     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffe0"};

/* Which bytes are random is chosen so that ranges and flows meet often, in both halves. */
static void address_make(int six, uint8_t out[16])
{
	memset(out, 0, 16);
	if (six) {
		inet_pton(AF_INET6, BASES6[below(5)], out);
		out[below(2) ? 7 : 15] |= (uint8_t)below(32);
		return;
	}
	out[10] = out[11] = 0xff;
	inet_pton(AF_INET, BASES4[below(5)], out + 12);
	out[15] |= (uint8_t)below(32);
}

static struct span span_make(void)
{
	struct span span = {.six = below(3) == 0};
	uint8_t other[16];

	address_make(span.six, span.first);
	memcpy(span.last, span.first, 16);
	if (below(3) == 0)
		return span;
	address_make(span.six, other);
	memcpy(memcmp(other, span.first, 16) < 0 ? span.first : span.last, other, 16);
	return span;
}

static unsigned int items_make(struct item *items)
{
	unsigned int n = below(2) ? 0 : 1 + below(ITEMS_MOST);

	for (unsigned int i = 0; i < n; i++)
		items[i] = (struct item){span_make(), below(4) == 0};
	return n;
}

static const uint8_t WITH_PORTS[] = {6, 17, 132, 136, 33};

static struct service_item service_make(bool ports_only)
{
	struct service_item s = {.low = below(12), .code = 256};

	s.high = s.low + below(4);
	s.proto = WITH_PORTS[below(5)];
	switch (ports_only ? PORTS : below(4)) {
	case ANY:
		s.kind = ANY;
		break;
	case PORTS:
		s.kind = PORTS;
		break;
	case ICMP:
		s.kind = ICMP;
		s.proto = below(2) ? 1 : 58;
		s.code = below(2) ? below(3) : 256;
		break;
	default:
		s.kind = NUMBER;
		s.proto = (uint8_t[]){1, 58, 47, 6, 0, 255}[below(6)];
	}
	return s;
}

/* `tcp-flags` leaves only TCP's services. */
static void flags_make(struct rule *rule)
{
	rule->flags_n = below(4) ? 0 : 1 + below(2);
	for (unsigned int i = 0; i < rule->flags_n; i++) {
		rule->flags[i].mask = (uint8_t)(1 + below(31));
		rule->flags[i].value = rule->flags[i].mask;
		if (below(2))
			rule->flags[i].value &= (uint8_t)below(32);
		if (!rule->flags[i].value)
			rule->flags[i].value = rule->flags[i].mask;
	}
	for (unsigned int i = 0; rule->flags_n && i < rule->services_n; i++)
		if (rule->services[i].kind != ANY) {
			rule->services[i].kind = PORTS;
			rule->services[i].proto = 6;
		}
}

static struct rule rule_make(void)
{
	struct rule rule = {.directions = (unsigned int[]){1, 2, 4, 7}[below(4)],
			    .sports_n = below(4) ? 0 : 1 + below(2),
			    .services_n = below(4) ? 1 + below(ITEMS_MOST) : 0,
			    .vlans_n = below(4) ? 0 : 1 + below(2),
			    .iface = below(4) ? 0 : 1 + below(2),
			    .allow = below(2),
			    .log = below(2),
			    .shadow = below(8) == 0,
			    .dscps_n = below(4) ? 0 : 1 + below(ITEMS_MOST)};

	rule.from_n = items_make(rule.from);
	rule.to_n = items_make(rule.to);
	for (unsigned int i = 0; i < rule.services_n; i++)
		rule.services[i] = service_make(rule.sports_n);
	for (unsigned int i = 0; i < rule.sports_n; i++)
		rule.sports[i].high = (rule.sports[i].low = below(12)) + below(4);
	for (unsigned int i = 0; i < rule.vlans_n; i++) {
		rule.vlans[i][0] = 1 + below(3);
		rule.vlans[i][1] = below(2) ? 1 + below(3) : 0;
	}
	for (unsigned int i = 0; i < rule.dscps_n; i++)
		rule.dscps[i] = below(4) * 8;
	flags_make(&rule);
	return rule;
}

/* --- written out ----------------------------------------------------------- */

static void write_items(FILE *f, const char *key, const struct item *items, unsigned int n)
{
	char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN];

	if (!n)
		return;
	fprintf(f, ", %s: [", key);
	for (unsigned int i = 0; i < n; i++) {
		const struct span *span = &items[i].span;
		int family = span->six ? AF_INET6 : AF_INET, skip = span->six ? 0 : 12;

		inet_ntop(family, span->first + skip, first, sizeof(first));
		inet_ntop(family, span->last + skip, last, sizeof(last));
		fprintf(f, items[i].negative ? "{not: '%s-%s'}, " : "'%s-%s', ", first, last);
	}
	fputc(']', f);
}

static void write_service(FILE *f, const struct service_item *s)
{
	static const char *const NAMES[] = {
		[6] = "tcp",   [17] = "udp", [132] = "sctp", [136] = "udplite",
		[33] = "dccp", [1] = "icmp", [58] = "icmpv6"};

	if (s->kind == ANY)
		fprintf(f, "any, ");
	else if (s->kind == PORTS)
		fprintf(f, "%s/%u-%u, ", NAMES[s->proto], s->low, s->high);
	else if (s->kind == NUMBER)
		fprintf(f, "proto/%u, ", s->proto);
	else if (s->code == 256)
		fprintf(f, "%s/%u, ", NAMES[s->proto], s->low);
	else
		fprintf(f, "%s/%u/%u, ", NAMES[s->proto], s->low, s->code);
}

static void write_flags(FILE *f, unsigned int flags)
{
	static const char *const NAMES[] = {"fin", "syn", "rst", "psh", "ack"};

	for (unsigned int i = 0, n = 0; i < 5; i++)
		if (flags >> i & 1)
			fprintf(f, "%s%s", n++ ? "+" : "", NAMES[i]);
}

static void write_fields(FILE *f, const struct rule *rule)
{
	fputs(rule->flags_n ? ", tcp-flags: [" : "", f);
	for (unsigned int i = 0; i < rule->flags_n; i++) {
		write_flags(f, rule->flags[i].value);
		if (rule->flags[i].value != rule->flags[i].mask || i % 2) {
			fputc('/', f);
			write_flags(f, rule->flags[i].mask);
		}
		fputs(i + 1 < rule->flags_n ? ", " : "]", f);
	}
	for (unsigned int i = 0; i < rule->dscps_n; i++)
		fprintf(f, i % 2 ? "%scs%u%s" : "%s%u%s", i ? ", " : ", dscp: [",
			rule->dscps[i] / (i % 2 ? 8 : 1), i + 1 == rule->dscps_n ? "]" : "");
}

static void write_rule(FILE *f, const struct rule *rule)
{
	static const char *const DIRECTIONS[] = {
		[1] = "ingress", [2] = "egress", [4] = "forward", [7] = "any"};

	fprintf(f, "- {direction: %s, action: %s, log: %s", DIRECTIONS[rule->directions],
		rule->allow ? "allow" : "deny", rule->log ? "true" : "false");
	write_items(f, "from", rule->from, rule->from_n);
	write_items(f, "to", rule->to, rule->to_n);
	for (unsigned int i = 0; i < rule->services_n; i++) {
		fputs(i ? "" : ", service: [", f);
		write_service(f, &rule->services[i]);
	}
	fputs(rule->services_n ? "]" : "", f);
	for (unsigned int i = 0; i < rule->sports_n; i++)
		fprintf(f, "%s%u-%u%s", i ? ", " : ", source-port: [", rule->sports[i].low,
			rule->sports[i].high, i + 1 == rule->sports_n ? "]" : "");
	for (unsigned int i = 0; i < rule->vlans_n; i++)
		fprintf(f, rule->vlans[i][1] ? "%s%u/%u%s" : "%s%u%.0u%s", i ? ", " : ", vlan: [",
			rule->vlans[i][0], rule->vlans[i][1], i + 1 == rule->vlans_n ? "]" : "");
	if (rule->iface)
		fprintf(f, ", iface: eth%u", rule->iface);
	write_fields(f, rule);
	fputs(rule->shadow ? ", stage: shadow" : "", f);
	fputs("}\n", f);
}

static inline void write_rules(FILE *f, const struct policy *policy)
{
	fputs("rules:\n", f);
	for (unsigned int i = 0; i < policy->n; i++)
		write_rule(f, &policy->rules[i]);
	if (!policy->n)
		fputs("  []\n", f);
}

/* NULL where a rule can match nothing: that is an error. */
static inline struct seg_image *image_of(const struct policy *policy)
{
	static const char *const NAMES[] = {"ingress", "egress", "forward"};
	_cleanup_free_ char *text = NULL;
	struct seg_image *image = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fputs("version: 1\ndefaults: {", f);
	for (int i = 0; i < 3; i++)
		fprintf(f, "%s: %s, ", NAMES[i], policy->allow[i] ? "allow" : "deny");
	fputs("}\n", f);
	write_rules(f, policy);
	fclose(f);
	seg_policy_compile(&(struct seg_policy_file){"random.yaml", text, len}, NULL, &image, NULL);
	return image;
}

/* Rules that can match nothing are left out; the compiler refuses them. */
static inline void policy_make(struct policy *policy)
{
	unsigned int n = below(RULES_MOST);

	*policy = (struct policy){.allow = {below(2), below(2), below(2)}};
	while (policy->n < n) {
		struct policy one = {.n = 1};
		_cleanup_image_ struct seg_image *image = NULL;

		one.rules[0] = rule_make();
		image = image_of(&one);
		if (image)
			policy->rules[policy->n++] = one.rules[0];
	}
}

/* A flow of any protocol, near the rules that are made here; its interface is the caller's. */
static inline struct seg_flow flow_any(void)
{
	static const uint8_t protos[] = {6, 17, 132, 1, 58, 47};
	struct seg_flow flow = {.family = below(3) ? 4 : 6, .direction = (uint8_t)below(3)};

	address_make(flow.family == 6, (uint8_t *)flow.src);
	address_make(flow.family == 6, (uint8_t *)flow.dst);
	flow.proto = protos[below(SEG_ARRAY_SIZE(protos))];
	if (memchr(WITH_PORTS, flow.proto, sizeof(WITH_PORTS))) {
		flow.sport = htons((uint16_t)below(16));
		flow.dport = htons((uint16_t)below(16));
	}
	flow.tcp_flags = flow.proto == 6 ? (uint8_t)below(32) : 0;
	flow.dscp = (uint8_t)(below(4) * 8);
	if (flow.proto == (flow.family == 4 ? 1 : 58)) {
		flow.icmp_type = (uint8_t)below(12);
		flow.icmp_code = (uint8_t)below(4);
	}
	if (below(4) == 0)
		flow.vlan[0] = (uint16_t)(SEG_VLAN_PRESENT | (1 + below(3)));
	return flow;
}

#endif
