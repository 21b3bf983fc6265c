/* SPDX-License-Identifier: BSD-2-Clause */
#include "journal.h"

#include <errno.h>
#include <string.h>

static void set(__u64 *word, __u64 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static struct seg_account *in_force(struct seg_ledger *ledger)
{
	return &ledger->account[ledger->done & 1];
}

int seg_ledger_open(struct seg_ledger *ledger, uint32_t frames)
{
	if (!ledger->version) {
		ledger->frames = frames;
		ledger->version = SEG_LEDGER_VERSION;
	}
	return ledger->version == SEG_LEDGER_VERSION && ledger->frames == frames ? 0 : -EPROTO;
}

/* --- a turn -------------------------------------------------------------------- */

/* Odd before the first session is looked at: the reaper's other half is in table_reap.h. */
void seg_journal_begin(struct seg_lane *lane)
{
	set(&lane->queue->batches, in_force(lane->ledger)->batches + 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void seg_journal_idle(struct seg_lane *lane, uint64_t sent)
{
	struct seg_account *account = in_force(lane->ledger);

	set(&account->consumed, sent);
	set(&lane->queue->consumed, sent);
	set(&lane->queue->batches, account->batches);
}

/* Frames that the veth took and has not given back: both indices count from the socket's birth. */
static uint32_t in_flight(const struct seg_lane *lane)
{
	return *lane->tx.producer - __atomic_load_n(lane->completion.producer, __ATOMIC_ACQUIRE);
}

/* A fragment's mark says that it was judged where its VLAN tag is taken off (seg_beside). */
static bool is_fragment(const struct seg_outcome *o)
{
	return o->flags & SEG_OUTCOME_FRAGMENT;
}

void seg_journal_arm(struct seg_lane *lane, uint32_t taken, uint32_t count)
{
	struct seg_journal *journal = &lane->ledger->journal;
	uint32_t passes = 0, longest = 0, veth = in_flight(lane);

	for (uint32_t i = 0; i < count; i++) {
		const struct seg_outcome *o = &journal->outcome[i];

		if (!(o->flags & SEG_OUTCOME_PASS))
			continue;
		passes++;
		longest = o->length > longest ? o->length : longest;
		veth += is_fragment(o);
	}
	journal->count = count;
	journal->taken = taken;
	journal->published = 0;
	journal->rx_until = *lane->rx.consumer + taken;
	seg_inject_begin(&lane->inject, &journal->intent,
			 seg_inject_choose(&lane->inject, passes, longest, veth));
	SEG_HOOK(JOURNAL_WRITTEN, NULL);
	set(&journal->batch, lane->ledger->done + 1);
	SEG_HOOK(JOURNAL_ARMED, NULL);
}

/* --- hand on ------------------------------------------------------------------- */

/* The same frames in the same order each time: what was committed of them stays committed. */
static void stage(struct seg_lane *lane, struct seg_journal *journal)
{
	journal->intent.count = 0;
	for (uint32_t i = 0; i < journal->count; i++) {
		const struct seg_outcome *o = &journal->outcome[i];

		if (o->flags & SEG_OUTCOME_PASS)
			seg_inject_stage(&lane->inject, &journal->intent,
					 (struct xdp_desc){.addr = o->address, .len = o->length});
	}
}

/* Of the packets to pass, those from number `first` to before `until` did not get there. */
static void lose(struct seg_journal *journal, uint32_t first, uint32_t until)
{
	uint32_t number = 0;

	for (uint32_t i = 0; i < journal->count; i++) {
		struct seg_outcome *o = &journal->outcome[i];

		if (!(o->flags & SEG_OUTCOME_PASS))
			continue;
		if (number >= first && number < until)
			o->reason = SEG_REASON_INJECT_FULL;
		number++;
	}
}

/* The batch is never larger than the tx ring's room, so what fails one way goes the other. */
static void hand_on(struct seg_lane *lane, struct seg_journal *journal)
{
	struct seg_inject *inject = &lane->inject;
	struct seg_intent *intent = &journal->intent;
	uint32_t before, after;
	int err;

	stage(lane, journal);
	before = seg_inject_committed(inject, intent);
	err = seg_inject_commit(inject, intent);
	after = seg_inject_committed(inject, intent);
	if (err == -ENOMEM && after > before)
		lose(journal, after - 1 - (after - 1 - before) % SEG_LIVE_RUN, after);
	if (after == intent->count)
		return;
	if (intent->way == SEG_WAY_LIVE) {
		inject->live_min = UINT32_MAX; /* until the next worker tries again */
		seg_inject_fall_back(inject, intent);
		seg_inject_commit(inject, intent);
	}
	lose(journal, seg_inject_committed(inject, intent), intent->count);
}

/* --- publish -------------------------------------------------------------------- */

/*
 * A frame that the veth has not given back may wait in a CPU's backlog, where
 * XDP's next packet of its flow would overtake it: the completion comes when the
 * stack has taken it. Mostly that was before the kick returned.
 */
static void keep_account(struct seg_lane *lane, struct seg_journal *journal, uint64_t now)
{
	lane->publisher.under_way = in_flight(lane) != 0;
	for (uint32_t i = journal->published; i < journal->count; i++)
		seg_publish_account(&lane->publisher, &journal->outcome[i], &journal->published, i,
				    now);
}

/* All of it, before the first is handed on. */
static void publish(struct seg_lane *lane, const struct seg_journal *journal, uint64_t now)
{
	for (uint32_t i = journal->published; i < journal->count; i++)
		seg_publish_settle(&lane->publisher, &journal->outcome[i], now);
}

/* --- frames and account ----------------------------------------------------------- */

/* The veth keeps a frame until it is sent; the other way, and denial, do not. */
static bool is_with_veth(const struct seg_intent *intent, uint32_t number, uint32_t committed)
{
	return intent->way == SEG_WAY_VETH && number >= intent->skip && number < committed;
}

/* What a successor needs to know of it, before the frame is its. */
static void hold(struct seg_lane *lane, const struct seg_outcome *o, uint64_t now)
{
	uint64_t frame = o->address >> lane->frames.shift;

	lane->ledger->held[frame % SEG_FRAMES_MAX] = (struct seg_held){
		.since = (uint32_t)(now >> SEG_TICK_SHIFT),
		.at = (uint16_t)(o->address - (frame << lane->frames.shift)),
		.length = (uint16_t)o->length,
	};
	seg_frames_own(&lane->frames, o->address, SEG_OWNER_HELD);
}

static void own_frames(struct seg_lane *lane, const struct seg_journal *journal, uint64_t now)
{
	uint32_t committed = seg_inject_committed(&lane->inject, &journal->intent), number = 0;

	for (uint32_t i = 0; i < journal->count; i++) {
		const struct seg_outcome *o = &journal->outcome[i];
		bool passed = o->flags & SEG_OUTCOME_PASS;
		bool sent = passed && is_with_veth(&journal->intent, number, committed);

		if (o->flags & SEG_OUTCOME_HELD)
			hold(lane, o, now);
		else
			seg_frames_own(&lane->frames, o->address,
				       sent ? SEG_OWNER_TX : SEG_OWNER_FREE);
		number += passed;
	}
}

/* The values after this batch, from those before it. */
static const struct seg_account *account(struct seg_lane *lane, const struct seg_journal *journal)
{
	struct seg_account *next = &lane->ledger->account[journal->batch & 1];

	*next = *in_force(lane->ledger);
	next->consumed += journal->taken;
	next->batches += 2;
	for (uint32_t i = 0; i < journal->count; i++) {
		struct seg_count *exit = &next->exit[journal->outcome[i].reason % SEG_REASON_MAX];

		if (journal->outcome[i].flags & SEG_OUTCOME_HELD)
			continue;
		exit->packets++;
		exit->bytes += journal->outcome[i].length;
	}
	return next;
}

static void show(struct seg_queue *queue, const struct seg_account *account)
{
	for (uint32_t i = 0; i < SEG_REASON_MAX; i++) {
		if (queue->exit[i].packets == account->exit[i].packets)
			continue;
		set(&queue->exit[i].packets, account->exit[i].packets);
		set(&queue->exit[i].bytes, account->exit[i].bytes);
	}
	set(&queue->consumed, account->consumed);
}

/* --- settle ------------------------------------------------------------------------ */

/* Private memory only: after a death collected from the book. What is held in this batch may be let
 * go in it, and has a second outcome then. */
static void free_frames(struct seg_lane *lane, const struct seg_journal *journal)
{
	for (uint32_t i = 0; i < journal->count; i++)
		if (!(journal->outcome[i].flags & SEG_OUTCOME_HELD))
			seg_frames_reuse(&lane->frames, journal->outcome[i].address);
}

static void retire(struct seg_lane *lane, struct seg_journal *journal,
		   const struct seg_account *account)
{
	seg_ring_release(&lane->rx, journal->rx_until);
	SEG_HOOK(JOURNAL_RELEASED, NULL);
	set(&lane->ledger->done, journal->batch);
	SEG_HOOK(JOURNAL_RETIRED, NULL);
	set(&lane->queue->batches, account->batches);
}

void seg_journal_settle(struct seg_lane *lane, uint64_t now)
{
	struct seg_journal *journal = &lane->ledger->journal;
	const struct seg_account *next;

	if (journal->batch != lane->ledger->done + 1)
		return;
	publish(lane, journal, now);
	hand_on(lane, journal);
	SEG_HOOK(JOURNAL_HANDED_ON, NULL);
	keep_account(lane, journal, now);
	own_frames(lane, journal, now);
	SEG_HOOK(JOURNAL_OWNED, NULL);
	next = account(lane, journal);
	SEG_HOOK(JOURNAL_ACCOUNTED, NULL);
	show(lane->queue, next);
	retire(lane, journal, next);
	free_frames(lane, journal);
}

/* The outcome at which a predecessor died may lack its count and its pass through the gate. */
static void doubt(struct seg_lane *lane, uint64_t now)
{
	const struct seg_journal *journal = &lane->ledger->journal;

	if (journal->batch == lane->ledger->done + 1 && journal->published)
		seg_publish_doubt(&lane->publisher, &journal->outcome[journal->published - 1], now);
}

int seg_lane_recover(struct seg_lane *lane, uint64_t now)
{
	struct seg_account *account;

	if (lane->ledger->journal.intent.way == SEG_WAY_LIVE && !lane->inject.live)
		return -ENODEV; /* what was handed on cannot be known without it */
	doubt(lane, now);
	seg_journal_settle(lane, now);
	account = in_force(lane->ledger);
	show(lane->queue, account);
	set(&lane->queue->batches, account->batches);
	lane->queue->frames_lost += seg_frames_recover(&lane->frames, &lane->rx, &lane->tx);
	return 0;
}

/* --- what waits ---------------------------------------------------------------------- */

/* Shared memory may say anything: no packet ends beyond its frame. */
static bool adopt(struct seg_lane *lane, const struct seg_judge *judge, uint32_t frame,
		  uint64_t now)
{
	const struct seg_held *held = &lane->ledger->held[frame];
	uint64_t age = (uint64_t)((uint32_t)(now >> SEG_TICK_SHIFT) - held->since)
		       << SEG_TICK_SHIFT;

	if ((uint32_t)held->at + held->length > 1u << lane->frames.shift)
		return false;
	return seg_hold_adopt(lane->hold, judge, ((uint64_t)frame << lane->frames.shift) + held->at,
			      held->length, now - age);
}

void seg_lane_adopt(struct seg_lane *lane, const struct seg_judge *judge, uint64_t now)
{
	for (uint32_t i = 0; i < lane->frames.count; i++) {
		uint64_t address = (uint64_t)i << lane->frames.shift;

		if (lane->frames.book->owner[i] != SEG_OWNER_HELD || adopt(lane, judge, i, now))
			continue;
		seg_frames_own(&lane->frames, address, SEG_OWNER_FREE);
		seg_frames_reuse(&lane->frames, address);
		lane->queue->frames_lost++;
	}
	set(&lane->queue->held, lane->hold->gather.held);
}
