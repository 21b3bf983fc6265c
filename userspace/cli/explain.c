/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain.h"

#include "flow_text.h"
#include "text.h"
#include "words.h"

#define BECAUSE_MAX 512

static const char *stage_word(uint8_t stage)
{
	return stage == SEG_STAGE_SHADOW ? "shadow" : "enforce";
}

static void set(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_string(text));
}

void seg_explain_note(json_t *why, const char *before, const char *text)
{
	json_t *notes = json_object_get(why, "notes");

	if (!notes) {
		notes = json_array();
		json_object_set_new(why, "notes", notes);
	}
	json_array_append_new(notes, json_sprintf("%s%s", before, text));
}

/* Who answered: a verdict, a rule's id or "-", and how. */
static void set_answer(json_t *out, uint8_t verdict, const char *rule, const char *path,
		       const char *reason)
{
	set(out, "verdict", seg_verdict_word(verdict));
	set(out, "rule", rule);
	set(out, "stage", stage_word(SEG_STAGE_ENFORCE));
	set(out, "path", path);
	set(out, "reason", reason);
}

static void set_reason(json_t *out, int reason)
{
	const struct seg_reason_row *row = &SEG_REASON_ROWS[reason];

	set_answer(out, (uint8_t)row->verdict, "-", seg_path_word(row->path), row->name);
}

static json_t *consider(const struct seg_policy *policy, uint32_t rule, const struct seg_flow *flow)
{
	const struct seg_image *image = seg_policy_image(policy);
	enum seg_mismatch mismatch = seg_image_mismatch(image, rule, flow);
	struct seg_rule_info info = {0};
	char because[BECAUSE_MAX];
	json_t *row = json_pack("{s:s, s:b}", "rule", seg_image_rule_id(image, rule), "matched",
				mismatch == SEG_MISMATCH_NONE);

	if (mismatch != SEG_MISMATCH_NONE) {
		seg_policy_because(policy, rule, mismatch, because, sizeof(because));
		set(row, "because", because);
		return row;
	}
	seg_image_rule_info(image, rule, &info);
	set(row, "stage", stage_word(info.stage));
	set(row, "verdict", seg_verdict_word(info.verdict));
	return row;
}

/* The rules up to the one that decided, in order. */
static json_t *consider_all(const struct seg_policy *policy, uint32_t decided,
			    const struct seg_flow *flow)
{
	uint32_t rules = seg_image_rules(seg_policy_image(policy));
	json_t *rows = json_array();

	for (uint32_t rule = 0; rule < rules && (decided >= rules || rule <= decided); rule++)
		json_array_append_new(rows, consider(policy, rule, flow));
	return rows;
}

static void set_rule(json_t *out, const struct seg_image *image, uint32_t rule, const char *name)
{
	struct seg_rule_info info;

	if (seg_image_rule_info(image, rule, &info)) /* the default */
		return;
	set(out, "file", *info.file ? info.file : name);
	json_object_set_new(out, "line", json_integer(info.line));
	if (info.limit.rate || info.limit.sessions)
		seg_explain_note(out, "not judged here: ", "the rule's limit");
}

/* Where everything may leave, the egress program asks nobody. */
static bool is_learned(const struct seg_image *image, const struct seg_flow *flow)
{
	return flow->direction == SEG_EGRESS && seg_image_allows_all(image, SEG_EGRESS);
}

static enum seg_reason reason_of(const struct seg_image *image, const struct seg_flow *flow,
				 uint8_t verdict)
{
	if (is_learned(image, flow))
		return SEG_REASON_EGRESS_LEARNED;
	return verdict == SEG_VERDICT_ALLOW ? SEG_REASON_RULE_ALLOW : SEG_REASON_RULE_DENY;
}

/* Returns the rules that were considered. */
static json_t *set_judged(json_t *out, const struct seg_policy *policy, const char *name,
			  const struct seg_first_packet *first)
{
	const struct seg_flow *flow = &first->flow;
	const struct seg_image *image = seg_policy_image(policy);
	const struct seg_reason_row *answer;
	struct seg_decision decision;

	seg_image_classify(image, flow, &decision, 1);
	if (first->loose && decision.verdict != SEG_VERDICT_ALLOW) {
		set_reason(out, SEG_REASON_TCP_MIDFLOW);
		return json_array();
	}
	answer = &SEG_REASON_ROWS[reason_of(image, flow, decision.verdict)];
	set_answer(out, decision.verdict, seg_image_rule_id(image, decision.rule),
		   seg_path_word(answer->path), answer->name);
	set_rule(out, image, decision.rule, name);
	return consider_all(policy, decision.rule, flow);
}

/* Never cut off, whatever the rules say. */
static void set_failsafe(json_t *out, const struct seg_image *image, uint32_t failsafe)
{
	set_answer(out, SEG_VERDICT_ALLOW, "-", seg_path_word(SEG_PATH_GUARD), "failsafe");
	seg_explain_note(out, "failsafe: ", seg_image_failsafe_name(image, failsafe));
}

/* It is judged by packet, before there is a session. */
static bool asks_failsafe(const struct seg_first_packet *first)
{
	return first->judged || first->reason == SEG_REASON_TCP_MIDFLOW;
}

/* No rule is asked; TCP in mid-flow for a time after attach. */
static void set_refused(json_t *out, const struct seg_image *image, int reason)
{
	uint64_t pickup = seg_image_defaults(image)->pickup_ns;
	char text[SEG_DURATION_TEXT_MAX];

	set_reason(out, reason);
	if (reason == SEG_REASON_TCP_MIDFLOW && pickup)
		seg_explain_note(out, "it is picked up by the rules after attach, for ",
				 seg_duration_print(pickup, text));
}

static void set_flow(json_t *out, const struct seg_flow *flow)
{
	char text[SEG_FLOW_TEXT_MAX];

	if (flow->family)
		set(out, "flow", seg_flow_print(flow, text));
	set(out, "direction", seg_direction_word(flow->direction));
}

/* The parser's next question, before all else is asked. */
static bool is_in_unknown_vlan(const struct seg_image *image, const struct seg_first_packet *first)
{
	struct seg_decision decision;

	if ((!first->parsed && first->reason != SEG_REASON_FRAGMENT) || !first->flow.vlan[0])
		return false;
	seg_image_classify(image, &first->flow, &decision, 1);
	return decision.flags & SEG_DECISION_UNKNOWN_VLAN;
}

bool seg_explain_unknown_vlan(const struct seg_policy *policy, const struct seg_first_packet *first)
{
	return is_in_unknown_vlan(seg_policy_image(policy), first);
}

json_t *seg_explain(const struct seg_policy *policy, const char *name,
		    const struct seg_first_packet *first)
{
	const struct seg_image *image = seg_policy_image(policy);
	uint32_t failsafe = seg_image_failsafe(image, &first->flow);
	json_t *out = json_object(), *considered = NULL;

	if (is_in_unknown_vlan(image, first))
		set_reason(out, SEG_REASON_VLAN_UNKNOWN);
	else if (failsafe != SEG_FAILSAFE_NONE && asks_failsafe(first))
		set_failsafe(out, image, failsafe);
	else if (!first->judged &&
		 !(first->reason == SEG_REASON_TCP_MIDFLOW && is_learned(image, &first->flow)))
		set_refused(out, image, first->reason);
	else
		considered = set_judged(out, policy, name, first);
	set_flow(out, &first->flow);
	if (first->answer)
		seg_explain_note(out, "judged as the flow that this packet answers", "");
	json_object_set_new(out, "considered", considered ? considered : json_array());
	return out;
}
