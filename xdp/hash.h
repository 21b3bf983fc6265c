/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * hash.h - from a session's key to its two buckets and its tag.
 *
 * NH, the universal hash inside UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway:
 * "UMAC: Fast and Secure Message Authentication", CRYPTO '99): the sum of the
 * products of word pairs, each word added to a secret one. For two different
 * keys, chosen without the secret, all 64 bits agree with probability 2^-32.
 * Its single bits are weak, so a fold and a secret odd multiplier, twice, and a fold
 * spread it over the 64 bits from which everything here is cut. With one round sequential
 * IPv6 addresses were 20 % less even over the buckets than chance; without the first fold
 * sequential ports were, under one secret of a thousand: where a factor of NH ends in zeros,
 * so does every sum, and a product moves bits up only.
 *
 * The secret is random at each start and never leaves the machine: without it
 * an attacker cannot aim at one bucket.
 */
#ifndef SEG_HASH_H
#define SEG_HASH_H

#include "abi.h"
#include "compat.h"

struct seg_hash {
	__u32 bucket[2]; /* below seg_constants.buckets; may be the same one */
	__u8 tag;        /* 1..255 */
};

static __always_inline __u64 seg_nh_pair(__u32 a, __u32 b, __u64 secret)
{
	return (__u64)(__u32)(a + (__u32)secret) * (__u32)(b + (__u32)(secret >> 32));
}

static __always_inline __u64 seg_hash_mix(__u64 h, __u64 secret)
{
	h ^= h >> 32;
	h *= secret | 1;
	h ^= h >> 32;
	h *= secret | 1;
	return h ^ h >> 32;
}

/* `word` spread evenly over 0..n-1: no power of two needed (Lemire 2019). */
static __always_inline __u32 seg_hash_reduce(__u32 word, __u32 n)
{
	return (__u32)((__u64)word * n >> 32);
}

/*
 * The sum of products. IPv4's addresses are one pair: their other words are the
 * same in each key. The families cannot meet more often than by chance: IPv6's sum
 * has three terms of secrets of their own.
 */
static __always_inline __u64 seg_hash_sum(const struct seg_key *key,
					  const volatile struct seg_constants *constants)
{
	__u32 last[2];
	__u64 h;

	seg_copy(last, key->port, sizeof(last));
	h = seg_nh_pair(last[0], last[1], constants->seed[4]);
	if (key->family == 4)
		return h + seg_nh_pair(key->addr[0][3], key->addr[1][3], constants->seed[3]);
	h += seg_nh_pair(key->addr[0][0], key->addr[0][1], constants->seed[0]);
	h += seg_nh_pair(key->addr[0][2], key->addr[0][3], constants->seed[1]);
	h += seg_nh_pair(key->addr[1][0], key->addr[1][1], constants->seed[2]);
	return h + seg_nh_pair(key->addr[1][2], key->addr[1][3], constants->seed[3]);
}

/*
 * The buckets come from the high bits of either half, the tag from the low bits
 * of the upper one. `constants` is volatile for BPF, where the loader sets it.
 */
static __always_inline struct seg_hash seg_hash_key(const struct seg_key *key,
						    const volatile struct seg_constants *constants)
{
	__u32 buckets = constants->buckets;
	__u64 h = seg_hash_mix(seg_hash_sum(key, constants), constants->seed[5]);

	return (struct seg_hash){
		.bucket = {seg_hash_reduce((__u32)h, buckets),
			   seg_hash_reduce((__u32)(h >> 32), buckets)},
		.tag = (__u8)(1 + ((h >> 32 & 0xff) * 255 >> 8)),
	};
}

#endif
