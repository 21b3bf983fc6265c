/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ingress_run.c - the real XDP program, one packet at a time: every exit is taken
 * once and counted once, and what a packet leaves in the session table is what
 * session.h promises. The test plays the worker; the clock is a word.
 */
#include "program_rig.h"

#include "ingress.skel.h"

static struct ingress_bpf *bpf;

/* --- the rig ----------------------------------------------------------------- */

/* A socket that nobody reads: enough for a redirect to be granted. */
static void serve_queue(void)
{
	int fd = socket(AF_XDP, SOCK_RAW, 0), key = 0;

	check(fd >= 0);
	check_eq(bpf_map_update_elem(bpf_map__fd(bpf->maps.seg_xsks), &key, &fd, BPF_ANY), 0);
}

static void load(struct seg_constants with)
{
	bpf = ingress_bpf__open();
	check(bpf != NULL);
	memcpy((void *)&bpf->rodata->seg_constants, &with, sizeof(with));
	load_object(bpf->obj, "seg_ingress", SEG_INGRESS);
}

/* With services that are never cut off. */
static void begin_failsafe(struct seg_constants with)
{
	bpf = ingress_bpf__open();
	check(bpf != NULL);
	memcpy((void *)&bpf->rodata->seg_constants, &with, sizeof(with));
	memcpy((void *)&bpf->rodata->seg_failsafes, &FAILSAFES, sizeof(FAILSAFES));
	check_eq(bpf_map__set_max_entries(bpf->maps.seg_failsafe, 8), 0);
	load_object(bpf->obj, "seg_ingress", SEG_INGRESS);
	fill_failsafes();
	serve_queue();
}

static void begin(void)
{
	load(constants());
	serve_queue();
}

static int action_of(__u32 reason)
{
	if (verdict_of(reason) == SEG_VERDICT_UP)
		return XDP_REDIRECT;
	return verdict_of(reason) == SEG_VERDICT_ALLOW ? XDP_PASS : XDP_DROP;
}

static int run(const struct frame *f)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = f->bytes, .data_size_in = f->size);

	check_eq(bpf_prog_test_run_opts(program, &options), 0);
	return (int)options.retval;
}

/* The packet leaves for this reason and no other, with all its bytes. */
static void leaves(const char *text, __u32 reason)
{
	struct frame f = frame_of(text);
	struct seg_count before = exits(reason), all = all_exits();
	int action = run(&f);

	check_that(exits(reason).packets == before.packets + 1, "not counted as %u: %s", reason,
		   text);
	check_eq(exits(reason).bytes, before.bytes + f.size);
	check_eq(all_exits().packets, all.packets + 1);
	check_eq(action, config->armed ? action_of(reason) : XDP_PASS);
}

#define LEAVES(text, id) leaves(text, SEG_REASON_##id)

/* --- exits -------------------------------------------------------------------- */

/* What the parser's own table says of each frame, unless its VLAN is unknown or no session quoted.
 */
static __u32 expected(const struct sample *sample, const struct frame *f)
{
	struct seg_packet packet;
	__u32 reason =
		seg_packet_parse(f->bytes, f->bytes + f->size, 0, SEG_FEATURE_VLAN, ZONE, &packet);

	if (packet.vlan[0] && (reason == SEG_PARSED || action_of(reason) == XDP_PASS))
		return SEG_REASON_VLAN_UNKNOWN;
	if (sample->reason != SEG_PARSED)
		return sample->reason;
	return packet.flags & SEG_PACKET_ICMP_ERROR ? SEG_REASON_ICMP_UNRELATED : SEG_REASON_UP;
}

TEST(ingress, every_frame_of_the_parsers_table_has_its_exit)
{
	int judged = 0;

	begin();
	config->pickup_until = ~0ull;
	for (size_t i = 0; i < SAMPLES; i++) {
		struct frame f = frame_of(samples[i].text);

		if (f.size < 14) /* no test run takes less than an Ethernet header */
			continue;
		leaves(samples[i].text, expected(&samples[i], &f));
		queue->consumed = queue->sent;
		judged++;
	}
	check(judged > 100);
}

/* --- fragments -------------------------------------------------------------------- */

#define FRAGMENT(where) IP4_WITH("45", where, "40", "11", A4, B4) "00*16 "

/* A worker holds them; they ask for no session, and one that is lost is waited for by nobody. */
TEST(ingress, fragments_go_up_where_they_can_be_held)
{
	struct seg_constants with = constants();

	with.features |= SEG_FEATURE_GATHER;
	load(with);
	serve_queue();
	LEAVES(FRAGMENT("2000"), UP);
	LEAVES(FRAGMENT("2002"), UP);
	LEAVES(FRAGMENT("0004"), UP);
	LEAVES(IP6("2c") "11 00 0001 12345678 00*16 ", UP);
	check_eq(queue->sent, 4);
	LEAVES(ETH("8100") "0042 0800" V4_WITH("45", "2000", "40", "11", A4, B4) "00*16 ",
	       VLAN_UNKNOWN);
	LEAVES(FRAGMENT("2000") "| 00", UP);
	LEAVES(IP4_WITH("45", "2000", "00", "11", A4, B4) "00*16 ", TTL_ZERO);
	*now += SEG_WORKER_LOST_NS + 50 * MS;
	LEAVES(FRAGMENT("2000"), WORKER_LOST);
}

TEST(ingress, unarmed_passes_and_counts_all_that_it_answers)
{
	begin();
	config->armed = 0;
	LEAVES(IP4("06") TCP("00"), TCP_HEADER);
	LEAVES(IP4("06") TCP(ACK), TCP_MIDFLOW);
}

/* --- services that are never cut off ---------------------------------------------- */

#define UNREACHABLE4(quote) IP4("01") " 03 04 0000 0000 05dc " quote

TEST(ingress, a_failsafe_service_is_known_by_its_packet)
{
	begin_failsafe(constants());
	LEAVES(IP4("06") TCP(SYN), FAILSAFE);
	LEAVES(IP4("06") TCP(ACK), FAILSAFE); /* in the middle of whatever */
	LEAVES(IP6("06") TCP(SYN), FAILSAFE);
	LEAVES(IP4("01") ICMP("0800"), FAILSAFE);
	LEAVES(FLOW, FAILSAFE);
	LEAVES(IP6("11") UDP, UP); /* not of this version */
	queue->consumed = queue->sent;
	LEAVES(IP4_FROM_TO("06", B4, A4) TCP(SYN), UP);  /* not from there */
	LEAVES(IP4_FROM_TO("11", B4, A4) UDP, FAILSAFE); /* from anywhere */
	queue->consumed = queue->sent;
	LEAVES(IP4("11") UDP_FROM_TO("0035", "3039"), UP); /* an answer: that leaves, if at all */
	queue->consumed = queue->sent;
	LEAVES(IP4("06") TCP("00"), TCP_HEADER);
	check_eq(quota->class[SEG_CLASS_HALF_OPEN].used, 3); /* of those that went up */
}

TEST(ingress, a_failsafe_service_in_a_vlan_that_is_known)
{
	struct seg_zone_key key = {ZONE, {SEG_VLAN_PRESENT | 100, 0}};
	__u16 zone = 9;

	begin_failsafe(constants());
	LEAVES(ETH("8100") "0064 0800 " V4("06") TCP(SYN), VLAN_UNKNOWN);
	check_eq(bpf_map_update_elem(map_fd("seg_zones"), &key, &zone, BPF_ANY), 0);
	LEAVES(ETH("8100") "0064 0800 " V4("06") TCP(SYN), FAILSAFE);
}

/* An error about what this host answered; not about anything else that it sent. */
TEST(ingress, an_error_about_a_failsafe_answer_passes)
{
	begin_failsafe(constants());
	LEAVES(UNREACHABLE4(V4_FROM_TO("06", B4, A4) "0050 3039 00000001 |"), FAILSAFE);
	LEAVES(UNREACHABLE4(V4_FROM_TO("06", B4, A4) "0051 3039 00000001 |"), ICMP_UNRELATED);
	LEAVES(UNREACHABLE4(V4_FROM_TO("06", B4, B4) "0050 3039 00000001 |"), ICMP_UNRELATED);
	LEAVES(UNREACHABLE4(V4_FROM_TO("06", B4, A4) "3039 0050 00000001 |"), ICMP_UNRELATED);
}

/* Not a full table, not a lost worker, not on-worker-loss: drop stops it; nor does a denial. */
TEST(ingress, nothing_stops_a_failsafe_service)
{
	struct seg_constants with = constants();

	with.on_loss = SEG_ON_LOSS_DROP;
	with.half_open_max = 1;
	begin_failsafe(with);
	LEAVES(IP4("11") UDP_FROM_TO("1111", "2222"), UP);
	decide(session(), SEG_VERDICT_ALLOW, 1);
	LEAVES(IP4("11") UDP_FROM_TO("1111", "3333"), SESSIONS_FULL);
	queue->sent = queue->consumed + 1;
	queue->seen = queue->consumed;
	queue->since = *now;
	*now += SEG_WORKER_LOST_NS + 50 * MS;
	LEAVES(IP4("11") UDP_FROM_TO("1111", "2222"), WORKER_LOST);
	LEAVES(IP4("06") TCP(SYN), FAILSAFE);
	LEAVES(FLOW, FAILSAFE);
}

TEST(ingress, a_capture_without_directions_has_failsafe_answers_too)
{
	struct seg_constants with = constants();

	with.features |= SEG_FEATURE_UNDIRECTED;
	begin_failsafe(with);
	LEAVES(IP4_FROM_TO("06", B4, A4) " 0050 3039 00000001 00000002 50 12 2000 0000 0000 ",
	       FAILSAFE);
	LEAVES(IP4_FROM_TO("01", B4, A4) ICMP("0000"), FAILSAFE);
}

/* --- a new flow ------------------------------------------------------------------ */

TEST(ingress, a_miss_claims_a_session_behind_a_closed_gate)
{
	struct seg_session *s;

	begin();
	LEAVES(FLOW, UP);
	s = session();
	check_eq(s->key.zone, ZONE);
	check_eq(s->key.proto, IPPROTO_UDP);
	check_eq(seg_state_life(s->state), SEG_LIFE_LIVE);
	check_eq(seg_gate_queued(s->gate), 1);
	check_eq(s->gate & SEG_GATE_OPEN, 0);
	check_eq(quota->class[SEG_CLASS_HALF_OPEN].used, 1);
	check_eq(queue->sent, 1);
	LEAVES(FLOW, UP);
	LEAVES(BACK, UP);
	check_eq(seg_gate_queued(session()->gate), 3);
	check_eq(s->count[0] + s->count[1], 0);
}

TEST(ingress, an_open_gate_answers_both_directions)
{
	struct seg_session *s;
	unsigned int forth;

	begin();
	LEAVES(FLOW, UP);
	s = session();
	forth = seg_state_originator(s->state);
	decide(s, SEG_VERDICT_ALLOW, 1);
	LEAVES(FLOW, SESSION_ALLOW);
	LEAVES(BACK, SESSION_ALLOW);
	LEAVES(FLOW, SESSION_ALLOW);
	check_eq(seg_count_packets(s->count[forth]), 2);
	check_eq(seg_count_packets(s->count[!forth]), 1);
	check_eq(seg_state_l4(s->state), SEG_L4_ESTABLISHED);
	check_eq(quota->class[SEG_CLASS_HALF_OPEN].used, 0);
	check_eq(quota->class[SEG_CLASS_ESTABLISHED].used, 1);
}

TEST(ingress, a_denied_flow_costs_one_lookup)
{
	begin();
	LEAVES(FLOW, UP);
	decide(session(), SEG_VERDICT_DENY, 1);
	LEAVES(FLOW, SESSION_DENY);
	check_eq(queue->sent, 1);
}

TEST(ingress, a_new_generation_asks_again_once)
{
	struct seg_session *s;

	begin();
	LEAVES(FLOW, UP);
	s = session();
	decide(s, SEG_VERDICT_ALLOW, 1);
	config->generation++;
	LEAVES(FLOW, UP);
	check_eq(seg_gate_queued(s->gate), 1);
	decide(s, SEG_VERDICT_DENY, 1);
	LEAVES(FLOW, SESSION_DENY);
}

TEST(ingress, a_flood_of_one_undecided_flow_is_capped)
{
	begin();
	LEAVES(FLOW, UP);
	session()->gate = SEG_GATE_QUEUED_ONE * SEG_GATE_QUEUED_CAP;
	LEAVES(FLOW, PENDING_FULL);
}

TEST(ingress, no_quota_no_session)
{
	begin();
	quota->class[SEG_CLASS_HALF_OPEN].used = HALF_OPEN;
	LEAVES(FLOW, SESSIONS_FULL);
	check_eq(seg_table_next(&table, 0), SEG_SLOT_NONE);
	check_eq(quota->class[SEG_CLASS_HALF_OPEN].used, HALF_OPEN);
	check_eq(quota->class[SEG_CLASS_HALF_OPEN].refused, 1);
}

TEST(ingress, a_dead_session_answers_nobody)
{
	struct seg_session *s;

	begin();
	LEAVES(FLOW, UP);
	s = session();
	decide(s, SEG_VERDICT_ALLOW, 1);
	check(seg_table_kill(s, s->state));
	LEAVES(FLOW, UP);
	check_eq(seg_count_packets(s->count[0]) + seg_count_packets(s->count[1]), 0);
}

TEST(ingress, tcp_midflow_is_taken_up_only_for_a_time)
{
	begin();
	config->pickup_until = *now + 5 * SECOND;
	LEAVES(IP4("06") TCP(ACK), UP);
	queue->consumed = queue->sent;
	*now += 5 * SECOND;
	LEAVES(IP6("06") TCP(ACK), TCP_MIDFLOW);
	LEAVES(IP6("06") TCP(SYN), UP);
}

/* --- the worker is lost ------------------------------------------------------------- */

TEST(ingress, no_socket_drops_or_passes_as_the_policy_says)
{
	struct seg_constants pass = constants();

	load(constants());
	LEAVES(FLOW, NO_SOCKET);
	pass.on_loss = SEG_ON_LOSS_PASS;
	load(pass);
	LEAVES(FLOW, NO_SOCKET_PASS);
}

static void lose_worker(__u8 on_loss)
{
	struct seg_constants with = constants();

	with.on_loss = on_loss;
	load(with);
	serve_queue();
	serve_queue();
	LEAVES(FLOW, UP);
	decide(session(), SEG_VERDICT_ALLOW, 1);
	LEAVES(IP4("11") UDP_FROM_TO("1111", "2222"), UP);
	*now += 200 * MS;
	LEAVES(IP4("11") UDP_FROM_TO("1111", "2222"), UP);
	*now += 2 * MS; /* a tick is 1.05 ms */
}

TEST(ingress, a_lost_worker_leaves_known_flows_alone)
{
	lose_worker(SEG_ON_LOSS_SESSIONS);
	LEAVES(FLOW, SESSION_ALLOW);
	LEAVES(IP4("11") UDP_FROM_TO("1111", "3333"), WORKER_LOST);
	LEAVES(IP4("11") UDP_FROM_TO("1111", "2222"), WORKER_LOST);
	queue->consumed++;
	LEAVES(IP4("11") UDP_FROM_TO("1111", "3333"), UP);
}

TEST(ingress, a_lost_worker_may_pass_what_is_unknown)
{
	lose_worker(SEG_ON_LOSS_PASS);
	LEAVES(IP4("11") UDP_FROM_TO("1111", "3333"), WORKER_LOST_PASS);
}

TEST(ingress, a_lost_worker_may_stop_everything)
{
	lose_worker(SEG_ON_LOSS_DROP);
	LEAVES(FLOW, WORKER_LOST);
	queue->consumed = queue->sent;
	LEAVES(FLOW, SESSION_ALLOW);
}

TEST(ingress, an_idle_worker_is_not_lost)
{
	begin();
	LEAVES(FLOW, UP);
	queue->consumed = queue->sent;
	*now += 3600 * SECOND;
	LEAVES(IP4("11") UDP_FROM_TO("1111", "2222"), UP);
}

/* --- errors and VLANs --------------------------------------------------------------- */

TEST(ingress, an_error_goes_with_the_flow_that_it_quotes)
{
	begin();
	LEAVES(BACK, UP);
	LEAVES(ERROR4("0303", "00000000", V4("11") UDP), ICMP_UNRELATED);
	decide(session(), SEG_VERDICT_ALLOW, 1);
	LEAVES(ERROR4("0303", "00000000", V4("11") UDP), ICMP_RELATED);
	LEAVES(ERROR4("0303", "00000000", V4("11") UDP_FROM_TO("3039", "0036")), ICMP_UNRELATED);
}

TEST(ingress, a_vlan_is_a_zone_of_its_own)
{
	struct seg_zone_key key = {ZONE, {SEG_VLAN_PRESENT | 100, 0}};
	__u16 zone = 44;

	begin();
	LEAVES(FLOW, UP);
	decide(session(), SEG_VERDICT_ALLOW, 1);
	LEAVES(ETH("8100") "0064 0800" V4("11") UDP, VLAN_UNKNOWN);
	check_eq(bpf_map_update_elem(bpf_map__fd(bpf->maps.seg_zones), &key, &zone, BPF_ANY), 0);
	LEAVES(ETH("8100") "0064 0800" V4("11") UDP, UP);
	LEAVES(ETH("8100") "0065 0800" V4("11") UDP, VLAN_UNKNOWN);
	LEAVES(FLOW, SESSION_ALLOW);
}
