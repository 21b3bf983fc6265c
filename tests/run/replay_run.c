/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_run.c - what a replay says of packets is what the datapath did: verdicts
 * that the next packet meets, capture time, directions, and sums that agree with
 * the session table's own.
 */
#include <stdlib.h>
#include <string.h>

#include "compiled.h"
#include "frame.h"
#include "packets.h"
#include "random.h"
#include "replay.h"
#include "tally.h"
#include "words.h"

#define SECOND 1000000000ull
#define START  (1700000000ull * SECOND)

#define T_SYN     0x02
#define T_SYN_ACK 0x12
#define T_ACK     0x10
#define T_FIN_ACK 0x11
#define T_RST     0x04

static __u64 random_state;
static struct seg_image *image;
static struct seg_replay *replay;
static uint64_t now;

static uint64_t below(uint64_t n)
{
	return seg_random(&random_state) % n;
}

static void begin_with(const char *policy, const struct seg_replay_options *options)
{
	struct seg_error err = {0};

	image = compiled(policy);
	now = START;
	check_that(!seg_replay_open(image, options, &replay, &err), "%s", err.what);
}

static void begin(const char *policy)
{
	begin_with(policy, &(struct seg_replay_options){.packets_max = 1000});
}

static void end(void)
{
	seg_replay_close(replay);
	seg_image_free(image);
}

/* One that waits for nobody. */
static int judge_now(const struct seg_capture_packet *packet, struct seg_replayed *out,
		     struct seg_error *err)
{
	int r = seg_replay_packet(replay, packet, err);

	return r ? r : !seg_replay_next(replay, out);
}

static struct seg_replayed judge_cut(const struct frame *f, uint32_t length, uint32_t wire)
{
	struct frame copy = *f;
	struct seg_capture_packet packet = {
		.frame = copy.bytes, .length = length, .wire = wire, .time = now};
	struct seg_replayed out = {0};
	struct seg_error err = {0};

	check_that(!judge_now(&packet, &out, &err), "%s", err.what);
	return out;
}

static struct seg_replayed judge(const struct frame *f)
{
	return judge_cut(f, f->size, f->size);
}

static struct seg_replayed judge_text(const char *text)
{
	struct frame f = frame_of(text);

	return judge(&f);
}

/* TCP between two hosts of 192.0.2.0/24 and 198.51.100.0/24, with a right checksum. Each says one
 * SYN of sequence number 0xff, and no data. */
static struct frame tcp(int reply, uint16_t port, uint8_t flags)
{
	struct frame f =
		frame_of(reply ? IP4_FROM_TO("06", B4, A4) "0016 0000 00*8 50 00 ffff 0000 0000"
			       : IP4("06") "0000 0016 00*8 50 00 ffff 0000 0000");
	__u8 *l4 = f.bytes + 34;

	frame_put16(&f, reply ? 36 : 34, port);
	l4[13] = flags;
	l4[flags & SEG_TCP_SYN ? 7 : 6] = flags & SEG_TCP_SYN ? 0xff : 1;
	l4[10] = flags & SEG_TCP_ACK ? 1 : 0;
	frame_put16(&f, 50, ~frame_sum(l4, 20, frame_sum(f.bytes + 26, 8, 6 + 20)));
	return f;
}

static struct seg_replayed judge_tcp(int reply, uint16_t port, uint8_t flags)
{
	struct frame f = tcp(reply, port, flags);

	return judge(&f);
}

#define SAYS(result, wanted_reason, wanted_rule)                                                   \
	do {                                                                                       \
		struct seg_replayed says = result;                                                 \
                                                                                                   \
		check_str_eq(SEG_REASON_ROWS[says.reason].name, wanted_reason);                    \
		check_str_eq(says.rule == SEG_RULE_NONE ? "-"                                      \
							: seg_image_rule_id(image, says.rule),     \
			     wanted_rule);                                                         \
		check_eq(says.verdict, SEG_REASON_ROWS[says.reason].verdict == SEG_VERDICT_ALLOW   \
					       ? SEG_VERDICT_ALLOW                                 \
					       : SEG_VERDICT_DENY);                                \
		check_eq(says.path, SEG_REASON_ROWS[says.reason].path);                            \
	} while (0)

#define SSH                                                                                        \
	"version: 1\n"                                                                             \
	"defaults: {pickup: 0s, timeouts: {tcp-syn: 30s, tcp-time-wait: 10s}}\n"                   \
	"rules:\n"                                                                                 \
	"  - {id: ssh, from: 192.0.2.0/24, service: tcp/22, action: allow}\n"                      \
	"  - {id: no, from: 192.0.2.0/24, service: tcp/1-1000, action: deny}\n"

/* The same, and a rule that only watches some of it. */
#define SSH_WATCHED                                                                                \
	"version: 1\n"                                                                             \
	"defaults: {pickup: 0s, timeouts: {tcp-syn: 30s, tcp-time-wait: 10s}}\n"                   \
	"rules:\n"                                                                                 \
	"  - {id: soon, source-port: 1000-1019, action: deny, stage: shadow}\n"                    \
	"  - {id: ssh, from: 192.0.2.0/24, service: tcp/22, action: allow}\n"                      \
	"  - {id: no, from: 192.0.2.0/24, service: tcp/1-1000, action: deny}\n"

#define UDP_FLOW IP4("11") UDP
#define UDP_BACK IP4_FROM_TO("11", B4, A4) UDP_FROM_TO("0035", "3039")

/* --- a flow's life -------------------------------------------------------------- */

TEST(replay, verdict_meets_the_next_packet)
{
	begin(SSH);
	SAYS(judge_tcp(0, 1000, T_SYN), "rule-allow", "ssh");
	SAYS(judge_tcp(1, 1000, T_SYN_ACK), "session-allow", "ssh");
	SAYS(judge_tcp(0, 1000, T_ACK), "session-allow", "ssh");
	check_eq(judge_tcp(0, 1000, T_ACK).state, SEG_L4_ESTABLISHED);
	SAYS(judge_tcp(1, 1001, T_SYN), "rule-deny", "default");
	SAYS(judge_tcp(1, 1001, T_SYN), "session-deny", "default");
	SAYS(judge_tcp(0, 1002, T_ACK), "tcp-midflow", "-");
	end();
}

TEST(replay, opened_once)
{
	begin(SSH);
	check(judge_tcp(0, 1000, T_SYN).opened);
	check(!judge_tcp(0, 1000, T_SYN).opened);
	check(!judge_tcp(0, 1001, T_ACK).opened);
	check(!judge_text(ETH("0806") "00*28").opened);
	end();
}

TEST(replay, silence_ends_a_session_to_the_tick)
{
	begin(SSH);
	SAYS(judge_tcp(0, 1000, T_SYN), "rule-allow", "ssh");
	now += 30 * SECOND - SECOND / 100;
	SAYS(judge_tcp(0, 1000, T_SYN), "session-allow", "ssh");
	now += 30 * SECOND + SECOND / 100;
	SAYS(judge_tcp(0, 1000, T_SYN), "rule-allow", "ssh");
	end();
}

TEST(replay, years_of_silence_end_all_sessions)
{
	begin(SSH);
	SAYS(judge_tcp(0, 1000, T_SYN), "rule-allow", "ssh");
	now += 52ull * 86400 * SECOND; /* about where a session's clock wraps */
	SAYS(judge_tcp(0, 1000, T_SYN), "rule-allow", "ssh");
	end();
}

TEST(replay, time_does_not_go_back)
{
	begin(SSH);
	SAYS(judge_tcp(0, 1000, T_SYN), "rule-allow", "ssh");
	now += 20 * SECOND;
	SAYS(judge_tcp(0, 1001, T_SYN), "rule-allow", "ssh");
	now -= 15 * SECOND; /* is 20 s all the same */
	SAYS(judge_tcp(0, 1002, T_SYN), "rule-allow", "ssh");
	now += 26 * SECOND;
	SAYS(judge_tcp(0, 1002, T_SYN), "session-allow", "ssh");
	SAYS(judge_tcp(0, 1000, T_SYN), "rule-allow", "ssh");
	end();
}

TEST(replay, pickup_counts_from_the_first_packet)
{
	begin("version: 1\n"
	      "defaults: {pickup: 5s}\n"
	      "rules: [{id: ssh, service: tcp/22, action: allow}]\n");
	SAYS(judge_tcp(0, 1000, T_ACK), "rule-allow", "ssh");
	now += 4 * SECOND;
	SAYS(judge_tcp(0, 1001, T_ACK), "rule-allow", "ssh");
	now += 2 * SECOND;
	SAYS(judge_tcp(0, 1002, T_ACK), "tcp-midflow", "-");
	SAYS(judge_tcp(1, 1001, T_ACK), "session-allow", "ssh");
	end();
}

TEST(replay, a_shadow_rule_decides_nothing)
{
	struct seg_replayed first, reply, other;

	begin(SSH_WATCHED);
	first = judge_tcp(0, 1000, T_SYN);
	reply = judge_tcp(1, 1000, T_SYN_ACK);
	other = judge_tcp(0, 1020, T_SYN);
	SAYS(first, "rule-allow", "ssh");
	SAYS(reply, "session-allow", "ssh");
	SAYS(other, "rule-allow", "ssh");
	check_eq(first.shadow, 0);
	check_eq(reply.shadow, 0);
	check_eq(other.shadow, SEG_RULE_NONE);
	check_eq(seg_replay_rule(replay, 0).shadow, 2);
	check_eq(seg_replay_rule(replay, 0).count.packets, 0);
	end();
}

TEST(replay, reset_forgets)
{
	begin(SSH);
	SAYS(judge_tcp(0, 1000, T_SYN), "rule-allow", "ssh");
	seg_replay_reset(replay);
	now = START / 2;
	SAYS(judge_tcp(0, 1000, T_SYN), "rule-allow", "ssh");
	check_eq(seg_replay_rule(replay, 0).sessions, 1);
	end();
}

/* --- ICMP errors ------------------------------------------------------------------ */

#define UNREACHABLE_OF(quote) IP4_FROM_TO("01", B4, A4) "03 03 0000 00000000 " quote

TEST(replay, error_belongs_to_the_session_that_it_quotes)
{
	begin("version: 1\nrules: [{id: dns, service: udp/53, action: allow}]\n");
	SAYS(judge_text(UNREACHABLE_OF(V4("11") UDP)), "icmp-unrelated", "-");
	SAYS(judge_text(UDP_FLOW), "rule-allow", "dns");
	SAYS(judge_text(UNREACHABLE_OF(V4("11") UDP)), "icmp-related", "dns");
	end();
}

/* --- frames of all sizes -------------------------------------------------------------- */

TEST(replay, what_the_capture_cut_off_is_not_held_against_a_packet)
{
	struct frame f = tcp(0, 1000, T_SYN);
	const uint32_t wire = 1400;

	begin(SSH);
	frame_put16(&f, 16, wire - 14);
	frame_put16(&f, 24, 0);
	frame_put16(&f, 24, ~frame_sum(f.bytes + 14, 20, 0));
	SAYS(judge_cut(&f, f.size, wire), "rule-allow", "ssh");
	check_eq(judge_cut(&f, f.size, wire).bytes, wire);
	SAYS(judge_cut(&f, f.size, f.size), "truncated", "-");
	end();
}

TEST(replay, jumbo_and_gso_frames)
{
	static uint8_t bytes[SEG_REPLAY_FRAME_MAX + 1];
	const uint32_t sizes[] = {3000, 3520, 4096, 9000, 65535};
	struct frame f = frame_of(UDP_FLOW);

	begin("version: 1\nrules: [{id: dns, service: udp/53, action: allow}]\n");
	for (size_t i = 0; i < SEG_ARRAY_SIZE(sizes); i++) {
		struct seg_capture_packet packet = {bytes, sizes[i], sizes[i], now, 1};
		struct seg_replayed out;
		struct seg_error err;

		frame_put16(&f, 16, sizes[i] - 14);
		frame_put16(&f, 24, 0);
		frame_put16(&f, 24, ~frame_sum(f.bytes + 14, 20, 0));
		frame_put16(&f, 34, 2000 + (__u32)i);
		frame_put16(&f, 38, sizes[i] - 34);
		memcpy(bytes, f.bytes, f.size);
		check_eq(judge_now(&packet, &out, &err), 0);
		SAYS(out, "rule-allow", "dns");
		check_eq(judge_now(&packet, &out, &err), 0);
		SAYS(out, "session-allow", "dns");
		check_eq(seg_replay_rule(replay, 0).sessions, i + 1);
	}
	end();
}

TEST(replay, frames_of_any_length)
{
	static uint8_t bytes[2 * SEG_REPLAY_FRAME_MAX];
	struct seg_capture_packet packet = {bytes, sizeof(bytes), sizeof(bytes), START, 1};
	struct seg_replayed out;
	struct seg_error err;

	begin(SSH);
	check_eq(judge_now(&packet, &out, &err), 0);
	SAYS(out, "non-ip", "-");
	check_eq(out.bytes, sizeof(bytes));
	for (packet.wire = 0; packet.wire < 14; packet.wire++) {
		packet.length = packet.wire;
		check_eq(judge_now(&packet, &out, &err), 0);
		SAYS(out, "truncated", "-");
	}
	packet.wire = UINT32_MAX; /* a writer that lies */
	check_eq(judge_now(&packet, &out, &err), 0);
	SAYS(out, "non-ip", "-");
	end();
}

TEST(replay, time_may_begin_at_zero)
{
	begin("version: 1\nrules: [{id: ssh, service: tcp/22, action: allow}]\n");
	now = 0;
	SAYS(judge_tcp(0, 1000, T_ACK), "rule-allow", "ssh");
	now = START;
	SAYS(judge_tcp(0, 1001, T_ACK), "tcp-midflow", "-");
	end();
}

/* A refused packet leaves nothing behind, so a hundred of them crowd nobody out. */
TEST(replay, refused_packets_take_no_room)
{
	struct frame f = tcp(0, 1000, T_SYN);

	begin(SSH);
	f.bytes[50] ^= 1;
	for (int i = 0; i < 100; i++)
		SAYS(judge(&f), "bad-l4-checksum", "-");
	SAYS(judge_tcp(0, 1000, T_SYN), "rule-allow", "ssh");
	end();
}

/* --- directions --------------------------------------------------------------------- */

TEST(replay, local_addresses_tell_the_directions)
{
	struct seg_range local;
	struct seg_replay_options options = {.local = &local, .local_n = 1, .packets_max = 100};

	check_eq(seg_range_parse("192.0.2.0/24", 12, &local), 0);
	begin_with("version: 1\n"
		   "defaults: {ingress: deny, egress: allow, forward: deny}\n"
		   "rules:\n"
		   "  - {id: out, direction: egress, service: tcp/22, action: allow}\n"
		   "  - {id: in, direction: ingress, service: tcp/1-100, action: deny}\n",
		   &options);
	check_eq(judge_tcp(0, 1000, T_SYN).direction, SEG_EGRESS);
	SAYS(judge_tcp(0, 1001, T_SYN), "egress-learned", "out");
	SAYS(judge_tcp(1, 1001, T_SYN_ACK), "session-allow", "out");
	SAYS(judge_tcp(1, 10, T_SYN), "rule-deny", "in");
	SAYS(judge_text(UDP_FLOW), "egress-learned", "default");
	SAYS(judge_text(UDP_BACK), "session-allow", "default");
	SAYS(judge_text(IP4_FROM_TO("11", B4, B4 "") UDP), "martian", "-");
	check_eq(judge_text(IP4_FROM_TO("11", B4, "08080808") UDP).direction, SEG_FORWARD);
	check_eq(judge_text(IP4_FROM_TO("11", B4, "e0000005") UDP).direction, SEG_INGRESS);
	check_eq(judge_text(ETH("0806") "00*28").direction, SEG_INGRESS);
	end();
}

/* --- VLANs ---------------------------------------------------------------------------- */

TEST(replay, sessions_of_a_vlan_are_its_own)
{
	begin("version: 1\n"
	      "rules:\n"
	      "  - {id: red, vlan: 100, service: udp/53, action: allow}\n"
	      "  - {id: both, vlan: 100/200, service: udp/53, action: allow}\n");
	SAYS(judge_text(ETH("8100") "0064 0800 " V4("11") UDP), "rule-allow", "red");
	SAYS(judge_text(ETH("8100") "0064 0800 " V4("11") UDP), "session-allow", "red");
	SAYS(judge_text(ETH("88a8") "0064 8100 00c8 0800 " V4("11") UDP), "rule-allow", "both");
	SAYS(judge_text(UDP_FLOW), "rule-deny", "default");
	SAYS(judge_text(ETH("8100") "0065 0800 " V4("11") UDP), "vlan-unknown", "-");
	end();
}

/* --- invariant 8 ---------------------------------------------------------------------- */

/* A rule's packets, bytes and sessions, counted outside, are those of the session table. */
TEST(replay, sums_are_the_datapath_s_own)
{
	static const uint8_t flags[] = {T_SYN, T_SYN, T_SYN_ACK, T_ACK, T_ACK, T_FIN_ACK, T_RST};
	struct seg_tally tally;

	begin(SSH_WATCHED);
	check_eq(seg_tally_open(&tally, image), 0);
	random_state = seg_random_seed();
	for (int i = 0; i < 20000; i++) {
		struct seg_replayed out = judge_tcp((int)below(2), (uint16_t)(1000 + below(40)),
						    flags[below(sizeof(flags))]);

		seg_tally_add(&tally, &out);
		now += below(1000) ? below(SECOND / 4) : 40 * SECOND;
	}
	check_eq(tally.packets, 20000);
	check_eq(tally.packets,
		 tally.verdicts[SEG_VERDICT_ALLOW] + tally.verdicts[SEG_VERDICT_DENY]);
	for (uint32_t i = 0; i <= seg_image_rules(image); i++) {
		uint32_t rule = i < seg_image_rules(image) ? i : SEG_RULE_DEFAULT;
		struct seg_rule_count own = seg_replay_rule(replay, rule);

		check_eq(own.count.packets, tally.rules[i].packets);
		check_eq(own.count.bytes, tally.rules[i].bytes);
		check_eq(own.sessions, tally.rules[i].sessions);
		check_eq(own.shadow, tally.rules[i].shadow);
	}
	check(tally.rules[1].sessions > 40);
	check(tally.rules[0].shadow > 1000);
	check(tally.rules[0].shadow < tally.rules[1].packets);
	check_eq(tally.rules[0].packets, 0);
	check_eq(tally.rules[1].shadow, 0);
	seg_tally_close(&tally);
	end();
}

/* --- times ------------------------------------------------------------------------------- */

TEST(latency, percentiles)
{
	static struct seg_latency latency;

	check_eq(seg_latency_percentile(&latency, 50), 0);
	for (uint32_t ns = 1; ns <= 100000; ns++)
		seg_latency_add(&latency, ns);
	for (int percent = 1; percent <= 100; percent++) {
		double wanted = 1000.0 * percent, got = seg_latency_percentile(&latency, percent);

		check_that(got > wanted * 0.98 && got < wanted * 1.02, "P%d is %g", percent, got);
	}
	check_eq(seg_latency_mean(&latency) * 10, 500005);
	seg_latency_add(&latency, UINT32_MAX);
	check(seg_latency_percentile(&latency, 100) > UINT32_MAX / 100 * 98);
}

/* --- fragments ------------------------------------------------------------------------------- */

#define PART(where, id) ETH("0800") "45 00 4l " id " " where " 40 11 4s " A4 B4
#define PORTS           "3039 0035 0020 0000 "

static void put(const char *text)
{
	struct frame f = frame_of(text);
	struct seg_capture_packet packet = {
		.frame = f.bytes, .length = f.size, .wire = f.size, .time = now};
	struct seg_error err = {0};

	check_that(!seg_replay_packet(replay, &packet, &err), "%s", err.what);
}

/* A fragment's fate is known later than that of what comes behind it, and told before. */
TEST(replay, packets_are_told_in_the_captures_order)
{
	struct seg_replayed out;

	begin("version: 1\nrules: [{id: dns, service: udp/53, action: allow}]\n");
	put(PART("2000", "0001") PORTS "00*8 ");
	put(PART("2002", "0002") "00*8 ");
	put(IP4("11") UDP);
	check(!seg_replay_next(replay, &out));
	put(PART("0002", "0001") "00*16 ");
	check(seg_replay_next(replay, &out));
	SAYS(out, "rule-allow", "dns");
	check(!seg_replay_next(replay, &out)); /* the other datagram has no end */
	now += 11 * SECOND;
	put(IP4("11") UDP);
	check(seg_replay_next(replay, &out));
	SAYS(out, "fragment-timeout", "-");
	for (int i = 0; i < 3; i++) {
		check(seg_replay_next(replay, &out));
		check_eq(out.verdict, SEG_VERDICT_ALLOW);
	}
	check(!seg_replay_has_next(replay));
	check_eq(seg_replay_rule(replay, 0).count.packets, 4);
	end();
}

TEST(replay, what_is_never_whole_is_told_in_the_end)
{
	struct seg_replayed out;

	begin("version: 1\nrules: [{id: dns, service: udp/53, action: allow}]\n");
	for (int i = 0; i < 100; i++) /* more than the queue of results begins with */
		put(PART("2002", "0001") "00*8 ");
	check(!seg_replay_has_next(replay));
	seg_replay_end(replay);
	check(seg_replay_next(replay, &out));
	SAYS(out, "fragment-timeout", "-");
	check(seg_replay_next(replay, &out));
	SAYS(out, "fragment-overlap", "-"); /* a copy */
	put(PART("2002", "0001") "00*8 ");
	seg_replay_reset(replay);
	check(!seg_replay_has_next(replay));
	end();
}
