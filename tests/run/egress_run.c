/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * egress_run.c - the real tc programs, one packet at a time: what leaves is learned or asked
 * for, and what arrives with a tag beside the frame was judged with it or goes.
 */
#include "program_rig.h"

#include "egress.skel.h"

#define TC_UNSPEC   (-1)
#define TC_SHOT     2
#define TC_REDIRECT 7
#define MARK        0x1234567u

static struct egress_bpf *bpf;

/* --- the rig ----------------------------------------------------------------- */

static void load(struct seg_constants with, const char *name, enum seg_direction direction)
{
	bpf = egress_bpf__open();
	check(bpf != NULL);
	memcpy((void *)&bpf->rodata->seg_constants, &with, sizeof(with));
	memcpy((void *)&bpf->rodata->seg_port, &(struct seg_port){1, MARK},
	       sizeof(struct seg_port));
	check_eq(bpf_map__set_autocreate(bpf->maps.seg_xsks, false), 0);
	load_object(bpf->obj, name, direction);
}

/* With services that are never cut off. */
static void begin_failsafe(struct seg_constants with, const char *name,
			   enum seg_direction direction)
{
	bpf = egress_bpf__open();
	check(bpf != NULL);
	memcpy((void *)&bpf->rodata->seg_constants, &with, sizeof(with));
	memcpy((void *)&bpf->rodata->seg_failsafes, &FAILSAFES, sizeof(FAILSAFES));
	check_eq(bpf_map__set_autocreate(bpf->maps.seg_xsks, false), 0);
	check_eq(bpf_map__set_max_entries(bpf->maps.seg_failsafe, 8), 0);
	load_object(bpf->obj, name, direction);
	fill_failsafes();
}

static struct seg_constants egress(__u32 features)
{
	struct seg_constants with = constants();

	with.direction = SEG_EGRESS;
	with.features |= SEG_FEATURE_TWO_SIDED | SEG_FEATURE_FRAGS | features;
	return with;
}

static void begin_learning(void)
{
	load(egress(SEG_FEATURE_LEARN), "seg_egress", SEG_EGRESS);
}

static void begin_asking(void)
{
	load(egress(0), "seg_egress", SEG_EGRESS);
}

static int action_of(__u32 reason)
{
	if (verdict_of(reason) == SEG_VERDICT_UP)
		return TC_REDIRECT;
	return verdict_of(reason) == SEG_VERDICT_ALLOW ? TC_UNSPEC : TC_SHOT;
}

static int run(const struct frame *f, struct __sk_buff *skb)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = f->bytes, .data_size_in = f->size,
		    .ctx_in = skb, .ctx_size_in = skb ? sizeof(*skb) : 0);

	check_eq(bpf_prog_test_run_opts(program, &options), 0);
	return (int)options.retval;
}

static void leaves(const char *text, __u32 reason)
{
	struct frame f = frame_of(text);
	struct seg_count before = exits(reason), all = all_exits();
	int action = run(&f, NULL);

	check_that(exits(reason).packets == before.packets + 1, "not counted as %u: %s", reason,
		   text);
	check_eq(exits(reason).bytes, before.bytes + f.size);
	check_eq(all_exits().packets, all.packets + 1);
	check_eq(action, action_of(reason));
}

#define LEAVES(text, id) leaves(text, SEG_REASON_##id)

static bool is_own(const struct seg_session *s)
{
	return seg_state_class(s->state) == SEG_CLASS_OWN;
}

/* --- learning ------------------------------------------------------------------ */

TEST(egress, what_this_host_opens_is_learned_and_answered)
{
	struct seg_session *s;
	unsigned int forth;
	__u64 verdict;

	begin_learning();
	LEAVES(FLOW, EGRESS_LEARNED);
	s = session();
	forth = seg_state_originator(s->state);
	verdict = *seg_verdict_slot(s, GENERATION);
	check(is_own(s));
	check_eq(quota->class[SEG_CLASS_OWN].used, 1);
	check_eq(quota->class[SEG_CLASS_HALF_OPEN].used, 0);
	check_eq(seg_session_verdict(s, GENERATION), SEG_VERDICT_ALLOW);
	check(seg_verdict_flags(verdict) & SEG_VERDICT_LEARNED);
	check_eq(seg_count_packets(s->count[forth]), 1);
	LEAVES(FLOW, SESSION_ALLOW);
	check_eq(seg_count_packets(s->count[forth]), 2);
	check_eq(seg_state_l4(s->state), SEG_L4_OPENING);
	LEAVES(BACK, SESSION_ALLOW);
	LEAVES(FLOW, SESSION_ALLOW);
	check_eq(seg_state_l4(s->state), SEG_L4_ESTABLISHED);
	check_eq(quota->class[SEG_CLASS_OWN].used, 0);
	check_eq(queue->sent, 0);
}

TEST(egress, midflow_is_learned_and_an_end_is_not)
{
	begin_learning();
	LEAVES(IP4("06") TCP("04"), EGRESS_ALLOW);
	LEAVES(IP4("06") TCP("11"), EGRESS_ALLOW);
	LEAVES(IP6("06") TCP(ACK), EGRESS_LEARNED);
	check(seg_state_flags(session()->state) & SEG_SESSION_LOOSE);
}

TEST(egress, of_icmp_only_questions_are_learned)
{
	begin_learning();
	LEAVES(IP4("01") "0000 ffff 0000 0000", EGRESS_ALLOW); /* echo reply */
	check_eq(seg_table_next(&table, 0), SEG_SLOT_NONE);
	LEAVES(IP4("01") "0800 f7ff 0000 0000", EGRESS_LEARNED);
	check_eq(session()->key.proto, IPPROTO_ICMP);
}

TEST(egress, no_room_stops_nothing_that_leaves)
{
	begin_learning();
	quota->class[SEG_CLASS_OWN].used = HALF_OPEN;
	LEAVES(FLOW, EGRESS_ALLOW);
	check_eq(seg_table_next(&table, 0), SEG_SLOT_NONE);
	check_eq(quota->class[SEG_CLASS_OWN].used, HALF_OPEN);
}

TEST(egress, what_cannot_be_real_does_not_leave_either)
{
	begin_learning();
	LEAVES(IP4("06") TCP("00"), TCP_HEADER);
	LEAVES(ETH("0806") "00*28", ARP);
}

TEST(egress, a_denial_of_the_other_side_is_not_this_hosts)
{
	struct seg_session *s;

	begin_learning();
	LEAVES(BACK, EGRESS_LEARNED);
	s = session();
	seg_store(seg_verdict_slot(s, GENERATION),
		  seg_verdict_make(SEG_VERDICT_DENY, 0, GENERATION, 1));
	LEAVES(BACK, SESSION_DENY);
	LEAVES(FLOW, EGRESS_LEARNED);
	check_eq(seg_state_life(s->state), SEG_LIFE_DEAD);
}

TEST(egress, under_a_new_policy_it_is_learned_again)
{
	begin_learning();
	LEAVES(FLOW, EGRESS_LEARNED);
	config->generation++;
	check_eq(seg_session_verdict(session(), config->generation), SEG_VERDICT_NONE);
	LEAVES(BACK, SESSION_ALLOW); /* the other side's word is not this host's */
	check_eq(seg_session_verdict(session(), config->generation), SEG_VERDICT_NONE);
	session()->shadow[config->generation & 1] =
		5; /* of a generation that had this place before */
	LEAVES(FLOW, SESSION_ALLOW);
	check_eq(seg_session_verdict(session(), config->generation), SEG_VERDICT_ALLOW);
	check_eq(seg_session_shadow(session(), config->generation), 0);
}

TEST(egress, while_it_only_watches_everything_goes_on)
{
	struct frame f = frame_of(IP4("06") TCP("00"));

	load(egress(SEG_FEATURE_LEARN | SEG_FEATURE_OBSERVE), "seg_egress", SEG_EGRESS);
	check_eq(run(&f, NULL), TC_UNSPEC);
	check_eq(exits(SEG_REASON_TCP_HEADER).packets, 1);
}

/* --- services that are never cut off ------------------------------------------------ */

TEST(egress, a_failsafe_service_answers)
{
	struct seg_constants with = egress(0);

	with.queues = 0; /* and nobody is there to be asked */
	begin_failsafe(with, "seg_egress", SEG_EGRESS);
	LEAVES(IP4_FROM_TO("06", B4, A4) " 0050 3039 00000001 00000002 50 12 2000 0000 0000 ",
	       FAILSAFE);
	LEAVES(IP4_FROM_TO("01", B4, A4) ICMP("0000"), FAILSAFE);
	LEAVES(BACK, FAILSAFE);
	LEAVES(IP4_FROM_TO("01", B4, A4) ICMP("0800"), NO_SOCKET);
	LEAVES(IP4_FROM_TO("06", B4, A4) TCP("02"), NO_SOCKET); /* to port 80 of a friend */
	LEAVES(IP4("06") " 0050 3039 00000001 00000002 50 12 2000 0000 0000 ", TCP_MIDFLOW);
}

/* --- fragments, DHCP, GSO ---------------------------------------------------------- */

#define FIRST_FRAGMENT ETH("0800") "4500 4l 0001 2000 40 11 4s" A4 B4 "3039 0035 2000 0000 00*8 |"
#define LATER_FRAGMENT ETH("0800") "4500 4l 0001 0001 40 11 4s" A4 B4 "00*8 |"

TEST(egress, the_first_fragment_speaks_for_the_rest)
{
	begin_learning();
	LEAVES(LATER_FRAGMENT, EGRESS_ALLOW);
	LEAVES(FIRST_FRAGMENT, EGRESS_LEARNED);
	LEAVES(BACK, SESSION_ALLOW);
	LEAVES(IP4_WITH("45", "2000", "40", "01", A4, B4) " 0800 0000 0007 0001 00*8 ",
	       EGRESS_LEARNED); /* ping -s 4000 */
	LEAVES(IP4_WITH("45", "2000", "40", "01", A4, B4) " 0500 0000 0007 0001 00*8 ", ICMP_TYPE);
}

TEST(egress, where_not_all_may_leave_fragments_are_held)
{
	load(egress(SEG_FEATURE_GATHER), "seg_egress", SEG_EGRESS);
	LEAVES(LATER_FRAGMENT, UP);
	LEAVES(FIRST_FRAGMENT, UP);
	begin_asking();
	LEAVES(FIRST_FRAGMENT, FRAGMENT);
}

TEST(egress, who_asks_for_an_address_may)
{
	begin_asking();
	LEAVES(ETH("0800") "4500 4l 0001 0000 40 11 4s 0000 0000 ffff ffff"
			   "0044 0043 ul 0000 00*8 |",
	       DHCP);
}

TEST(egress, a_gso_frame_is_the_packets_that_it_becomes)
{
	struct frame f = frame_of(IP4("06") TCP(SYN));
	struct __sk_buff skb = {.gso_segs = 3, .gso_size = 4};
	__u32 header = 14 + 20 + 20;

	begin_learning();
	check_eq(run(&f, &skb), TC_UNSPEC);
	check_eq(exits(SEG_REASON_EGRESS_LEARNED).packets, 3);
	check_eq(exits(SEG_REASON_EGRESS_LEARNED).bytes, f.size + 2 * header);
	check_eq(seg_count_packets(session()->count[0] + session()->count[1]), 3);
}

/* --- asking ------------------------------------------------------------------------ */

TEST(egress, where_not_all_is_allowed_a_worker_is_asked)
{
	struct seg_session *s;

	begin_asking();
	LEAVES(FLOW, UP);
	s = session();
	check(is_own(s));
	check_eq(seg_gate_queued(s->gate), 1);
	check_eq(queue->sent, 1);
	LEAVES(FLOW, UP);
	decide(s, SEG_VERDICT_DENY, 2);
	LEAVES(FLOW, SESSION_DENY);
	LEAVES(LATER_FRAGMENT, FRAGMENT);
	LEAVES(IP4("06") TCP(ACK), TCP_MIDFLOW);
}

TEST(egress, a_gso_frame_waits_as_the_packets_that_it_becomes)
{
	struct frame f = frame_of(IP4("06") TCP(SYN));
	struct __sk_buff skb = {.gso_segs = 3, .gso_size = 4};

	begin_asking();
	check_eq(run(&f, &skb), TC_REDIRECT);
	check_eq(seg_gate_queued(session()->gate), 3);
	check_eq(queue->sent, 3);
}

TEST(egress, what_the_worker_let_out_is_known_by_its_mark)
{
	struct frame f = frame_of(FLOW);
	struct __sk_buff skb = {.mark = MARK};

	begin_asking();
	check_eq(run(&f, &skb), TC_UNSPEC);
	check_eq(all_exits().packets, 0);
	skb.mark = MARK + 1;
	check_eq(run(&f, &skb), TC_REDIRECT);
}

TEST(egress, a_lost_worker_holds_what_is_unknown)
{
	begin_asking();
	LEAVES(FLOW, UP);
	*now += 200 * MS;
	LEAVES(FLOW, UP);
	*now += 2 * MS;
	LEAVES(FLOW, WORKER_LOST);
}
