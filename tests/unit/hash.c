/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The session hash: even over buckets and tags for the tuples that networks
 * have, whatever the secret.
 *
 * A chi-square sum over its degrees of freedom is 1 for a random function, on average; how
 * far it may lie above is chance's, at 7 standard deviations of the normal distribution: once
 * in 10^12.
 */
#include "hash.h"
#include "check.h"
#include "random.h"

#define BUCKETS 2011
#define KEYS    100000
#define SECRETS 10

/* A new secret. */
static void seeded(struct seg_constants *constants)
{
	static __u64 seed;

	if (!seed)
		seed = seg_random_seed();
	for (int i = 0; i < 6; i++)
		constants->seed[i] = seg_random(&seed);
}

static struct seg_key sequential_ports(__u32 n)
{
	return (struct seg_key){.addr = {{0, 0, 0xffff, 1}, {0, 0, 0xffff, 2 + (n >> 16)}},
				.port = {443, (__u16)n},
				.proto = 6,
				.family = 4};
}

static struct seg_key sequential_addresses(__u32 n)
{
	return (struct seg_key){.addr = {{0, 0, 0xffff, 10 + n}, {0, 0, 0xffff, 1u << 31}},
				.port = {53, 53},
				.proto = 17,
				.family = 4};
}

static struct seg_key swapped_addresses(__u32 n)
{
	return (struct seg_key){.addr = {{0, 0, 0xffff, 1}, {0, 0, 0xffff, __builtin_bswap32(n)}},
				.port = {53, 53},
				.proto = 17,
				.family = 4};
}

static struct seg_key grid(__u32 n)
{
	return (struct seg_key){.addr = {{0, 0, 0xffff, n & 0xff}, {0, 0, 0xffff, n >> 8 & 0xff}},
				.port = {443, (__u16)(n >> 16)},
				.proto = 6,
				.family = 4};
}

static struct seg_key sequential_ipv6(__u32 n)
{
	return (struct seg_key){.addr = {{0xfd, n >> 8, 0, 1}, {0xfe, 0, 0, n & 0xff}},
				.port = {443, 1024},
				.proto = 6,
				.family = 6};
}

static struct seg_key (*const patterns[])(__u32) = {
	sequential_ports, sequential_addresses, swapped_addresses, grid, sequential_ipv6,
};

#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

/* Chi-square over its degrees of freedom. */
static double unevenness(const __u32 *counts, __u32 n)
{
	double expected = (double)KEYS / n;
	double sum = 0;

	for (__u32 i = 0; i < n; i++)
		sum += (counts[i] - expected) * (counts[i] - expected) / expected;
	return sum / (n - 1);
}

/* What chance allows (Wilson and Hilferty 1931): (X / df)^(1/3) is normal, with mean 1 - 2 / (9 df)
 * and variance 2 / (9 df). */
static double most(__u32 n)
{
	double variance = 2.0 / (9.0 * (n - 1)), deviation = variance, root;

	for (int i = 0; i < 40; i++) /* Heron's way: no libm where this runs as big-endian */
		deviation = (deviation + variance / deviation) / 2;
	root = 1 - variance + 7 * deviation;
	return root * root * root;
}

/* Sequential keys may come out more even than chance, never less. */
static double worst_bucket(int which)
{
	struct seg_constants constants = {.buckets = BUCKETS};
	double worst = 0;

	for (__u32 i = 0; i < PATTERNS * SECRETS; i++) {
		__u32 counts[BUCKETS] = {0};
		double sum;

		seeded(&constants);
		for (__u32 n = 0; n < KEYS; n++) {
			struct seg_key key = patterns[i % PATTERNS](n);

			counts[seg_hash_key(&key, &constants).bucket[which]]++;
		}
		sum = unevenness(counts, BUCKETS);
		worst = sum > worst ? sum : worst;
	}
	return worst;
}

TEST(hash, buckets_are_even)
{
	double first = worst_bucket(0);
	double second = worst_bucket(1);

	fprintf(stderr, "chi-square / df, worst secret: %.3f, %.3f\n", first, second);
	check(first < most(BUCKETS));
	check(second < most(BUCKETS));
}

/* One secret of 2^ZEROS has a factor of NH that ends in so many zeros. */
#define ZEROS 12

TEST(hash, buckets_are_even_under_secrets_that_are_rare)
{
	struct seg_constants constants = {.buckets = BUCKETS};

	for (__u32 i = 0; i < PATTERNS * SECRETS; i++) {
		struct seg_key first = patterns[i % PATTERNS](0);
		__u32 counts[2][BUCKETS] = {0}, rest;

		seeded(&constants);
		memcpy(&rest, (const char *)first.port + 4, sizeof(rest));
		rest += (__u32)(constants.seed[4] >> 32);
		constants.seed[4] -= (__u64)(rest % (1u << ZEROS)) << 32;
		for (__u32 n = 0; n < KEYS; n++) {
			struct seg_key key = patterns[i % PATTERNS](n);
			struct seg_hash hash = seg_hash_key(&key, &constants);

			counts[0][hash.bucket[0]]++;
			counts[1][hash.bucket[1]]++;
		}
		check(unevenness(counts[0], BUCKETS) < most(BUCKETS));
		check(unevenness(counts[1], BUCKETS) < most(BUCKETS));
	}
}

/* What two keys share by chance: the second bucket or the tag of those that share the first. */
TEST(hash, second_bucket_and_tag_are_independent)
{
	struct seg_constants constants = {.buckets = 64};

	for (__u32 i = 0; i < PATTERNS * SECRETS; i++) {
		__u32 pairs[64 * 64] = {0};
		__u32 tags[64][256] = {{0}};
		double same_tag = 0;

		seeded(&constants);
		for (__u32 n = 0; n < KEYS; n++) {
			struct seg_key key = patterns[i % PATTERNS](n);
			struct seg_hash hash = seg_hash_key(&key, &constants);

			check(hash.tag != 0);
			pairs[hash.bucket[0] * 64 + hash.bucket[1]]++;
			tags[hash.bucket[0]][hash.tag]++;
		}
		check(unevenness(pairs, 64 * 64) < most(64 * 64));
		for (__u32 bucket = 0; bucket < 64; bucket++)
			for (__u32 tag = 1; tag < 256; tag++)
				same_tag += (double)tags[bucket][tag] * tags[bucket][tag];
		same_tag = (same_tag - KEYS) / ((double)KEYS * KEYS / 64); /* not with itself */
		check_that(same_tag < 1.05 / 255, "tags agree with probability %g", same_tag);
	}
}

/* In an IPv4 key these are the same in every one: ::ffff:0:0/96. */
static bool is_mapping(const struct seg_key *key, __u32 byte)
{
	return key->family == 4 && byte < 32 && byte % 16 < 12;
}

static void check_every_byte(__u8 family)
{
	struct seg_constants constants = {.buckets = 1u << 31};
	struct seg_key key = {.family = family};
	struct seg_hash base;

	seeded(&constants);
	base = seg_hash_key(&key, &constants);
	for (__u32 i = 0; i < sizeof(key); i++) {
		struct seg_key other = key;

		((__u8 *)&other)[i] ^= 1;
		if (!is_mapping(&key, i))
			check(seg_hash_key(&other, &constants).bucket[0] != base.bucket[0]);
	}
}

TEST(hash, every_byte_counts)
{
	check_every_byte(4);
	check_every_byte(6);
}
