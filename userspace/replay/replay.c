/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "age.h"
#include "cleanup.h"
#include "clock.h"
#include "decide.h"
#include "frame.h"
#include "frame_key.h"
#include "programs.h"
#include "publish.h"
#include "reaper.h"
#include "session.h"
#include "table_reap.h"
#include "words.h"
#include "zones.h"

#define GENERATION 1
#define ZONE       1 /* of untagged packets */

/* Beyond any timeout, and long before a session's clock, which wraps after 52 days, can be misread.
 */
#define SILENCE_NS (21ull * 86400 * SEG_NS_PER_S)

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
	struct seg_rulebook book;
	struct seg_account account;
	struct seg_reaper reaper;
	bool begun;           /* a packet was seen */
	uint64_t now, reaped; /* ns */
	uint8_t *buffer;      /* room for metadata, then the frame */
	uint8_t *frame;
	uint32_t size;
};

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
		.rules = calloc(entries, sizeof(*replay->book.rules)),
		.entries = entries,
		.generation = GENERATION,
	};
	replay->buffer = malloc(sizeof(struct seg_meta) + SEG_REPLAY_FRAME_MAX);
	if (!replay->book.rules || !replay->buffer)
		return seg_error_set(err, ENOMEM, "out of memory");
	replay->frame = replay->buffer + sizeof(struct seg_meta);
	return 0;
}

static int open_tables(struct seg_replay *replay, struct seg_error *err)
{
	int r = seg_tables_open(&replay->tables, NULL, sessions_of(replay), err);

	if (r)
		return r;
	*replay->tables.config = (struct seg_config){.generation = GENERATION, .armed = 1};
	r = seg_account_open(&replay->account, replay->tables.table.buckets * SEG_BUCKET_SLOTS,
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
			    SEG_FEATURE_FRAGS | SEG_FEATURE_PARTIAL_SUM,
		.queues = 1,
		.half_open_max = policy->half_open_max,
		.established_max = policy->sessions_max,
		.zone = ZONE,
		.on_loss = policy->on_loss,
		.direction = direction,
	};

	if (seg_image_vlans(replay->image, &vlans))
		constants.features |= SEG_FEATURE_VLAN;
	memcpy(constants.seed, replay->tables.seed, sizeof(constants.seed));
	return constants;
}

static int open_programs(struct seg_replay *replay, struct seg_error *err)
{
	unsigned int n = replay->options.local_n ? SEG_DIRECTION_MAX : 1;

	for (unsigned int i = 0; i < SEG_DIRECTION_MAX; i++)
		replay->constants[i] = constants_of(replay, (uint8_t)i);
	return seg_programs_open(&replay->programs, &replay->tables, replay->constants, n, err);
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
	if ((r = open_book(replay, err)) || (r = open_tables(replay, err)) ||
	    (r = open_zones(replay, err)) || (r = open_programs(replay, err))) {
		if (r == -EPERM || r == -EACCES)
			seg_error_mend(err, "run it as root, as it runs the real program; `why` "
					    "explains a capture without");
		return r;
	}
	join(replay);
	*out = TAKE(replay);
	return 0;
}

void seg_replay_close(struct seg_replay *replay)
{
	if (!replay)
		return;
	seg_programs_close(&replay->programs);
	if (replay->zone_list)
		munmap((void *)replay->zone_list, replay->zone_list_size);
	seg_account_close(&replay->account);
	if (replay->tables.config)
		seg_tables_close(&replay->tables);
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
}

void seg_replay_reset(struct seg_replay *replay)
{
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
static void find_key(const struct seg_replay *replay, struct look *look)
{
	const uint8_t *frame = replay->frame, *end = frame + replay->size;
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

static void look_at(struct seg_replay *replay, struct look *look, struct seg_replayed *out)
{
	look->reason = seg_judge_parse(&replay->judge, replay->frame, replay->size, &look->packet);
	look->has_key = false;
	describe(replay, look, out);
	find_key(replay, look);
	expire(replay, look);
}

/* --- the way ------------------------------------------------------------------- */

static uint64_t ns_now(void)
{
	return seg_clock_now();
}

/* What a worker does with a packet that came up, but for handing it on. */
static void slow_path(struct seg_replay *replay, const struct seg_meta *meta,
		      struct seg_replayed *out)
{
	struct seg_queue *queue = replay->tables.queues;
	struct seg_arrival arrival = {.frame = replay->frame, .length = replay->size};
	struct seg_outcome outcome;
	uint32_t done = 0;
	uint64_t began = ns_now();

	if (meta)
		arrival.meta = memcpy(replay->buffer, meta, sizeof(*meta));
	seg_flows_begin(&replay->flows);
	seg_decide(&replay->judge, &replay->flows, &arrival, &outcome, 1, replay->now);
	seg_publish(&replay->publisher, &outcome, &done, 0, replay->now);
	out->ns += (uint32_t)(ns_now() - began);
	seg_store(&queue->consumed, seg_load(&queue->sent));
	out->reason = outcome.reason;
	out->opened = outcome.flags & SEG_OUTCOME_PUBLISH;
	if (outcome.flags & SEG_OUTCOME_COUNT)
		out->rule = outcome.rule;
	if (outcome.flags & SEG_OUTCOME_KILL && outcome.slot != SEG_SLOT_NONE)
		seg_reaper_free(&replay->reaper, outcome.slot);
}

/* A session's rule decides where the session answers, or lets an error through. */
static void attribute(const struct seg_replay *replay, const struct look *look,
		      struct seg_replayed *out)
{
	struct seg_session *session = session_of(replay, look);
	const struct seg_reason_row *row = &SEG_REASON_ROWS[out->reason];

	out->verdict = row->verdict == SEG_VERDICT_ALLOW ? SEG_VERDICT_ALLOW : SEG_VERDICT_DENY;
	out->path = (uint8_t)row->path;
	if (!session) {
		out->opened = false;
		return;
	}
	out->state = seg_state_l4(seg_load(&session->state));
	if (row->path == SEG_PATH_SESSION && out->reason != SEG_REASON_ICMP_UNRELATED)
		out->rule = seg_verdict_rule(seg_load(seg_verdict_slot(session, GENERATION)));
}

static int run(struct seg_replay *replay, struct seg_replayed *out, struct seg_error *err)
{
	struct seg_program_run run;
	int r = seg_programs_run(&replay->programs, out->direction, replay->now, replay->frame,
				 replay->size, &run, err);

	if (r)
		return r;
	out->reason = run.reason;
	out->ns = run.ns;
	if (run.reason == SEG_REASON_UP)
		slow_path(replay, run.meta, out);
	return 0;
}

int seg_replay_packet(struct seg_replay *replay, const struct seg_capture_packet *packet,
		      struct seg_replayed *out, struct seg_error *err)
{
	struct seg_replayed result = {
		.bytes = packet->wire, .rule = SEG_RULE_NONE, .state = SEG_L4_MAX};
	struct look look = {.has_key = false};
	int r = 0;

	advance(replay, packet->time);
	replay->size = seg_frame_lay_out(replay->frame, packet);
	result.reason = SEG_REASON_TRUNCATED;
	if (replay->size >= sizeof(struct seg_eth)) { /* no program can be run on less */
		look_at(replay, &look, &result);
		result.direction = direction_of(replay, &result);
		replay->judge.constants = &replay->constants[result.direction];
		r = run(replay, &result, err);
	}
	if (r)
		return r;
	attribute(replay, &look, &result);
	*out = result;
	return 0;
}

/* --- what the datapath counted ---------------------------------------------------- */

static void add_live(const struct seg_replay *replay, uint32_t entry, struct seg_rule_count *sum)
{
	const struct seg_table *table = &replay->tables.table;

	seg_for_each_slot (slot, table) {
		struct seg_session *session = &table->slots[slot];
		struct seg_count credit;
		uint32_t by;

		if (!seg_session_rule(session, &replay->book, &by) || by != entry)
			continue;
		credit = seg_account_credit(&replay->account, session, slot);
		sum->count.packets += credit.packets;
		sum->count.bytes += credit.bytes;
		sum->sessions++;
	}
}

struct seg_rule_count seg_replay_rule(const struct seg_replay *replay, uint32_t rule)
{
	uint32_t entry = seg_rulebook_entry(&replay->book, rule);
	struct seg_rule_count sum = replay->book.rules[entry];

	add_live(replay, entry, &sum);
	return sum;
}
