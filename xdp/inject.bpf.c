// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * inject.bpf.c - two ways back into the host's stack, as if received on the
 * real interface.
 *
 * seg_reinject  clsact ingress of the internal veth's inner end: what the
 *               worker's AF_XDP socket sent arrives here and moves on to the
 *               real interface. Everything else dies, so that nobody gets past
 *               the filter by sending into the veth.
 * seg_live      run by the worker with live frames (BPF_PROG_RUN): each
 *               repetition turns the page it is given into the next frame of
 *               the worker's batch. Attached to the veth's outer end, where
 *               nothing arrives: unattached, each run would wait for an RCU
 *               grace period.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "live.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 seg_ifindex; /* the real interface */
const volatile __u32 seg_mark;    /* secret: SO_MARK of the worker's socket */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the keeper sets the number of queues */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct seg_live);
} seg_live_frames SEC(".maps");

SEC("tc")
int seg_reinject(struct __sk_buff *skb)
{
	if (skb->mark != seg_mark)
		return TC_ACT_SHOT;
	skb->mark = 0;
	return (int)bpf_redirect(seg_ifindex, BPF_F_INGRESS);
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
