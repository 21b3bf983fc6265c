/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * p3_send.bpf.c - sends frames of random flows out of a veth, and the programs
 * at its other end that only pass or only drop.
 *
 * A live frame's page comes back as the receiver's stack left it: each is
 * written whole.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "flows.h"
#include "p3_send.h"
#include "run.h"

const volatile struct bench_template template = {};
const volatile __u32 flows = 1;
const volatile __u32 ip_rest = 0; /* see bench_ip_check */

struct bench_run run = BENCH_RUN_START;

SEC("xdp")
int send(struct xdp_md *ctx)
{
	struct bench_frame_v4 *frame = (void *)(long)ctx->data;
	__u64 *words = (void *)(long)ctx->data;
	__u32 flow = bench_next_flow(&run, flows);

	if ((void *)words + BENCH_FRAME > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	for (int i = 0; i < BENCH_FRAME / 8; i++)
		words[i] = template.words[i];
	frame->ip.saddr = bench_host(flow);
	frame->ip.check = bench_ip_check(ip_rest, frame->ip.saddr);
	frame->ports[0] = bench_port(flow);
	return XDP_TX;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
