/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.c - a worker ended between any two steps, its successor between any two
 * again: every packet is handed on once or denied once, in order; queue counters are
 * exact; session counters lack one packet a death at most; no gate opens early and
 * each opens in the end; all frames are there.
 */
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "worker_rig.h"

#define PACKETS  24
#define SESSIONS 4
#define MS       1000000ull

static struct seg_lane lane;
static jmp_buf death;
static int lives; /* places until the end; 0: for ever */
static int deaths;
static bool live_way;
static uint32_t live_fails; /* after this many frames of a run; 0: never */

static void die_later(const char *name)
{
	(void)name;
	if (lives && !--lives) {
		deaths++;
		longjmp(death, 1);
	}
}

static bool is_uncached(uint32_t number);
static uint32_t session_of(uint32_t number);

/* The stack may answer it at once, and its flow is asked what that is. */
static void check_settled(const uint8_t *frame)
{
	uint32_t number;

	memcpy(&number, frame, sizeof(number));
	if (!is_uncached(number))
		check_eq(seg_verdict_now(&rig.slots[session_of(number)], 1), SEG_VERDICT_ALLOW);
}

/* Program seg_live, and its kernel: death comes after any frame but what was taken is delivered. */
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	const union bpf_attr *attr;
	va_list args;

	va_start(args, number);
	check_eq(number, SYS_bpf);
	check_eq(va_arg(args, int), BPF_PROG_TEST_RUN);
	attr = va_arg(args, const union bpf_attr *);
	va_end(args);
	for (uint32_t i = 0; i < attr->test.repeat; i++) {
		const struct seg_live_frame *frame = &rig.live.frame[rig.live.next];

		check(frame->len <= attr->test.data_size_in);
		check_settled(frame->data);
		rig_deliver(frame->data);
		rig.live.next++;
		die_later("frame");
		if (live_fails && i + 1 == live_fails) {
			errno = EBUSY;
			return -1;
		}
	}
	return 0;
}

/* --- what each packet is ------------------------------------------------------------ */

/* Packets of four sessions in turn; session 3 is denied; every sixth packet is of no session. */
static bool is_uncached(uint32_t number)
{
	return number % 6 == 5;
}

static uint32_t session_of(uint32_t number)
{
	return number % SESSIONS;
}

static bool passes(uint32_t number)
{
	return session_of(number) != 3;
}

static uint32_t length_of(uint32_t number)
{
	return 100 + number;
}

static void decide(struct seg_outcome *o, const struct xdp_desc *desc)
{
	uint32_t number;

	memcpy(&number, &rig.umem[desc->addr], sizeof(number));
	*o = (struct seg_outcome){
		.address = desc->addr,
		.length = desc->len,
		.slot = is_uncached(number) ? SEG_SLOT_NONE : session_of(number),
		.rule = 2,
		.generation = 1,
		.incarnation = 7,
		.reason = passes(number) ? SEG_REASON_RULE_ALLOW : SEG_REASON_RULE_DENY,
		.verdict = passes(number) ? SEG_VERDICT_ALLOW : SEG_VERDICT_DENY,
		.proto = 17,
		.flags = SEG_OUTCOME_COUNT | SEG_OUTCOME_PUBLISH | SEG_OUTCOME_QUEUED,
	};
	if (passes(number))
		o->flags |= SEG_OUTCOME_PASS;
}

static void turn(uint32_t most)
{
	uint32_t count = seg_ring_used(&lane.rx);

	if (!count)
		return;
	count = count < most ? count : most;
	seg_journal_begin(&lane);
	for (uint32_t i = 0; i < count; i++)
		decide(&rig.ledger.journal.outcome[i],
		       &rig.rx.desc[(rig.rx.consumer + i) % RIG_RING]);
	seg_journal_arm(&lane, count, count);
	seg_journal_settle(&lane, MS);
	seg_frames_cycle(&lane.frames);
}

/* Of what is in the ring between two batches nothing was handed on: its gates are closed. */
static void check_gates_wait(void)
{
	for (uint32_t i = rig.rx.consumer; i != rig.rx.producer; i++) {
		uint32_t number;

		memcpy(&number, &rig.umem[rig.rx.desc[i % RIG_RING].addr], sizeof(number));
		if (!is_uncached(number))
			check(!(rig.slots[session_of(number)].gate & SEG_GATE_OPEN));
	}
}

/* --- lives ------------------------------------------------------------------------------ */

static void begin(void)
{
	uint32_t queued[SESSIONS] = {0};

	rig_begin();
	deaths = 0;
	rig_lane(&lane);
	check_eq(seg_lane_recover(&lane, 0), 0);
	seg_frames_cycle(&lane.frames);
	for (uint32_t i = 0; i < PACKETS; i++) {
		check(rig_receive(i, length_of(i)));
		queued[session_of(i)] += !is_uncached(i);
	}
	for (uint32_t i = 0; i < SESSIONS; i++)
		rig_session(i, 7, queued[i]);
}

/* A worker from its first act until it ends or everything is done. True: it ended. */
static bool live(int places)
{
	lives = places;
	on_place = die_later;
	if (setjmp(death))
		return true;
	rig_lane(&lane);
	if (live_way)
		lane.inject.live_min = 1;
	check_eq(seg_lane_recover(&lane, MS), 0);
	check_gates_wait();
	while (seg_ring_used(&lane.rx))
		turn(PACKETS / 2);
	on_place = NULL;
	return false;
}

/* --- the end -------------------------------------------------------------------------------- */

static void check_delivered(void)
{
	uint32_t expected = 0;

	for (uint32_t i = 0; i < PACKETS; i++)
		if (passes(i))
			check_eq(rig.delivered[expected++], i);
	check_eq(rig.delivered_count, expected);
}

static void check_queue(void)
{
	uint64_t packets[2] = {0}, bytes[2] = {0};

	for (uint32_t i = 0; i < PACKETS; i++) {
		packets[passes(i)]++;
		bytes[passes(i)] += length_of(i);
	}
	check_eq(rig.queue.exit[SEG_REASON_RULE_ALLOW].packets, packets[1]);
	check_eq(rig.queue.exit[SEG_REASON_RULE_ALLOW].bytes, bytes[1]);
	check_eq(rig.queue.exit[SEG_REASON_RULE_DENY].packets, packets[0]);
	check_eq(rig.queue.exit[SEG_REASON_RULE_DENY].bytes, bytes[0]);
	check_eq(rig.queue.consumed, PACKETS);
	check_eq(rig.queue.batches % 2, 0);
	check_eq(rig.queue.frames_lost, 0);
}

static void check_sessions(void)
{
	uint64_t counted = rig.rules[2].count.packets;

	for (uint32_t i = 0; i < SESSIONS; i++) {
		struct seg_session *s = &rig.slots[i];

		counted += seg_count_packets(s->count[0]) + seg_count_packets(s->count[1]);
		check_eq(seg_verdict_now(s, 1), i == 3 ? SEG_VERDICT_DENY : SEG_VERDICT_ALLOW);
		check_eq(seg_state_class(s->state),
			 i == 3 ? SEG_CLASS_DENIED : SEG_CLASS_HALF_OPEN);
	}
	check(counted <= PACKETS && counted + (uint64_t)deaths >= PACKETS);
	check(rig.quota.class[SEG_CLASS_HALF_OPEN].used >= 3);
	check(rig.quota.class[SEG_CLASS_HALF_OPEN].used <= 3 + (uint64_t)deaths);
}

static void check_gates_open(void)
{
	seg_publish_gaps(&lane.publisher, 1, 100 * MS);
	check_eq(seg_publish_gaps(&lane.publisher, 1, 200 * MS), 0);
	for (uint32_t i = 0; i < SESSIONS; i++)
		check(rig.slots[i].gate & SEG_GATE_OPEN);
}

static void check_frames(void)
{
	struct seg_census c;

	seg_frames_cycle(&lane.frames);
	seg_frames_census(&lane.frames, &lane.rx, 0, &c);
	check_eq(c.fill, RIG_FRAMES);
	check_eq(seg_ring_used(&lane.fill), RIG_FRAMES);
}

static void check_end(void)
{
	rig_send();
	check_delivered();
	check_queue();
	check_sessions();
	check_gates_open();
	check_frames();
}

/* One death at each place, and after it a second one at each place of the successor. */
static int die_everywhere(void)
{
	int runs = 0;

	for (int first = 1, died = 1; died; first++) {
		for (int second = 1, again = 1; again; second++, runs++) {
			begin();
			died = live(first);
			again = died && live(second);
			if (again)
				check(!live(0));
			check_end();
		}
	}
	return runs;
}

TEST(journal, death_anywhere_by_the_veth)
{
	live_way = false;
	check(die_everywhere() > 1000);
}

TEST(journal, death_anywhere_by_live_frames)
{
	live_way = true;
	check(die_everywhere() > 1000);
}

static int open_gates(void)
{
	int open = 0;

	for (uint32_t i = 0; i < SESSIONS; i++)
		open += rig.slots[i].gate & SEG_GATE_OPEN ? 1 : 0;
	return open;
}

TEST(journal, nobody_dies_and_nothing_is_missing)
{
	begin();
	live_way = true;
	check(!live(0));
	rig_send();
	check_queue();
	check_sessions();
	check_eq(open_gates(), SESSIONS);
}

/* The rig's veth gives no frame back before rig_send(): they might be overtaken. */
TEST(journal, what_the_veth_still_has_opens_no_gate)
{
	begin();
	live_way = false;
	check(!live(0));
	check(open_gates() < (int)SESSIONS);
	check_end();
}

static void die_before_the_gate(const char *name)
{
	if (!strcmp(name, "PUBLISH_COUNTED"))
		longjmp(death, 1);
}

/* The last packet of its flow: nobody else will ever pass this gate. */
TEST(journal, a_gate_at_which_a_worker_died_opens_in_the_end)
{
	rig_begin();
	rig_lane(&lane);
	check_eq(seg_lane_recover(&lane, 0), 0);
	seg_frames_cycle(&lane.frames);
	check(rig_receive(0, 100));
	rig_session(0, 7, 1);
	on_place = die_before_the_gate;
	if (!setjmp(death))
		turn(1);
	on_place = NULL;
	rig_lane(&lane);
	check_eq(seg_lane_recover(&lane, MS), 0);
	check_eq(seg_gate_handled(rig.slots[0].gate), 0);
	seg_publish_gaps(&lane.publisher, 1, 100 * MS);
	check(rig.slots[0].gate & SEG_GATE_OPEN);
}

/* The live way fails half-way: the veth takes the rest, and only that. */
TEST(journal, live_fails_and_the_veth_takes_over)
{
	begin();
	live_way = true;
	live_fails = 5;
	check(!live(0));
	live_fails = 0;
	check_end();
}

TEST(journal, idle_says_that_all_was_consumed)
{
	rig_begin();
	rig_lane(&lane);
	check_eq(seg_lane_recover(&lane, 0), 0);
	seg_journal_begin(&lane);
	check_eq(rig.queue.batches % 2, 1);
	seg_journal_idle(&lane, 42);
	check_eq(rig.queue.consumed, 42);
	check_eq(rig.queue.batches % 2, 0);
}

TEST(journal, another_ledger_is_refused)
{
	rig_begin();
	check_eq(seg_ledger_open(&rig.ledger, RIG_FRAMES), 0);
	check_eq(seg_ledger_open(&rig.ledger, RIG_FRAMES * 2), -EPROTO);
	rig.ledger.version++;
	check_eq(seg_ledger_open(&rig.ledger, RIG_FRAMES), -EPROTO);
}
