/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * walk.bpf.h - one packet on its way through a program: parse, judge what needs no
 * lookup, look the session up, answer. XDP ingress and tc egress walk the same way;
 * what they do differently they define behind their #include: the functions that
 * are only declared here, and the type of their context, seg_context.
 *
 * Every packet leaves through leave() or walk_up(), which count it once (invariant
 * 1). Nothing is reported for allowed packets.
 */
#ifndef SEG_WALK_BPF_H
#define SEG_WALK_BPF_H

#include <linux/bpf.h>
#include <linux/in.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "compat.h"
#include "maps.bpf.h"
#include "table_maps.bpf.h"

const volatile struct seg_constants seg_constants = {}; /* before what is of it, too */

#include "failsafe.bpf.h"
#include "packet.h"
#include "session.h"
#include "session_key.h"
#include "table.h"
#include "touch.bpf.h"

#define FEATURE(name) (seg_constants.features & SEG_FEATURE_##name)

/* One packet on its way through the program. */
struct walk {
	seg_context *ctx;
	struct seg_config *config;
	struct seg_packet
		*packet; /* apart, as its address leaves: the rest may live in registers */
	__u64 now;       /* ns */
	__u32 length;    /* bytes on the wire */
	__u32 segments;  /* packets on the wire: 1, but for GSO */
	__u32 direction; /* endpoint that speaks */
	__u32 counts;    /* seg_counts_index(): where this program counts */
	struct seg_key key;
	struct seg_hash hash;
};

/* --- what a program adds ------------------------------------------------------ */

/* Its word for "go on", or "drop". */
static __always_inline int walk_answer(const struct walk *w, bool pass);

/* The queue of the worker that decides what comes by here. NULL: nobody does. */
static __always_inline struct seg_queue *walk_queue(const struct walk *w);

/* Hand the packet to that worker, and count it. `s`: queued behind its gate, or NULL. */
static __always_inline int walk_up(const struct walk *w, struct seg_queue *q, struct seg_session *s,
				   __u32 slot, __u8 why);

/* A second look at what the parser said. */
static __always_inline int walk_parsed(struct walk *w, int reason, void *data, void *data_end);

/* No session knows the packet; it may begin one. */
static __always_inline int walk_unknown(struct walk *w);

/* A session knows it, and has no verdict that holds now. */
static __always_inline int walk_undecided(struct walk *w, struct seg_session *s, __u32 slot);

/* --- time --------------------------------------------------------------------- */

/* The time, a whole tick, when the coarse clock was last asked, and in the bits below the jiffy
 * then. */
__u64 seg_clock_kept;

#define JIFFY_MASK ((1ull << SEG_TICK_SHIFT) - 1)

/*
 * The coarse clock moves with the jiffies, and these the verifier turns into one
 * load, while the clock is a call whose return costs more than a table lookup
 * where returns are guarded against speculation. So it is asked once a jiffy.
 * After a silence of an exact multiple of 2^20 jiffies (70 minutes at 250 Hz)
 * the time kept would be believed until that jiffy ends.
 */
static __always_inline __u64 clock_kept(void)
{
	__u64 kept = seg_load(&seg_clock_kept);
	__u64 jiffy = bpf_jiffies64() & JIFFY_MASK;

	if (seg_unlikely((kept & JIFFY_MASK) != jiffy)) {
		kept = (bpf_ktime_get_coarse_ns() & ~JIFFY_MASK) | jiffy;
		seg_xchg(&seg_clock_kept, kept);
	}
	return kept & ~JIFFY_MASK;
}

static __always_inline struct seg_replay_word *replay_word(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&seg_replay, &zero);
}

static __always_inline __u64 clock_now(void)
{
	struct seg_replay_word *word;

	if (!FEATURE(REPLAY))
		return clock_kept();
	word = replay_word();
	return word ? seg_load(&word->now) : 0;
}

static __always_inline __u32 tick(const struct walk *w)
{
	return (__u32)(w->now >> SEG_TICK_SHIFT);
}

/* --- the ways out ---------------------------------------------------------- */

#define X(id, name, verdict, path, text)                                                           \
	| (SEG_VERDICT_##verdict == SEG_VERDICT_ALLOW ? 1ull << SEG_REASON_##id : 0)
static const __u64 reasons_that_allow = 0 SEG_REASONS(X);
#undef X
_Static_assert(SEG_REASON_MAX <= 64, "reasons_that_allow has a bit for each");

static __always_inline bool allows(__u32 reason)
{
	return reasons_that_allow >> (reason & 63) & 1;
}

static __always_inline void note_exit(__u32 reason)
{
	struct seg_replay_word *word = replay_word();

	if (word)
		word->reason = reason;
}

static __always_inline void count_exit(const struct walk *w, __u32 reason)
{
	struct seg_counts *counts = bpf_map_lookup_elem(&seg_counts, &w->counts);

	if (FEATURE(REPLAY))
		note_exit(reason);
	if (!counts || reason >= SEG_REASON_MAX)
		return;
	counts->exit[reason].packets += w->segments;
	counts->exit[reason].bytes += w->length;
}

static __always_inline int leave(const struct walk *w, __u32 reason)
{
	count_exit(w, reason);
	if (FEATURE(TRACE))
		bpf_printk("xdpseg: reason %u, %u bytes", reason, w->length);
	return walk_answer(w, FEATURE(OBSERVE) || !w->config->armed || allows(reason));
}

/* --- up to the worker ------------------------------------------------------ */

static __always_inline __s64 waited(struct seg_queue *q, __u64 now)
{
	return (__s64)(now - seg_load(&q->since));
}

/*
 * Packets have waited for 200 ms, and the worker took none. Now and then one more goes up all
 * the same: what the kernel lost on the way to an empty ring wakes nobody, this one does.
 */
static __always_inline int worker_lost(struct seg_queue *q, __u64 now)
{
	__u64 consumed = seg_load(&q->consumed);

	return seg_load(&q->sent) != consumed && seg_load(&q->seen) == consumed &&
	       waited(q, now) > (__s64)SEG_WORKER_LOST_NS &&
	       waited(q, now) < (__s64)SEG_WORKER_RETRY_NS;
}

static __always_inline void note_sent(const struct walk *w, struct seg_queue *q)
{
	__u64 consumed = seg_load(&q->consumed);

	if (seg_load(&q->sent) == consumed || seg_load(&q->seen) != consumed ||
	    waited(q, w->now) >= (__s64)SEG_WORKER_RETRY_NS) {
		seg_xchg(&q->seen, consumed);
		seg_xchg(&q->since, w->now);
	}
	seg_add(&q->sent, w->segments);
}

/* What was merged on its way, or never was cut, fits no frame of a worker's. */
static __always_inline bool is_oversize(const struct walk *w)
{
	return seg_constants.frame_max && w->length > seg_constants.frame_max;
}

/* Why it cannot go up, or SEG_PARSED. */
static __always_inline __u32 kept_from(const struct walk *w, struct seg_queue *q)
{
	if (!q)
		return SEG_REASON_NO_SOCKET;
	if (worker_lost(q, w->now))
		return seg_constants.on_loss == SEG_ON_LOSS_PASS ? SEG_REASON_WORKER_LOST_PASS
								 : SEG_REASON_WORKER_LOST;
	return is_oversize(w) ? SEG_REASON_OVERSIZE : SEG_PARSED;
}

/* Up to the worker, behind no gate. */
static __always_inline int up_alone(const struct walk *w, __u8 why)
{
	struct seg_queue *q = walk_queue(w);
	__u32 reason = kept_from(w, q);

	return q && reason == SEG_PARSED ? walk_up(w, q, NULL, SEG_SLOT_NONE, why)
					 : leave(w, reason);
}

/* --- a flow whose verdict is not known yet ----------------------------------- */

static __always_inline int waiting(struct walk *w, struct seg_queue *q, struct seg_session *s,
				   __u32 slot, int answer)
{
	if (answer == SEG_ANSWER_FULL)
		return leave(w, SEG_REASON_PENDING_FULL);
	if (answer != SEG_ANSWER_UP)
		return walk_up(w, q, NULL, SEG_SLOT_NONE, SEG_UP_UNCACHED);
	return walk_up(w, q, s, slot, SEG_UP_PENDING);
}

/* --- a flow that nobody knows ---------------------------------------------- */

static __always_inline struct seg_quota *quota_of(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&seg_quota, &zero);
}

/* What this host opens is counted apart: nobody outside can use that up. */
static __always_inline enum seg_class opening_class(void)
{
	return seg_constants.direction == SEG_EGRESS ? SEG_CLASS_OWN : SEG_CLASS_HALF_OPEN;
}

/* How sessions are touched here. Sums of what leaves are a device's to make. */
static __always_inline __u32 how_to_touch(const struct walk *w)
{
	__u64 bounded = ~w->config->pickup_until;
	__u32 loose = 1 - (__u32)((bounded | -bounded) >> 63); /* no branch, no second way */

	return (w->direction & 1) | loose * SEG_TOUCH_LOOSE |
	       (FEATURE(TWO_SIDED) ? 0 : SEG_TOUCH_ONE_SIDED) |
	       (FEATURE(OBSERVE) ? SEG_TOUCH_PASSES
				 : (1 - (w->config->armed & 1)) * SEG_TOUCH_PASSES) |
	       (seg_constants.direction == SEG_EGRESS ? SEG_TOUCH_SUMMED : 0) |
	       (FEATURE(PARTIAL_SUM) ? SEG_TOUCH_PARTIAL : 0);
}

static __always_inline void begin_window(const struct walk *w, struct seg_session *s)
{
	if (w->packet->proto == IPPROTO_TCP)
		seg_touch_first(w->ctx, w->packet, s, how_to_touch(w));
}

/* A slot is ours: the key is in it, the rest is zero. The gate is closed, this packet queued. */
static __always_inline void fill(const struct walk *w, struct seg_session *s)
{
	__u8 flags = w->direction ? SEG_SESSION_ORIGINATOR : 0;
	__u64 state = seg_state_make(SEG_LIFE_LIVE, SEG_L4_OPENING, flags, 0, tick(w));

	begin_window(w, s);
	s->gate = seg_gate_first(tick(w));
	s->iface[w->direction & 1] = (__u16)(seg_constants.iface + 1);
	seg_table_publish(s, seg_state_set_class(state, opening_class()));
}

/* A SYN; and where this host's own SYN is not seen, what answers it. */
static __always_inline int may_open(__u8 tcp_flags)
{
	__u8 answer = FEATURE(TWO_SIDED) ? SEG_TCP_ACK : 0;

	return (tcp_flags & (SEG_TCP_SYN | answer)) == SEG_TCP_SYN;
}

/* TCP that does not open a flow, once everything that ran before was taken up. */
static __always_inline int is_midflow(const struct walk *w)
{
	return w->packet->proto == IPPROTO_TCP && !may_open(w->packet->tcp_flags) &&
	       w->now >= w->config->pickup_until;
}

static __always_inline int claim(struct walk *w, struct seg_queue *q)
{
	struct seg_quota *quota = quota_of();
	struct seg_session *s;
	enum seg_claim result;
	__u32 slot;

	if (!quota || !seg_quota_take(quota, opening_class(), seg_constants.half_open_max))
		return leave(w, SEG_REASON_SESSIONS_FULL);
	result = seg_table_claim(NULL, &w->key, &w->hash, &s, &slot);
	if (result == SEG_CLAIM_CLAIMED) {
		fill(w, s);
		return walk_up(w, q, s, slot, SEG_UP_MISS);
	}
	seg_quota_give(quota, opening_class());
	if (result == SEG_CLAIM_FULL)
		return leave(w, SEG_REASON_SESSIONS_FULL);
	if (result == SEG_CLAIM_EXISTS) /* another CPU was faster */
		return waiting(w, q, s, slot, seg_session_queue(s, w->config->generation));
	return walk_up(w, q, NULL, SEG_SLOT_NONE, SEG_UP_UNCACHED);
}

/* Let the worker judge a flow that nobody knows. */
static __always_inline int ask(struct walk *w)
{
	struct seg_queue *q = walk_queue(w);
	__u32 reason = is_midflow(w) ? SEG_REASON_TCP_MIDFLOW : kept_from(w, q);

	return q && reason == SEG_PARSED ? claim(w, q) : leave(w, reason);
}

/* --- a flow that has a session --------------------------------------------- */

/* No program's answer: it died while we looked, and the packet met no session. */
#define GONE 0x100

/* It could have been the first packet of its flow. */
static __always_inline bool begins(const struct walk *w)
{
	if (w->packet->proto == IPPROTO_TCP)
		return may_open(w->packet->tcp_flags);
	return !(w->packet->flags & SEG_PACKET_ICMP_REPLY);
}

/*
 * A denial is of what one side began: what the other side begins is a flow of its own.
 * Otherwise a packet that nobody asked for could have this host's own connection denied
 * beforehand, or the reverse.
 */
static __always_inline bool is_other_denial(const struct walk *w, struct seg_session *s)
{
	__u64 state = seg_load(&s->state);

	return w->direction != seg_state_originator(state) && begins(w);
}

/*
 * What the other side begins is judged beside the denial, which stays until that is allowed: two
 * sides that are both denied would else end each other's session with every packet. Where
 * nothing is denied, or it passes anyway, it ends here.
 */
static __always_inline int beside_denial(const struct walk *w, struct seg_session *s)
{
	if (!FEATURE(LEARN) && !FEATURE(OBSERVE) && w->config->armed)
		return up_alone(w, SEG_UP_BESIDE);
	return seg_table_kill(s, seg_load(&s->state)) ? GONE : leave(w, SEG_REASON_SESSION_DENY);
}

/* A connection that is over is of no more use to what begins another. */
static __always_inline bool is_over(const struct walk *w, struct seg_session *s)
{
	__u64 state;

	if (seg_likely(!(w->packet->tcp_flags & SEG_TCP_SYN)))
		return false;
	state = seg_load(&s->state);
	return seg_state_is_over(state, w->packet->tcp_flags, !FEATURE(TWO_SIDED)) &&
	       seg_table_kill(s, state);
}

/* What an allowed packet is to its session: enum seg_event, minus the reason that refuses it, or
 * SEG_TOUCH_UNSUMMED. */
static __always_inline int event_by(const struct walk *w, struct seg_session *s, __u32 how)
{
	if (seg_likely(w->packet->proto == IPPROTO_TCP))
		return seg_touch_tcp(w->ctx, w->packet, s, how);
	if (!(how & SEG_TOUCH_SUMMED) &&
	    seg_touch_changes(s, SEG_EVENT_DATA, w->packet->proto, how))
		return SEG_TOUCH_UNSUMMED;
	return SEG_EVENT_DATA;
}

static __always_inline int event_of(const struct walk *w, struct seg_session *s)
{
	__u32 how = how_to_touch(w);
	int event = event_by(w, s, how);

	if (seg_likely(event != SEG_TOUCH_UNSUMMED))
		return event;
	if (!seg_touch_sum(w->ctx, w->packet, how))
		return -SEG_REASON_BAD_CHECKSUM;
	return event_by(w, s, how | SEG_TOUCH_SUMMED);
}

static __always_inline bool touch(const struct walk *w, struct seg_session *s, int event)
{
	__u64 how = how_to_touch(w) | (__u64)tick(w) << SEG_TOUCH_NOW_SHIFT;

	return seg_touch_state(s, (__u32)event, w->packet->proto, how,
			       seg_count_pack(w->segments, w->length));
}

/* What most packets of a flow are: nothing of its session changes but its counter, and TCP's
 * windows. False: nothing was done. */
static __always_inline bool goes_on(const struct walk *w, struct seg_session *s)
{
	__u64 state = seg_load(&s->state);
	struct seg_segment segment;

	if (seg_unlikely(!seg_session_is_steady(state)))
		return false;
	if (seg_likely(w->packet->proto == IPPROTO_TCP) &&
	    (!seg_segment_read((void *)(long)w->ctx->data, (void *)(long)w->ctx->data_end,
			       w->packet, &segment) ||
	     !seg_session_flow(s, &segment, w->direction)))
		return false;
	seg_session_saw(s, state, tick(w));
	seg_add(&s->count[w->direction & 1], seg_count_pack(w->segments, w->length));
	return true;
}

static __always_inline int decided(struct walk *w, struct seg_session *s, int verdict)
{
	__u32 reason = SEG_REASON_SESSION_DENY;
	int event = SEG_EVENT_SEEN;

	if (seg_likely(verdict == SEG_VERDICT_ALLOW)) {
		event = event_of(w, s);
		reason = SEG_REASON_SESSION_ALLOW;
	} else if (is_other_denial(w, s)) {
		return beside_denial(w, s);
	}
	if (seg_unlikely(event < 0))
		reason = (__u32)-event;
	else if (!touch(w, s, event))
		return GONE;
	SEG_OPAQUE(reason); /* bounded where it is used, and nowhere else */
	return leave(w, reason);
}

/* Queue it. Where the worker is lost nothing is: nobody would count it handled. */
static __always_inline int queue(struct walk *w, struct seg_session *s, __u32 slot)
{
	struct seg_queue *q = walk_queue(w);
	__u32 reason = kept_from(w, q);
	int answer;

	if (!q || reason != SEG_PARSED)
		return leave(w, reason);
	answer = seg_session_queue(s, w->config->generation);
	if (answer == SEG_ANSWER_ALLOW || answer == SEG_ANSWER_DENY)
		return decided(w, s, answer);
	return waiting(w, q, s, slot, answer);
}

/* on-worker-loss: drop stops known flows too. */
static __always_inline int stopped(const struct walk *w)
{
	struct seg_queue *q;

	if (seg_constants.on_loss != SEG_ON_LOSS_DROP)
		return 0;
	q = walk_queue(w);
	return q && worker_lost(q, w->now);
}

static __always_inline int known(struct walk *w, struct seg_session *s, __u32 slot)
{
	int verdict = seg_session_verdict(s, w->config->generation);

	if (stopped(w))
		return leave(w, SEG_REASON_WORKER_LOST);
	if (seg_likely(verdict == SEG_VERDICT_ALLOW) && seg_likely(goes_on(w, s)))
		return leave(w, SEG_REASON_SESSION_ALLOW);
	if (seg_unlikely(is_over(w, s)))
		return GONE;
	if (seg_unlikely(!verdict))
		return walk_undecided(w, s, slot);
	return decided(w, s, verdict);
}

static __always_inline struct seg_session *find(struct walk *w, __u32 *slot)
{
	w->hash = seg_hash_key(&w->key, &seg_constants);
	return seg_table_find(NULL, &w->key, &w->hash, slot);
}

/* The key of a packet that was parsed, and who speaks. False: not in this frame. */
static __always_inline bool make_key(struct walk *w, const struct seg_packet *packet, void *data,
				     void *data_end)
{
	const struct seg_ip4 *ip4;
	const struct seg_ip6 *ip6;

	if (packet->family == 4) {
		ip4 = seg_at(data, data_end, seg_l3(packet), sizeof(*ip4));
		if (ip4)
			w->direction = seg_key_make(&w->key, packet, 4, &ip4->src, &ip4->dst);
		return ip4;
	}
	ip6 = seg_at(data, data_end, seg_l3(packet), sizeof(*ip6));
	if (ip6)
		w->direction = seg_key_make(&w->key, packet, 6, ip6->src.word, ip6->dst.word);
	return ip6;
}

/* --- services that are never cut off ------------------------------------------ */

/* `packet` has the key of this walk: the packet itself, or what an ICMP error quotes of the way
 * back. Of what is forwarded nothing is a service of this host. */
static __always_inline bool is_failsafe(const struct walk *w, const struct seg_packet *packet,
					bool quoted)
{
	bool arrives = (seg_constants.direction == SEG_INGRESS) != quoted;

	if (seg_constants.direction == SEG_FORWARD ||
	    (!quoted && packet->flags & SEG_PACKET_FRAGMENT))
		return false;
	return failsafe_has(packet, &w->key, w->direction, arrives) ||
	       (FEATURE(UNDIRECTED) && failsafe_has(packet, &w->key, w->direction, !arrives));
}

/* --- ICMP errors: judged by the flow that they quote ------------------------ */

/* Of TCP the quote has the sequence number, too: what a blind sender cannot know (RFC 5927 4.1). */
static __always_inline bool was_sent(const struct walk *w, struct seg_session *s,
				     const struct seg_packet *quote, const void *data,
				     const void *data_end)
{
	const struct seg_tcp *tcp;

	if (quote->proto != IPPROTO_TCP)
		return true;
	tcp = seg_at(data, data_end, seg_l4(quote), sizeof(struct seg_udp));
	return tcp && seg_touch_quoted(s, w->direction, SEG_BE32(tcp->seq));
}

SEG_GLOBAL int walk_quote(seg_context *ctx, const struct seg_packet *error,
			  struct seg_packet *quote)
{
	if (!error || !quote)
		return SEG_REASON_TRUNCATED;
	return seg_quote_parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, error, quote);
}

static __always_inline int related(struct walk *w, void *data, void *data_end)
{
	struct seg_packet quote = {};
	struct seg_session *s;
	__u32 slot;
	int reason = walk_quote(w->ctx, w->packet, &quote);

	if (reason != SEG_PARSED)
		return leave(w, (__u32)reason);
	if (!make_key(w, &quote, data, data_end))
		return leave(w, SEG_REASON_TRUNCATED);
	if (is_failsafe(w, &quote, true))
		return leave(w, SEG_REASON_FAILSAFE);
	s = find(w, &slot);
	if (s && seg_session_verdict(s, w->config->generation) == SEG_VERDICT_ALLOW &&
	    was_sent(w, s, &quote, data, data_end))
		return leave(w, SEG_REASON_ICMP_RELATED);
	return leave(w, FEATURE(LEARN) ? SEG_REASON_EGRESS_ALLOW : SEG_REASON_ICMP_UNRELATED);
}

/* --- the way ----------------------------------------------------------------- */

/* The zone keeps flows of different L2 domains and VLANs apart; a VLAN that no rule names has none.
 * Returns `reason`, or that which refuses the VLAN. */
static __always_inline int enter_zone(struct walk *w, int reason)
{
	struct seg_zone_key key = {.zone = seg_constants.zone};
	__u16 *zone;

	if (seg_likely(!w->packet->vlan[0]))
		return reason;
	if (!FEATURE(VLAN))
		return SEG_REASON_VLAN_UNKNOWN;
	key.vlan[0] = w->packet->vlan[0];
	key.vlan[1] = w->packet->vlan[1];
	zone = bpf_map_lookup_elem(&seg_zones, &key);
	if (!zone)
		return SEG_REASON_VLAN_UNKNOWN;
	w->packet->zone = *zone;
	return reason;
}

/* As functions of their own, for the verifier's sake: see touch.bpf.h. */
SEG_GLOBAL int walk_parse(seg_context *ctx, struct seg_packet *packet, __u32 length)
{
	if (!packet)
		return SEG_REASON_TRUNCATED;
	return seg_packet_parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, length,
				seg_constants.features, seg_constants.zone, packet);
}

/* What most packets are is taken apart here; the rest, and what is wrong, by the whole parser. */
static __always_inline int parse(struct walk *w, void *data, void *data_end)
{
	__u32 length = FEATURE(FRAGS) ? w->length : 0;

	if (seg_likely(seg_packet_parse_plain(data, data_end, length, seg_constants.zone,
					      w->packet) == SEG_PARSED))
		return SEG_PARSED;
	return walk_parse(w->ctx, w->packet, length);
}

/* A fragment has no ports to be judged by: a worker holds it until its datagram is there. */
static __always_inline int gather(struct walk *w)
{
	int reason = enter_zone(w, SEG_REASON_FRAGMENT);

	if (reason != SEG_REASON_FRAGMENT || !FEATURE(GATHER))
		return leave(w, (__u32)reason);
	return up_alone(w, SEG_UP_FRAGMENT);
}

/* The parser has answered. */
static __always_inline int guarded(struct walk *w, int reason)
{
	return reason == SEG_REASON_FRAGMENT ? gather(w) : leave(w, (__u32)reason);
}

static __always_inline int judge(struct walk *w, void *data, void *data_end)
{
	int reason = walk_parsed(w, parse(w, data, data_end), data, data_end);
	struct seg_session *s;
	__u32 slot;
	int action;

	if (seg_likely(reason == SEG_PARSED) || allows((__u32)reason))
		reason = enter_zone(w, reason);
	if (seg_unlikely(reason != SEG_PARSED))
		return guarded(w, reason);
	if (seg_unlikely(w->packet->flags & SEG_PACKET_ICMP_ERROR))
		return related(w, data, data_end);
	if (!make_key(w, w->packet, data, data_end))
		return leave(w, SEG_REASON_TRUNCATED);
	if (is_failsafe(w, w->packet, false))
		return leave(w, SEG_REASON_FAILSAFE);
	s = find(w, &slot);
	if (seg_unlikely(!s))
		return walk_unknown(w);
	action = known(w, s, slot);
	return action == GONE ? walk_unknown(w) : action;
}

#endif
