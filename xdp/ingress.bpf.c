/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * ingress.bpf.c - the XDP program: parse, judge what needs no lookup, look the
 * session up, answer; what nobody knows yet goes to the worker.
 *
 * Every packet leaves through leave() or up(), which count it once (invariant 1).
 * Nothing is reported for allowed packets.
 */
#include <linux/bpf.h>
#include <linux/in.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "compat.h"
#include "maps.bpf.h"
#include "table_maps.bpf.h"

#include "packet.h"
#include "session.h"
#include "session_key.h"
#include "table.h"

const volatile struct seg_constants seg_constants = {};

#define FEATURE(name) (seg_constants.features & SEG_FEATURE_##name)

/* One packet on its way through the program. */
struct walk {
	struct xdp_md *ctx;
	struct seg_config *config;
	struct seg_packet
		*packet; /* apart, as its address leaves: the rest may live in registers */
	__u64 now;       /* ns */
	__u32 length;
	__u32 direction; /* endpoint that speaks */
	struct seg_key key;
	struct seg_hash hash;
};

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

static __always_inline __u64 clock_now(void)
{
	struct seg_replay_word *word;
	__u32 zero = 0;

	if (!FEATURE(REPLAY))
		return clock_kept();
	word = bpf_map_lookup_elem(&seg_replay, &zero);
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
	__u32 zero = 0;
	struct seg_replay_word *word = bpf_map_lookup_elem(&seg_replay, &zero);

	if (word)
		word->reason = reason;
}

static __always_inline void count_exit(const struct walk *w, __u32 reason)
{
	__u32 iface = seg_constants.iface;
	struct seg_counts *counts = bpf_map_lookup_elem(&seg_counts, &iface);

	if (FEATURE(REPLAY))
		note_exit(reason);
	if (!counts || reason >= SEG_REASON_MAX)
		return;
	counts->exit[reason].packets++;
	counts->exit[reason].bytes += w->length;
}

static __always_inline int leave(const struct walk *w, __u32 reason)
{
	count_exit(w, reason);
	if (FEATURE(TRACE))
		bpf_printk("xdpseg: reason %u, %u bytes", reason, w->length);
	if (!w->config->armed)
		return XDP_PASS;
	return allows(reason) ? XDP_PASS : XDP_DROP;
}

/* --- up to the worker ------------------------------------------------------ */

static __always_inline struct seg_queue *queue_of(const struct walk *w)
{
	__u32 index = w->ctx->rx_queue_index;

	if (index >= seg_constants.queues)
		return NULL;
	index += seg_constants.queue_base;
	return bpf_map_lookup_elem(&seg_queues, &index);
}

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

static __always_inline int leave_worker_lost(const struct walk *w)
{
	return leave(w, seg_constants.on_loss == SEG_ON_LOSS_PASS ? SEG_REASON_WORKER_LOST_PASS
								  : SEG_REASON_WORKER_LOST);
}

static __always_inline void note_sent(struct seg_queue *q, __u64 now)
{
	__u64 consumed = seg_load(&q->consumed);

	if (seg_load(&q->sent) == consumed || seg_load(&q->seen) != consumed ||
	    waited(q, now) >= (__s64)SEG_WORKER_RETRY_NS) {
		seg_xchg(&q->seen, consumed);
		seg_xchg(&q->since, now);
	}
	seg_add(&q->sent, 1);
}

/* What the parser found goes before the frame, where the driver has room there. */
static __always_inline void put_meta(const struct walk *w, struct seg_queue *q, __u32 slot,
				     __u8 incarnation, __u8 why)
{
	__u32 carried = SEG_META_REFUSED;
	struct seg_meta *meta;

	if (!FEATURE(META))
		return;
	if (!bpf_xdp_adjust_meta(w->ctx, -(int)sizeof(*meta))) {
		meta = (void *)(long)w->ctx->data_meta;
		if ((void *)(meta + 1) > (void *)(long)w->ctx->data)
			return;
		meta->packet = *w->packet;
		meta->slot = slot;
		meta->generation = (__u16)w->config->generation;
		meta->incarnation = incarnation;
		meta->reason = why;
		carried = SEG_META_CARRIED;
	}
	if (q->meta != carried)
		q->meta = carried;
}

static __always_inline int up(const struct walk *w, struct seg_queue *q, struct seg_session *s,
			      __u32 slot, __u8 why)
{
	__u64 fallback = seg_constants.on_loss == SEG_ON_LOSS_PASS ? XDP_PASS : XDP_DROP;
	long action;

	put_meta(w, q, slot, s ? seg_state_incarnation(seg_load(&s->state)) : 0, why);
	action = bpf_redirect_map(&seg_xsks, w->ctx->rx_queue_index, fallback);
	if (action != XDP_REDIRECT) {
		count_exit(w,
			   action == XDP_PASS ? SEG_REASON_NO_SOCKET_PASS : SEG_REASON_NO_SOCKET);
		return (int)action;
	}
	note_sent(q, w->now);
	count_exit(w, SEG_REASON_UP);
	return XDP_REDIRECT;
}

/* --- a flow whose verdict is not known yet ----------------------------------- */

static __always_inline int waiting(struct walk *w, struct seg_queue *q, struct seg_session *s,
				   __u32 slot, int answer)
{
	if (answer == SEG_ANSWER_FULL)
		return leave(w, SEG_REASON_PENDING_FULL);
	if (answer != SEG_ANSWER_UP)
		return up(w, q, NULL, SEG_SLOT_NONE, SEG_UP_UNCACHED);
	return up(w, q, s, slot, SEG_UP_PENDING);
}

/* --- a flow that nobody knows ---------------------------------------------- */

static __always_inline struct seg_quota *quota_of(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&seg_quota, &zero);
}

/* A slot is ours: the key is in it, the rest is zero. The gate is closed, this packet queued. */
static __always_inline void fill(const struct walk *w, struct seg_session *s)
{
	__u8 flags = w->direction ? SEG_SESSION_ORIGINATOR : 0;

	s->gate = seg_gate_first(tick(w));
	s->iface[w->direction & 1] = (__u16)(seg_constants.iface + 1);
	seg_table_publish(s, seg_state_make(SEG_LIFE_LIVE, SEG_L4_OPENING, flags, 0, tick(w)));
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

	if (!quota || !seg_quota_take(quota, SEG_CLASS_HALF_OPEN, seg_constants.half_open_max))
		return leave(w, SEG_REASON_SESSIONS_FULL);
	result = seg_table_claim(NULL, &w->key, &w->hash, &s, &slot);
	if (result == SEG_CLAIM_CLAIMED) {
		fill(w, s);
		return up(w, q, s, slot, SEG_UP_MISS);
	}
	seg_quota_give(quota, SEG_CLASS_HALF_OPEN);
	if (result == SEG_CLAIM_FULL)
		return leave(w, SEG_REASON_SESSIONS_FULL);
	if (result == SEG_CLAIM_EXISTS) /* another CPU was faster */
		return waiting(w, q, s, slot, seg_session_queue(s, w->config->generation));
	return up(w, q, NULL, SEG_SLOT_NONE, SEG_UP_UNCACHED);
}

static __always_inline int unknown(struct walk *w)
{
	struct seg_queue *q = queue_of(w);

	if (is_midflow(w))
		return leave(w, SEG_REASON_TCP_MIDFLOW);
	if (!q)
		return leave(w, SEG_REASON_NO_SOCKET);
	if (worker_lost(q, w->now))
		return leave_worker_lost(w);
	return claim(w, q);
}

/* --- a flow that has a session --------------------------------------------- */

#define GONE (-1) /* it died while we looked: the packet met no session */

static __always_inline int decided(struct walk *w, struct seg_session *s, int verdict)
{
	struct seg_touch touch = {
		.quota = quota_of(),
		.established_max = seg_constants.established_max,
		.now = tick(w),
		.one_sided = !FEATURE(TWO_SIDED),
	};
	enum seg_event event = SEG_EVENT_NONE;
	__u32 reason = SEG_REASON_SESSION_DENY;

	if (seg_likely(verdict == SEG_VERDICT_ALLOW)) {
		event = seg_event_of(w->packet->proto, w->packet->tcp_flags);
		reason = SEG_REASON_SESSION_ALLOW;
	}
	if (!touch.quota || !seg_session_touch(s, event, w->packet->proto, w->direction, &touch))
		return GONE;
	seg_session_count(s, w->direction, w->length);
	return leave(w, reason);
}

/* Where the worker is lost nothing is queued: nobody would count it handled. */
static __always_inline int undecided(struct walk *w, struct seg_session *s, __u32 slot)
{
	struct seg_queue *q = queue_of(w);
	int answer;

	if (!q)
		return leave(w, SEG_REASON_NO_SOCKET);
	if (worker_lost(q, w->now))
		return leave_worker_lost(w);
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
	q = queue_of(w);
	return q && worker_lost(q, w->now);
}

static __always_inline int known(struct walk *w, struct seg_session *s, __u32 slot)
{
	int verdict = seg_session_verdict(s, w->config->generation);

	if (stopped(w))
		return leave(w, SEG_REASON_WORKER_LOST);
	if (seg_unlikely(!verdict))
		return undecided(w, s, slot);
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

/* --- ICMP errors: judged by the flow that they quote ------------------------ */

static __always_inline int related(struct walk *w, void *data, void *data_end)
{
	struct seg_packet quote;
	struct seg_session *s;
	__u32 slot;
	int reason = seg_quote_parse(data, data_end, w->packet, &quote);

	if (reason != SEG_PARSED)
		return leave(w, (__u32)reason);
	if (!make_key(w, &quote, data, data_end))
		return leave(w, SEG_REASON_TRUNCATED);
	s = find(w, &slot);
	if (s && seg_session_verdict(s, w->config->generation) == SEG_VERDICT_ALLOW)
		return leave(w, SEG_REASON_ICMP_RELATED);
	return leave(w, SEG_REASON_ICMP_UNRELATED);
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

static __always_inline int judge(struct walk *w, void *data, void *data_end)
{
	int reason = seg_packet_parse(data, data_end, FEATURE(FRAGS) ? w->length : 0,
				      seg_constants.features, seg_constants.zone, w->packet);
	struct seg_session *s;
	__u32 slot;
	int action;

	if (seg_likely(reason == SEG_PARSED) || allows((__u32)reason))
		reason = enter_zone(w, reason);
	if (seg_unlikely(reason != SEG_PARSED))
		return leave(w, (__u32)reason);
	if (seg_unlikely(w->packet->flags & SEG_PACKET_ICMP_ERROR))
		return related(w, data, data_end);
	if (!make_key(w, w->packet, data, data_end))
		return leave(w, SEG_REASON_TRUNCATED);
	s = find(w, &slot);
	if (seg_unlikely(!s))
		return unknown(w);
	action = known(w, s, slot);
	return action == GONE ? unknown(w) : action;
}

SEC("xdp")
int seg_ingress(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct seg_packet packet;
	struct walk w = {.ctx = ctx, .packet = &packet};
	__u32 zero = 0;

	w.config = bpf_map_lookup_elem(&seg_config, &zero);
	if (!w.config)
		return XDP_ABORTED;
	w.now = clock_now();
	w.length = FEATURE(FRAGS) ? (__u32)bpf_xdp_get_buff_len(ctx) : (__u32)(data_end - data);
	return judge(&w, data, data_end);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
