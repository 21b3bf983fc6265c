/* SPDX-License-Identifier: BSD-2-Clause */
#include "decide.h"

#include <string.h>

#include "checksum.h"
#include "frame_key.h"
#include "session.h"

/* A packet of a burst on its way through. */
struct item {
	struct seg_packet packet;
	struct seg_key key;
	struct seg_hash hash;
	uint32_t direction;          /* the endpoint that sent it */
	struct seg_session *session; /* NULL: none */
	uint64_t verdict;            /* its session's, of this generation; 0: none */
	uint16_t shadow;             /* beside it */
	struct seg_decided *decided; /* what its flow waits for; NULL: nothing */
	bool beside;                 /* a denial of the other side, which is not its session */
	bool over;                   /* the outcome is complete */
};

/* The questions of a burst to the policy, and who asks. */
struct asked {
	struct seg_flow flow[SEG_BURST_MAX];
	struct seg_decision decision[SEG_BURST_MAX];
	struct seg_decided *asker[SEG_BURST_MAX];
	struct seg_decided uncached[SEG_BURST_MAX]; /* askers without a session */
	uint32_t count;
};

struct burst {
	const struct seg_judge *judge;
	struct seg_flows *flows;
	const struct seg_arrival *arrival;
	struct seg_outcome *outcome;
	uint32_t count;
	uint64_t now;
	struct item item[SEG_BURST_MAX];
	struct asked asked;
};

/* --- outcomes -------------------------------------------------------------- */

#define X(id, name, verdict, path, text) [SEG_REASON_##id] = SEG_VERDICT_##verdict,
static const uint8_t verdict_of_reason[SEG_REASON_MAX] = {SEG_REASONS(X)};
#undef X

static void begin_outcome(struct seg_outcome *o, const struct seg_arrival *arrival,
			  uint16_t generation)
{
	*o = (struct seg_outcome){
		.address = arrival->address,
		.length = arrival->length,
		.slot = SEG_SLOT_NONE,
		.rule = SEG_RULE_DEFAULT,
		.generation = generation,
	};
}

/* No rule decides: the reason does. */
static void leave(struct item *item, struct seg_outcome *o, enum seg_reason reason)
{
	o->reason = (uint8_t)reason;
	o->verdict = verdict_of_reason[reason];
	if (o->verdict == SEG_VERDICT_ALLOW)
		o->flags |= SEG_OUTCOME_PASS;
	item->over = true;
}

static void leave_by_rule(struct item *item, struct seg_outcome *o, uint8_t verdict, uint32_t rule,
			  uint16_t shadow, bool log)
{
	leave(item, o, verdict == SEG_VERDICT_ALLOW ? SEG_REASON_RULE_ALLOW : SEG_REASON_RULE_DENY);
	o->rule = rule;
	o->shadow = shadow;
	o->flags |= SEG_OUTCOME_COUNT | (log ? SEG_OUTCOME_LOG : 0);
}

/* --- read ------------------------------------------------------------------- */

/* The zone of a VLAN stack, or -1: no rule names it. */
static int zone_of(const struct seg_judge *judge, const uint16_t *vlan)
{
	const struct seg_zone_list *zones = judge->zones;
	uint32_t count = zones ? __atomic_load_n(&zones->count, __ATOMIC_ACQUIRE) : 0;

	for (uint32_t i = 0; i < count; i++)
		if (zones->entry[i].key.zone == judge->constants->zone &&
		    !memcmp(zones->entry[i].key.vlan, vlan, sizeof(zones->entry[i].key.vlan)))
			return zones->entry[i].zone;
	return -1;
}

/* The answer is not the last word: what comes of it depends on the VLAN, too. */
static bool asks_for_zone(int reason)
{
	return reason == SEG_PARSED || reason == SEG_REASON_FRAGMENT ||
	       verdict_of_reason[reason] == SEG_VERDICT_ALLOW;
}

int seg_judge_parse(const struct seg_judge *judge, const uint8_t *frame, uint32_t length,
		    struct seg_packet *packet)
{
	const struct seg_constants *c = judge->constants;
	int reason = seg_packet_parse(frame, frame + length, 0, c->features, c->zone, packet);
	int zone;

	if (reason == SEG_REASON_FRAGMENT && c->features & SEG_FEATURE_LEARN)
		reason = seg_parse_first_fragment(frame, frame + length, packet);
	if (!packet->vlan[0] || !asks_for_zone(reason))
		return reason;
	zone = zone_of(judge, packet->vlan);
	if (zone < 0)
		return SEG_REASON_VLAN_UNKNOWN;
	packet->zone = (uint16_t)zone;
	return reason;
}

static uint32_t ip_header(const struct seg_packet *packet)
{
	return packet->family == 4 ? 20 : 40;
}

/* XDP wrote it, but nothing that is in shared memory may lead beyond the frame. */
static bool is_within(const struct seg_packet *packet, uint32_t length)
{
	return (packet->family == 4 || packet->family == 6) &&
	       packet->l3 + ip_header(packet) <= packet->l4 && packet->l4 <= packet->end &&
	       packet->end <= length;
}

static int read_packet(const struct seg_judge *judge, const struct seg_arrival *arrival,
		       struct seg_packet *packet)
{
	if (arrival->meta && arrival->meta->reason == SEG_UP_FRAGMENT)
		return SEG_REASON_FRAGMENT;
	if (!arrival->meta)
		return seg_judge_parse(judge, arrival->frame, arrival->length, packet);
	*packet = arrival->meta->packet;
	return is_within(packet, arrival->length) ? SEG_PARSED : SEG_REASON_TRUNCATED;
}

/* The packet and its key. SEG_PARSED, or the reason that answers it. */
static int identify(const struct seg_judge *judge, const struct seg_arrival *arrival,
		    struct item *item)
{
	int reason = read_packet(judge, arrival, &item->packet), direction;

	if (reason != SEG_PARSED)
		return reason;
	direction = seg_frame_key(arrival->frame, arrival->frame + arrival->length, &item->packet,
				  &item->key);
	if (direction < 0)
		return SEG_REASON_TRUNCATED;
	item->direction = (uint32_t)direction;
	return SEG_PARSED;
}

/* What the look-up of this packet will touch. */
static void prefetch_session(const struct seg_table *table, const struct item *item,
			     const struct seg_meta *meta)
{
	const struct seg_session *s;

	if (!meta || meta->slot >= table->buckets * SEG_BUCKET_SLOTS) {
		__builtin_prefetch(seg_table_tags(table, item->hash.bucket[0]));
		__builtin_prefetch(seg_table_tags(table, item->hash.bucket[1]));
		return;
	}
	s = seg_table_slot(table, meta->slot);
	__builtin_prefetch(s);
	__builtin_prefetch(&s->gate);
}

static void read_segment(const struct seg_arrival *arrival, const struct seg_packet *packet,
			 struct seg_segment *segment)
{
	const uint8_t *end = arrival->frame + arrival->length;

	if (seg_segment_read(arrival->frame, end, packet, segment) && segment->flags & SEG_TCP_SYN)
		segment->scale = seg_scale_option(arrival->frame, end, packet);
}

static void read_one(struct burst *b, uint32_t i)
{
	struct seg_outcome *o = &b->outcome[i];
	struct item *item = &b->item[i];
	int reason;

	begin_outcome(o, &b->arrival[i], b->judge->generation);
	item->over = false;
	item->session = NULL;
	item->decided = NULL;
	item->beside = b->arrival[i].meta && b->arrival[i].meta->reason == SEG_UP_BESIDE;
	item->verdict = 0;
	reason = identify(b->judge, &b->arrival[i], item);
	if (reason != SEG_PARSED) {
		leave(item, o, (enum seg_reason)reason);
		return;
	}
	o->proto = item->packet.proto;
	if (o->proto == IPPROTO_TCP)
		read_segment(&b->arrival[i], &item->packet, &o->segment);
	o->flags = item->direction ? SEG_OUTCOME_REPLY : 0;
	item->hash = seg_hash_key(&item->key, b->judge->constants);
	prefetch_session(&b->judge->table, item, b->arrival[i].meta);
}

/* --- what may begin a flow -------------------------------------------------------- */

/* Where replies are all that is seen of this host's own flows, they speak for them. */
static bool answers_unseen(const struct seg_judge *judge, const struct seg_packet *packet)
{
	const uint8_t answer = SEG_TCP_SYN | SEG_TCP_ACK;

	if (judge->constants->features & SEG_FEATURE_TWO_SIDED)
		return false;
	return packet->flags & SEG_PACKET_ICMP_REPLY ||
	       (packet->proto == IPPROTO_TCP && (packet->tcp_flags & answer) == answer);
}

/* TCP that opens a flow, or no TCP. */
static bool may_begin(const struct seg_packet *packet)
{
	const uint8_t all = SEG_TCP_SYN | SEG_TCP_ACK | SEG_TCP_RST | SEG_TCP_FIN;

	return packet->proto != IPPROTO_TCP || (packet->tcp_flags & all) == SEG_TCP_SYN;
}

bool seg_is_other_denial(const struct seg_judge *judge, const struct seg_packet *packet,
			 uint32_t direction, struct seg_session *session)
{
	if (seg_session_verdict(session, judge->generation) != SEG_VERDICT_DENY ||
	    direction == seg_state_originator(seg_load(&session->state)))
		return false;
	return answers_unseen(judge, packet) ||
	       (may_begin(packet) && !(packet->flags & SEG_PACKET_ICMP_REPLY));
}

/* --- look up ------------------------------------------------------------------ */

/* The session behind whose gate XDP queued this packet, if it still is that one. */
static struct seg_session *queued_behind(const struct seg_judge *judge, const struct item *item,
					 const struct seg_meta *meta)
{
	struct seg_session *s;
	uint64_t state;

	if (meta->slot >= judge->table.buckets * SEG_BUCKET_SLOTS)
		return NULL;
	s = seg_table_slot(&judge->table, meta->slot);
	state = seg_load(&s->state);
	if (seg_state_life(state) != SEG_LIFE_LIVE ||
	    seg_state_incarnation(state) != meta->incarnation)
		return NULL;
	s = seg_order(s, state);
	return seg_key_equal(&s->key, &item->key) ? s : NULL;
}

/* Without metadata a packet whose session lives is taken as queued: nearly all are. */
static void find_session(struct burst *b, uint32_t i)
{
	const struct seg_judge *judge = b->judge;
	const struct seg_meta *meta = b->arrival[i].meta;
	struct seg_outcome *o = &b->outcome[i];
	struct item *item = &b->item[i];
	struct seg_session *s = meta ? queued_behind(judge, item, meta) : NULL;
	bool queued = s || !meta;
	uint32_t slot = s ? meta->slot : SEG_SLOT_NONE;

	if (!s && !item->beside)
		s = seg_table_find(&judge->table, &item->key, &item->hash, &slot);
	if (!s)
		return;
	if (!meta && seg_is_other_denial(judge, &item->packet, item->direction, s)) {
		item->beside = true;
		return;
	}
	o->slot = slot;
	o->flags |= queued ? SEG_OUTCOME_QUEUED : 0;
	o->incarnation = seg_state_incarnation(seg_load(&s->state));
	item->session = s;
}

static struct seg_decided *remembered(struct seg_flows *flows, uint32_t slot)
{
	for (uint32_t i = 0; i < 8; i++) {
		struct seg_decided *d = &flows->at[(slot + i) % SEG_FLOWS_MAX];

		if (d->batch != flows->batch || d->slot == slot)
			return d;
	}
	return NULL;
}

static void look_up(struct burst *b, uint32_t i)
{
	struct item *item = &b->item[i];
	uint64_t verdict;

	if (item->over)
		return;
	find_session(b, i);
	if (!item->session)
		return;
	verdict = seg_load(seg_verdict_slot(item->session, b->judge->generation));
	if (seg_verdict_generation(verdict) != b->judge->generation)
		return;
	item->verdict = verdict;
	item->shadow = seg_session_shadow(item->session, b->judge->generation);
}

/* --- what the policy is not asked for ------------------------------------------- */

/* Sooner here than the verdict of what it answers: that one is another worker's, which hands on
 * before it publishes. */
static bool is_answer(const struct item *item)
{
	return item->direction != seg_state_originator(seg_load(&item->session->state));
}

/* Nobody has judged this flow yet, under any policy, and nobody is about to. */
static bool is_new(const struct burst *b, const struct item *item, uint32_t slot)
{
	const struct seg_decided *decided;

	if (!item->session)
		return true;
	if (is_answer(item))
		return false;
	if (seg_load(&item->session->verdict[0]) || seg_load(&item->session->verdict[1]))
		return false;
	decided = remembered(b->flows, slot);
	return !decided || decided->batch != b->flows->batch;
}

/* A packet that may not open a flow does not leave a session behind either. */
static void refuse(struct burst *b, uint32_t i, enum seg_reason reason)
{
	struct seg_outcome *o = &b->outcome[i];

	if (is_new(b, &b->item[i], o->slot))
		o->flags |= SEG_OUTCOME_KILL;
	leave(&b->item[i], o, reason);
}

/* Why a packet of a new flow may not ask the policy, or SEG_PARSED. */
static int unasked(const struct burst *b, const struct seg_packet *packet)
{
	if (answers_unseen(b->judge, packet))
		return SEG_PARSED;
	if (packet->flags & SEG_PACKET_ICMP_REPLY)
		return SEG_REASON_ICMP_UNASKED;
	if (may_begin(packet) || b->now < b->judge->pickup_until)
		return SEG_PARSED;
	return SEG_REASON_TCP_MIDFLOW;
}

/* A segment that is not of its connection; what a flow says that is denied is nobody's concern. */
static bool is_out(const struct burst *b, const struct item *item, const struct seg_outcome *o)
{
	bool loose = !(b->judge->constants->features & SEG_FEATURE_TWO_SIDED) ||
		     b->judge->pickup_until == ~0ull;
	struct seg_judged judged;

	if (!item->session || o->proto != IPPROTO_TCP ||
	    seg_state_class(seg_load(&item->session->state)) == SEG_CLASS_DENIED)
		return false;
	seg_session_judge(item->session, &o->segment, item->direction, loose, &judged);
	return judged.fit == SEG_FIT_OUT;
}

/* --- ask --------------------------------------------------------------------------- */

/* The endpoint that began: a new flow's is who speaks, unless this is the answer. */
static uint32_t originator(const struct burst *b, const struct item *item, bool new)
{
	if (!new)
		return seg_state_originator(seg_load(&item->session->state));
	return item->direction ^ (answers_unseen(b->judge, &item->packet) ? 1 : 0);
}

/* Tags of VID 0 carry priority only. */
static void copy_vlan(struct seg_flow *flow, const struct seg_packet *packet)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < 2; i++)
		if (packet->vlan[i] & 0xfff)
			flow->vlan[n++] = packet->vlan[i];
}

static void copy_icmp(struct seg_flow *flow, const struct seg_packet *packet)
{
	flow->icmp_type = packet->icmp_type;
	flow->icmp_code = packet->icmp_code;
	if (!(packet->flags & SEG_PACKET_ICMP_REPLY))
		return;
	flow->icmp_type = packet->proto == IPPROTO_ICMP ? SEG_ICMP_ECHO : SEG_ICMP6_ECHO;
	flow->icmp_code = 0;
}

/* Where the flow goes: as this packet does, or it is the answer and the flow goes the other way. */
static uint8_t direction_of(const struct burst *b, bool onward)
{
	static const uint8_t other[] = {[SEG_INGRESS] = SEG_EGRESS,
					[SEG_EGRESS] = SEG_INGRESS,
					[SEG_FORWARD] = SEG_FORWARD};
	uint8_t direction = b->judge->constants->direction;

	return onward || direction >= SEG_DIRECTION_MAX ? direction : other[direction];
}

/* The flow as its first packet would have shown it. */
static void make_flow(const struct burst *b, const struct item *item, bool new,
		      struct seg_flow *flow)
{
	uint32_t from = originator(b, item, new);

	*flow = (struct seg_flow){
		.family = item->packet.family,
		.proto = item->packet.proto,
		.tcp_flags = item->packet.tcp_flags,
		.dscp = item->packet.tos >> 2,
		.direction = direction_of(b, from == item->direction),
		.iface = b->judge->iface,
	};
	memcpy(flow->src, item->key.addr[from], sizeof(flow->src));
	memcpy(flow->dst, item->key.addr[!from], sizeof(flow->dst));
	copy_vlan(flow, &item->packet);
	if (seg_is_icmp(item->packet.proto)) {
		copy_icmp(flow, &item->packet);
		return;
	}
	flow->sport = item->key.port[from];
	flow->dport = item->key.port[!from];
}

static void ask(struct burst *b, struct item *item, uint32_t slot, bool new)
{
	struct asked *asked = &b->asked;
	struct seg_decided *d = item->session ? remembered(b->flows, slot) : NULL;
	uint32_t n = asked->count;

	item->decided = d;
	if (d && d->batch == b->flows->batch)
		return;
	if (!d)
		item->decided = d = &asked->uncached[n];
	*d = (struct seg_decided){.batch = b->flows->batch, .slot = slot};
	if (new && !may_begin(&item->packet) && !answers_unseen(b->judge, &item->packet))
		d->flags = SEG_OUTCOME_LOOSE;
	make_flow(b, item, new, &asked->flow[n]);
	asked->asker[n] = d;
	asked->count = n + 1;
}

static void judge_one(struct burst *b, uint32_t i)
{
	bool partial = b->judge->constants->features & SEG_FEATURE_PARTIAL_SUM;
	struct seg_outcome *o = &b->outcome[i];
	struct item *item = &b->item[i];
	bool new;
	int reason;

	if (item->over)
		return;
	if (!seg_l4_settle(b->arrival[i].frame, &item->packet, partial)) {
		refuse(b, i, SEG_REASON_BAD_L4_CHECKSUM);
		return;
	}
	if (is_out(b, item, o)) {
		leave(item, o, SEG_REASON_TCP_WINDOW);
		return;
	}
	if (item->verdict) {
		leave_by_rule(item, o, seg_verdict_action(item->verdict),
			      seg_verdict_rule(item->verdict), item->shadow, false);
		return;
	}
	new = is_new(b, item, o->slot);
	reason = new ? unasked(b, &item->packet) : SEG_PARSED;
	if (reason != SEG_PARSED)
		refuse(b, i, (enum seg_reason)reason);
	else
		ask(b, item, o->slot, new);
}

/* --- conclude ------------------------------------------------------------------------ */

static void classify(struct burst *b)
{
	struct asked *asked = &b->asked;

	if (!asked->count)
		return;
	seg_image_classify(b->judge->image, asked->flow, asked->decision, asked->count);
	for (uint32_t i = 0; i < asked->count; i++)
		asked->asker[i]->decision = asked->decision[i];
}

/* What only the time of pickup let through, and no rule allows, is what it would be later. */
static void conclude(struct burst *b, uint32_t i)
{
	struct seg_outcome *o = &b->outcome[i];
	struct item *item = &b->item[i];
	const struct seg_decided *d = item->decided;

	if (item->over)
		return;
	if (d->flags & SEG_OUTCOME_LOOSE && d->decision.verdict != SEG_VERDICT_ALLOW) {
		o->flags |= SEG_OUTCOME_KILL;
		leave(item, o, SEG_REASON_TCP_MIDFLOW);
		return;
	}
	leave_by_rule(item, o, d->decision.verdict, d->decision.rule,
		      seg_shadow_make(d->decision.shadow), d->decision.flags & SEG_DECISION_LOG);
	if (item->session)
		o->flags |= SEG_OUTCOME_PUBLISH | d->flags;
	else if (item->beside && o->flags & SEG_OUTCOME_PASS)
		o->flags |= SEG_OUTCOME_BEGIN;
}

static void each(struct burst *b, void (*step)(struct burst *b, uint32_t i))
{
	for (uint32_t i = 0; i < b->count; i++)
		step(b, i);
}

static void prefetch_frame(struct burst *b, uint32_t i)
{
	const struct seg_arrival *arrival = &b->arrival[i];

	__builtin_prefetch(arrival->meta ? (const void *)arrival->meta : arrival->frame);
	__builtin_prefetch(arrival->frame + 14);
}

void seg_decide(const struct seg_judge *judge, struct seg_flows *flows,
		const struct seg_arrival *arrivals, struct seg_outcome *outcomes, uint32_t count,
		uint64_t now)
{
	struct burst b;

	b.judge = judge;
	b.flows = flows;
	b.arrival = arrivals;
	b.outcome = outcomes;
	b.count = count;
	b.now = now;
	b.asked.count = 0;
	each(&b, prefetch_frame);
	each(&b, read_one);
	each(&b, look_up);
	each(&b, judge_one);
	classify(&b);
	each(&b, conclude);
}
