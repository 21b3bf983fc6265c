/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.c - gate, verdict and state of one session: each race between XDP, the
 * worker and the keeper is forced at a named place (session_hooks.h).
 */
#define SEG_HOOKS "session_hooks.h"
#include "session.h"

#include "check.h"

#define GENERATION 7u
#define RULE       42u

static struct seg_session s;
static struct seg_quota quota;
static struct seg_touch touch;

static void worker_decides(__u8 action)
{
	seg_store(seg_verdict_slot(&s, GENERATION), seg_verdict_make(action, 0, GENERATION, RULE));
}

/* A session as XDP claims it: one packet queued, nothing decided. */
static void claimed(void)
{
	memset(&s, 0, sizeof(s));
	memset(&quota, 0, sizeof(quota));
	memset(on_hook, 0, sizeof(on_hook));
	s.gate = seg_gate_first(1000);
	s.state = seg_state_make(SEG_LIFE_LIVE, SEG_L4_OPENING, 0, 3, 1000);
	quota.class[SEG_CLASS_HALF_OPEN].used = 1;
	touch = (struct seg_touch){.quota = &quota, .established_max = 10, .now = 1000};
}

static void opened(__u8 action)
{
	claimed();
	worker_decides(action);
	check_eq(seg_gate_pass(&s, 1), 1);
}

static void xdp_queues_one(void)
{
	check_eq(seg_session_queue(&s, GENERATION), SEG_ANSWER_UP);
}

/* --- gate ------------------------------------------------------------------ */

TEST(gate, one_packet_then_open)
{
	claimed();
	check_eq(seg_session_verdict(&s, GENERATION), SEG_VERDICT_NONE);
	worker_decides(SEG_VERDICT_ALLOW);
	check_eq(seg_session_verdict(&s, GENERATION), SEG_VERDICT_NONE);
	check_eq(seg_gate_pass(&s, 1), 1);
	check_eq(seg_session_verdict(&s, GENERATION), SEG_VERDICT_ALLOW);
	check_eq(seg_gate_created(s.gate), 1000);
}

TEST(gate, opens_only_when_all_that_is_queued_was_handled)
{
	claimed();
	xdp_queues_one();
	xdp_queues_one();
	worker_decides(SEG_VERDICT_ALLOW);
	check_eq(seg_gate_pass(&s, 2), 0);
	check_eq(seg_session_verdict(&s, GENERATION), SEG_VERDICT_NONE);
	check_eq(seg_gate_pass(&s, 1), 1);
}

/* XDP queues between the worker's count and its CAS: the gate stays closed for that packet. */
TEST(gate, packet_queued_while_the_worker_opens)
{
	claimed();
	worker_decides(SEG_VERDICT_ALLOW);
	on_hook[SEG_HOOK_GATE_BEFORE_OPEN] = xdp_queues_one;
	check_eq(seg_gate_pass(&s, 1), 0);
	check_eq(seg_session_verdict(&s, GENERATION), SEG_VERDICT_NONE);
	check_eq(seg_gate_pass(&s, 1), 1);
}

static void worker_opens(void)
{
	check_eq(seg_gate_pass(&s, 1), 1);
}

/* The worker opens between XDP's look at the gate and its add: the packet goes by the verdict. */
TEST(gate, opened_while_xdp_queues)
{
	claimed();
	worker_decides(SEG_VERDICT_DENY);
	on_hook[SEG_HOOK_GATE_BEFORE_QUEUE] = worker_opens;
	check_eq(seg_session_queue(&s, GENERATION), SEG_ANSWER_DENY);
	check_eq(seg_session_verdict(&s, GENERATION), SEG_VERDICT_DENY);
}

/* What such an add leaves behind does not keep the gate from closing and opening again. */
TEST(gate, stray_add_is_wiped_at_the_next_close)
{
	claimed();
	worker_decides(SEG_VERDICT_ALLOW);
	on_hook[SEG_HOOK_GATE_BEFORE_QUEUE] = worker_opens;
	seg_session_queue(&s, GENERATION);
	check_eq(seg_session_queue(&s, GENERATION + 1), SEG_ANSWER_UP);
	check_eq(seg_gate_queued(s.gate), 1);
	check_eq(seg_gate_handled(s.gate), 0);
	check_eq(seg_gate_created(s.gate), 1000);
}

static void another_closes(void)
{
	check_eq(seg_session_queue(&s, GENERATION + 1), SEG_ANSWER_UP);
}

/* Two CPUs notice a stale verdict: one closes, the other queues behind it. */
TEST(gate, two_packets_close_at_once)
{
	opened(SEG_VERDICT_ALLOW);
	on_hook[SEG_HOOK_GATE_BEFORE_CLOSE] = another_closes;
	check_eq(seg_session_queue(&s, GENERATION + 1), SEG_ANSWER_UP);
	check_eq(seg_gate_queued(s.gate), 2);
}

TEST(gate, late_verdict_of_an_old_generation_is_void)
{
	opened(SEG_VERDICT_ALLOW);
	check_eq(seg_session_verdict(&s, GENERATION + 1), SEG_VERDICT_NONE);
	worker_decides(SEG_VERDICT_ALLOW);
	check_eq(seg_session_verdict(&s, GENERATION + 1), SEG_VERDICT_NONE);
	check_eq(seg_session_verdict(&s, GENERATION + 2), SEG_VERDICT_NONE);
}

/* Ring loss: what was queued never arrives; the worker gives up on it unless a packet came. */
TEST(gate, what_the_ring_lost_does_not_close_it_for_good)
{
	__u64 seen;

	claimed();
	xdp_queues_one();
	worker_decides(SEG_VERDICT_ALLOW);
	check_eq(seg_gate_pass(&s, 1), 0);
	seen = s.gate;
	xdp_queues_one();
	check_eq(seg_gate_give_up(&s, seen), 0);
	seen = s.gate;
	check_eq(seg_gate_give_up(&s, seen), 1);
	check_eq(seg_session_verdict(&s, GENERATION), SEG_VERDICT_ALLOW);
}

TEST(gate, two_workers_handle_one_flow)
{
	claimed();
	xdp_queues_one();
	worker_decides(SEG_VERDICT_ALLOW);
	on_hook[SEG_HOOK_GATE_BEFORE_OPEN] = worker_opens;
	check_eq(seg_gate_pass(&s, 1), 0);
	check_eq(seg_session_verdict(&s, GENERATION), SEG_VERDICT_ALLOW);
}

TEST(gate, a_flood_of_one_flow_is_capped)
{
	claimed();
	for (int i = 1; i < SEG_GATE_QUEUED_CAP; i++)
		xdp_queues_one();
	check_eq(seg_session_queue(&s, GENERATION), SEG_ANSWER_FULL);
	worker_decides(SEG_VERDICT_ALLOW);
	check_eq(seg_gate_pass(&s, SEG_GATE_QUEUED_CAP), 1);
}

/* --- state ------------------------------------------------------------------ */

static __u8 l4(void)
{
	return seg_state_l4(s.state);
}

static int packet(unsigned int direction, __u8 proto, __u8 flags)
{
	return seg_session_touch(&s, seg_event_of(proto, flags), proto, direction, &touch);
}

TEST(state, tcp_life_seen_from_both_sides)
{
	opened(SEG_VERDICT_ALLOW);
	packet(1, IPPROTO_TCP, SEG_TCP_SYN | SEG_TCP_ACK);
	check_eq(l4(), SEG_L4_ANSWERED);
	packet(0, IPPROTO_TCP, SEG_TCP_ACK);
	check_eq(l4(), SEG_L4_ESTABLISHED);
	packet(1, IPPROTO_TCP, SEG_TCP_FIN | SEG_TCP_ACK);
	check_eq(l4(), SEG_L4_CLOSING_BACK);
	check(!seg_state_is_over(s.state, SEG_TCP_SYN, 0));
	packet(0, IPPROTO_TCP, SEG_TCP_FIN | SEG_TCP_ACK);
	check_eq(l4(), SEG_L4_TIME_WAIT);
	check(seg_state_is_over(s.state, SEG_TCP_SYN, 0));
	check(!seg_state_is_over(s.state, SEG_TCP_FIN | SEG_TCP_ACK, 0));
}

TEST(state, a_syn_ack_opens_again_only_where_the_syn_is_not_seen)
{
	opened(SEG_VERDICT_ALLOW);
	packet(0, IPPROTO_TCP, SEG_TCP_RST);
	check(!seg_state_is_over(s.state, SEG_TCP_SYN | SEG_TCP_ACK, 0));
	check(seg_state_is_over(s.state, SEG_TCP_SYN | SEG_TCP_ACK, 1));
}

TEST(state, an_acknowledgement_alone_establishes_only_where_replies_are_not_seen)
{
	opened(SEG_VERDICT_ALLOW);
	packet(0, IPPROTO_TCP, SEG_TCP_ACK);
	check_eq(l4(), SEG_L4_OPENING);
	touch.one_sided = 1;
	packet(0, IPPROTO_TCP, SEG_TCP_ACK);
	check_eq(l4(), SEG_L4_ESTABLISHED);
}

TEST(state, udp_is_assured_after_a_reply_and_another_word)
{
	opened(SEG_VERDICT_ALLOW);
	packet(0, IPPROTO_UDP, 0);
	packet(1, IPPROTO_UDP, 0);
	check_eq(l4(), SEG_L4_ANSWERED);
	packet(0, IPPROTO_UDP, 0);
	check_eq(l4(), SEG_L4_ESTABLISHED);
}

TEST(state, class_moves_with_its_quota)
{
	opened(SEG_VERDICT_ALLOW);
	touch.one_sided = 1;
	packet(0, IPPROTO_TCP, SEG_TCP_ACK);
	check_eq(quota.class[SEG_CLASS_HALF_OPEN].used, 0);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].used, 1);
	check_eq(seg_state_class(s.state), SEG_CLASS_ESTABLISHED);
}

TEST(state, no_room_for_established_keeps_it_half_open)
{
	opened(SEG_VERDICT_ALLOW);
	touch.one_sided = 1;
	touch.established_max = 0;
	check_eq(packet(0, IPPROTO_TCP, SEG_TCP_ACK), 1);
	check_eq(l4(), SEG_L4_OPENING);
	check_eq(quota.class[SEG_CLASS_HALF_OPEN].used, 1);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].used, 0);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].refused, 1);
}

static void other_cpu_establishes(void)
{
	packet(0, IPPROTO_TCP, SEG_TCP_ACK);
}

/* Two packets establish at once: the quota is moved once. */
TEST(state, racing_transitions_count_once)
{
	opened(SEG_VERDICT_ALLOW);
	touch.one_sided = 1;
	on_hook[SEG_HOOK_TOUCH_BEFORE_CAS] = other_cpu_establishes;
	check_eq(packet(0, IPPROTO_TCP, SEG_TCP_ACK), 1);
	check_eq(quota.class[SEG_CLASS_HALF_OPEN].used, 0);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].used, 1);
}

static void keeper_kills(void)
{
	seg_store(&s.state, seg_state_set_life(s.state, SEG_LIFE_DEAD));
}

/* Ageing wins against the packet: it met no session, and nothing was moved. */
TEST(state, killed_while_touched)
{
	opened(SEG_VERDICT_ALLOW);
	touch.one_sided = 1;
	on_hook[SEG_HOOK_TOUCH_BEFORE_CAS] = keeper_kills;
	check_eq(packet(0, IPPROTO_TCP, SEG_TCP_ACK), 0);
	check_eq(seg_state_life(s.state), SEG_LIFE_DEAD);
	check_eq(quota.class[SEG_CLASS_HALF_OPEN].used, 1);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].used, 0);
}

TEST(state, seen_is_refreshed_in_steps_and_never_backwards)
{
	opened(SEG_VERDICT_ALLOW);
	touch.now = 1000 + SEG_SEEN_STEP - 1;
	packet(0, IPPROTO_UDP, 0);
	check_eq(seg_state_seen(s.state), 1000);
	touch.now = 1000 + SEG_SEEN_STEP;
	packet(0, IPPROTO_UDP, 0);
	check_eq(seg_state_seen(s.state), 1000 + SEG_SEEN_STEP);
	touch.now = 900;
	packet(0, IPPROTO_UDP, 0);
	check_eq(seg_state_seen(s.state), 1000 + SEG_SEEN_STEP);
}

/* All states x events x directions x sides: the flow's identity stays. Where a packet leads, the
 * golden table says (tests/golden/state). */
TEST(state, every_transition_keeps_what_is_not_its_own)
{
	for (int l4 = 0; l4 < SEG_L4_MAX; l4++)
		for (int event = 0; event < SEG_EVENT_MAX; event++)
			for (int bits = 0; bits < 4 * 4; bits++) {
				__u64 old =
					seg_state_make(SEG_LIFE_LIVE, (__u8)l4, bits & 3, 9, 50);
				__u64 new = seg_state_after(old, (enum seg_event)event, IPPROTO_TCP,
							    bits >> 2 & 1, bits >> 3 & 1, 60);

				check_eq(seg_state_life(new), SEG_LIFE_LIVE);
				check_eq(seg_state_incarnation(new), 9);
				check_eq(seg_state_flags(new), seg_state_flags(old));
				check(event != SEG_EVENT_RST || seg_state_l4(new) == SEG_L4_CLOSED);
				check(event > SEG_EVENT_SEEN || new == old);
			}
}

/* Only what is live, established and counted as such is steady. */
TEST(state, what_is_steady)
{
	for (__u8 life = SEG_LIFE_FREE; life <= SEG_LIFE_DEAD; life++)
		for (__u8 l4 = SEG_L4_NEW; l4 < SEG_L4_MAX; l4++)
			for (int class = 0; class < SEG_CLASS_MAX; class ++) {
				__u64 state = seg_state_set_class(
					seg_state_make(life, l4, 0x3f, 0xff, 1u << 31),
					(enum seg_class) class);

				check_eq(seg_session_is_steady(state),
					 life == SEG_LIFE_LIVE && l4 == SEG_L4_ESTABLISHED &&
						 class == SEG_CLASS_ESTABLISHED);
			}
}

TEST(state, a_steady_session_is_seen)
{
	for (__u32 later = 0; later < 3 * SEG_SEEN_STEP; later += SEG_SEEN_STEP / 2) {
		__u64 old = seg_state_set_class(
			seg_state_make(SEG_LIFE_LIVE, SEG_L4_ESTABLISHED, 0, 7, -SEG_SEEN_STEP),
			SEG_CLASS_ESTABLISHED);
		struct seg_session saw = {.state = old};

		opened(SEG_VERDICT_ALLOW);
		s.state = old;
		touch.now = later - SEG_SEEN_STEP;
		seg_session_saw(&saw, old, touch.now);
		check_eq(seg_session_touch(&s, SEG_EVENT_DATA, IPPROTO_TCP, 0, &touch), 1);
		check_eq(saw.state, s.state);
	}
}

/* --- account ----------------------------------------------------------------- */

TEST(count, packs_and_unpacks)
{
	claimed();
	seg_session_count(&s, 1, 1500);
	seg_session_count(&s, 1, 60);
	check_eq(seg_count_packets(s.count[1]), 2);
	check_eq(seg_count_bytes(s.count[1]), 1560);
	check_eq(s.count[0], 0);
}
