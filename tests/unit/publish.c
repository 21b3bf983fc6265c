/* SPDX-License-Identifier: BSD-2-Clause */
/* publish.c - verdicts, classes and gates under everybody who may come between. */
#include "worker_rig.h"

#define MS 1000000ull

static struct seg_lane lane;
static const char *place; /* where `meanwhile` runs, once */
static void (*meanwhile)(void);

static void come_between(const char *name)
{
	void (*call)(void) = meanwhile;

	if (!call || strcmp(name, place) != 0)
		return;
	meanwhile = NULL;
	call();
}

static struct seg_session *begin(uint32_t queued)
{
	rig_begin();
	rig_lane(&lane);
	on_place = come_between;
	meanwhile = NULL;
	return rig_session(5, 7, queued);
}

static struct seg_outcome outcome(uint8_t verdict)
{
	return (struct seg_outcome){
		.length = 100,
		.slot = 5,
		.rule = 3,
		.generation = 1,
		.incarnation = 7,
		.reason =
			verdict == SEG_VERDICT_ALLOW ? SEG_REASON_RULE_ALLOW : SEG_REASON_RULE_DENY,
		.verdict = verdict,
		.proto = 17,
		.flags = SEG_OUTCOME_COUNT | SEG_OUTCOME_PUBLISH | SEG_OUTCOME_QUEUED |
			 (verdict == SEG_VERDICT_ALLOW ? SEG_OUTCOME_PASS : 0),
	};
}

static void publish_at(struct seg_outcome *o, uint64_t now)
{
	uint32_t done = 0;

	seg_publish_settle(&lane.publisher, o, now);
	seg_publish_account(&lane.publisher, o, &done, 0, now);
	check_eq(done, 1);
}

static void publish(struct seg_outcome o)
{
	publish_at(&o, MS);
}

static bool is_open(const struct seg_session *s)
{
	return s->gate & SEG_GATE_OPEN;
}

static void xdp_queues_one(void)
{
	check_eq(seg_gate_queue(&rig.slots[5], rig.slots[5].gate), SEG_ANSWER_UP);
}

TEST(publish, the_last_packet_opens_the_gate)
{
	struct seg_session *s = begin(2);

	publish(outcome(SEG_VERDICT_ALLOW));
	check(!is_open(s));
	check_eq(lane.publisher.gaps->used, 1);
	publish(outcome(SEG_VERDICT_ALLOW));
	check(is_open(s));
	check_eq(seg_verdict_now(s, 1), SEG_VERDICT_ALLOW);
	check_eq(seg_verdict_rule(s->verdict[1]), 3);
	check_eq(seg_count_packets(s->count[0]), 2);
	check_eq(seg_count_bytes(s->count[0]), 200);
}

/* XDP queues one more at every place of the publishing of what was the last. */
TEST(publish, a_packet_that_comes_while_opening_keeps_it_closed)
{
	static const char *const places[] = {"PUBLISH_SETTLED", "PUBLISH_NOTED", "PUBLISH_COUNTED",
					     "GATE_BEFORE_OPEN"};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(places); i++) {
		struct seg_session *s = begin(1);

		place = places[i];
		meanwhile = xdp_queues_one;
		publish(outcome(SEG_VERDICT_ALLOW));
		check(!meanwhile);
		check(!is_open(s));
		publish(outcome(SEG_VERDICT_ALLOW));
		check(is_open(s));
	}
}

static void other_worker_publishes(void)
{
	struct seg_outcome o = outcome(SEG_VERDICT_ALLOW);

	o.flags |= SEG_OUTCOME_REPLY;
	publish(o);
}

/* The other direction's queue has another worker. */
TEST(publish, two_workers_on_one_flow)
{
	static const char *const places[] = {"PUBLISH_SETTLED", "PUBLISH_NOTED", "PUBLISH_COUNTED",
					     "GATE_BEFORE_OPEN"};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(places); i++) {
		struct seg_session *s = begin(2);

		place = places[i];
		meanwhile = other_worker_publishes;
		publish(outcome(SEG_VERDICT_ALLOW));
		check(!meanwhile);
		check(is_open(s));
		check_eq(seg_count_packets(s->count[0]), 1);
		check_eq(seg_count_packets(s->count[1]), 1);
	}
}

/* The rule of stage shadow stands beside the verdict, by generation, before that can be read. */
static void shadow_is_there(void)
{
	check_eq(rig.slots[5].shadow[1], 3);
}

TEST(publish, a_shadow_rule_is_noted_with_the_verdict)
{
	struct seg_session *s = begin(2);
	struct seg_outcome o = outcome(SEG_VERDICT_ALLOW);

	o.shadow = seg_shadow_make(2);
	place = "PUBLISH_SETTLED";
	meanwhile = shadow_is_there;
	publish(o);
	check(!meanwhile);
	check_eq(seg_shadow_rule(seg_session_shadow(s, 1)), 2);
	check_eq(seg_shadow_rule(seg_session_shadow(s, 2)), SEG_RULE_DEFAULT);
	check_eq(rig.rules[2].shadow, 0);
	o.generation = 2;
	o.shadow = 0;
	publish(o);
	check_eq(seg_shadow_rule(seg_session_shadow(s, 1)), 2);
	o.generation = 3;
	publish(o);
	check_eq(seg_shadow_rule(seg_session_shadow(s, 3)), SEG_RULE_DEFAULT);
}

/* Without a session the rule counts at once. */
TEST(publish, a_shadow_rule_counts_what_is_not_cached)
{
	struct seg_outcome o = outcome(SEG_VERDICT_ALLOW);

	begin(1);
	o.slot = SEG_SLOT_NONE;
	o.shadow = seg_shadow_make(2);
	publish(o);
	check_eq(rig.rules[2].shadow, 1);
	check_eq(rig.rules[2].count.packets, 0);
	check_eq(rig.rules[3].count.packets, 1);
	check_eq(rig.rules[3].shadow, 0);
	o.shadow = UINT16_MAX; /* shared memory may say anything */
	publish(o);
	check_eq(rig.rules[3].count.packets, 2);
}

static void other_worker_denies(void)
{
	publish(outcome(SEG_VERDICT_DENY));
}

TEST(publish, a_denied_session_is_counted_once_in_its_class)
{
	struct seg_session *s = begin(2);

	place = "CLASS_TAKEN";
	meanwhile = other_worker_denies;
	publish(outcome(SEG_VERDICT_DENY));
	check(!meanwhile);
	check_eq(seg_state_class(s->state), SEG_CLASS_DENIED);
	check_eq(rig.quota.class[SEG_CLASS_DENIED].used, 1);
	check_eq(rig.quota.class[SEG_CLASS_HALF_OPEN].used, 0);
	check(is_open(s));
}

static uint32_t seen_after(enum seg_reason reason, uint16_t flags)
{
	struct seg_session *s = begin(1);
	struct seg_outcome o = outcome(SEG_VERDICT_DENY);

	o.reason = (uint8_t)reason;
	o.flags |= flags;
	publish_at(&o, 900ull << SEG_TICK_SHIFT);
	return seg_state_seen(s->state);
}

/* As it does where XDP denies it; what its flow refuses does not. */
TEST(publish, a_denied_packet_keeps_its_denial)
{
	check_eq(seen_after(SEG_REASON_RULE_DENY, 0), 900);
	check_eq(seen_after(SEG_REASON_TCP_WINDOW, 0), 0);
	check_eq(seen_after(SEG_REASON_RULE_DENY, SEG_OUTCOME_FOLLOWS), 0);
}

TEST(publish, a_full_class_ends_the_session_and_counts_by_rule)
{
	struct seg_session *s = begin(1);

	lane.publisher.denied_max = 0;
	publish(outcome(SEG_VERDICT_DENY));
	check_eq(seg_state_life(s->state), SEG_LIFE_DEAD);
	check_eq(rig.quota.class[SEG_CLASS_DENIED].used, 0);
	check_eq(rig.quota.class[SEG_CLASS_DENIED].refused, 1);
	check_eq(rig.rules[3].count.packets, 1);
	check_eq(rig.rules[3].count.bytes, 100);
}

TEST(publish, what_is_allowed_again_leaves_the_denied)
{
	struct seg_session *s = begin(2);
	struct seg_outcome o = outcome(SEG_VERDICT_ALLOW);

	publish(outcome(SEG_VERDICT_DENY));
	o.generation = 2;
	publish(o);
	check_eq(seg_state_class(s->state), SEG_CLASS_HALF_OPEN);
	check_eq(rig.quota.class[SEG_CLASS_DENIED].used, 0);
	check_eq(rig.quota.class[SEG_CLASS_HALF_OPEN].used, 1);
	check_eq(seg_verdict_now(s, 2), SEG_VERDICT_ALLOW);
	check_eq(seg_verdict_now(s, 1), SEG_VERDICT_DENY);
}

TEST(publish, no_session_counts_by_rule)
{
	struct seg_outcome o = outcome(SEG_VERDICT_ALLOW);

	begin(1);
	o.slot = SEG_SLOT_NONE;
	publish(o);
	o.rule = SEG_RULE_DEFAULT;
	publish(o);
	check_eq(rig.rules[3].count.packets, 1);
	check_eq(rig.rules[RIG_RULES].count.packets, 1);
}

/* The slot has a new tenant: it is none of this packet's business. */
TEST(publish, another_incarnation_is_left_alone)
{
	struct seg_session *s = begin(1);
	struct seg_outcome o = outcome(SEG_VERDICT_ALLOW);

	o.incarnation = 6;
	publish(o);
	check(!is_open(s));
	check_eq(seg_verdict_now(s, 1), SEG_VERDICT_NONE);
	check_eq(s->count[0], 0);
	check_eq(rig.rules[3].count.packets, 1);
}

TEST(publish, what_may_not_open_a_flow_leaves_no_session)
{
	struct seg_session *s = begin(1);
	struct seg_outcome o = outcome(SEG_VERDICT_DENY);

	o.reason = SEG_REASON_TCP_MIDFLOW;
	o.flags = SEG_OUTCOME_KILL | SEG_OUTCOME_QUEUED;
	publish(o);
	check_eq(seg_state_life(s->state), SEG_LIFE_DEAD);
	check_eq(rig.rules[3].count.packets, 0);
}

TEST(publish, loose_is_written_into_the_session)
{
	struct seg_session *s = begin(1);
	struct seg_outcome o = outcome(SEG_VERDICT_ALLOW);

	o.flags |= SEG_OUTCOME_LOOSE;
	publish(o);
	check(seg_state_flags(s->state) & SEG_SESSION_LOOSE);
}

/* --- gaps ---------------------------------------------------------------------------- */

/* The ring was full: one queued packet never came. */
TEST(publish, a_gap_opens_after_20_ms_of_silence)
{
	struct seg_session *s = begin(2);

	publish(outcome(SEG_VERDICT_ALLOW));
	check_eq(seg_publish_gaps(&lane.publisher, 1, MS + SEG_GAP_NS - 1), 1);
	check(!is_open(s));
	check_eq(seg_publish_gaps(&lane.publisher, 1, MS + SEG_GAP_NS), 0);
	check(is_open(s));
	check_eq(lane.publisher.gaps->used, 0);
}

/* The veth may still have it: who opened now would let XDP's next packet overtake it. */
TEST(publish, a_packet_under_way_keeps_its_gate_closed)
{
	struct seg_session *s = begin(2);

	lane.publisher.under_way = true;
	publish(outcome(SEG_VERDICT_ALLOW));
	publish(outcome(SEG_VERDICT_ALLOW));
	check(!is_open(s));
	check_eq(seg_gate_handled(s->gate), 2);
	check_eq(seg_publish_gaps(&lane.publisher, 1, MS + SEG_GAP_NS), 0);
	check(is_open(s));
}

TEST(publish, a_denied_packet_is_never_under_way)
{
	struct seg_session *s = begin(1);

	lane.publisher.under_way = true;
	publish(outcome(SEG_VERDICT_DENY));
	check(is_open(s));
}

TEST(publish, a_gap_that_moves_waits_again)
{
	struct seg_session *s = begin(2);

	publish(outcome(SEG_VERDICT_ALLOW));
	xdp_queues_one();
	check_eq(seg_publish_gaps(&lane.publisher, 1, 30 * MS), 1);
	check(!is_open(s));
	check_eq(seg_publish_gaps(&lane.publisher, 1, 49 * MS), 1);
	check_eq(seg_publish_gaps(&lane.publisher, 1, 50 * MS), 0);
	check(is_open(s));
}

/* Without a verdict of this policy an open gate would answer nothing. */
TEST(publish, a_gap_without_verdict_stays_closed)
{
	struct seg_session *s = begin(2);

	publish(outcome(SEG_VERDICT_ALLOW));
	check_eq(seg_publish_gaps(&lane.publisher, 2, 50 * MS), 0);
	check(!is_open(s));
}

TEST(publish, a_gap_whose_session_died_is_forgotten)
{
	struct seg_session *s = begin(2);

	publish(outcome(SEG_VERDICT_ALLOW));
	check(seg_table_kill(s, s->state));
	check_eq(seg_publish_gaps(&lane.publisher, 1, 2 * MS), 0);
}
