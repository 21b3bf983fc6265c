/* SPDX-License-Identifier: GPL-2.0 */
/*
 * table_torture.bpf.c - the side of the table's torture test that runs as XDP.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "torture.h"

#define torture_random() bpf_get_prandom_u32()

const volatile struct seg_constants constants;
struct torture_record record;

/* Updating this map waits for every program that runs: the grace period. */
struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct inner);
} grace SEC(".maps") = {.values = {&inner}};

static long spin(__u32 i, void *context)
{
	(void)context;
	asm volatile("" ::"r"(i));
	return 0;
}

/* Once in 64: up to some 30 us, most often much less. Global, so that it is verified once. */
__attribute__((noinline)) int torture_delay(void)
{
	__u32 random = bpf_get_prandom_u32();

	if (random % 64 == 0)
		bpf_loop(1 << (random >> 28), spin, NULL, 0);
	return 0;
}

#include "torture_step.h"

SEC("xdp")
int torture(struct xdp_md *context)
{
	(void)context;
	torture_step(NULL, &constants, &record, TORTURE_BPF);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
