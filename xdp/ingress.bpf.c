// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * ingress.bpf.c - the XDP program: what arrives. Sends up what nobody knows, with
 * what it found before the frame.
 */
#include <linux/bpf.h>

typedef struct xdp_md seg_context;

#include "walk.bpf.h"

static __always_inline int walk_answer(const struct walk *w, bool pass)
{
	(void)w;
	return pass ? XDP_PASS : XDP_DROP;
}

static __always_inline int walk_parsed(struct walk *w, int reason, void *data, void *data_end)
{
	(void)w;
	(void)data;
	(void)data_end;
	return reason;
}

/* --- up to the worker ------------------------------------------------------ */

static __always_inline struct seg_queue *walk_queue(const struct walk *w)
{
	__u32 index = w->ctx->rx_queue_index;

	if (index >= seg_constants.queues)
		return NULL;
	index += seg_constants.queue_base;
	return bpf_map_lookup_elem(&seg_queues, &index);
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

static __always_inline int walk_up(const struct walk *w, struct seg_queue *q, struct seg_session *s,
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
	note_sent(w, q);
	count_exit(w, SEG_REASON_UP);
	return XDP_REDIRECT;
}

static __always_inline int walk_unknown(struct walk *w)
{
	return ask(w);
}

static __always_inline int walk_undecided(struct walk *w, struct seg_session *s, __u32 slot)
{
	return queue(w, s, slot);
}

/* --- the program ------------------------------------------------------------- */

SEC("xdp")
int seg_ingress(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct seg_packet packet = {};
	struct walk w = {.ctx = ctx, .packet = &packet, .segments = 1};
	__u32 zero = 0;

	w.config = bpf_map_lookup_elem(&seg_config, &zero);
	if (!w.config)
		return XDP_ABORTED;
	w.counts = seg_counts_index(seg_constants.iface, SEG_INGRESS);
	w.now = clock_now();
	w.length = FEATURE(FRAGS) ? (__u32)bpf_xdp_get_buff_len(ctx) : (__u32)(data_end - data);
	return judge(&w, data, data_end);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
