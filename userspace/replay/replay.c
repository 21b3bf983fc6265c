/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "age.h"
#include "begin.h"
#include "cleanup.h"
#include "clock.h"
#include "decide.h"
#include "frame.h"
#include "frame_key.h"
#include "learned.h"
#include "programs.h"
#include "publish.h"
#include "reaper.h"
#include "reassembly.h"
#include "session.h"
#include "table_reap.h"
#include "turn.h"
#include "words.h"
#include "zones.h"

#define GENERATION 1
#define ZONE       1 /* of untagged packets */

/* Beyond any timeout, and long before a session's clock, which wraps after 52 days, can be misread.
 */
#define SILENCE_NS (21ull * 86400 * SEG_NS_PER_S)

#define OUTCOMES SEG_OUTCOMES_MAX

/* A fragment that waits, and whose it is. */
struct kept {
	uint64_t number;
	bool cut; /* the capture has not all of it */
	uint8_t frame[];
};

struct seg_replay {
	const struct seg_image *image;
	struct seg_replay_options options;
	struct seg_tables tables;
	struct seg_zones zones;
	const struct seg_zone_list *zone_list; /* NULL: the policy names no VLAN */
	size_t zone_list_size;
	struct seg_programs programs;
	struct seg_constants constants[SEG_DIRECTION_MAX];
	struct seg_judge judge; /* of the packet's direction */
	struct seg_publisher publisher;
	struct seg_gaps gaps;
	struct seg_flows flows;
	struct seg_hold *hold;
	struct seg_outcome outcome[OUTCOMES];
	struct seg_turn turn;
	struct seg_rulebook book;
	struct seg_account account;
	struct seg_reaper reaper;
	bool begun;           /* a packet was seen */
	uint64_t now, reaped; /* ns */
	uint8_t *buffer;      /* room for metadata, then the frame */
	uint8_t *frame;
	uint32_t size;
};

static void look_at_whole(void *data, const struct seg_piece *pieces, uint32_t count,
			  uint8_t *datagram, const struct seg_packet *packet);

/* --- open -------------------------------------------------------------------- */

/* Nothing runs beside us. */
static int no_grace(struct seg_tables *tables)
{
	(void)tables;
	return 0;
}

static uint64_t sessions_of(const struct seg_replay *replay)
{
	uint64_t all = seg_rulebook_sessions(&replay->book);
	uint64_t most = replay->options.packets_max;

	return most && most < all ? most : all;
}

static int open_book(struct seg_replay *replay, struct seg_error *err)
{
	uint32_t entries = seg_image_rules(replay->image) + 1;

	replay->book = (struct seg_rulebook){
		.image = (struct seg_image *)replay->image,
		.image_fd = -1,
		.rules_fd = -1,
		.failsafe = SEG_FAILSAFE_SET_NONE,
		.rules = calloc(entries, sizeof(*replay->book.rules)),
		.entries = entries,
		.generation = GENERATION,
	};
	replay->buffer = malloc(sizeof(struct seg_meta) + SEG_REPLAY_FRAME_MAX);
	if (!replay->book.rules || !replay->buffer)
		return seg_error_set(err, ENOMEM, "out of memory");
	replay->frame = replay->buffer + sizeof(struct seg_meta);
	return seg_failsafe_open(&replay->book.failsafe, replay->image, err);
}

static int open_tables(struct seg_replay *replay, struct seg_error *err)
{
	int r = seg_tables_open(&replay->tables, NULL, sessions_of(replay), err);

	if (r)
		return r;
	*replay->tables.config = (struct seg_config){.generation = GENERATION, .armed = 1};
	r = seg_account_open(&replay->account, -1, replay->tables.table.buckets * SEG_BUCKET_SLOTS,
			     err);
	replay->reaper = (struct seg_reaper){.tables = &replay->tables,
					     .account = &replay->account,
					     .book = &replay->book,
					     .grace = no_grace};
	return r;
}

/* The VLANs that the policy names, as XDP and as the worker look them up. */
static int open_zones(struct seg_replay *replay, struct seg_error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat status;
	void *list;
	int r;

	replay->zones.last = ZONE;
	r = seg_zones_add(&replay->zones, &replay->tables, ZONE, replay->image, err);
	if (r)
		return r;
	fd = seg_zones_list(&replay->tables, err);
	if (fd < 0)
		return fd;
	if (fstat(fd, &status))
		return seg_error_set(err, errno, "no list of VLANs");
	list = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (list == MAP_FAILED)
		return seg_error_set(err, errno, "no list of VLANs");
	replay->zone_list = list;
	replay->zone_list_size = (size_t)status.st_size;
	return 0;
}

/* Every packet of a capture is seen, also those that the host sent: no answer speaks for a flow. */
static struct seg_constants constants_of(const struct seg_replay *replay, uint8_t direction)
{
	const struct seg_defaults *policy = seg_image_defaults(replay->image);
	const struct seg_vlan *vlans;
	struct seg_constants constants = {
		.buckets = replay->tables.table.buckets,
		.features = SEG_FEATURE_META | SEG_FEATURE_REPLAY | SEG_FEATURE_TWO_SIDED |
			    SEG_FEATURE_FRAGS | SEG_FEATURE_PARTIAL_SUM | SEG_FEATURE_GATHER,
		.queues = 1,
		.half_open_max = policy->half_open_max,
		.established_max = policy->sessions_max,
		.zone = ZONE,
		.on_loss = policy->on_loss,
		.direction = direction,
	};

	if (seg_image_vlans(replay->image, &vlans))
		constants.features |= SEG_FEATURE_VLAN;
	if (!replay->options.local_n)
		constants.features |= SEG_FEATURE_UNDIRECTED;
	if (direction == SEG_EGRESS && seg_image_allows_all(replay->image, SEG_EGRESS))
		constants.features |= SEG_FEATURE_LEARN;
	memcpy(constants.seed, replay->tables.seed, sizeof(constants.seed));
	return constants;
}

static int open_programs(struct seg_replay *replay, struct seg_error *err)
{
	unsigned int n = replay->options.local_n ? SEG_DIRECTION_MAX : 1;

	for (unsigned int i = 0; i < SEG_DIRECTION_MAX; i++)
		replay->constants[i] = constants_of(replay, (uint8_t)i);
	return seg_programs_open(&replay->programs, &replay->tables, replay->constants,
				 &replay->book.failsafe, n, err);
}

static void join(struct seg_replay *replay)
{
	const char *iface = replay->options.iface;

	replay->judge = (struct seg_judge){
		.image = replay->image,
		.constants = &replay->constants[SEG_INGRESS],
		.zones = replay->zone_list,
		.table = replay->tables.table,
		.generation = GENERATION,
		.iface = iface ? seg_image_iface(replay->image, iface) : SEG_IFACE_NONE,
	};
	replay->publisher = (struct seg_publisher){
		.table = replay->tables.table,
		.constants = replay->constants,
		.quota = replay->tables.quota,
		.rules = replay->book.rules,
		.rule_count = replay->book.entries - 1,
		.denied_max = seg_image_defaults(replay->image)->denied_max,
		.gaps = &replay->gaps,
	};
}

static int open_hold(struct seg_replay *replay, struct seg_error *err)
{
	replay->hold = seg_hold_new(SEG_REPLAY_HELD_MAX, 0, replay->tables.quota);
	if (!replay->hold)
		return seg_error_set(err, ENOMEM, "out of memory");
	replay->hold->look = look_at_whole;
	replay->hold->look_data = replay;
	return 0;
}

int seg_replay_open(const struct seg_image *image, const struct seg_replay_options *options,
		    struct seg_replay **out, struct seg_error *err)
{
	_cleanup_replay_ struct seg_replay *replay = calloc(1, sizeof(*replay));
	int r;

	if (!replay)
		return seg_error_set(err, ENOMEM, "out of memory");
	replay->image = image;
	replay->options = *options;
	replay->programs.xsk = -1;
	replay->book = SEG_RULEBOOK_NONE;
	if ((r = open_book(replay, err)) || (r = open_tables(replay, err)) ||
	    (r = open_zones(replay, err)) || (r = open_programs(replay, err))) {
		if (r == -EPERM || r == -EACCES)
			seg_error_mend(err, "run it as root, as it runs the real program; `why` "
					    "explains a capture without");
		return r;
	}
	join(replay);
	r = open_hold(replay, err);
	if (r)
		return r;
	*out = TAKE(replay);
	return 0;
}

void seg_replay_close(struct seg_replay *replay)
{
	if (!replay)
		return;
	if (replay->hold)
		seg_replay_end(replay);
	seg_hold_free(replay->hold);
	seg_turn_close(&replay->turn);
	seg_programs_close(&replay->programs);
	if (replay->zone_list)
		munmap((void *)replay->zone_list, replay->zone_list_size);
	seg_account_close(&replay->account);
	if (replay->tables.config)
		seg_tables_close(&replay->tables);
	seg_failsafe_close(&replay->book.failsafe);
	free(replay->book.rules);
	free(replay->buffer);
	free(replay);
}

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

/* --- the packet as it is written ------------------------------------------------ */

/* What is known of a packet before it is judged. */
struct look {
	struct seg_packet packet;
	int reason; /* the parser's */
	struct seg_key key;
	struct seg_hash hash;
	bool has_key; /* of the packet's session, or of the one that it quotes */
};

static bool is_local(const struct seg_replay *replay, const struct seg_address *address)
{
	for (size_t i = 0; i < replay->options.local_n; i++) {
		const struct seg_range *range = &replay->options.local[i];

		if (memcmp(address, &range->first, sizeof(*address)) >= 0 &&
		    memcmp(address, &range->last, sizeof(*address)) <= 0)
			return true;
	}
	return false;
}

/* Multicast and broadcast arrive wherever they are heard. */
static bool is_for_all(const struct seg_address *address, uint8_t family)
{
	if (family == 6)
		return address->byte[0] == 0xff;
	return address->byte[12] >> 4 == 14 ||
	       memcmp(address->byte + 12, "\xff\xff\xff\xff", 4) == 0;
}

static uint8_t direction_of(const struct seg_replay *replay, const struct seg_replayed *packet)
{
	bool from, to;

	if (!replay->options.local_n || !packet->family)
		return SEG_INGRESS;
	from = is_local(replay, &packet->src);
	to = is_local(replay, &packet->dst);
	if (from)
		return to ? SEG_INGRESS : SEG_EGRESS;
	return to || is_for_all(&packet->dst, packet->family) ? SEG_INGRESS : SEG_FORWARD;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == SEG_IPPROTO_UDPLITE ||
	       proto == SEG_IPPROTO_SCTP || proto == SEG_IPPROTO_DCCP;
}

/* A frame that is cut before its addresses has none to show. */
static void describe(const struct seg_replay *replay, const struct look *look,
		     struct seg_replayed *out)
{
	const struct seg_packet *packet = &look->packet;
	__be32 address[2][4];

	if ((packet->family != 4 && packet->family != 6) ||
	    !seg_packet_addresses(replay->frame, replay->frame + replay->size, packet, address))
		return;
	out->family = packet->family;
	out->proto = packet->proto;
	memcpy(&out->src, address[0], sizeof(out->src));
	memcpy(&out->dst, address[1], sizeof(out->dst));
	if (!has_ports(packet->proto))
		return;
	out->sport = ntohs(packet->sport);
	out->dport = ntohs(packet->dport);
}

/* The session that answers for this packet: its own, or that of the packet it quotes. */
static void find_key(const struct seg_replay *replay, const uint8_t *frame, const uint8_t *end,
		     struct look *look)
{
	struct seg_packet quote, *packet = &look->packet;

	if (look->reason != SEG_PARSED)
		return;
	if (packet->flags & SEG_PACKET_ICMP_ERROR) {
		if (seg_quote_parse(frame, end, packet, &quote) != SEG_PARSED)
			return;
		packet = &quote;
	}
	look->has_key = seg_frame_key(frame, end, packet, &look->key) >= 0;
	if (look->has_key)
		look->hash = seg_hash_key(&look->key, replay->constants);
}

static struct seg_session *find(const struct seg_replay *replay, const struct look *look,
				uint32_t *slot)
{
	return look->has_key ? seg_table_find(&replay->tables.table, &look->key, &look->hash, slot)
			     : NULL;
}

static struct seg_session *session_of(const struct seg_replay *replay, const struct look *look)
{
	uint32_t slot;

	return find(replay, look, &slot);
}

/* The session of this packet has been silent for too long: it is gone before the packet comes. */
static void expire(struct seg_replay *replay, const struct look *look)
{
	uint32_t slot, now = seg_clock_tick(replay->now);
	struct seg_session *session = find(replay, look, &slot);
	uint64_t state = session ? seg_load(&session->state) : 0;

	if (!session ||
	    seg_age_left(seg_image_defaults(replay->image), session->key.proto, state, now))
		return;
	seg_table_kill(session, state);
	seg_reaper_free(&replay->reaper, slot);
}

static void parse(const struct seg_replay *replay, struct look *look, struct seg_replayed *out)
{
	look->reason = seg_judge_parse(&replay->judge, replay->frame, replay->size, &look->packet);
	describe(replay, look, out);
}

static void look_at(struct seg_replay *replay, struct look *look, struct seg_replayed *out)
{
	look->has_key = false;
	parse(replay, look, out);
	out->direction = direction_of(replay, out);
	replay->judge.constants = &replay->constants[out->direction];
	if (look->packet.flags & SEG_PACKET_FRAGMENT) /* the way that it goes may tell more of it */
		parse(replay, look, out);
	find_key(replay, replay->frame, replay->frame + replay->size, look);
	expire(replay, look);
}

static struct kept *kept_of(const uint8_t *frame)
{
	return (struct kept *)(frame - __builtin_offsetof(struct kept, frame));
}

static void look_at_whole(void *data, const struct seg_piece *pieces, uint32_t count,
			  uint8_t *datagram, const struct seg_packet *packet)
{
	struct look look = {.packet = *packet, .reason = SEG_PARSED};
	struct seg_replay *replay = data;
	bool cut = false;

	for (uint32_t i = 0; i < count; i++)
		cut |= kept_of(pieces[i].frame)->cut;
	if (cut)
		seg_frame_mend(datagram, packet);
	find_key(replay, datagram, datagram + packet->end, &look);
	expire(replay, &look);
}

/* --- the way ------------------------------------------------------------------- */

static uint64_t ns_now(void)
{
	return seg_clock_now();
}

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
	verdict = seg_load(seg_verdict_slot(session, GENERATION));
	out->rule = seg_verdict_rule(seg_learned_verdict(session, replay->image, verdict));
	out->shadow = shadow_of(seg_session_shadow(session, GENERATION));
}

/* --- fragments ------------------------------------------------------------------ */

/* A fragment's turn has come, sooner or later. */
static void tell(struct seg_replay *replay, struct seg_outcome *outcome)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): addresses are pointers here */
	struct kept *kept = kept_of((const uint8_t *)(uintptr_t)outcome->address);
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
	struct seg_batch batch = {replay->outcome, OUTCOMES, taken, 0};

	seg_hold_take(replay->hold, &replay->judge, &replay->flows, &batch, now);
	for (uint32_t i = 0; i < batch.total; i++)
		if (!(replay->outcome[i].flags & SEG_OUTCOME_HELD))
			tell(replay, &replay->outcome[i]);
}

static int keep(struct seg_replay *replay, const struct seg_meta *meta, uint64_t number, bool cut)
{
	struct seg_arrival arrival = {.length = replay->size, .meta = meta};
	struct kept *kept = malloc(sizeof(*kept) + replay->size);

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
	uint64_t began = ns_now();

	slow_path(replay, meta, out);
	out->ns += (uint32_t)(ns_now() - began);
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
	struct look look = {.has_key = false};
	bool held = false;
	int r = 0;

	*out = (struct seg_replayed){.bytes = packet->wire,
				     .reason = SEG_REASON_TRUNCATED,
				     .rule = SEG_RULE_NONE,
				     .shadow = SEG_RULE_NONE,
				     .state = SEG_L4_MAX};
	if (replay->size >= sizeof(struct seg_eth)) {
		look_at(replay, &look, out);
		held = look.reason == SEG_REASON_FRAGMENT;
		r = run(replay, number, packet->length < replay->size, &held, err);
	}
	if (r || held)
		return r;
	attribute(replay, session_of(replay, &look), out);
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
