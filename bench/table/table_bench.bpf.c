/* SPDX-License-Identifier: GPL-2.0 */
/*
 * table_bench.bpf.c - one packet's work on the session table, over the table
 * that SEG_TABLE_HEADER names. `none` is what the others cost without a table.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bench_table.h"

#include SEG_TABLE_HEADER

const volatile struct bench_config config SEC(".rodata.bench");
struct bench_state state SEC(".data.bench");

/* 0..n-1; a linear congruence is enough to defeat every cache and prefetcher. */
static __always_inline __u32 random_below(__u32 n)
{
	state.random = state.random * 6364136223846793005ull + 1442695040888963407ull;
	return (__u32)((state.random >> 32) * n >> 32);
}

static __always_inline void count(struct seg_session *session)
{
	__u32 tick = (__u32)(bpf_ktime_get_coarse_ns() >> SEG_TICK_SHIFT);
	__u64 word = seg_load(&session->state);

	if (seg_state_seen(word) != tick)
		seg_cas(&session->state, word, seg_state_set_seen(word, tick));
	seg_add(&session->count[word & 1], 1ull << 40 | 64);
}

static __always_inline bool allowed(const struct seg_session *session)
{
	return session->verdict[BENCH_GENERATION & 1] == bench_verdict();
}

SEC("xdp")
int none(struct xdp_md *context)
{
	struct seg_key key;

	(void)context;
	bench_key(&key, random_below(config.sessions));
	asm volatile("" ::"r"(&key) : "memory");
	state.sink += bpf_ktime_get_coarse_ns();
	return XDP_PASS;
}

SEC("xdp")
int hit(struct xdp_md *context)
{
	struct seg_session *session;
	struct seg_key key;

	(void)context;
	bench_key(&key, random_below(config.sessions));
	session = bench_find(&key, &config.constants);
	if (!session || !allowed(session)) {
		state.wrong++;
		return XDP_ABORTED;
	}
	count(session);
	return XDP_PASS;
}

SEC("xdp")
int miss(struct xdp_md *context)
{
	struct seg_key key;

	(void)context;
	bench_key(&key, config.sessions + random_below(config.sessions));
	state.wrong += bench_find(&key, &config.constants) != NULL;
	state.sink += bpf_ktime_get_coarse_ns();
	return XDP_DROP;
}

SEC("xdp")
int insert(struct xdp_md *context)
{
	struct seg_key key;

	(void)context;
	bench_key(&key, (__u32)state.next++);
	if (!bench_insert(&key, &config.constants))
		state.wrong++;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
