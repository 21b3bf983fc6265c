/* SPDX-License-Identifier: BSD-2-Clause */
#include "seed.h"

#include <string.h>

#include "classify.h"
#include "packet.h"
#include "session.h"
#include "session_key.h"

/* --- what the session is to be -------------------------------------------------------------- */

/* A flow as its session has it. */
struct seedling {
	struct seg_key key;
	unsigned int originator; /* endpoint */
	uint8_t l4;
	enum seg_class class;
	uint64_t verdict;
	uint16_t shadow; /* beside it */
};

static uint8_t echo_of(uint8_t proto)
{
	if (proto == IPPROTO_ICMP)
		return SEG_ICMP_ECHO;
	return proto == IPPROTO_ICMPV6 ? SEG_ICMP6_ECHO : 0;
}

static void make_key(const struct seg_running *flow, uint16_t zone, struct seedling *s)
{
	struct seg_packet packet = {
		.proto = flow->proto,
		.icmp_type = echo_of(flow->proto),
		.sport = flow->sport,
		.dport = flow->dport,
		.zone = zone,
	};
	int first = flow->family == 4 ? 3 : 0;
	__be32 src[4], dst[4];

	memcpy(src, &flow->src, sizeof(src));
	memcpy(dst, &flow->dst, sizeof(dst));
	s->originator = seg_key_make(&s->key, &packet, flow->family, &src[first], &dst[first]);
}

static struct seg_decision judge(const struct seg_seeder *seeder, const struct seg_running *flow,
				 const struct seg_seed_way *way)
{
	struct seg_flow question = {
		.family = flow->family,
		.proto = flow->proto,
		.icmp_type = echo_of(flow->proto),
		.tcp_flags = flow->proto == IPPROTO_TCP ? SEG_TCP_SYN : 0,
		.direction = way->direction,
		.vlan = {way->vlan[0], way->vlan[1]},
		.iface = seeder->iface,
	};
	struct seg_decision decision;

	memcpy(question.src, &flow->src, sizeof(question.src));
	memcpy(question.dst, &flow->dst, sizeof(question.dst));
	if (!seg_is_icmp(flow->proto)) {
		question.sport = flow->sport;
		question.dport = flow->dport;
	}
	seg_image_classify(seeder->image, &question, &decision, 1);
	return decision;
}

static void make_seedling(const struct seg_seeder *seeder, const struct seg_running *flow,
			  const struct seg_seed_way *way, struct seedling *s)
{
	static const uint8_t l4[] = {
		[SEG_RUNNING_OPENING] = SEG_L4_OPENING,
		[SEG_RUNNING_ESTABLISHED] = SEG_L4_ESTABLISHED,
		[SEG_RUNNING_CLOSING] = SEG_L4_CLOSING,
	};
	struct seg_decision decision = judge(seeder, flow, way);
	bool allows = decision.verdict == SEG_VERDICT_ALLOW;

	make_key(flow, way->zone, s);
	s->l4 = l4[flow->state];
	if (s->l4 == SEG_L4_OPENING && flow->confirmed)
		s->l4 = SEG_L4_ANSWERED;
	s->class = s->l4 == SEG_L4_ESTABLISHED ? SEG_CLASS_ESTABLISHED : SEG_CLASS_OWN;
	s->verdict = seg_verdict_make(SEG_VERDICT_ALLOW, 0, seeder->generation,
				      allows ? decision.rule : SEG_RULE_DEFAULT);
	s->shadow = seg_shadow_make(decision.shadow);
}

static uint32_t class_max(const struct seg_seeder *seeder, enum seg_class class)
{
	return class == SEG_CLASS_ESTABLISHED ? seeder->constants->established_max
					      : seeder->constants->half_open_max;
}

/* --- a new session -------------------------------------------------------------------------- */

static void fill(const struct seg_seeder *seeder, const struct seedling *s,
		 struct seg_session *session)
{
	uint8_t flags = (uint8_t)(SEG_SESSION_LOOSE | (s->originator ? SEG_SESSION_ORIGINATOR : 0));
	uint64_t state = seg_state_make(SEG_LIFE_LIVE, s->l4, flags, 0, seeder->now);

	session->gate = SEG_GATE_OPEN | seeder->now;
	session->iface[0] = session->iface[1] = (uint16_t)(seeder->constants->iface + 1);
	session->shadow[seeder->generation & 1] = s->shadow;
	*seg_verdict_slot(session, seeder->generation) = s->verdict;
	seg_table_publish(session, seg_state_set_class(state, s->class));
}

/* EXISTS sets *session. */
static enum seg_claim insert(const struct seg_seeder *seeder, const struct seedling *s,
			     struct seg_session **session)
{
	struct seg_hash hash = seg_hash_key(&s->key, seeder->constants);
	enum seg_claim result = SEG_CLAIM_EXISTS;
	uint32_t slot;

	*session = seg_table_find(seeder->table, &s->key, &hash, &slot);
	if (*session)
		return result;
	if (!seg_quota_take(seeder->quota, s->class, class_max(seeder, s->class)))
		return SEG_CLAIM_FULL;
	result = seg_table_claim(seeder->table, &s->key, &hash, session, &slot);
	if (result == SEG_CLAIM_CLAIMED)
		fill(seeder, s, *session);
	else
		seg_quota_give(seeder->quota, s->class);
	return result;
}

/* --- one that is there already ------------------------------------------------------------ */

/* What has closed since stays closed; what is half open stays in its class. */
static uint64_t state_after(uint64_t old, const struct seedling *s)
{
	uint8_t l4 = seg_state_l4(old), flags = seg_state_flags(old);
	uint64_t state;

	flags &= (uint8_t)~SEG_SESSION_ORIGINATOR;
	flags |= (uint8_t)(SEG_SESSION_LOOSE | (s->originator ? SEG_SESSION_ORIGINATOR : 0));
	if (l4 < s->l4)
		l4 = s->l4;
	state = seg_state_make(seg_state_life(old), l4, flags, seg_state_incarnation(old),
			       seg_state_seen(old));
	if (l4 == SEG_L4_ESTABLISHED || seg_state_class(old) == SEG_CLASS_DENIED)
		return seg_state_set_class(state, s->class);
	return state;
}

/* One try; false: somebody wrote meanwhile. Where its class is full only the rest is set right. */
static bool adopt_once(const struct seg_seeder *seeder, const struct seedling *s,
		       struct seg_session *session, uint64_t old)
{
	uint64_t new = state_after(old, s);
	enum seg_class from = seg_state_class(old), to = seg_state_class(new);

	if (from != to && !seg_quota_take(seeder->quota, to, class_max(seeder, to)))
		new = seg_state_set_class(new, to = from);
	SEG_HOOK(SEED_BEFORE_CAS, session);
	if (seg_cas(&session->state, old, new) == old) {
		if (from != to)
			seg_quota_give(seeder->quota, from);
		return true;
	}
	if (from != to)
		seg_quota_give(seeder->quota, to);
	return false;
}

/* What a rule allowed stays its own; what was learned goes by who began. */
static void settle_verdict(const struct seg_seeder *seeder, const struct seedling *s,
			   struct seg_session *session)
{
	__u64 *slot = seg_verdict_slot(session, seeder->generation), verdict = seg_load(slot);

	if (seg_verdict_generation(verdict) != (uint16_t)seeder->generation ||
	    seg_verdict_action(verdict) != SEG_VERDICT_ALLOW ||
	    seg_verdict_flags(verdict) & SEG_VERDICT_LEARNED) {
		seg_store(&session->shadow[seeder->generation & 1], s->shadow);
		__atomic_store_n(slot, s->verdict, __ATOMIC_RELEASE);
	}
}

/* False: it died meanwhile. */
static bool adopt(const struct seg_seeder *seeder, const struct seedling *s,
		  struct seg_session *session)
{
	uint64_t old = seg_load(&session->state);

	while (seg_state_life(old) == SEG_LIFE_LIVE) {
		if (adopt_once(seeder, s, session, old)) {
			settle_verdict(seeder, s, session);
			return true;
		}
		old = seg_load(&session->state);
	}
	return false;
}

/* --- one flow ---------------------------------------------------------------------------- */

void seg_seed(const struct seg_seeder *seeder, const struct seg_running *flow,
	      const struct seg_seed_way *way, struct seg_seeded *seeded)
{
	struct seg_session *session;
	enum seg_claim result;
	struct seedling s;

	make_seedling(seeder, flow, way, &s);
	do
		result = insert(seeder, &s, &session);
	while (result == SEG_CLAIM_EXISTS && !adopt(seeder, &s, session));
	if (result == SEG_CLAIM_CLAIMED)
		seeded->from[flow->source]++;
	else if (result == SEG_CLAIM_EXISTS)
		seeded->already++;
	else
		seeded->refused++;
}

/* --- all of an interface's ------------------------------------------------------------------ */

struct zones {
	seg_seed_zone find;
	void *data;
};

/* By each of the ways to the flow's end on this host. */
static void seed_ways(const struct seg_seeder *seeder, const struct seg_running *flow,
		      uint8_t direction, const struct seg_local *ways, uint32_t n,
		      const struct zones *zones, struct seg_seeded *seeded)
{
	for (uint32_t i = 0; i < n; i++) {
		struct seg_seed_way way = {direction, 0, {ways[i].vlan[0], ways[i].vlan[1]}};

		if (!ways[i].here)
			continue;
		way.zone = zones->find(zones->data, way.vlan);
		if (way.zone)
			seg_seed(seeder, flow, &way, seeded);
	}
}

void seg_seed_all(const struct seg_seeder *seeder, const struct seg_running_list *flows,
		  const struct seg_locals *locals, seg_seed_zone zone, void *data,
		  struct seg_seeded *seeded)
{
	const struct zones zones = {zone, data};

	for (uint32_t i = 0; i < flows->n; i++) {
		const struct seg_running *flow = &flows->item[i];
		uint32_t out, in;
		const struct seg_local *from = seg_locals_find(locals, &flow->src, &out);
		const struct seg_local *to = seg_locals_find(locals, &flow->dst, &in);

		if (from && !to)
			seed_ways(seeder, flow, SEG_EGRESS, from, out, &zones, seeded);
		if (to && !from)
			seed_ways(seeder, flow, SEG_INGRESS, to, in, &zones, seeded);
	}
}
