/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reassembly.c - fragments through a worker that ends between any two steps: each datagram that
 * is let in is handed on whole, once, in order; each that is not, not at all; counters are
 * exact, a session is one, and all frames are there.
 */
#define RIG_RING 256 /* the tx ring has room for what a fragment may drag along */

#include <netinet/in.h>
#include <setjmp.h>

#include "policy.h"
#include "reassembly.h"
#include "worker_rig.h"

#define S 1000000000ull

static const char TEXT[] = "version: 1\n"
			   "defaults: {ingress: deny, egress: allow}\n"
			   "rules: [{id: dns, service: udp/53, action: allow}]\n";

static struct seg_image *image;
static struct seg_judge judge;
static struct seg_flows flows;
static struct seg_lane lane;
static jmp_buf death;
static int lives; /* places until the end; 0: for ever */
static int deaths;

/* --- frames ------------------------------------------------------------------------------ */

/* Part of datagram `id`: 64 bytes of UDP from port 1000 + id to `port`, in pieces of 16. */
struct part {
	uint16_t id, port, n;
};

#define PARTS 4

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum(const uint8_t *data, uint32_t length, uint32_t start)
{
	for (uint32_t i = 0; i < length; i++)
		start += i & 1 ? data[i] : (uint32_t)data[i] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static void make_udp(const struct part *part, const uint8_t *addresses, uint8_t *udp)
{
	memset(udp, part->id, 64);
	put16(udp, 1000u + part->id);
	put16(udp + 2, part->port);
	put16(udp + 4, 64);
	put16(udp + 6, 0);
	put16(udp + 6, ~sum(udp, 64, sum(addresses, 8, IPPROTO_UDP + 64)));
}

/* A packet's number is in the first bytes of its frame: rig_deliver() reads it there. */
static uint32_t number_of(const struct part *part)
{
	return part->id * 16u + part->n;
}

static void arrives(const struct part *part)
{
	uint32_t at = rig.fill.consumer;
	uint64_t address = rig.fill.addr[at % RIG_RING] + 256;
	uint8_t *frame = &rig.umem[address], *ip = frame + 14, udp[64];

	check(rig_receive(number_of(part), 14 + 20 + 16));
	put16(frame + 12, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + 16);
	put16(ip + 4, part->id);
	put16(ip + 6, (part->n < PARTS - 1 ? 0x2000u : 0) | part->n * 2u);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, (uint8_t[]){192, 0, 2, 1, 192, 0, 2, 2}, 8);
	put16(ip + 10, ~sum(ip, 20, 0));
	make_udp(part, ip + 12, udp);
	memcpy(ip + 20, udp + part->n * 16u, 16);
}

/* --- the worker's turn, as in worker.c ------------------------------------------------------- */

static void decide(uint32_t count, uint64_t now)
{
	struct seg_arrival arrivals[SEG_BURST_MAX];

	seg_flows_begin(&flows);
	for (uint32_t i = 0; i < count; i++) {
		const struct xdp_desc *desc = &rig.rx.desc[(rig.rx.consumer + i) % RIG_RING];

		arrivals[i] = (struct seg_arrival){
			.frame = &rig.umem[desc->addr], .length = desc->len, .address = desc->addr};
	}
	seg_decide(&judge, &flows, arrivals, rig.ledger.journal.outcome, count, now);
}

static void turn(uint32_t most, uint64_t now)
{
	uint32_t waiting = seg_ring_used(&lane.rx);
	struct seg_batch batch = {rig.ledger.journal.outcome, RIG_RING,
				  waiting < most ? waiting : most, 0};

	seg_journal_begin(&lane);
	decide(batch.taken, now);
	seg_hold_take(lane.hold, &judge, &flows, &batch, now);
	seg_journal_arm(&lane, batch.taken, batch.total);
	seg_journal_settle(&lane, now);
	seg_frames_cycle(&lane.frames);
}

static void start(uint64_t now)
{
	struct seg_hold *before = lane.hold;

	lane.hold = NULL;
	seg_hold_free(before);
	rig_lane(&lane);
	lane.hold = seg_hold_new(200, (uintptr_t)rig.umem, &rig.quota);
	check_eq(seg_lane_recover(&lane, now), 0);
	seg_lane_adopt(&lane, &judge, now);
	seg_frames_cycle(&lane.frames);
}

static void begin(void)
{
	const struct seg_policy_file file = {"test", TEXT, strlen(TEXT)};
	struct seg_error err = {0};

	rig_begin();
	deaths = 0;
	rig.constants.features = SEG_FEATURE_TWO_SIDED | SEG_FEATURE_GATHER;
	rig.constants.zone = 1;
	for (uint32_t i = 0; i < 6; i++) /* without, all keys have one hash */
		rig.constants.seed[i] = 0x9e3779b97f4a7c15ull * (i + 1);
	if (!image)
		check_that(!seg_policy_compile(&file, NULL, &image, &err), "%s", err.what);
	judge = (struct seg_judge){
		.image = image,
		.constants = &rig.constants,
		.table = {.tags = rig.tags, .slots = rig.slots, .buckets = RIG_BUCKETS},
		.generation = 1,
	};
	memset(&flows, 0, sizeof(flows));
	start(0);
}

/* --- one life after the other ------------------------------------------------------------------
 */

/* Two datagrams to an open port, one to a shut one, in each other's way. */
static const struct part parts[] = {
	{1, 53, 2}, {2, 54, 0}, {1, 53, 0}, {3, 53, 3}, {3, 53, 2}, {2, 54, 3},
	{3, 53, 1}, {1, 53, 3}, {1, 53, 1}, {2, 54, 1}, {2, 54, 2}, {3, 53, 0},
};

#define COUNT (sizeof(parts) / sizeof(*parts))

static void die_later(const char *name)
{
	(void)name;
	if (lives && !--lives) {
		deaths++;
		longjmp(death, 1);
	}
}

/* True: it ended. */
static bool live(int places)
{
	lives = places;
	on_place = die_later;
	if (setjmp(death))
		return true;
	if (deaths)
		start(S);
	while (seg_ring_used(&lane.rx))
		turn(5, S);
	on_place = NULL;
	return false;
}

static void check_delivered(void)
{
	static const uint16_t order[] = {1, 3};

	check_eq(rig.delivered_count, 2 * PARTS);
	for (uint32_t i = 0; i < 2 * PARTS; i++)
		check_eq(rig.delivered[i],
			 number_of(&(struct part){order[i / PARTS], 53, i % PARTS}));
}

static void check_counted(void)
{
	check_eq(rig.queue.exit[SEG_REASON_RULE_ALLOW].packets, 2 * PARTS);
	check_eq(rig.queue.exit[SEG_REASON_RULE_ALLOW].bytes, 2 * PARTS * 50);
	check_eq(rig.queue.exit[SEG_REASON_RULE_DENY].packets, PARTS);
	check_eq(rig.queue.exit[SEG_REASON_FRAGMENT].packets, 0);
	check_eq(rig.queue.consumed, COUNT);
	check_eq(rig.queue.frames_lost, 0);
}

/* Packets of live sessions, and of what none was made for, without the last packets of the dead. */
static void check_sessions(void)
{
	uint64_t counted = rig.rules[0].count.packets + rig.rules[RIG_RULES].count.packets;
	uint32_t live_ones = 0;

	for (uint32_t i = 0; i < RIG_SLOTS; i++) {
		const struct seg_session *s = &rig.slots[i];

		live_ones += seg_state_life(s->state) == SEG_LIFE_LIVE;
		counted += seg_count_packets(s->count[0]) + seg_count_packets(s->count[1]);
	}
	check_that(live_ones <= 3 && live_ones + (uint32_t)deaths >= 3, "%u live, %d deaths",
		   live_ones, deaths);
	check_that(counted <= COUNT && counted + (uint32_t)deaths >= COUNT, "%u counted, %d deaths",
		   (unsigned)counted, deaths);
}

static void check_frames(void)
{
	struct seg_census c;

	seg_frames_cycle(&lane.frames);
	seg_frames_census(&lane.frames, &lane.rx, 0, &c);
	check_eq(c.held, 0);
	check_eq(c.fill, RIG_FRAMES);
	check_eq(lane.hold->gather.held, 0);
}

static void run_with(int first, int second, int *died)
{
	begin();
	for (uint32_t i = 0; i < COUNT; i++)
		arrives(&parts[i]);
	*died = live(first);
	if (*died && live(second))
		*died = 2;
	if (*died == 2)
		check(!live(0));
	rig_send();
	check_delivered();
	check_counted();
	check_sessions();
	check_frames();
}

TEST(reassembly, death_anywhere_and_once_more)
{
	int runs = 0, died = 1;

	for (int first = 1; died; first++)
		for (int second = 1, again = 2; again == 2; second++, runs++) {
			run_with(first, second, &again);
			died = again;
		}
	check_that(runs > 1000, "%d runs", runs);
}

/* --- what a life leaves
 * ----------------------------------------------------------------------------- */

static void send_all(const struct part *all, uint32_t n, uint64_t now)
{
	for (uint32_t i = 0; i < n; i++)
		arrives(&all[i]);
	while (seg_ring_used(&lane.rx))
		turn(8, now);
}

TEST(reassembly, a_session_is_made_and_moved_once)
{
	struct seg_session *s = NULL;

	begin();
	send_all((struct part[]){{1, 53, 0}, {1, 53, 1}, {1, 53, 2}, {1, 53, 3}}, 4, S);
	for (uint32_t i = 0; i < RIG_SLOTS; i++)
		if (seg_state_life(rig.slots[i].state) == SEG_LIFE_LIVE)
			s = &rig.slots[i];
	check(s);
	check_eq(seg_verdict_now(s, 1), SEG_VERDICT_ALLOW);
	check_eq(seg_count_packets(s->count[0]) + seg_count_packets(s->count[1]), 4);
	check_eq(seg_gate_handled(s->gate), 1);
	check_eq(rig.quota.class[SEG_CLASS_HALF_OPEN].used, 1);
}

TEST(reassembly, time_runs_on_through_lives)
{
	begin();
	send_all((struct part[]){{1, 53, 0}, {2, 53, 1}}, 2, S);
	check_eq(lane.hold->gather.held, 2);
	start(9 * S);
	check_eq(lane.hold->gather.held, 2);
	turn(8, 10 * S);
	check_eq(lane.hold->gather.held, 2);
	turn(8, 12 * S);
	check_eq(lane.hold->gather.held, 0);
	check_eq(rig.queue.exit[SEG_REASON_FRAGMENT_TIMEOUT].packets, 2);
	check_frames();
}

TEST(reassembly, what_a_predecessor_cannot_have_held_is_freed)
{
	begin();
	send_all((struct part[]){{1, 53, 0}, {2, 53, 1}, {3, 53, 1}}, 3, S);
	for (uint32_t i = 0, n = 0; i < RIG_FRAMES; i++) {
		if (rig.ledger.book.owner[i] != SEG_OWNER_HELD)
			continue;
		if (n == 0)
			rig.ledger.held[i].length = 60000;
		if (n == 1)
			rig.umem[i * RIG_SIZE + rig.ledger.held[i].at + 14] = 0x44;
		n++;
	}
	start(2 * S);
	check_eq(lane.hold->gather.held, 1);
	check_eq(rig.queue.frames_lost, 2);
	turn(8, 20 * S);
	check_frames();
}

/* More at once than outcomes have room for: what is not taken comes again, and nothing is lost. */
TEST(reassembly, a_batch_is_cut_where_its_outcomes_end)
{
	uint64_t all = 0;

	begin();
	for (uint16_t i = 0; i < 60; i++)
		arrives(&(struct part){i, 53, 1});
	while (seg_ring_used(&lane.rx))
		turn(60, S);
	check_eq(lane.hold->gather.held, 60);
	turn(8, 20 * S);
	check_eq(rig.queue.exit[SEG_REASON_FRAGMENT_TIMEOUT].packets, 60);
	for (uint32_t i = 0; i < SEG_REASON_MAX; i++)
		all += rig.queue.exit[i].packets;
	check_eq(all, 60);
	check_eq(rig.queue.consumed, 60);
	check_frames();
}
