/* SPDX-License-Identifier: BSD-2-Clause */
/* seed.c - flows that run become sessions, in a table in memory. */
#include <arpa/inet.h>

#include "check.h"
#include "compiled.h"
#include "seed.h"
#include "session.h"
#include "session_key.h"
#include "table_reap.h"

#define BUCKETS 64
#define NOW     1000

static struct seg_constants constants = {
	.buckets = BUCKETS, .iface = 4, .half_open_max = 2, .established_max = 2, .zone = 9};
static struct seg_quota quota;
static struct seg_table table = {.buckets = BUCKETS};
static struct seg_seeder seeder;
static struct seg_seeded seeded;

static const char POLICY[] =
	"version: 1\n"
	"name: seed\n"
	"defaults: {ingress: deny, egress: deny}\n"
	"rules:\n"
	"  - {id: no, direction: ingress, service: tcp/23, action: deny}\n"
	"  - {id: ssh, direction: ingress, service: tcp/22, action: allow}\n"
	"  - {id: soon, service: tcp/22, from: 10.0.0.1, action: deny, stage: shadow}\n"
	"  - {id: out, direction: egress, service: tcp/22, action: allow}\n";

static void begin(void)
{
	table.tags = calloc(BUCKETS, sizeof(*table.tags));
	table.slots = calloc(BUCKETS * SEG_BUCKET_SLOTS, sizeof(*table.slots));
	check(table.tags && table.slots);
	seeder = (struct seg_seeder){
		.table = &table,
		.quota = &quota,
		.constants = &constants,
		.image = compiled(POLICY),
		.generation = 7,
		.now = NOW,
	};
}

static struct seg_running flow(const char *src, uint16_t sport, const char *dst, uint16_t dport,
			       enum seg_running_state state)
{
	struct seg_running out = {
		.sport = htons(sport),
		.dport = htons(dport),
		.proto = 6,
		.state = (uint8_t)state,
		.source = SEG_RUNNING_SOCKET,
	};

	check_eq(seg_address_parse(src, strlen(src), &out.src), 0);
	check_eq(seg_address_parse(dst, strlen(dst), &out.dst), 0);
	out.family = seg_address_family(&out.src);
	return out;
}

static void seed(const struct seg_running *running, uint8_t direction)
{
	struct seg_seed_way way = {.direction = direction, .zone = 9};

	seg_seed(&seeder, running, &way, &seeded);
}

static struct seg_session *only(void)
{
	uint32_t slot = seg_table_next(&table, 0);

	check(slot != SEG_SLOT_NONE);
	check_eq(seg_table_next(&table, slot + 1), SEG_SLOT_NONE);
	return &table.slots[slot];
}

/* Endpoint 1 is the higher address. */
static const char LOW[] = "10.0.0.1", HIGH[] = "255.0.0.2";

TEST(seed, an_established_connection)
{
	struct seg_running in = flow(LOW, 5000, HIGH, 22, SEG_RUNNING_ESTABLISHED);
	struct seg_session *s;

	begin();
	seed(&in, SEG_INGRESS);
	s = only();
	check_eq(seeded.from[SEG_RUNNING_SOCKET], 1);
	check_eq(seg_state_life(s->state), SEG_LIFE_LIVE);
	check_eq(seg_state_l4(s->state), SEG_L4_ESTABLISHED);
	check_eq(seg_state_class(s->state), SEG_CLASS_ESTABLISHED);
	check_eq(seg_state_seen(s->state), NOW);
	check(seg_state_flags(s->state) & SEG_SESSION_LOOSE);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].used, 1);
	check_eq(seg_session_verdict(s, 7), SEG_VERDICT_ALLOW);
	check_eq(seg_session_verdict(s, 8), SEG_VERDICT_NONE);
	check_eq(seg_verdict_rule(*seg_verdict_slot(s, 7)), 1);
	check_eq(seg_session_shadow(s, 7), 0); /* the rule before it decides */
	check_eq(s->iface[0], 5);
	check_eq(s->iface[1], 5);
	check_eq(s->key.zone, 9);
	check_eq(s->key.port[seg_state_originator(s->state)], in.sport);
}

TEST(seed, a_shadow_rule_is_noted)
{
	struct seg_running out = flow(LOW, 5000, HIGH, 22, SEG_RUNNING_ESTABLISHED);

	begin();
	seed(&out, SEG_EGRESS);
	check_eq(seg_verdict_rule(*seg_verdict_slot(only(), 7)), 3);
	check_eq(seg_shadow_rule(seg_session_shadow(only(), 7)), 2);
}

/* The key that a packet of the flow has, from either side, finds it. */
static struct seg_session *find(const struct seg_running *running, bool reply)
{
	struct seg_packet packet = {.proto = running->proto, .zone = 9};
	const struct seg_address *from = reply ? &running->dst : &running->src;
	const struct seg_address *to = reply ? &running->src : &running->dst;
	int first = running->family == 4 ? 3 : 0;
	struct seg_session *s;
	struct seg_hash hash;
	struct seg_key key;
	__be32 a[4], b[4];
	__u32 slot;

	packet.sport = reply ? running->dport : running->sport;
	packet.dport = reply ? running->sport : running->dport;
	packet.icmp_type = running->proto == 58 ? (reply ? 129 : 128) : 0;
	memcpy(a, from, sizeof(a));
	memcpy(b, to, sizeof(b));
	seg_key_make(&key, &packet, running->family, &a[first], &b[first]);
	hash = seg_hash_key(&key, &constants);
	s = seg_table_find(&table, &key, &hash, &slot);
	check(s);
	return s;
}

TEST(seed, either_side_finds_it)
{
	struct seg_running flows[] = {
		flow(LOW, 5000, HIGH, 22, SEG_RUNNING_ESTABLISHED),
		flow("fd00::1", 5000, "fe00::1", 22, SEG_RUNNING_OPENING),
		flow("fe00::1", 77, "fd00::1", 77, SEG_RUNNING_OPENING),
	};

	begin();
	flows[2].proto = 58;
	for (int i = 0; i < 3; i++) {
		seed(&flows[i], SEG_INGRESS);
		check(find(&flows[i], false) == find(&flows[i], true));
		check_eq(find(&flows[i], false)
				 ->key.port[seg_state_originator(find(&flows[i], false)->state)],
			 flows[i].sport);
	}
	check_eq(seeded.from[SEG_RUNNING_SOCKET], 3);
}

TEST(seed, who_began_by_the_lower_end_too)
{
	struct seg_running out = flow(HIGH, 5000, LOW, 22, SEG_RUNNING_ESTABLISHED);

	begin();
	seed(&out, SEG_EGRESS);
	check_eq(seg_state_originator(find(&out, false)->state),
		 only()->key.port[1] == out.sport ? 1 : 0);
	check_eq(seg_verdict_rule(*seg_verdict_slot(only(), 7)), 3);
}

TEST(seed, what_the_policy_denies_goes_on_by_the_default)
{
	struct seg_running in = flow(LOW, 5000, HIGH, 23, SEG_RUNNING_ESTABLISHED);

	begin();
	seed(&in, SEG_INGRESS);
	check_eq(seg_session_verdict(only(), 7), SEG_VERDICT_ALLOW);
	check_eq(seg_verdict_rule(*seg_verdict_slot(only(), 7)), SEG_RULE_DEFAULT);
}

TEST(seed, half_open_is_of_this_hosts_class)
{
	struct seg_running opening = flow(LOW, 5000, HIGH, 22, SEG_RUNNING_OPENING);
	struct seg_running closing = flow(LOW, 5001, HIGH, 22, SEG_RUNNING_CLOSING);

	begin();
	seed(&opening, SEG_INGRESS);
	check_eq(seg_state_l4(only()->state), SEG_L4_OPENING);
	check_eq(seg_state_class(only()->state), SEG_CLASS_OWN);
	seed(&closing, SEG_INGRESS);
	check_eq(seg_state_l4(find(&closing, false)->state), SEG_L4_CLOSING);
	check_eq(quota.class[SEG_CLASS_OWN].used, 2);
}

TEST(seed, a_full_quota_is_counted)
{
	begin();
	for (uint16_t i = 0; i < 5; i++) {
		struct seg_running in = flow(LOW, i, HIGH, 22, SEG_RUNNING_ESTABLISHED);

		seed(&in, SEG_INGRESS);
	}
	check_eq(seeded.from[SEG_RUNNING_SOCKET], 2);
	check_eq(seeded.refused, 3);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].used, 2);
}

/* --- one that is there ------------------------------------------------------------------ */

/* A session of the same flow that somebody made by one packet of its answer. */
static struct seg_session *learned(const struct seg_running *running, enum seg_class class,
				   uint8_t verdict)
{
	struct seg_running turned = *running;
	struct seg_session *s;

	turned.src = running->dst;
	turned.dst = running->src;
	turned.sport = running->dport;
	turned.dport = running->sport;
	turned.state = SEG_RUNNING_OPENING;
	seed(&turned, SEG_EGRESS);
	s = only();
	quota.class[SEG_CLASS_OWN].used--;
	quota.class[class].used++;
	s->state = seg_state_set_class(s->state, class);
	*seg_verdict_slot(s, 7) = seg_verdict_make(verdict, 0, 7, 2);
	seeded = (struct seg_seeded){0};
	return s;
}

TEST(seed, a_session_that_is_there_is_set_right)
{
	struct seg_running in = flow(LOW, 5000, HIGH, 22, SEG_RUNNING_ESTABLISHED);
	struct seg_session *s;

	begin();
	s = learned(&in, SEG_CLASS_OWN, SEG_VERDICT_ALLOW);
	check_eq(s->key.port[!seg_state_originator(s->state)], in.sport);
	seed(&in, SEG_INGRESS);
	check_eq(seeded.already, 1);
	check_eq(seeded.from[SEG_RUNNING_SOCKET], 0);
	check(s == only());
	check_eq(s->key.port[seg_state_originator(s->state)], in.sport);
	check_eq(seg_state_l4(s->state), SEG_L4_ESTABLISHED);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].used, 1);
	check_eq(quota.class[SEG_CLASS_OWN].used, 0);
	check_eq(seg_verdict_rule(*seg_verdict_slot(s, 7)), 2);
}

TEST(seed, what_was_learned_goes_by_who_began)
{
	struct seg_running in = flow(LOW, 5000, HIGH, 22, SEG_RUNNING_ESTABLISHED);
	struct seg_session *s;

	begin();
	s = learned(&in, SEG_CLASS_OWN, SEG_VERDICT_ALLOW);
	*seg_verdict_slot(s, 7) |= (uint64_t)SEG_VERDICT_LEARNED << 8;
	seed(&in, SEG_INGRESS);
	check_eq(seg_verdict_rule(*seg_verdict_slot(s, 7)), 1);
	check(!(seg_verdict_flags(*seg_verdict_slot(s, 7)) & SEG_VERDICT_LEARNED));
}

TEST(seed, one_that_was_denied_is_allowed)
{
	struct seg_running in = flow(LOW, 5000, HIGH, 22, SEG_RUNNING_ESTABLISHED);
	struct seg_session *s;

	begin();
	s = learned(&in, SEG_CLASS_DENIED, SEG_VERDICT_DENY);
	seed(&in, SEG_INGRESS);
	check_eq(seg_session_verdict(s, 7), SEG_VERDICT_ALLOW);
	check_eq(seg_state_class(s->state), SEG_CLASS_ESTABLISHED);
	check_eq(quota.class[SEG_CLASS_DENIED].used, 0);
}

TEST(seed, one_of_an_earlier_policy_is_of_this_one)
{
	struct seg_running in = flow(LOW, 5000, HIGH, 22, SEG_RUNNING_ESTABLISHED);

	begin();
	seed(&in, SEG_INGRESS);
	seeder.generation = 8;
	seed(&in, SEG_INGRESS);
	check_eq(seeded.already, 1);
	check_eq(seg_session_verdict(only(), 8), SEG_VERDICT_ALLOW);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].used, 1);
}

TEST(seed, what_has_closed_stays_closed)
{
	struct seg_running in = flow(LOW, 5000, HIGH, 22, SEG_RUNNING_ESTABLISHED);
	struct seg_session *s;

	begin();
	s = learned(&in, SEG_CLASS_ESTABLISHED, SEG_VERDICT_ALLOW);
	s->state = seg_state_make(SEG_LIFE_LIVE, SEG_L4_CLOSED, seg_state_flags(s->state), 0, NOW);
	seed(&in, SEG_INGRESS);
	check_eq(seg_state_l4(s->state), SEG_L4_CLOSED);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].used, 1);
}

TEST(seed, a_full_class_leaves_it_half_open)
{
	struct seg_running in = flow(LOW, 5000, HIGH, 22, SEG_RUNNING_ESTABLISHED);
	struct seg_session *s;

	begin();
	s = learned(&in, SEG_CLASS_OWN, SEG_VERDICT_ALLOW);
	quota.class[SEG_CLASS_ESTABLISHED].used = 2;
	seed(&in, SEG_INGRESS);
	check_eq(seg_state_class(s->state), SEG_CLASS_OWN);
	check_eq(s->key.port[seg_state_originator(s->state)], in.sport);
	check_eq(quota.class[SEG_CLASS_ESTABLISHED].used, 2);
	check_eq(quota.class[SEG_CLASS_OWN].used, 1);
}

/* --- by interface --------------------------------------------------------------------------- */

static uint16_t zone_of(void *data, const uint16_t vlan[2])
{
	(void)data;
	if (!vlan[0])
		return 9;
	return vlan[0] == (SEG_VLAN_PRESENT | 100) ? 10 : 0;
}

/* 10.0.0.2 untagged, .3 by VLAN 100, .4 by VLAN 200, which the policy does not name; .5 elsewhere.
 */
static struct seg_locals make_locals(void)
{
	struct seg_locals locals = {0};

	for (uint16_t i = 2; i < 6; i++) {
		struct seg_local local = {
			.address = {.byte = {[10] = 0xff, 0xff, 10, 0, 0, (uint8_t)i}},
			.vlan = {i == 2 || i == 5
					 ? 0
					 : (uint16_t)(SEG_VLAN_PRESENT | (i == 3 ? 100 : 200))},
			.here = i != 5,
		};

		check_eq(SEG_PUSH(&locals, local), 0);
	}
	return locals;
}

TEST(seed, what_goes_through_an_interface)
{
	static const char *const ends[][2] = {
		{"10.0.0.9", "10.0.0.2"}, {"10.0.0.3", "10.0.0.9"}, {"10.0.0.9", "10.0.0.4"},
		{"10.0.0.9", "10.0.0.5"}, {"10.0.0.2", "10.0.0.3"}, {"10.0.0.8", "10.0.0.9"},
	};
	struct seg_running_list flows = {0};
	struct seg_locals locals = make_locals();
	uint32_t zones[16] = {0};

	begin();
	constants.established_max = 100;
	for (size_t i = 0; i < SEG_ARRAY_SIZE(ends); i++)
		check_eq(SEG_PUSH(&flows,
				  flow(ends[i][0], 5000, ends[i][1], 22, SEG_RUNNING_ESTABLISHED)),
			 0);
	seg_seed_all(&seeder, &flows, &locals, zone_of, NULL, &seeded);
	check_eq(seeded.from[SEG_RUNNING_SOCKET], 2);
	seg_for_each_slot (slot, &table)
		zones[table.slots[slot].key.zone]++;
	check_eq(zones[9], 1);
	check_eq(zones[10], 1);
	seg_running_free(&flows);
	seg_locals_free(&locals);
}
