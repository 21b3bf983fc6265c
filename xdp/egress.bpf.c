// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * egress.bpf.c - the tc programs of an interface.
 *
 * seg_egress  what leaves. Where the policy allows all of it (SEG_FEATURE_LEARN) a flow
 *             that nobody knows is learned here, so that its answers come in; elsewhere
 *             the packet goes to a worker by the asking pair, and comes back marked.
 * seg_beside  what arrives with a VLAN tag beside the frame, where XDP cannot see it: it
 *             passes only where XDP, or the worker, has judged it with that tag.
 *             seg_no_vlan is its place where the policy names no VLAN.
 *
 * A tc program sees a frame's head only: what the headers may need is pulled there. One
 * GSO frame is several packets on the wire, and is counted as those.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

typedef struct __sk_buff seg_context;

#include "walk.bpf.h"

/* Set by the keeper. */
const volatile struct seg_port seg_port = {};

/* Headers that are looked at: two tags, IPv6 with extensions, an ICMP error's quote. */
#define HEAD_MAX 256

static __always_inline int walk_answer(const struct walk *w, bool pass)
{
	(void)w;
	return pass ? TC_ACT_UNSPEC : TC_ACT_SHOT; /* unspecified: the next program is asked */
}

/* --- VLAN ------------------------------------------------------------------- */

/* The tag beside the frame is the outer one. False: there are more than two. */
static __always_inline bool put_tag(const struct walk *w)
{
	__u16 vid = (__u16)(w->ctx->vlan_tci & 0xfff);

	if (!w->ctx->vlan_present || !vid)
		return true;
	if (w->packet->vlan[1])
		return false;
	w->packet->vlan[1] = w->packet->vlan[0];
	w->packet->vlan[0] = SEG_VLAN_PRESENT | vid;
	return true;
}

/* --- what leaves ------------------------------------------------------------- */

/* The client's side of DHCP (RFC 2131 4.1, RFC 8415 7.2): a host without it has no address. */
static __always_inline bool asks_dhcp(const struct seg_packet *packet)
{
	if (packet->proto != IPPROTO_UDP)
		return false;
	if (packet->family == 4)
		return packet->sport == SEG_BE16(SEG_PORT_DHCP_CLIENT) &&
		       packet->dport == SEG_BE16(SEG_PORT_DHCP_SERVER);
	return packet->sport == SEG_BE16(SEG_PORT_DHCP6_CLIENT) &&
	       packet->dport == SEG_BE16(SEG_PORT_DHCP6_SERVER);
}

/*
 * Where all may leave, the first fragment has the ports and is a packet like others; the rest
 * follow it. If that was dropped they are of no use to anybody.
 */
static __always_inline int fragment(struct walk *w, void *data, void *data_end)
{
	int reason = SEG_REASON_FRAGMENT;

	if (!FEATURE(LEARN))
		return reason;
	reason = seg_parse_first_fragment(data, data_end, w->packet);
	return reason == SEG_REASON_FRAGMENT ? SEG_REASON_EGRESS_ALLOW : reason;
}

/* Each packet of a GSO frame has the headers of the first on the wire. */
static __always_inline void add_headers(struct walk *w, void *data, void *data_end)
{
	const struct seg_tcp *tcp = seg_at(data, data_end, seg_l4(w->packet), sizeof(*tcp));
	__u32 header = seg_l4(w->packet) + (__u32)sizeof(struct seg_udp);

	if (w->packet->proto == IPPROTO_TCP && tcp)
		header = seg_l4(w->packet) + (tcp->offset >> 4) * 4u;
	w->length += (w->segments - 1) * header;
}

static __always_inline int walk_parsed(struct walk *w, int reason, void *data, void *data_end)
{
	if (w->segments > 1 && reason == SEG_PARSED)
		add_headers(w, data, data_end);
	if (seg_unlikely(!put_tag(w)))
		return SEG_REASON_VLAN_UNKNOWN;
	if (seg_unlikely(reason == SEG_REASON_FRAGMENT))
		return fragment(w, data, data_end);
	if (seg_likely(reason == SEG_PARSED) && seg_unlikely(asks_dhcp(w->packet)))
		return SEG_REASON_DHCP;
	return reason;
}

/* --- ask ---------------------------------------------------------------------- */

static __always_inline struct seg_queue *walk_queue(const struct walk *w)
{
	__u32 index = seg_constants.queue_base;

	(void)w;
	return seg_constants.queues ? bpf_map_lookup_elem(&seg_queues, &index) : NULL;
}

/* The stack cuts a GSO frame on its way into the pair, so that its packets arrive one by one. */
static __always_inline int walk_up(const struct walk *w, struct seg_queue *q, struct seg_session *s,
				   __u32 slot, __u8 why)
{
	(void)slot;
	(void)why;
	if (s && w->segments > 1)
		seg_add(&s->gate, (w->segments - 1) * SEG_GATE_QUEUED_ONE);
	note_sent(w, q);
	count_exit(w, SEG_REASON_UP);
	return (int)bpf_redirect(seg_port.ask, 0);
}

/* --- learn -------------------------------------------------------------------- */

static __always_inline __u64 verdict_learned(const struct walk *w)
{
	return seg_verdict_make(SEG_VERDICT_ALLOW, SEG_VERDICT_LEARNED, w->config->generation,
				SEG_RULE_DEFAULT);
}

static __always_inline void fill_learned(const struct walk *w, struct seg_session *s)
{
	__u8 flags = w->direction ? SEG_SESSION_ORIGINATOR : 0;

	if (w->packet->proto == IPPROTO_TCP && !may_open(w->packet->tcp_flags))
		flags |= SEG_SESSION_LOOSE;
	begin_window(w, s);
	s->gate = SEG_GATE_OPEN | tick(w);
	s->iface[w->direction & 1] = (__u16)(seg_constants.iface + 1);
	s->count[w->direction & 1] = seg_count_pack(w->segments, w->length);
	*seg_verdict_slot(s, w->config->generation) = verdict_learned(w);
	seg_table_publish(s, seg_state_set_class(seg_state_make(SEG_LIFE_LIVE, SEG_L4_OPENING,
								flags, 0, tick(w)),
						 SEG_CLASS_OWN));
}

/* Worth a session: something may be answered. Of ICMP that is an echo request (learned.h). */
static __always_inline bool expects_answer(const struct walk *w)
{
	const struct seg_packet *packet = w->packet;

	if (packet->proto == IPPROTO_TCP)
		return !(packet->tcp_flags & (SEG_TCP_RST | SEG_TCP_FIN));
	return !seg_is_icmp(packet->proto) || (seg_is_echo(packet->proto, packet->icmp_type) &&
					       !(packet->flags & SEG_PACKET_ICMP_REPLY));
}

/* Everything that leaves is allowed, so that no lack of room may stop it. */
static __always_inline int learn(struct walk *w)
{
	struct seg_quota *quota = quota_of();
	struct seg_session *s;
	enum seg_claim result;
	__u32 slot;

	if (!quota || !expects_answer(w) ||
	    !seg_quota_take(quota, SEG_CLASS_OWN, seg_constants.half_open_max))
		return leave(w, SEG_REASON_EGRESS_ALLOW);
	result = seg_table_claim(NULL, &w->key, &w->hash, &s, &slot);
	if (result == SEG_CLAIM_CLAIMED) {
		fill_learned(w, s);
		return leave(w, SEG_REASON_EGRESS_LEARNED);
	}
	seg_quota_give(quota, SEG_CLASS_OWN);
	return leave(w, SEG_REASON_EGRESS_ALLOW); /* no room, or another CPU was faster */
}

static __always_inline int walk_unknown(struct walk *w)
{
	return FEATURE(LEARN) ? learn(w) : ask(w);
}

/*
 * Under another policy than its verdict's, or still waiting for one. A flow of this host's own
 * needs nobody's word; the other side's is judged when that speaks, and may be answered.
 */
static __always_inline int learn_again(struct walk *w, struct seg_session *s)
{
	__u64 state = seg_load(&s->state);
	int action;

	if (w->direction == seg_state_originator(state) && seg_load(&s->gate) & SEG_GATE_OPEN) {
		seg_store(&s->shadow[w->config->generation & 1], 0);
		seg_store(seg_verdict_slot(s, w->config->generation), verdict_learned(w));
	}
	action = decided(w, s, SEG_VERDICT_ALLOW);
	return action == GONE ? leave(w, SEG_REASON_EGRESS_ALLOW) : action;
}

static __always_inline int walk_undecided(struct walk *w, struct seg_session *s, __u32 slot)
{
	return FEATURE(LEARN) ? learn_again(w, s) : queue(w, s, slot);
}

/* --- the programs --------------------------------------------------------------- */

static __always_inline void pull_head(struct __sk_buff *skb)
{
	__u32 wanted = skb->len < HEAD_MAX ? skb->len : HEAD_MAX;

	if ((void *)(long)skb->data + wanted > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, wanted);
}

static __always_inline __u32 length_of(const struct __sk_buff *skb)
{
	struct seg_replay_word *word = FEATURE(REPLAY) ? replay_word() : NULL;

	return word && word->length ? (__u32)word->length : skb->len;
}

static __always_inline void measure(struct walk *w, struct __sk_buff *skb)
{
	__u32 segments = skb->gso_segs;

	w->length = length_of(skb);
	w->segments = segments > 1 ? segments : 1;
}

SEC("tc")
int seg_egress(struct __sk_buff *skb)
{
	struct seg_packet packet = {};
	struct walk w = {.ctx = skb, .packet = &packet};
	__u32 zero = 0;

	if (seg_port.mark && skb->mark == seg_port.mark) { /* the worker has let it out */
		skb->mark = 0;
		return TC_ACT_UNSPEC;
	}
	w.config = bpf_map_lookup_elem(&seg_config, &zero);
	if (!w.config)
		return TC_ACT_SHOT;
	w.counts = seg_counts_index(seg_constants.iface, SEG_EGRESS);
	w.now = clock_now();
	measure(&w, skb);
	pull_head(skb);
	return judge(&w, (void *)(long)skb->data, (void *)(long)skb->data_end);
}

/*
 * The stack takes tags off before tc: those that XDP saw too. A session in the tag's zone, or
 * an answer that needs none (failsafe's too), says that this one was judged; a packet that was
 * taken for an untagged one has neither.
 */
static __always_inline bool was_judged(struct walk *w, void *data, void *data_end)
{
	int reason = walk_parse(w->ctx, w->packet, w->length);
	__u32 slot;

	if (!put_tag(w))
		return false;
	if (enter_zone(w, reason) != reason)
		return false;
	if (reason != SEG_PARSED)
		return allows((__u32)reason);
	if (w->packet->flags & SEG_PACKET_ICMP_ERROR) {
		struct seg_packet quote = {};

		return walk_quote(w->ctx, w->packet, &quote) == SEG_PARSED &&
		       make_key(w, &quote, data, data_end) &&
		       (failsafe_has(&quote, &w->key, w->direction, false) || find(w, &slot));
	}
	return make_key(w, w->packet, data, data_end) &&
	       (failsafe_has(w->packet, &w->key, w->direction, true) || find(w, &slot));
}

static __always_inline bool has_tag_beside(const struct __sk_buff *skb)
{
	return skb->vlan_present && skb->vlan_tci & 0xfff;
}

/* A worker has let it in. */
static __always_inline bool was_let_in(struct __sk_buff *skb)
{
	if (!seg_port.mark_in || skb->mark != seg_port.mark_in)
		return false;
	skb->mark = 0;
	return true;
}

/* `named`: the policy names VLANs; else nothing that has a tag was judged as such. */
static __always_inline int look_beside(struct walk *w, struct __sk_buff *skb, bool named)
{
	__u32 zero = 0;

	if (!has_tag_beside(skb) || was_let_in(skb))
		return TC_ACT_UNSPEC;
	w->config = bpf_map_lookup_elem(&seg_config, &zero);
	if (!w->config)
		return TC_ACT_SHOT;
	w->counts = seg_counts_index(seg_constants.iface, SEG_INGRESS);
	measure(w, skb);
	if (!named)
		return leave(w, SEG_REASON_VLAN_BESIDE);
	pull_head(skb);
	if (was_judged(w, (void *)(long)skb->data, (void *)(long)skb->data_end))
		return TC_ACT_UNSPEC;
	return leave(w, SEG_REASON_VLAN_BESIDE);
}

SEC("tc")
int seg_beside(struct __sk_buff *skb)
{
	struct seg_packet packet = {};
	struct walk w = {.ctx = skb, .packet = &packet};

	return look_beside(&w, skb, true);
}

/* A program of its own, as the verifier would follow the whole walk of the other one. */
SEC("tc")
int seg_no_vlan(struct __sk_buff *skb)
{
	struct walk w = {.ctx = skb};

	return look_beside(&w, skb, false);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
