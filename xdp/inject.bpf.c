// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * inject.bpf.c - from the workers back to where packets were going: two ways into the
 * host's stack, as if received on the real interface, and one out by it; and how a
 * packet that leaves reaches a worker.
 *
 * seg_reinject  clsact ingress of the internal veth's inner end: what the
 *               worker's AF_XDP socket sent arrives here and moves on to the
 *               real interface, in or out. Everything else dies, so that nobody gets
 *               past the filter by sending into the veth. What goes out keeps its mark:
 *               by that seg_egress knows it.
 * seg_redirected  the same of the outer end, in generic mode: there seg_reinject leaves what
 *               comes in to the filter behind it, whose act_mirred brings it here. Generic
 *               XDP lets pass what that has redirected.
 * seg_live      run by the worker with live frames (BPF_PROG_RUN): each
 *               repetition turns the page it is given into the next frame of
 *               the worker's batch. Attached to the veth's outer end, where
 *               nothing arrives: unattached, each run would wait for an RCU
 *               grace period.
 * seg_asked     XDP of the asking pair's inner end: what seg_egress sent there is the
 *               worker's.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "live.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 seg_ifindex;  /* the real interface */
const volatile __u32 seg_mark;     /* secret: SO_MARK of the workers' sockets, of what came in... */
const volatile __u32 seg_mark_out; /* ...and of what leaves */
const volatile bool seg_generic;   /* generic XDP would meet what comes in once more */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the keeper sets the number of queues */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct seg_live);
} seg_live_frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} seg_asked_xsk SEC(".maps");

SEC("xdp")
int seg_asked(struct xdp_md *ctx)
{
	return (int)bpf_redirect_map(&seg_asked_xsk, ctx->rx_queue_index, XDP_DROP);
}

/* --- programs -------------------------------------------------------------------- */

static __always_inline int hand_in(struct __sk_buff *skb)
{
	if (!skb->vlan_present) /* seg_beside takes it off what has a tag */
		skb->mark = 0;
	return (int)bpf_redirect(seg_ifindex, BPF_F_INGRESS);
}

SEC("tc")
int seg_reinject(struct __sk_buff *skb)
{
	if (seg_mark_out && skb->mark == seg_mark_out)
		return (int)bpf_redirect(seg_ifindex, 0);
	if (skb->mark != seg_mark)
		return TC_ACT_SHOT;
	return seg_generic ? TC_ACT_UNSPEC : hand_in(skb);
}

SEC("tc")
int seg_redirected(struct __sk_buff *skb)
{
	return skb->mark == seg_mark ? hand_in(skb) : TC_ACT_SHOT;
}

/*
 * The whole frame is written: the stack has changed what a recycled page held.
 * On a failure next stays, and the worker takes the other way with the rest.
 */
static int become(struct xdp_md *ctx, struct seg_live *live, __u32 i)
{
	struct seg_live_frame *frame = &live->frame[i];
	__u32 len = frame->len;

	if (len < ETH_HLEN || len > SEG_LIVE_FRAME_MAX)
		return XDP_DROP;
	if (bpf_xdp_adjust_tail(ctx, (int)len - (int)bpf_xdp_get_buff_len(ctx)))
		return XDP_DROP;
	if (bpf_xdp_store_bytes(ctx, 0, frame->data, len))
		return XDP_DROP;
	live->next = i + 1;
	return XDP_PASS;
}

SEC("xdp")
int seg_live(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;
	struct seg_live *live;

	if (ctx->ingress_ifindex != seg_ifindex)
		return XDP_PASS; /* not a run: a packet of the device it is attached to */
	live = bpf_map_lookup_elem(&seg_live_frames, &queue);
	if (!live || live->next >= SEG_LIVE_FRAMES)
		return XDP_DROP;
	return become(ctx, live, live->next);
}
