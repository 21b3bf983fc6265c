/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * p1_wrap.bpf.c - writes the tuple of a random flow, and the IP checksum, into
 * the frame, and tail-calls the program that is measured. With an empty one
 * behind it, it measures itself.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "flows.h"
#include "run.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} callee SEC(".maps");

const volatile __u32 flows = 1;      /* that many... */
const volatile __u32 first_flow = 0; /* ...from this one on */
const volatile __u32 ip_rest = 0;    /* sum of the IPv4 header without source and checksum */

struct bench_run run = BENCH_RUN_START;

SEC("xdp")
int wrap_v4(struct xdp_md *ctx)
{
	struct bench_frame_v4 *frame = (void *)(long)ctx->data;
	__u32 flow = first_flow + bench_next_flow(&run, flows);

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	frame->ip.saddr = bench_host(flow);
	frame->ip.check = bench_ip_check(ip_rest, frame->ip.saddr);
	frame->ports[0] = bench_port(flow);
	bpf_tail_call_static(ctx, &callee, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int wrap_v6(struct xdp_md *ctx)
{
	struct bench_frame_v6 *frame = (void *)(long)ctx->data;
	__u32 flow = first_flow + bench_next_flow(&run, flows);

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	frame->ip.saddr.in6_u.u6_addr32[3] = bench_host(flow);
	frame->ports[0] = bench_port(flow);
	bpf_tail_call_static(ctx, &callee, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
