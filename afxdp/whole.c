/* SPDX-License-Identifier: BSD-2-Clause */
#include "whole.h"

#include <string.h>

#include "begin.h"
#include "frame_key.h"
#include "session.h"
#include "words.h"

struct seg_outcome seg_answered_by(enum seg_reason reason, uint16_t generation)
{
	struct seg_outcome o = {
		.slot = SEG_SLOT_NONE,
		.rule = SEG_RULE_DEFAULT,
		.generation = generation,
		.reason = (uint8_t)reason,
		.verdict = (uint8_t)SEG_REASON_ROWS[reason].verdict,
	};

	if (o.verdict == SEG_VERDICT_ALLOW)
		o.flags = SEG_OUTCOME_PASS;
	return o;
}

/* --- failsafe: as the programs judge it (failsafe.bpf.h) ------------------------------------ */

/* The flow as it goes to the service. False: this ICMP is no answer of one. */
static bool to_service(const struct seg_packet *packet, const struct seg_tuple *tuple, bool answers,
		       struct seg_flow *out)
{
	uint32_t peer = answers ? !tuple->direction : tuple->direction;

	*out = (struct seg_flow){
		.family = packet->family,
		.proto = packet->proto,
		.direction = SEG_INGRESS,
		.sport = tuple->key.port[peer & 1],
		.dport = tuple->key.port[!peer],
		.icmp_type = packet->icmp_type,
		.icmp_code = packet->icmp_code,
	};
	memcpy(out->src, tuple->key.addr[peer & 1], sizeof(out->src));
	memcpy(out->dst, tuple->key.addr[!peer], sizeof(out->dst));
	if (!answers || !seg_is_icmp(packet->proto))
		return true;
	out->icmp_type = packet->proto == IPPROTO_ICMP ? SEG_ICMP_ECHO : SEG_ICMP6_ECHO;
	out->icmp_code = 0;
	return packet->flags & SEG_PACKET_ICMP_REPLY;
}

static bool asks_or_answers(const struct seg_whole *w, const struct seg_packet *packet,
			    const struct seg_tuple *tuple, bool answers)
{
	struct seg_flow service;

	return to_service(packet, tuple, answers, &service) &&
	       seg_image_failsafe(w->judge->image, &service) != SEG_FAILSAFE_NONE;
}

static bool is_failsafe(const struct seg_whole *w, const struct seg_packet *packet,
			const struct seg_tuple *tuple, bool quoted)
{
	const struct seg_constants *constants = w->judge->constants;
	bool answers = (constants->direction == SEG_EGRESS) != quoted;

	if (constants->direction == SEG_FORWARD)
		return false;
	return asks_or_answers(w, packet, tuple, answers) ||
	       (constants->features & SEG_FEATURE_UNDIRECTED &&
		asks_or_answers(w, packet, tuple, !answers));
}

/* --- ICMP errors: judged by the flow that they quote ------------------------------------------ */

/* Of TCP the quote has the sequence number, too (RFC 5927 4.1). */
static bool was_sent(const struct seg_whole *w, struct seg_session *s,
		     const struct seg_packet *quote, const struct seg_tuple *tuple)
{
	const struct seg_tcp *tcp = seg_at(w->data, w->end, quote->l4, sizeof(struct seg_udp));

	if (quote->proto != IPPROTO_TCP)
		return true;
	return tcp && seg_window_sent(s->window, tuple->direction, SEG_BE32(tcp->seq));
}

static enum seg_reason related(const struct seg_whole *w, const struct seg_packet *error)
{
	const struct seg_judge *judge = w->judge;
	struct seg_packet quote;
	struct seg_session *s;
	struct seg_tuple tuple;
	uint32_t slot;
	int reason = seg_quote_parse(w->data, w->end, error, &quote);

	if (reason != SEG_PARSED)
		return (enum seg_reason)reason;
	if (!seg_tuple_of(judge, w->data, w->end, &quote, &tuple))
		return SEG_REASON_TRUNCATED;
	if (is_failsafe(w, &quote, &tuple, true))
		return SEG_REASON_FAILSAFE;
	s = seg_table_find(&judge->table, &tuple.key, &tuple.hash, &slot);
	return s && seg_session_verdict(s, judge->generation) == SEG_VERDICT_ALLOW &&
			       was_sent(w, s, &quote, &tuple)
		       ? SEG_REASON_ICMP_RELATED
		       : SEG_REASON_ICMP_UNRELATED;
}

/* --- its session ---------------------------------------------------------------------- */

/* It opens a flow, or one that ran before is taken up. */
static bool may_begin(const struct seg_whole *w, const struct seg_packet *packet)
{
	const uint8_t all = SEG_TCP_SYN | SEG_TCP_ACK | SEG_TCP_RST | SEG_TCP_FIN;

	if (packet->proto == IPPROTO_TCP)
		return (packet->tcp_flags & all) == SEG_TCP_SYN || w->now < w->judge->pickup_until;
	return !(packet->flags & SEG_PACKET_ICMP_REPLY);
}

/* A connection that is over is of no more use to what begins another. */
static bool is_over(const struct seg_whole *w, const struct seg_packet *packet,
		    struct seg_session *s)
{
	bool one_sided = !(w->judge->constants->features & SEG_FEATURE_TWO_SIDED);
	uint64_t state = seg_load(&s->state);

	return seg_state_is_over(state, packet->tcp_flags, one_sided) && seg_table_kill(s, state);
}

/*
 * False: there is no room for it. What cannot begin a flow gets none, seg_decide() refuses
 * that; what cannot have one at the moment is judged without.
 */
static bool find_session(const struct seg_whole *w, const struct seg_tuple *tuple,
			 struct seg_meta *meta)
{
	const struct seg_beginner beginner = {w->judge, w->quota, w->now};
	const struct seg_packet *packet = &meta->packet;
	uint32_t slot;
	struct seg_session *s = seg_table_find(&w->judge->table, &tuple->key, &tuple->hash, &slot);

	if (!may_begin(w, packet))
		return true;
	if (s && seg_is_other_denial(w->judge, packet, tuple->direction, s)) {
		meta->reason = SEG_UP_BESIDE;
		return true;
	}
	if (s && !is_over(w, packet, s))
		return true;
	return seg_begin(&beginner, w->data, w->end, packet, tuple, meta) != SEG_CLAIM_FULL;
}

/* --- what others call ------------------------------------------------------------------------- */

/* SEG_PARSED: the policy is to be asked, or its session. */
static enum seg_reason look(const struct seg_whole *w, struct seg_meta *meta)
{
	struct seg_tuple tuple;

	if (meta->packet.flags & SEG_PACKET_ICMP_ERROR)
		return related(w, &meta->packet);
	if (!seg_tuple_of(w->judge, w->data, w->end, &meta->packet, &tuple))
		return SEG_REASON_TRUNCATED;
	if (is_failsafe(w, &meta->packet, &tuple, false))
		return SEG_REASON_FAILSAFE;
	return find_session(w, &tuple, meta) ? SEG_PARSED : SEG_REASON_SESSIONS_FULL;
}

struct seg_outcome seg_whole_judge(const struct seg_whole *w, const struct seg_packet *packet)
{
	struct seg_meta meta = {.packet = *packet, .slot = SEG_SLOT_NONE, .reason = SEG_UP_MISS};
	const struct seg_beginner beginner = {w->judge, w->quota, w->now};
	const struct seg_arrival arrival = {
		.frame = w->data, .length = (uint32_t)(w->end - w->data), .meta = &meta};
	enum seg_reason reason = look(w, &meta);
	struct seg_outcome o;

	if (reason != SEG_PARSED)
		return seg_answered_by(reason, w->judge->generation);
	seg_decide(w->judge, w->flows, &arrival, &o, 1, w->now);
	seg_begin_allowed(&beginner, &arrival, &o, 1);
	return o;
}
