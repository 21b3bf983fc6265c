/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * table_own.h - the benchmark over the session table as it is.
 */
#ifndef SEG_BENCH_TABLE_OWN_H
#define SEG_BENCH_TABLE_OWN_H

#include "table.h"

static __always_inline struct seg_session *
bench_find(const struct seg_key *key, const volatile struct seg_constants *constants)
{
	struct seg_hash hash = seg_hash_key(key, constants);
	__u32 slot;

	return seg_table_find(NULL, key, &hash, &slot);
}

static __always_inline bool bench_insert(const struct seg_key *key,
					 const volatile struct seg_constants *constants)
{
	struct seg_hash hash = seg_hash_key(key, constants);
	struct seg_session *session;
	__u32 slot;

	if (seg_table_claim(NULL, key, &hash, &session, &slot) != SEG_CLAIM_CLAIMED)
		return false;
	session->verdict[BENCH_GENERATION & 1] = bench_verdict();
	seg_table_publish(session, 0);
	return true;
}

#endif
