/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `policy check` finds: each kind by an example and by its nearest miss, and all of them
 * against every packet of small worlds.
 */
#include "rule_findings.h"

#include "small_world.h"
#include "space.h"

/* --- by hand -------------------------------------------------------------------------- */

static seg_findings findings_of(const char *text)
{
	_cleanup_image_ struct seg_image *image = compiled(text);
	seg_findings findings = {0};

	check_eq(seg_policy_findings(image, &findings), 0);
	return findings;
}

/* "shadowed 1 by 0; ..." */
static const char *found(const char *rules)
{
	static char line[512];
	char text[2048];
	seg_findings findings;
	size_t used = 0;

	snprintf(text, sizeof(text), "version: 1\n%s", rules);
	findings = findings_of(text);
	*line = '\0';
	for (uint32_t i = 0; i < findings.n; i++) {
		const struct seg_finding *f = &findings.item[i];

		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s %u by",
					 i ? "; " : "", seg_finding_name(f->kind), f->rule);
		for (uint32_t j = 0; j < f->others_n; j++)
			used += (size_t)snprintf(line + used, sizeof(line) - used, " %c%u",
						 "vgf d"[f->other[j].kind], f -> other[j].index);
	}
	free(findings.item);
	return line;
}

TEST(findings, nothing)
{
	check_str_eq(found(""), "");
	check_str_eq(found("rules:\n"
			   "- {from: 10.0.0.66, action: deny}\n"
			   "- {from: 10.0.0.0/24, service: tcp/80, action: allow}\n"),
		     "conflict 1 by  0");
	check_str_eq(found("rules:\n"
			   "- {from: 10.0.0.66, service: tcp/80, action: deny}\n"
			   "- {from: 10.0.0.0/24, service: tcp/80, action: allow}\n"),
		     "");
}

TEST(findings, shadowed)
{
	check_str_eq(found("rules:\n"
			   "- {from: 10.0.0.0/24, service: tcp/1-100, action: deny}\n"
			   "- {from: 10.0.0.66, service: tcp/80, action: allow}\n"),
		     "shadowed 1 by  0");
	/* only together */
	check_str_eq(found("rules:\n"
			   "- {from: 10.0.0.0/25, service: tcp/80, action: deny}\n"
			   "- {from: 10.0.0.128/25, service: tcp/80, action: deny}\n"
			   "- {from: 10.0.0.0/24, service: tcp/80, action: allow}\n"),
		     "shadowed 2 by  0  1");
	check_str_eq(found("rules:\n"
			   "- {from: 10.0.0.0/25, service: tcp/80, action: deny}\n"
			   "- {from: 10.0.0.129-10.0.0.255, service: tcp/80, action: deny}\n"
			   "- {from: 10.0.0.0/24, service: tcp/80, action: allow}\n"),
		     "");
}

TEST(findings, redundant)
{
	check_str_eq(found("rules:\n"
			   "- {from: 10.0.0.0/24, action: allow}\n"
			   "- {from: 10.0.0.66, action: allow}\n"),
		     "redundant 1 by  0");
	/* of two equal rules, one is needed */
	check_str_eq(found("rules:\n"
			   "- {from: 10.0.0.66, direction: ingress, action: allow}\n"
			   "- {from: 10.0.0.66, direction: ingress, action: allow}\n"),
		     "redundant 1 by  0");
	check_str_eq(found("rules:\n- {direction: ingress, from: 10.0.0.66, action: deny}\n"),
		     "redundant 0 by d0");
	check_str_eq(
		found("rules:\n- {direction: ingress, from: 10.0.0.66, action: deny, log: true}\n"),
		"");
}

TEST(findings, never)
{
	check_str_eq(found("failsafe: [tcp/22]\n"
			   "rules:\n- {direction: ingress, service: tcp/22, action: allow}\n"),
		     "never-matches 0 by f0");
	check_str_eq(found("rules:\n- {direction: ingress, from: 127.0.0.1, action: allow}\n"),
		     "never-matches 0 by g0");
	check_str_eq(found("rules:\n- {service: icmp/redirect, action: allow}\n"),
		     "never-matches 0 by g14");
}

TEST(findings, failsafe)
{
	check_str_eq(found("failsafe: [tcp/22]\n"
			   "defaults: {ingress: allow}\n"
			   "rules:\n- {direction: ingress, from: 10.0.0.0/8, action: deny}\n"),
		     "failsafe 0 by f0");
	check_str_eq(found("failsafe: [tcp/22]\n"
			   "defaults: {ingress: allow}\n"
			   "rules:\n- {direction: ingress, service: tcp/23, action: deny}\n"),
		     "");
}

TEST(findings, vlan_that_only_one_names)
{
	/* without it, VLAN 7 would be unknown */
	check_str_eq(found("defaults: {ingress: allow, egress: allow, forward: allow}\n"
			   "rules:\n- {vlan: 7, action: allow}\n"),
		     "");
}

/* --- against every packet ------------------------------------------------------------------ */

struct packets {
	struct seg_flow *flow;
	unsigned int n;
};

/* What becomes of a packet, limits by rule. */
struct fate {
	bool failsafe;
	struct seg_decision decision;
	char outcome[96];
};

static void fate_of(const struct seg_image *image, const struct seg_flow *flow, struct fate *fate)
{
	struct seg_rule_info info = {0};

	fate->failsafe = seg_image_failsafe(image, flow) != SEG_FAILSAFE_NONE;
	seg_image_classify(image, flow, &fate->decision, 1);
	seg_image_rule_info(image, fate->decision.rule, &info);
	snprintf(fate->outcome, sizeof(fate->outcome), "%u %u %s", fate->decision.verdict,
		 fate->decision.flags & SEG_DECISION_LOG,
		 info.limit.rate || info.limit.sessions
			 ? seg_image_rule_id(image, fate->decision.rule)
			 : "");
	if (fate->failsafe && !(fate->decision.flags & SEG_DECISION_UNKNOWN_VLAN))
		snprintf(fate->outcome, sizeof(fate->outcome), "failsafe");
}

/* What every packet tells about a rule. */
struct facts {
	bool matches, decides, told, failsafe, other; /* another outcome than its own */
	bool outside;                                 /* matches, but is not answered before */
};

static struct facts facts_of[WORLD_RULES];
static bool decided[WORLD_RULES][WORLD_RULES]; /* the first decides what both match */
static bool beyond[WORLD_RULES][WORLD_RULES];  /* the first matches what the second does not */

static void facts_add(const struct seg_image *image, const struct seg_flow *flow)
{
	struct seg_rule_info info;
	struct fate fate;
	bool matches[WORLD_RULES];
	unsigned int n = seg_image_rules(image);
	char own[96], allowed[96];

	snprintf(allowed, sizeof(allowed), "%u 0 ", SEG_VERDICT_ALLOW);
	fate_of(image, flow, &fate);
	if (fate.decision.flags & SEG_DECISION_UNKNOWN_VLAN)
		return;
	for (unsigned int i = 0; i < n; i++) {
		struct facts *facts = &facts_of[i];

		seg_image_rule_info(image, i, &info);
		matches[i] = seg_image_mismatch(image, i, flow) == SEG_MISMATCH_NONE;
		snprintf(own, sizeof(own), "%u %u %s", info.verdict, info.log,
			 info.limit.rate || info.limit.sessions ? seg_image_rule_id(image, i) : "");
		facts->matches |= matches[i];
		facts->outside |= matches[i] && !fate.failsafe;
		facts->decides |= fate.decision.rule == i && !fate.failsafe;
		facts->told |= fate.decision.shadow == i && !fate.failsafe;
		facts->failsafe |=
			fate.decision.rule == i && fate.failsafe && flow->direction == SEG_INGRESS;
		facts->other |= matches[i] && strcmp(fate.failsafe ? allowed : fate.outcome, own);
	}
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < n; j++) {
			decided[i][j] |= matches[j] && fate.decision.rule == i && !fate.failsafe;
			beyond[i][j] |= matches[i] && !matches[j];
		}
}

static void facts_gather(const struct seg_image *image)
{
	struct world_packet packet = {0};
	struct seg_flow flow;

	memset(facts_of, 0, sizeof(facts_of));
	memset(decided, 0, sizeof(decided));
	memset(beyond, 0, sizeof(beyond));
	do {
		if (world_flow(&packet, image, &flow))
			facts_add(image, &flow);
	} while (world_next(&packet));
}

/* Does every packet fare the same? */
static bool same_fates(const struct seg_image *a, const struct seg_image *b)
{
	struct world_packet packet = {0};
	struct seg_flow flow, other;
	struct fate x, y;

	do {
		if (!world_flow(&packet, a, &flow))
			continue;
		world_flow(&packet, b, &other);
		fate_of(a, &flow, &x);
		fate_of(b, &other, &y);
		if (strcmp(x.outcome, y.outcome))
			return false;
	} while (world_next(&packet));
	return true;
}

static bool can_go(const struct world_policy *policy, const struct seg_image *image,
		   unsigned int without)
{
	char text[WORLD_LINE * (WORLD_RULES + 3)];
	_cleanup_image_ struct seg_image *rest = world_without(policy, without, text);

	return rest && same_fates(image, rest);
}

/* Ids are counted anew where a rule is left out. */
static const struct seg_finding *finding_of(const seg_findings *findings, unsigned int rule,
					    enum seg_finding_kind kind)
{
	for (uint32_t i = 0; i < findings->n; i++)
		if (findings->item[i].rule == rule && findings->item[i].kind == kind)
			return &findings->item[i];
	return NULL;
}

#define HAS(rule, KIND) (finding_of(findings, rule, SEG_FINDING_##KIND) != NULL)

static bool conflicts(const struct seg_image *image, unsigned int earlier, unsigned int later)
{
	struct seg_rule_info a, b;

	seg_image_rule_info(image, earlier, &a);
	seg_image_rule_info(image, later, &b);
	return a.verdict != b.verdict && a.stage == SEG_STAGE_ENFORCE &&
	       b.stage == SEG_STAGE_ENFORCE && facts_of[earlier].decides &&
	       facts_of[later].decides && decided[earlier][later] && beyond[earlier][later] &&
	       beyond[later][earlier];
}

static void conflicts_agree(const struct seg_image *image, const seg_findings *findings,
			    unsigned int rule)
{
	const struct seg_finding *found_one = finding_of(findings, rule, SEG_FINDING_CONFLICT);
	uint32_t others = 0;

	for (unsigned int earlier = 0; earlier < rule; earlier++) {
		bool named = false;

		for (uint32_t i = 0; found_one && i < found_one->others_n; i++)
			named |= found_one->other[i].index == earlier;
		check_that(named == conflicts(image, earlier, rule), "conflict of %u with %u: %d",
			   rule, earlier, named);
		others += named;
	}
	check_eq(others, found_one ? found_one->others_n : 0);
}

static bool names_vlan(const struct world_policy *policy, unsigned int rule)
{
	return strstr(policy->rule[rule], "vlan") != NULL;
}

static void rule_agrees(const struct world_policy *policy, const struct seg_image *image,
			const seg_findings *findings, unsigned int rule)
{
	const struct facts *facts = &facts_of[rule];
	bool shadow = strstr(policy->rule[rule], "shadow") != NULL;
	bool silent = shadow ? !facts->told : !facts->decides;
	bool redundant = HAS(rule, REDUNDANT);
	struct seg_rule_info info;

	seg_image_rule_info(image, rule, &info);
	check_eq(HAS(rule, NEVER), silent && !facts->outside);
	check_eq(HAS(rule, SHADOWED), silent && facts->outside && (facts->other || shadow));
	if (silent && facts->outside && !facts->other && !shadow && !names_vlan(policy, rule))
		check(redundant);
	check_eq(HAS(rule, FAILSAFE),
		 !silent && !shadow && info.verdict == SEG_VERDICT_DENY && facts->failsafe);
	if (redundant)
		check(can_go(policy, image, 1u << rule));
	conflicts_agree(image, findings, rule);
}

/* All that is redundant may go together; and then no other rule that could have gone instead. */
static void removal_agrees(const struct world_policy *policy, const struct seg_image *image,
			   const seg_findings *findings)
{
	unsigned int all = 0;

	for (unsigned int i = 0; i < policy->n; i++)
		all |= (unsigned int)HAS(i, REDUNDANT) << i;
	check(can_go(policy, image, all));
	for (unsigned int i = 0; i < policy->n; i++)
		if (!(all >> i & 1) && !HAS(i, SHADOWED) && !HAS(i, NEVER) &&
		    !names_vlan(policy, i) && !strstr(policy->rule[i], "shadow") &&
		    can_go(policy, image, 1u << i))
			check(!can_go(policy, image, all | 1u << i));
}

#define POLICIES 60

TEST(findings, against_every_packet)
{
	unsigned int met = 0, kinds[SEG_FINDING_KINDS] = {0};
	char text[WORLD_LINE * (WORLD_RULES + 3)];

	world_seed = seg_random_seed();
	while (met < POLICIES) {
		struct world_policy policy = world_policy();
		_cleanup_image_ struct seg_image *image = world_without(&policy, 0, text);
		seg_findings findings = {0};

		if (!image)
			continue;
		met++;
		check_eq(seg_policy_findings(image, &findings), 0);
		facts_gather(image);
		if (getenv("SHOW"))
			fprintf(stderr, "%s", text);
		for (unsigned int rule = 0; rule < policy.n; rule++)
			rule_agrees(&policy, image, &findings, rule);
		removal_agrees(&policy, image, &findings);
		for (uint32_t j = 0; j < findings.n; j++)
			kinds[findings.item[j].kind]++;
		free(findings.item);
	}
	check(kinds[SEG_FINDING_SHADOWED] && kinds[SEG_FINDING_REDUNDANT] &&
	      kinds[SEG_FINDING_CONFLICT]);
}
