/* SPDX-License-Identifier: BSD-2-Clause */
#include "publish.h"

#include "session.h"

/* The session that an incarnation of a slot holds, or NULL: it is gone. */
static struct seg_session *session_at(const struct seg_publisher *p, uint32_t slot,
				      uint8_t incarnation)
{
	struct seg_session *s;
	uint64_t state;

	if (slot >= p->table.buckets * SEG_BUCKET_SLOTS)
		return NULL;
	s = seg_table_slot(&p->table, slot);
	state = seg_load(&s->state);
	if (seg_state_life(state) != SEG_LIFE_LIVE || seg_state_incarnation(state) != incarnation)
		return NULL;
	return s;
}

/* --- class ----------------------------------------------------------------- */

/* The class that a verdict asks for; a denied flow that is allowed again goes back where it was. */
static enum seg_class class_after(uint64_t state, uint8_t verdict)
{
	if (verdict == SEG_VERDICT_DENY)
		return SEG_CLASS_DENIED;
	if (seg_state_class(state) != SEG_CLASS_DENIED)
		return seg_state_class(state);
	return seg_state_l4(state) == SEG_L4_ESTABLISHED ? SEG_CLASS_ESTABLISHED
							 : SEG_CLASS_HALF_OPEN;
}

static uint32_t class_max(const struct seg_publisher *p, enum seg_class class)
{
	if (class == SEG_CLASS_DENIED)
		return p->denied_max;
	return class == SEG_CLASS_ESTABLISHED ? p->constants->established_max
					      : p->constants->half_open_max;
}

static uint64_t state_after(uint64_t state, const struct seg_outcome *o)
{
	uint64_t loose = (uint64_t)SEG_SESSION_LOOSE << SEG_STATE_FLAGS_SHIFT;

	state = seg_state_set_class(state, class_after(state, o->verdict));
	return o->flags & SEG_OUTCOME_LOOSE ? state | loose : state;
}

/* One try: the state to go on from, or `old` if another wrote meanwhile. */
static bool move_class(const struct seg_publisher *p, struct seg_session *s, uint64_t old,
		       uint64_t new)
{
	enum seg_class from = seg_state_class(old), to = seg_state_class(new);
	bool moved = seg_cas(&s->state, old, new) == old;

	if (from != to)
		seg_quota_give(p->quota, moved ? from : to);
	return moved;
}

/* False: the session died, now or before; what is decided is decided without it. */
static bool settle_class(const struct seg_publisher *p, struct seg_session *s,
			 const struct seg_outcome *o)
{
	for (;;) {
		uint64_t old = seg_load(&s->state), new = state_after(old, o);
		enum seg_class class = seg_state_class(new);

		if (seg_state_life(old) != SEG_LIFE_LIVE)
			return false;
		if (new == old)
			return true;
		if (class != seg_state_class(old) &&
		    !seg_quota_take(p->quota, class, class_max(p, class))) {
			if (seg_table_kill(s, old))
				return false;
			continue;
		}
		SEG_HOOK(CLASS_TAKEN, s);
		if (move_class(p, s, old, new))
			return true;
	}
}

/* --- one packet -------------------------------------------------------------- */

static void store_verdict(struct seg_session *s, const struct seg_outcome *o)
{
	uint8_t flags = o->flags & SEG_OUTCOME_LOG ? SEG_VERDICT_LOG : 0;
	uint64_t verdict = seg_verdict_make(o->verdict, flags, o->generation, o->rule);

	seg_store(&s->shadow[o->generation & 1], o->shadow);
	__atomic_store_n(seg_verdict_slot(s, o->generation), verdict, __ATOMIC_RELEASE);
}

/* What this packet does to its flow's state. */
static void touch(const struct seg_publisher *p, struct seg_session *s, const struct seg_outcome *o,
		  uint64_t now)
{
	const struct seg_touch how = {
		.quota = p->quota,
		.established_max = p->constants->established_max,
		.now = (uint32_t)(now >> SEG_TICK_SHIFT),
		.one_sided = !(p->constants->features & SEG_FEATURE_TWO_SIDED),
	};
	unsigned int direction = o->flags & SEG_OUTCOME_REPLY ? 1 : 0;
	enum seg_event event = SEG_EVENT_DATA;
	struct seg_judged judged;

	if (o->flags & SEG_OUTCOME_FOLLOWS)
		return;
	if (o->reason == SEG_REASON_RULE_DENY)
		event = SEG_EVENT_SEEN;
	else if (!(o->flags & SEG_OUTCOME_PASS))
		return;
	if (event == SEG_EVENT_SEEN || o->proto != IPPROTO_TCP) {
		seg_session_touch(s, event, o->proto, direction, &how);
		return;
	}
	seg_session_judge(s, &o->segment, direction, true, &judged); /* what is out is not here */
	event = seg_event_judged(&o->segment, judged.fit);
	if (seg_session_touch(s, event, o->proto, direction, &how) && judged.fit != SEG_FIT_OUT)
		seg_session_advance(s, &o->segment, direction, &judged);
}

void seg_publish_settle(const struct seg_publisher *p, const struct seg_outcome *o, uint64_t now)
{
	struct seg_session *s = session_at(p, o->slot, o->incarnation);

	if (!s)
		return;
	if (o->flags & SEG_OUTCOME_KILL) {
		seg_table_kill(s, seg_load(&s->state));
		return;
	}
	if (o->flags & SEG_OUTCOME_PUBLISH) {
		if (!settle_class(p, s, o))
			return;
		store_verdict(s, o);
	}
	touch(p, s, o, now);
	SEG_HOOK(PUBLISH_SETTLED, s);
}

static void note_gap(struct seg_publisher *p, const struct seg_outcome *o, struct seg_session *s,
		     uint64_t now)
{
	struct seg_gaps *gaps = p->gaps;
	uint32_t i = o->slot % SEG_GAPS_MAX;
	uint64_t gate = seg_load(&s->gate);

	if (gate & SEG_GATE_OPEN)
		return;
	gaps->used += !gaps->at[i].gate;
	gaps->at[i].slot = o->slot;
	gaps->at[i].incarnation = o->incarnation;
	gaps->at[i].since = now;
	gaps->at[i].gate = gate;
}

static void pass_gate(struct seg_publisher *p, const struct seg_outcome *o, struct seg_session *s,
		      uint64_t now)
{
	if (!(o->flags & SEG_OUTCOME_QUEUED))
		return;
	if (p->under_way && o->flags & SEG_OUTCOME_PASS)
		seg_gate_handle(s, 1);
	else if (seg_gate_pass(s, 1))
		return;
	note_gap(p, o, s, now);
}

static void count_rule(const struct seg_publisher *p, const struct seg_outcome *o)
{
	struct seg_rule_count *rule = &p->rules[o->rule < p->rule_count ? o->rule : p->rule_count];

	__atomic_fetch_add(&rule->count.packets, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&rule->count.bytes, o->length, __ATOMIC_RELAXED);
	if (o->shadow && o->shadow <= p->rule_count)
		__atomic_fetch_add(&p->rules[o->shadow - 1].shadow, 1, __ATOMIC_RELAXED);
}

static void count(const struct seg_publisher *p, const struct seg_outcome *o, struct seg_session *s)
{
	if (!(o->flags & SEG_OUTCOME_COUNT))
		return;
	if (s)
		seg_session_count(s, o->flags & SEG_OUTCOME_REPLY ? 1 : 0, o->length);
	else
		count_rule(p, o);
}

void seg_publish_account(struct seg_publisher *p, const struct seg_outcome *o, uint32_t *done,
			 uint32_t index, uint64_t now)
{
	struct seg_session *s = NULL;

	if (!(o->flags & SEG_OUTCOME_KILL))
		s = session_at(p, o->slot, o->incarnation);
	__atomic_store_n(done, index + 1, __ATOMIC_RELEASE);
	SEG_HOOK(PUBLISH_NOTED, s);
	count(p, o, s);
	SEG_HOOK(PUBLISH_COUNTED, s);
	if (s)
		pass_gate(p, o, s, now);
}

/* --- gaps ------------------------------------------------------------------- */

void seg_publish_doubt(struct seg_publisher *p, const struct seg_outcome *o, uint64_t now)
{
	struct seg_session *s = session_at(p, o->slot, o->incarnation);

	if (s)
		note_gap(p, o, s, now);
}

/* True: this gap is over. A gate without a verdict stays closed: its next packet is judged. */
static bool close_gap(const struct seg_publisher *p, uint32_t i, uint16_t generation, uint64_t now)
{
	struct seg_gaps *gaps = p->gaps;
	struct seg_session *s = session_at(p, gaps->at[i].slot, (uint8_t)gaps->at[i].incarnation);
	uint64_t gate = s ? seg_load(&s->gate) : SEG_GATE_OPEN;

	if (gate & SEG_GATE_OPEN)
		return true;
	if (gate != gaps->at[i].gate) {
		gaps->at[i].gate = gate;
		gaps->at[i].since = now;
		return false;
	}
	if (now - gaps->at[i].since < SEG_GAP_NS)
		return false;
	return !seg_verdict_now(s, generation) || seg_gate_give_up(s, gate);
}

uint32_t seg_publish_gaps(struct seg_publisher *p, uint16_t generation, uint64_t now)
{
	struct seg_gaps *gaps = p->gaps;
	uint32_t left = 0;

	if (!gaps->used)
		return 0;
	for (uint32_t i = 0; i < SEG_GAPS_MAX; i++) {
		if (!gaps->at[i].gate)
			continue;
		if (close_gap(p, i, generation, now))
			gaps->at[i].gate = 0;
		else
			left++;
	}
	gaps->used = left;
	return left;
}
