/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * table_hash.h - the other candidate: a preallocated BPF_MAP_TYPE_HASH with the
 * same key and value. Its lookup and insert are the kernel's; it needs neither
 * slots nor tags nor a reaper, and a system call for each insert from user space.
 */
#ifndef SEG_BENCH_TABLE_HASH_H
#define SEG_BENCH_TABLE_HASH_H

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "compat.h"
#include "state.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct seg_key);
	__type(value, struct seg_session);
} sessions SEC(".maps");

static __always_inline struct seg_session *
bench_find(const struct seg_key *key, const volatile struct seg_constants *constants)
{
	(void)constants;
	return bpf_map_lookup_elem(&sessions, key);
}

static __always_inline bool bench_insert(const struct seg_key *key,
					 const volatile struct seg_constants *constants)
{
	struct seg_session session = {.key = *key, .state = SEG_LIFE_LIVE};

	(void)constants;
	session.verdict[BENCH_GENERATION & 1] = bench_verdict();
	return bpf_map_update_elem(&sessions, key, &session, BPF_NOEXIST) == 0;
}

#endif
