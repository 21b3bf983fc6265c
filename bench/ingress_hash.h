/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * ingress_hash.h - the session table's interface over a BPF_MAP_TYPE_HASH, as
 * strong as that can be made: a value is a session without its key, which the map
 * keeps itself, and an IPv4-only program (BENCH_FAMILY 4) has a key of 16 bytes.
 *
 * Shared by the program and the C code that seeds it. Include it before anything
 * of xdp/: it takes the place of struct seg_session, table.h and table_maps.bpf.h.
 */
#ifndef BENCH_INGRESS_HASH_H
#define BENCH_INGRESS_HASH_H

#include <linux/types.h>

struct bench_key_v4 {
	__be32 addr[2];
	__be16 port[2];
	__u8 proto;
	__u8 family;
	__u16 zone;
};

#ifdef __bpf__

#define seg_session seg_session_with_key
#include "abi.h"
#undef seg_session

struct seg_session {
	__u64 state;
	__u64 verdict[2];
	__u64 gate;
	__u64 count[2];
	struct seg_window window[2];
	__u16 iface[2];
	__u16 shadow[2];
};

_Static_assert(sizeof(struct seg_session) ==
		       sizeof(struct seg_session_with_key) -
			       __builtin_offsetof(struct seg_session_with_key, state),
	       "a session without its key");

#define SEG_TABLE_H
#define SEG_TABLE_MAPS_BPF_H

#include "compat.h"
#include "hash.h"
#include "state.h"

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#else

#include "abi.h"
#include "compat.h"

#endif

static __always_inline struct bench_key_v4 bench_key_v4_of(const struct seg_key *key)
{
	return (struct bench_key_v4){
		.addr = {key->addr[0][3], key->addr[1][3]},
		.port = {key->port[0], key->port[1]},
		.proto = key->proto,
		.family = key->family,
		.zone = key->zone,
	};
}

#ifdef __bpf__

#if BENCH_FAMILY == 4
typedef struct bench_key_v4 bench_key;

#define bench_key_of bench_key_v4_of
#else
typedef struct seg_key bench_key;

static __always_inline bench_key bench_key_of(const struct seg_key *key)
{
	return *key;
}
#endif

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, bench_key);
	__type(value, struct seg_session);
} seg_hash_slots SEC(".maps");

struct seg_table;

enum seg_claim { SEG_CLAIM_CLAIMED, SEG_CLAIM_EXISTS, SEG_CLAIM_BUSY, SEG_CLAIM_FULL };

static __always_inline struct seg_session *seg_table_find(const struct seg_table *table,
							  const struct seg_key *key,
							  const struct seg_hash *hash, __u32 *slot)
{
	bench_key own = bench_key_of(key);

	(void)table;
	(void)hash;
	*slot = 0;
	return bpf_map_lookup_elem(&seg_hash_slots, &own);
}

/* A new element is in sight before it is filled: its life is FREE until published. */
static __always_inline enum seg_claim seg_table_claim(const struct seg_table *table,
						      const struct seg_key *key,
						      const struct seg_hash *hash,
						      struct seg_session **session, __u32 *slot)
{
	const struct seg_session nothing = {};
	bench_key own = bench_key_of(key);

	(void)table;
	(void)hash;
	*slot = 0;
	if (bpf_map_update_elem(&seg_hash_slots, &own, &nothing, BPF_NOEXIST))
		return SEG_CLAIM_FULL;
	*session = bpf_map_lookup_elem(&seg_hash_slots, &own);
	return *session ? SEG_CLAIM_CLAIMED : SEG_CLAIM_BUSY;
}

static __always_inline void seg_table_publish(struct seg_session *session, __u64 state)
{
	seg_store(&session->state, seg_state_set_life(state, SEG_LIFE_LIVE));
}

static __always_inline bool seg_table_kill(struct seg_session *session, __u64 expected)
{
	return seg_cas(&session->state, expected, seg_state_set_life(expected, SEG_LIFE_DEAD)) ==
	       expected;
}

#endif

#endif
