// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * shared.bpf.c - what stands at an XDP hook that is shared with other programs.
 *
 * libxdp's dispatcher cannot replace one of its programs in place, and a policy has to change
 * between two packets. So the dispatcher has this program, and what it calls changes: one
 * element of an array. Nothing there: the packet goes on to the next program.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} seg_slot SEC(".maps");

/* All the stack that a program may have. Where the kernel has no JIT, what is called runs on the
 * caller's stack, and Linux from 6.9 on gives the caller no more than it uses itself. */
static __always_inline void stack_take(void)
{
	__asm__ volatile("*(u64 *)(r10 - 512) = %0" : : "r"(0ull) : "memory");
}

SEC("xdp")
int seg_shared(struct xdp_md *ctx)
{
	stack_take();
	bpf_tail_call(ctx, &seg_slot, 0);
	return XDP_PASS;
}
