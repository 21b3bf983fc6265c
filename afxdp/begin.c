/* SPDX-License-Identifier: BSD-2-Clause */
#include "begin.h"

#include "frame_key.h"
#include "session.h"

bool seg_tuple_of(const struct seg_judge *judge, const uint8_t *data, const uint8_t *end,
		  const struct seg_packet *packet, struct seg_tuple *tuple)
{
	int direction = seg_frame_key(data, end, packet, &tuple->key);

	if (direction < 0)
		return false;
	tuple->direction = (uint32_t)direction;
	tuple->hash = seg_hash_key(&tuple->key, judge->constants);
	return true;
}

/* --- a claim ------------------------------------------------------------------------ */

static enum seg_class opening_class(const struct seg_constants *constants)
{
	return constants->direction == SEG_EGRESS ? SEG_CLASS_OWN : SEG_CLASS_HALF_OPEN;
}

static void begin_window(struct seg_session *s, uint8_t *data, uint8_t *end,
			 const struct seg_packet *packet, uint32_t direction)
{
	struct seg_segment segment;

	if (packet->proto != IPPROTO_TCP || !seg_segment_read(data, end, packet, &segment))
		return;
	if (segment.flags & SEG_TCP_SYN)
		segment.scale = seg_scale_option(data, end, packet);
	seg_session_begin(s, &segment, direction);
}

static enum seg_claim claim(const struct seg_beginner *b, const struct seg_tuple *tuple,
			    struct seg_session **s, uint32_t *slot)
{
	enum seg_class class = opening_class(b->judge->constants);
	enum seg_claim result;

	if (!seg_quota_take(b->quota, class, b->judge->constants->half_open_max))
		return SEG_CLAIM_FULL;
	result = seg_table_claim(&b->judge->table, &tuple->key, &tuple->hash, s, slot);
	if (result != SEG_CLAIM_CLAIMED)
		seg_quota_give(b->quota, class);
	return result;
}

enum seg_claim seg_begin(const struct seg_beginner *b, uint8_t *data, uint8_t *end,
			 const struct seg_packet *packet, const struct seg_tuple *tuple,
			 struct seg_meta *meta)
{
	const struct seg_constants *constants = b->judge->constants;
	uint32_t tick = (uint32_t)(b->now >> SEG_TICK_SHIFT), slot;
	uint8_t flags = tuple->direction ? SEG_SESSION_ORIGINATOR : 0;
	uint64_t state = seg_state_make(SEG_LIFE_LIVE, SEG_L4_OPENING, flags, 0, tick);
	struct seg_session *s;
	enum seg_claim result = claim(b, tuple, &s, &slot);

	if (result != SEG_CLAIM_CLAIMED)
		return result;
	s->gate = seg_gate_first(tick);
	s->iface[tuple->direction & 1] = (uint16_t)(constants->iface + 1);
	begin_window(s, data, end, packet, tuple->direction);
	seg_table_publish(s, seg_state_set_class(state, opening_class(constants)));
	meta->slot = slot;
	meta->incarnation = seg_state_incarnation(seg_load(&s->state));
	return result;
}

/* --- in place of a denial -------------------------------------------------------------- */

/* Nothing is in the way of a new session: a denial of the other side's was, at most. */
static bool make_way(const struct seg_beginner *b, const struct seg_packet *packet,
		     const struct seg_tuple *tuple)
{
	uint32_t slot;
	struct seg_session *s = seg_table_find(&b->judge->table, &tuple->key, &tuple->hash, &slot);

	if (!s)
		return true;
	return seg_is_other_denial(b->judge, packet, tuple->direction, s) &&
	       seg_table_kill(s, seg_load(&s->state));
}

static void begin_one(const struct seg_beginner *b, const struct seg_arrival *arrival,
		      struct seg_outcome *o)
{
	uint8_t *data = arrival->frame, *end = arrival->frame + arrival->length;
	struct seg_meta meta = {.slot = SEG_SLOT_NONE};
	struct seg_packet *packet = &meta.packet;
	struct seg_tuple tuple;

	if (arrival->meta)
		*packet = arrival->meta->packet;
	else if (seg_judge_parse(b->judge, data, arrival->length, packet) != SEG_PARSED)
		return;
	if (!seg_tuple_of(b->judge, data, end, packet, &tuple) || !make_way(b, packet, &tuple) ||
	    seg_begin(b, data, end, packet, &tuple, &meta) != SEG_CLAIM_CLAIMED)
		return;
	o->slot = meta.slot;
	o->incarnation = meta.incarnation;
	o->flags |= SEG_OUTCOME_PUBLISH | SEG_OUTCOME_QUEUED;
}

void seg_begin_allowed(const struct seg_beginner *b, const struct seg_arrival *arrivals,
		       struct seg_outcome *outcomes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!(outcomes[i].flags & SEG_OUTCOME_BEGIN))
			continue;
		outcomes[i].flags &= (uint16_t)~SEG_OUTCOME_BEGIN;
		begin_one(b, &arrivals[i], &outcomes[i]);
	}
}
