/* SPDX-License-Identifier: BSD-2-Clause */
/* decide.c - packets and sessions as XDP leaves them, and what becomes of them. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "begin.h"
#include "frame_key.h"
#include "policy.h"
#include "worker_rig.h"

#define SYN 0x02
#define RST 0x04
#define ACK 0x10

static const char TEXT[] = "version: 1\n"
			   "defaults: {ingress: deny, egress: allow}\n"
			   "rules:\n"
			   "  - {id: web, service: tcp/80, action: allow}\n"
			   "  - {id: dns, service: udp/53, action: allow}\n"
			   "  - {id: ping, service: icmp/echo-request, action: allow}\n"
			   "  - {id: no, service: udp/666, action: deny}\n"
			   "  - {id: soon, service: udp/700, action: allow, stage: shadow}\n";

enum { RULE_WEB, RULE_DNS, RULE_PING, RULE_NO, RULE_SOON };

static struct seg_image *image;
static struct seg_judge judge;
static struct seg_flows flows;
static uint8_t frames[SEG_BURST_MAX][128];
static struct seg_meta metas[SEG_BURST_MAX];
static struct seg_arrival arrivals[SEG_BURST_MAX];
static struct seg_outcome outcomes[SEG_BURST_MAX];
static uint32_t count;

static void begin(void)
{
	const struct seg_policy_file file = {"test", TEXT, strlen(TEXT)};
	struct seg_error err = {0};

	rig_begin();
	rig.constants.features = SEG_FEATURE_TWO_SIDED;
	rig.constants.zone = 1;
	check_that(!seg_policy_compile(&file, NULL, &image, &err), "%s", err.what);
	judge = (struct seg_judge){
		.image = image,
		.constants = &rig.constants,
		.table = {.tags = rig.tags, .slots = rig.slots, .buckets = RIG_BUCKETS},
		.generation = 1,
	};
	memset(&flows, 0, sizeof(flows));
	seg_flows_begin(&flows);
	count = 0;
}

/* --- frames -------------------------------------------------------------------------- */

static uint16_t sum(const uint8_t *data, uint32_t length, uint32_t start)
{
	for (uint32_t i = 0; i < length; i++)
		start += i & 1 ? data[i] : (uint32_t)data[i] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return (uint16_t)~start;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* 192.0.2.`from` > 192.0.2.`to`. Returns the frame; its length is in the arrival. */
static uint8_t *packet(uint8_t proto, uint8_t from, uint8_t to, uint16_t sport, uint16_t dport,
		       uint8_t tcp_flags)
{
	static const uint32_t size_of[256] = {
		[IPPROTO_TCP] = 20, [IPPROTO_UDP] = 12, [IPPROTO_ICMP] = 12};
	static const uint32_t sum_at[256] = {
		[IPPROTO_TCP] = 16, [IPPROTO_UDP] = 6, [IPPROTO_ICMP] = 2};
	uint8_t *frame = frames[count], *ip = frame + 14, *l4 = ip + 20;
	uint32_t size = size_of[proto];
	const uint8_t header[] = {2, 0, 0,    0,   0,  1,     2, 0, 0,
				  0, 0, 2,    8,   0,  0x45,  0, 0, (uint8_t)(20 + size),
				  0, 0, 0,    0,   64, proto, 0, 0, 192,
				  0, 2, from, 192, 0,  2,     to};

	memset(frame, 0, sizeof(frames[0]));
	memcpy(frame, header, sizeof(header));
	put16(ip + 10, sum(ip, 20, 0));
	put16(l4, sport);
	put16(l4 + 2, dport);
	if (proto == IPPROTO_TCP) {
		l4[12] = 0x50;
		l4[13] = tcp_flags;
	}
	if (proto == IPPROTO_UDP)
		put16(l4 + 4, size);
	if (proto == IPPROTO_ICMP) { /* sport: the type, dport: the identifier */
		put16(l4, (uint32_t)sport << 8);
		put16(l4 + 2, 0);
		put16(l4 + 4, dport);
	}
	put16(l4 + sum_at[proto],
	      sum(l4, size,
		  proto == IPPROTO_ICMP ? 0 : proto + size + (uint16_t)~sum(ip + 12, 8, 0)));
	arrivals[count] =
		(struct seg_arrival){.frame = frame, .length = 34 + size, .address = count * 4096};
	return frame;
}

/* The packet is the last of the burst, without metadata. */
static struct seg_outcome *arrives(void)
{
	return &outcomes[count++];
}

static struct seg_key key_of(struct seg_packet *parsed)
{
	const struct seg_arrival *a = &arrivals[count];
	struct seg_key key;

	check_eq(seg_packet_parse(a->frame, a->frame + a->length, 0, 0, rig.constants.zone, parsed),
		 SEG_PARSED);
	check(seg_frame_key(a->frame, a->frame + a->length, parsed, &key) >= 0);
	return key;
}

/* XDP sends it up behind no gate, beside the other side's denial. */
static struct seg_outcome *beside(void)
{
	struct seg_packet parsed;

	key_of(&parsed);
	metas[count] = (struct seg_meta){
		.packet = parsed, .slot = SEG_SLOT_NONE, .generation = 1, .reason = SEG_UP_BESIDE};
	arrivals[count].meta = &metas[count];
	return arrives();
}

/* XDP claims a session for the packet, or queues it behind the one there is, and says so before it.
 */
static struct seg_outcome *queued(struct seg_session **out)
{
	struct seg_packet parsed;
	struct seg_key key = key_of(&parsed);
	struct seg_hash hash = seg_hash_key(&key, &rig.constants);
	struct seg_session *s = NULL;
	uint32_t slot = 0;
	bool reply = ntohl(key.addr[0][3]) != (192u << 24 | 2u << 8 | arrivals[count].frame[29]);

	if (seg_table_claim(&judge.table, &key, &hash, &s, &slot) == SEG_CLAIM_CLAIMED) {
		s->gate = seg_gate_first(0);
		seg_table_publish(s, seg_state_make(SEG_LIFE_LIVE, SEG_L4_OPENING,
						    reply ? SEG_SESSION_ORIGINATOR : 0, 0, 0));
	} else {
		s->gate += SEG_GATE_QUEUED_ONE;
	}
	metas[count] = (struct seg_meta){.packet = parsed,
					 .slot = slot,
					 .generation = 1,
					 .incarnation = seg_state_incarnation(s->state)};
	arrivals[count].meta = &metas[count];
	if (out)
		*out = s;
	return arrives();
}

static void decide(void)
{
	seg_decide(&judge, &flows, arrivals, outcomes, count, 1000);
	count = 0;
}

/* The same, and what the worker begins. */
static void decide_and_begin(void)
{
	const struct seg_beginner beginner = {&judge, &rig.quota, 1000};
	uint32_t all = count;

	decide();
	seg_begin_allowed(&beginner, arrivals, outcomes, all);
}

static void check_outcome(const struct seg_outcome *o, enum seg_reason reason, uint16_t flags)
{
	check_eq(o->reason, reason);
	check_eq(o->flags & (uint16_t)~SEG_OUTCOME_REPLY, flags);
}

#define DECIDED (SEG_OUTCOME_COUNT | SEG_OUTCOME_PUBLISH | SEG_OUTCOME_QUEUED)

/* --- verdicts ---------------------------------------------------------------------------- */

TEST(decide, a_rule_allows_and_a_rule_denies)
{
	struct seg_outcome *yes, *no, *other;

	begin();
	packet(IPPROTO_UDP, 1, 2, 1000, 53, 0);
	yes = queued(NULL);
	packet(IPPROTO_UDP, 1, 2, 1000, 666, 0);
	no = queued(NULL);
	packet(IPPROTO_UDP, 1, 2, 1000, 7, 0);
	other = queued(NULL);
	decide();
	check_outcome(yes, SEG_REASON_RULE_ALLOW, DECIDED | SEG_OUTCOME_PASS);
	check_eq(yes->rule, RULE_DNS);
	check_outcome(no, SEG_REASON_RULE_DENY, DECIDED);
	check_eq(no->rule, RULE_NO);
	check_outcome(other, SEG_REASON_RULE_DENY, DECIDED);
	check_eq(other->rule, SEG_RULE_DEFAULT);
}

TEST(decide, without_metadata_the_session_is_found)
{
	struct seg_session *s;
	struct seg_outcome *o;

	begin();
	packet(IPPROTO_UDP, 1, 2, 1000, 53, 0);
	queued(&s);
	count = 0;
	packet(IPPROTO_UDP, 1, 2, 1000, 53, 0);
	o = arrives();
	decide();
	check_outcome(o, SEG_REASON_RULE_ALLOW, DECIDED | SEG_OUTCOME_PASS);
	check(&rig.slots[o->slot] == s);
}

TEST(decide, no_session_is_decided_all_the_same)
{
	struct seg_outcome *o;

	begin();
	packet(IPPROTO_UDP, 1, 2, 1000, 53, 0);
	o = arrives();
	decide();
	check_eq(o->slot, SEG_SLOT_NONE);
	check_eq(o->reason, SEG_REASON_RULE_ALLOW);
	check(!(o->flags & SEG_OUTCOME_PUBLISH));
}

/* Its first packet asked; what follows in the batch goes the same way, in this burst and the next.
 */
TEST(decide, a_flows_second_packet_in_the_batch_follows_the_first)
{
	struct seg_outcome *first, *second;

	begin();
	packet(IPPROTO_TCP, 1, 2, 1000, 80, SYN);
	first = queued(NULL);
	packet(IPPROTO_TCP, 1, 2, 1000, 80, ACK);
	second = queued(NULL);
	decide();
	check_outcome(first, SEG_REASON_RULE_ALLOW, DECIDED | SEG_OUTCOME_PASS);
	check_outcome(second, SEG_REASON_RULE_ALLOW, DECIDED | SEG_OUTCOME_PASS);
	packet(IPPROTO_TCP, 1, 2, 1000, 80, ACK);
	first = queued(NULL);
	decide();
	check_outcome(first, SEG_REASON_RULE_ALLOW, DECIDED | SEG_OUTCOME_PASS);
	seg_flows_begin(&flows);
	packet(IPPROTO_TCP, 1, 2, 1000, 80, ACK);
	first = queued(NULL);
	decide();
	check_eq(first->reason, SEG_REASON_TCP_MIDFLOW);
}

TEST(decide, a_verdict_of_this_generation_is_not_asked_again)
{
	struct seg_session *s;
	struct seg_outcome *o;

	begin();
	packet(IPPROTO_TCP, 1, 2, 1000, 80, ACK);
	o = queued(&s);
	s->verdict[1] = seg_verdict_make(SEG_VERDICT_DENY, 0, 1, 77);
	decide();
	check_outcome(o, SEG_REASON_RULE_DENY, SEG_OUTCOME_COUNT | SEG_OUTCOME_QUEUED);
	check_eq(o->rule, 77);
}

/* --- beside a denial ------------------------------------------------------------------------- */

/* 192.0.2.1:`port` was denied 192.0.2.2:666. What 192.0.2.2:666 begins is allowed to port 53. */
static struct seg_session *denied(uint16_t port)
{
	struct seg_session *s;

	begin();
	rig.constants.half_open_max = 1;
	packet(IPPROTO_UDP, 1, 2, port, 666, 0);
	queued(&s);
	count = 0;
	s->verdict[1] = seg_verdict_make(SEG_VERDICT_DENY, 0, 1, RULE_NO);
	s->gate = SEG_GATE_OPEN;
	return s;
}

TEST(decide, a_denial_beside_a_denial_leaves_no_trace)
{
	struct seg_session *s = denied(9);
	struct seg_outcome *o;

	packet(IPPROTO_UDP, 2, 1, 666, 9, 0);
	o = beside();
	decide_and_begin();
	check_outcome(o, SEG_REASON_RULE_DENY, SEG_OUTCOME_COUNT);
	check_eq(o->slot, SEG_SLOT_NONE);
	check_eq(seg_state_life(s->state), SEG_LIFE_LIVE);
	check_eq(seg_state_originator(s->state), 0);
}

/* In place of the denial; what follows in its batch goes without a session. */
static void check_begun(const struct seg_session *before, const struct seg_outcome *first,
			const struct seg_outcome *second)
{
	const struct seg_session *s = &rig.slots[first->slot];

	check_outcome(first, SEG_REASON_RULE_ALLOW, DECIDED | SEG_OUTCOME_PASS);
	check_eq(first->rule, RULE_DNS);
	check_eq(first->incarnation, seg_state_incarnation(s->state));
	check_eq(seg_state_life(before->state), SEG_LIFE_DEAD);
	check_eq(seg_state_life(s->state), SEG_LIFE_LIVE);
	check_eq(seg_state_originator(s->state), 1);
	check_eq(seg_gate_queued(s->gate), 1);
	check_outcome(second, SEG_REASON_RULE_ALLOW, SEG_OUTCOME_PASS | SEG_OUTCOME_COUNT);
	check_eq(second->slot, SEG_SLOT_NONE);
}

static void check_takes_its_place(struct seg_outcome *(*come)(void))
{
	const struct seg_session *s = denied(53);
	struct seg_outcome *first, *second;

	packet(IPPROTO_UDP, 2, 1, 666, 53, 0);
	first = come();
	packet(IPPROTO_UDP, 2, 1, 666, 53, 0);
	second = come();
	decide_and_begin();
	check_begun(s, first, second);
}

TEST(decide, what_is_allowed_beside_a_denial_takes_its_place)
{
	check_takes_its_place(beside);
}

TEST(decide, without_metadata_a_denial_of_the_other_side_is_seen)
{
	check_takes_its_place(arrives);
}

TEST(decide, what_is_allowed_beside_a_denial_needs_no_room)
{
	struct seg_outcome *o;

	denied(53);
	rig.constants.half_open_max = 0;
	packet(IPPROTO_UDP, 2, 1, 666, 53, 0);
	o = beside();
	decide_and_begin();
	check_outcome(o, SEG_REASON_RULE_ALLOW, SEG_OUTCOME_PASS | SEG_OUTCOME_COUNT);
	check_eq(o->slot, SEG_SLOT_NONE);
}

/* What a rule of stage shadow would do goes along with what is done, from the session too. */
TEST(decide, a_shadow_rule_is_told)
{
	struct seg_session *s;
	struct seg_outcome *asked, *known, *other;

	begin();
	packet(IPPROTO_UDP, 1, 2, 1000, 700, 0);
	asked = queued(NULL);
	packet(IPPROTO_UDP, 1, 2, 1001, 700, 0);
	known = queued(&s);
	s->verdict[1] = seg_verdict_make(SEG_VERDICT_DENY, 0, 1, 77);
	s->shadow[1] = seg_shadow_make(9);
	packet(IPPROTO_UDP, 1, 2, 1000, 53, 0);
	other = queued(NULL);
	decide();
	check_outcome(asked, SEG_REASON_RULE_DENY, DECIDED);
	check_eq(asked->rule, SEG_RULE_DEFAULT);
	check_eq(seg_shadow_rule(asked->shadow), RULE_SOON);
	check_eq(seg_shadow_rule(known->shadow), 9);
	check_eq(seg_shadow_rule(other->shadow), SEG_RULE_DEFAULT);
}

TEST(decide, a_verdict_of_an_older_policy_is_judged_again)
{
	struct seg_session *s;
	struct seg_outcome *o;

	begin();
	packet(IPPROTO_TCP, 1, 2, 1000, 80, ACK);
	o = queued(&s);
	s->verdict[0] = seg_verdict_make(SEG_VERDICT_DENY, 0, 2, 77);
	s->verdict[1] = seg_verdict_make(SEG_VERDICT_DENY, 0, 3, 77);
	decide();
	check_outcome(o, SEG_REASON_RULE_ALLOW, DECIDED | SEG_OUTCOME_PASS);
	check_eq(o->rule, RULE_WEB);
}

/* A reply is judged by the flow that it belongs to: this host began, so its policy is the egress
 * one. */
TEST(decide, a_reply_is_judged_by_its_flow)
{
	struct seg_session *s;
	struct seg_outcome *o;

	begin();
	packet(IPPROTO_TCP, 9, 2, 443, 1000, ACK);
	o = queued(&s);
	s->state ^= (uint64_t)SEG_SESSION_ORIGINATOR << SEG_STATE_FLAGS_SHIFT;
	s->verdict[0] = seg_verdict_make(SEG_VERDICT_ALLOW, 0, 2, 77);
	decide();
	check_eq(o->reason, SEG_REASON_RULE_ALLOW);
	check_eq(o->rule, SEG_RULE_DEFAULT);
}

/* What this host sent went out by another worker, which has not published yet. */
TEST(decide, an_answer_may_come_before_its_flows_verdict)
{
	static const struct {
		uint8_t proto, flags;
		uint16_t sport, dport;
		uint32_t rule;
	} answers[] = {{IPPROTO_TCP, SYN | ACK, 443, 1000, SEG_RULE_DEFAULT},
		       {IPPROTO_UDP, 0, 53, 1000, RULE_DNS},
		       {IPPROTO_ICMP, 0, 0, 7, RULE_PING}};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(answers); i++) {
		struct seg_session *s;
		struct seg_outcome *o;

		begin();
		packet(answers[i].proto, 9, 2, answers[i].sport, answers[i].dport,
		       answers[i].flags);
		o = queued(&s);
		s->state ^= (uint64_t)SEG_SESSION_ORIGINATOR << SEG_STATE_FLAGS_SHIFT;
		decide();
		check_outcome(o, SEG_REASON_RULE_ALLOW, DECIDED | SEG_OUTCOME_PASS);
		check_eq(o->rule, answers[i].rule);
	}
}

TEST(decide, another_incarnation_is_looked_up_anew)
{
	struct seg_outcome *o;

	begin();
	packet(IPPROTO_UDP, 1, 2, 1000, 53, 0);
	o = queued(NULL);
	metas[0].incarnation++;
	decide();
	check_eq(o->reason, SEG_REASON_RULE_ALLOW);
	check(!(o->flags & SEG_OUTCOME_QUEUED));
	check_eq(o->incarnation, 0);
}

/* --- what may not open a flow -------------------------------------------------------------- */

TEST(decide, tcp_that_opens_nothing_is_dropped_without_a_trace)
{
	static const uint8_t flags[] = {ACK, SYN | ACK, RST, RST | ACK, ACK | 1};

	for (size_t i = 0; i < sizeof(flags); i++) {
		struct seg_outcome *o;

		begin();
		packet(IPPROTO_TCP, 1, 2, 1000, 80, flags[i]);
		o = queued(NULL);
		decide();
		check_outcome(o, SEG_REASON_TCP_MIDFLOW, SEG_OUTCOME_KILL | SEG_OUTCOME_QUEUED);
	}
}

TEST(decide, pickup_takes_an_allowed_flow_up_loosely)
{
	struct seg_outcome *yes, *no;

	begin();
	judge.pickup_until = 1001;
	packet(IPPROTO_TCP, 1, 2, 1000, 80, ACK);
	yes = queued(NULL);
	packet(IPPROTO_TCP, 1, 2, 1000, 81, ACK);
	no = queued(NULL);
	decide();
	check_outcome(yes, SEG_REASON_RULE_ALLOW, DECIDED | SEG_OUTCOME_PASS | SEG_OUTCOME_LOOSE);
	check_outcome(no, SEG_REASON_TCP_MIDFLOW, SEG_OUTCOME_KILL | SEG_OUTCOME_QUEUED);
}

/* The second packet of such a flow is no other flow. */
TEST(decide, pickup_is_loose_for_the_whole_batch)
{
	struct seg_outcome *first, *second;

	begin();
	judge.pickup_until = 1001;
	packet(IPPROTO_TCP, 1, 2, 1000, 80, ACK);
	first = queued(NULL);
	packet(IPPROTO_TCP, 1, 2, 1000, 80, ACK);
	second = queued(NULL);
	decide();
	check(first->flags & SEG_OUTCOME_LOOSE);
	check(second->flags & SEG_OUTCOME_LOOSE);
}

TEST(decide, a_reply_that_nobody_asked_for)
{
	struct seg_outcome *request, *reply;

	begin();
	packet(IPPROTO_ICMP, 1, 2, 8, 77, 0);
	request = queued(NULL);
	packet(IPPROTO_ICMP, 1, 2, 0, 78, 0);
	reply = queued(NULL);
	decide();
	check_outcome(request, SEG_REASON_RULE_ALLOW, DECIDED | SEG_OUTCOME_PASS);
	check_eq(request->rule, RULE_PING);
	check_outcome(reply, SEG_REASON_ICMP_UNASKED, SEG_OUTCOME_KILL | SEG_OUTCOME_QUEUED);
}

/* Without an egress program the answer is the first that is seen of this host's own flow. */
TEST(decide, one_sided_an_answer_speaks_for_its_flow)
{
	struct seg_outcome *tcp, *icmp, *data;

	begin();
	rig.constants.features = 0;
	packet(IPPROTO_TCP, 1, 2, 443, 1000, SYN | ACK);
	tcp = queued(NULL);
	packet(IPPROTO_ICMP, 1, 2, 0, 78, 0);
	icmp = queued(NULL);
	packet(IPPROTO_TCP, 1, 2, 443, 1001, ACK);
	data = queued(NULL);
	decide();
	check_eq(tcp->reason, SEG_REASON_RULE_ALLOW);
	check_eq(tcp->rule, SEG_RULE_DEFAULT);
	check_eq(icmp->reason, SEG_REASON_RULE_ALLOW);
	check_eq(data->reason, SEG_REASON_TCP_MIDFLOW);
}

/* --- VLANs, where the worker parses ---------------------------------------------------------- */

static void tag(uint8_t *frame, uint16_t vid)
{
	memmove(frame + 16, frame + 12, arrivals[count].length - 12);
	put16(frame + 12, 0x8100);
	put16(frame + 14, vid);
	arrivals[count].length += 4;
}

TEST(decide, a_vlan_that_the_policy_names_has_a_zone_and_others_none)
{
	static union {
		struct seg_zone_list list;
		uint8_t space[sizeof(struct seg_zone_list) + 16];
	} zones;
	struct seg_outcome *known, *unknown;

	begin();
	rig.constants.features |= SEG_FEATURE_VLAN;
	zones.list.count = 1;
	zones.list.entry[0].key =
		(struct seg_zone_key){.zone = 1, .vlan = {SEG_VLAN_PRESENT | 7, 0}};
	zones.list.entry[0].zone = 9;
	judge.zones = &zones.list;
	tag(packet(IPPROTO_UDP, 1, 2, 1000, 53, 0), 7);
	known = arrives();
	tag(packet(IPPROTO_UDP, 1, 2, 1000, 53, 0), 8);
	unknown = arrives();
	decide();
	check_eq(unknown->reason, SEG_REASON_VLAN_UNKNOWN);
	check(known->reason != SEG_REASON_VLAN_UNKNOWN);
	check(known->flags & SEG_OUTCOME_COUNT);
}

/* --- broken ones ----------------------------------------------------------------------------- */

TEST(decide, a_wrong_l4_checksum_changes_nothing)
{
	struct seg_session *s;
	struct seg_outcome *new, *known;

	begin();
	packet(IPPROTO_UDP, 1, 2, 1000, 53, 0)[14 + 20 + 10] ^= 1;
	new = queued(NULL);
	packet(IPPROTO_UDP, 1, 2, 1001, 53, 0)[14 + 20 + 10] ^= 1;
	known = queued(&s);
	s->verdict[1] = seg_verdict_make(SEG_VERDICT_ALLOW, 0, 1, RULE_DNS);
	decide();
	check_outcome(new, SEG_REASON_BAD_L4_CHECKSUM, SEG_OUTCOME_KILL | SEG_OUTCOME_QUEUED);
	check_outcome(known, SEG_REASON_BAD_L4_CHECKSUM, SEG_OUTCOME_QUEUED);
}

/* A sum that covers the pseudo-header only is completed where such frames come from, else it is
 * wrong. */
TEST(decide, a_partial_sum_is_completed_where_there_may_be_one)
{
	uint8_t whole[2], *frame;
	struct seg_outcome *o;

	for (int allowed = 0; allowed < 2; allowed++) {
		begin();
		rig.constants.features |= allowed ? SEG_FEATURE_PARTIAL_SUM : 0;
		frame = packet(IPPROTO_UDP, 1, 2, 1000, 53, 0);
		memcpy(whole, frame + 34 + 6, 2);
		put16(frame + 34 + 6, (uint16_t)~sum(frame + 26, 8, IPPROTO_UDP + 12));
		o = queued(NULL);
		decide();
		check_eq(o->reason, allowed ? SEG_REASON_RULE_ALLOW : SEG_REASON_BAD_L4_CHECKSUM);
		check_eq(!memcmp(whole, frame + 34 + 6, 2), allowed);
	}
}

TEST(decide, metadata_beyond_the_frame_is_not_followed)
{
	struct seg_outcome *o;

	begin();
	packet(IPPROTO_UDP, 1, 2, 1000, 53, 0);
	o = queued(NULL);
	metas[0].packet.end = 2000;
	decide();
	check_eq(o->reason, SEG_REASON_TRUNCATED);
}

TEST(decide, what_xdp_would_pass_passes)
{
	struct seg_outcome *o;

	begin();
	packet(IPPROTO_UDP, 1, 2, 1000, 53, 0)[13] = 0xcc; /* Ethertype 0x08cc */
	o = arrives();
	decide();
	check_outcome(o, SEG_REASON_NON_IP, SEG_OUTCOME_PASS);
}

TEST(decide, a_full_burst_of_distinct_flows)
{
	begin();
	for (uint16_t i = 0; i < 40; i++) {
		packet(IPPROTO_UDP, 1, 2, (uint16_t)(1000 + i), i % 2 ? 53 : 666, 0);
		queued(NULL);
	}
	decide();
	for (uint16_t i = 0; i < 40; i++)
		check_eq(outcomes[i].rule, i % 2 ? RULE_DNS : RULE_NO);
}
