/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "begin.h"
#include "clock.h"
#include "frame.h"
#include "learned.h"
#include "replay_look.h"
#include "session.h"
#include "table_reap.h"
#include "words.h"

/* Beyond any timeout, and long before a session's clock, which wraps after 52 days, can be misread.
 */
#define SILENCE_NS (21ull * 86400 * SEG_NS_PER_S)

/* --- time -------------------------------------------------------------------- */

static void kill_all(struct seg_replay *replay)
{
	const struct seg_table *table = &replay->tables.table;

	seg_for_each_slot (slot, table)
		seg_table_kill(&table->slots[slot], seg_load(&table->slots[slot].state));
}

/* The first packet is what attaching is on an interface. */
static void begin(struct seg_replay *replay, uint64_t now)
{
	uint64_t pickup = seg_image_defaults(replay->image)->pickup_ns;

	replay->begun = true;
	replay->now = replay->reaped = now;
	replay->judge.pickup_until = pickup == SEG_PICKUP_ALWAYS ? pickup : now + pickup;
	replay->tables.config->pickup_until = replay->judge.pickup_until;
}

static void reap(struct seg_replay *replay)
{
	while (seg_reaper_round(&replay->reaper, replay->now) > 0 || replay->reaper.next)
		;
	replay->reaped = replay->now;
}

static void settle_held(struct seg_replay *replay, uint32_t taken, uint64_t now);

static void advance(struct seg_replay *replay, uint64_t time)
{
	if (!replay->begun)
		begin(replay, time);
	if (time <= replay->now)
		return;
	if (time - replay->now > SILENCE_NS)
		kill_all(replay);
	replay->now = time;
	if (time - replay->reaped >= SEG_REAP_INTERVAL_NS)
		reap(replay);
	while (seg_hold_due(replay->hold, time))
		settle_held(replay, 0, time);
}

void seg_replay_end(struct seg_replay *replay)
{
	while (replay->hold->gather.used)
		settle_held(replay, 0, UINT64_MAX);
}

void seg_replay_reset(struct seg_replay *replay)
{
	seg_replay_end(replay);
	seg_turn_close(&replay->turn);
	kill_all(replay);
	reap(replay);
	memset(replay->book.rules, 0, replay->book.entries * sizeof(*replay->book.rules));
	replay->begun = false;
}

/* --- the way ------------------------------------------------------------------- */

static uint32_t shadow_of(uint16_t shadow)
{
	return shadow ? seg_shadow_rule(shadow) : SEG_RULE_NONE;
}

static void note_outcome(const struct seg_outcome *outcome, struct seg_replayed *out)
{
	out->reason = outcome->reason;
	out->opened = outcome->flags & SEG_OUTCOME_PUBLISH;
	if (!(outcome->flags & SEG_OUTCOME_COUNT))
		return;
	out->rule = outcome->rule;
	out->shadow = shadow_of(outcome->shadow);
}

static void publish(struct seg_replay *replay, struct seg_outcome *outcome)
{
	uint32_t done = 0;

	seg_publish_settle(&replay->publisher, outcome, replay->now);
	seg_publish_account(&replay->publisher, outcome, &done, 0, replay->now);
	if (outcome->flags & SEG_OUTCOME_KILL && outcome->slot != SEG_SLOT_NONE)
		seg_reaper_free(&replay->reaper, outcome->slot);
}

/* What a worker does with a packet that came up, but for handing it on. */
static void slow_path(struct seg_replay *replay, const struct seg_meta *meta,
		      struct seg_replayed *out)
{
	const struct seg_beginner beginner = {&replay->judge, replay->tables.quota, replay->now};
	struct seg_arrival arrival = {.frame = replay->frame, .length = replay->size};
	struct seg_outcome *outcome = replay->outcome;

	if (meta)
		arrival.meta = memcpy(replay->buffer, meta, sizeof(*meta));
	seg_flows_begin(&replay->flows);
	seg_decide(&replay->judge, &replay->flows, &arrival, outcome, 1, replay->now);
	seg_begin_allowed(&beginner, &arrival, outcome, 1);
	publish(replay, outcome);
	note_outcome(outcome, out);
}

/* Its rule decides where it answers, lets an error through, or was just made. */
static bool session_decides(uint8_t reason)
{
	return reason == SEG_REASON_EGRESS_LEARNED || reason == SEG_REASON_SESSION_ALLOW ||
	       reason == SEG_REASON_SESSION_DENY || reason == SEG_REASON_ICMP_RELATED;
}

static void attribute(const struct seg_replay *replay, struct seg_session *session,
		      struct seg_replayed *out)
{
	const struct seg_reason_row *row = &SEG_REASON_ROWS[out->reason];
	uint64_t verdict;

	out->verdict = row->verdict == SEG_VERDICT_ALLOW ? SEG_VERDICT_ALLOW : SEG_VERDICT_DENY;
	out->path = (uint8_t)row->path;
	if (!session) {
		out->opened = false;
		return;
	}
	out->state = seg_state_l4(seg_load(&session->state));
	if (!session_decides(out->reason))
		return;
	verdict = seg_load(seg_verdict_slot(session, SEG_REPLAY_GENERATION));
	out->rule = seg_verdict_rule(seg_learned_verdict(session, replay->image, verdict));
	out->shadow = shadow_of(seg_session_shadow(session, SEG_REPLAY_GENERATION));
}

/* --- fragments ------------------------------------------------------------------ */

/* A fragment's turn has come, sooner or later. */
static void tell(struct seg_replay *replay, struct seg_outcome *outcome)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): addresses are pointers here */
	const uint8_t *frame = (const uint8_t *)(uintptr_t)outcome->address;
	struct seg_replay_kept *kept = seg_replay_kept_of(frame);
	struct seg_replayed *out = seg_turn_at(&replay->turn, kept->number);
	const struct seg_table *table = &replay->tables.table;
	struct seg_session *session = NULL;

	publish(replay, outcome);
	note_outcome(outcome, out);
	if (outcome->slot != SEG_SLOT_NONE)
		session = seg_table_slot(table, outcome->slot);
	if (session && seg_state_life(seg_load(&session->state)) != SEG_LIFE_LIVE)
		session = NULL;
	attribute(replay, session, out);
	seg_turn_settle(&replay->turn, kept->number);
	free(kept);
}

/* Of `taken` decided ones, and of those that wait. What is let go was held before in no batch. */
static void settle_held(struct seg_replay *replay, uint32_t taken, uint64_t now)
{
	struct seg_batch batch = {replay->outcome, SEG_OUTCOMES_MAX, taken, 0};

	seg_hold_take(replay->hold, &replay->judge, &replay->flows, &batch, now);
	for (uint32_t i = 0; i < batch.total; i++)
		if (!(replay->outcome[i].flags & SEG_OUTCOME_HELD))
			tell(replay, &replay->outcome[i]);
}

static int keep(struct seg_replay *replay, const struct seg_meta *meta, uint64_t number, bool cut)
{
	struct seg_arrival arrival = {.length = replay->size, .meta = meta};
	struct seg_replay_kept *kept = malloc(sizeof(*kept) + replay->size);

	if (!kept)
		return -ENOMEM;
	kept->number = number;
	kept->cut = cut;
	memcpy(kept->frame, replay->frame, replay->size);
	arrival.frame = kept->frame;
	arrival.address = (uintptr_t)kept->frame;
	seg_flows_begin(&replay->flows);
	seg_decide(&replay->judge, &replay->flows, &arrival, replay->outcome, 1, replay->now);
	settle_held(replay, 1, replay->now);
	return 0;
}

/* --- a packet ---------------------------------------------------------------------- */

static void go_up(struct seg_replay *replay, const struct seg_meta *meta, struct seg_replayed *out)
{
	uint64_t began = seg_clock_now();

	slow_path(replay, meta, out);
	out->ns += (uint32_t)(seg_clock_now() - began);
}

/* One packet that has its number. *held: a fragment; it waits, or has been told already. */
static int run(struct seg_replay *replay, uint64_t number, bool cut, bool *held,
	       struct seg_error *err)
{
	struct seg_replayed *out = seg_turn_at(&replay->turn, number);
	struct seg_queue *queue = replay->tables.queues;
	struct seg_program_run run;
	int r = seg_programs_run(&replay->programs, out->direction, replay->now, replay->frame,
				 replay->size, &run, err);

	if (r)
		return r;
	out->reason = run.reason;
	out->ns = run.ns;
	out->opened = run.reason == SEG_REASON_EGRESS_LEARNED;
	*held = *held && run.reason == SEG_REASON_UP;
	if (*held)
		r = keep(replay, run.meta, number, cut);
	else if (run.reason == SEG_REASON_UP)
		go_up(replay, run.meta, out);
	seg_store(&queue->consumed, seg_load(&queue->sent));
	return r ? seg_error_set(err, ENOMEM, "out of memory") : 0;
}

/* No program can be run on less than an Ethernet header. */
static int judge(struct seg_replay *replay, const struct seg_capture_packet *packet,
		 uint64_t number, struct seg_error *err)
{
	struct seg_replayed *out = seg_turn_at(&replay->turn, number);
	struct seg_look look = {.has_key = false};
	bool held = false;
	int r = 0;

	*out = (struct seg_replayed){.bytes = packet->wire,
				     .reason = SEG_REASON_TRUNCATED,
				     .rule = SEG_RULE_NONE,
				     .shadow = SEG_RULE_NONE,
				     .state = SEG_L4_MAX};
	if (replay->size >= sizeof(struct seg_eth)) {
		seg_look_at(replay, &look, out);
		held = look.reason == SEG_REASON_FRAGMENT;
		r = run(replay, number, packet->length < replay->size, &held, err);
	}
	if (r || held)
		return r;
	attribute(replay, seg_look_session(replay, &look), out);
	seg_turn_settle(&replay->turn, number);
	return 0;
}

int seg_replay_packet(struct seg_replay *replay, const struct seg_capture_packet *packet,
		      struct seg_error *err)
{
	uint64_t number;

	advance(replay, packet->time);
	replay->size = seg_frame_lay_out(replay->frame, packet);
	if (seg_turn_add(&replay->turn, &number))
		return seg_error_set(err, ENOMEM, "out of memory");
	return judge(replay, packet, number, err);
}

bool seg_replay_next(struct seg_replay *replay, struct seg_replayed *out)
{
	return seg_turn_next(&replay->turn, out);
}

bool seg_replay_has_next(const struct seg_replay *replay)
{
	return seg_turn_has_next(&replay->turn);
}

/* --- what the datapath counted ---------------------------------------------------- */

struct seg_rule_count seg_replay_rule(const struct seg_replay *replay, uint32_t rule)
{
	const struct seg_rulebook *book = &replay->book;
	const struct seg_table *table = &replay->tables.table;
	_cleanup_free_ struct seg_rule_count *rules = calloc(book->entries, sizeof(*rules));

	if (!rules)
		return (struct seg_rule_count){0};
	memcpy(rules, book->rules, book->entries * sizeof(*rules));
	seg_for_each_slot (slot, table)
		seg_session_credit(&replay->account, &table->slots[slot], slot, book, rules);
	return rules[seg_rulebook_entry(book, rule)];
}
