/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program_rig.h - one of the real programs, one packet at a time, on tables of its own: each
 * packet takes one exit and is counted once. The test plays the worker; the clock is a word.
 * The file that includes it names its skeleton's type, RIG, and the programs' answers.
 */
#ifndef SEG_TEST_PROGRAM_RIG_H
#define SEG_TEST_PROGRAM_RIG_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "check.h"
#include "packets.h"
#include "session.h"
#include "table_reap.h"

#define BUCKETS    8u
#define GENERATION 3u
#define ZONE       7u
#define HALF_OPEN  100u
#define IFACE      5u
#define SECOND     1000000000ull
#define MS         1000000ull

static struct bpf_object *object;
static int program;
static __u32 counted_at; /* entry of seg_counts */
static struct seg_table table;
static struct seg_config *config;
static struct seg_quota *quota;
static struct seg_queue *queue;
static __u64 *now;

static int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(object, name);
}

static void *map_of(const char *name, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd(name), 0);

	check(at != MAP_FAILED);
	return at;
}

static struct seg_constants constants(void)
{
	return (struct seg_constants){
		.seed = {1, 2, 3, 4, 5, 6},
		.buckets = BUCKETS,
		.features = SEG_FEATURE_REPLAY | SEG_FEATURE_META | SEG_FEATURE_VLAN,
		.iface = IFACE,
		.queue_base = 9,
		.queues = 1,
		.half_open_max = HALF_OPEN,
		.established_max = 100,
		.zone = ZONE,
	};
}

static void map_all(void)
{
	table = (struct seg_table){
		.tags = map_of("seg_tags", BUCKETS * sizeof(struct seg_tags)),
		.slots = map_of("seg_slots",
				BUCKETS * SEG_BUCKET_SLOTS * sizeof(struct seg_session)),
		.buckets = BUCKETS,
	};
	config = map_of("seg_config", sizeof(*config));
	quota = map_of("seg_quota", sizeof(*quota));
	now = map_of("seg_replay", sizeof(struct seg_replay_word));
	queue = (struct seg_queue *)map_of("seg_queues",
					   SEG_QUEUES_MAX * sizeof(struct seg_queue)) +
		9;
}

/* The object is open, and has its constants. */
static void load_object(struct bpf_object *with, const char *name, enum seg_direction direction)
{
	object = with;
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "seg_tags"), BUCKETS);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "seg_slots"),
				 BUCKETS * SEG_BUCKET_SLOTS);
	check_eq(bpf_object__load(object), 0);
	program = bpf_program__fd(bpf_object__find_program_by_name(object, name));
	counted_at = seg_counts_index(IFACE, direction);
	map_all();
	*config = (struct seg_config){GENERATION, 1, 0};
	*now = 1000 * SECOND;
}

/* tcp/80 and echo requests from 192.0.2.0/24 and 2001:db8::/64, udp/53 of IPv4 from anywhere. */
static const struct seg_failsafes FAILSAFES = {
	.n = 4,
	.row = {{.set = 7, .first = 80, .last = 80, .proto = IPPROTO_TCP},
		{.set = 7,
		 .first = 8 << 8,
		 .last = 8 << 8 | 255,
		 .proto = IPPROTO_ICMP,
		 .family = 4},
		{.set = 7,
		 .first = 128 << 8,
		 .last = 128 << 8,
		 .proto = SEG_IPPROTO_ICMP6,
		 .family = 6},
		{.first = 53,
		 .last = 53,
		 .proto = IPPROTO_UDP,
		 .family = 4,
		 .flags = SEG_FAILSAFE_ANYWHERE}},
};

static void put_failsafe(__u32 set, __u32 bits, const __u8 *prefix, size_t size)
{
	struct seg_failsafe_key key = {.length = 32 + bits, .set = set};
	__u32 one = 1;

	memcpy(key.addr, prefix, size);
	check_eq(bpf_map_update_elem(map_fd("seg_failsafe"), &key, &one, BPF_ANY), 0);
}

/* What FAILSAFES are for; another set has the addresses that it has not. */
static void fill_failsafes(void)
{
	static const __u8 four[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2};
	static const __u8 other[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100};
	static const __u8 six[] = {0x20, 1, 0xd, 0xb8};

	put_failsafe(7, 120, four, sizeof(four));
	put_failsafe(8, 120, other, sizeof(other));
	put_failsafe(7, 64, six, sizeof(six));
}

static struct seg_count exits(__u32 reason)
{
	static struct seg_counts counts[256];
	struct seg_count sum = {0, 0};

	check_eq(bpf_map_lookup_elem(map_fd("seg_counts"), &counted_at, counts), 0);
	for (size_t i = 0; i < 256; i++) {
		sum.packets += counts[i].exit[reason].packets;
		sum.bytes += counts[i].exit[reason].bytes;
	}
	return sum;
}

static struct seg_count all_exits(void)
{
	struct seg_count sum = {0, 0};

	for (__u32 reason = 0; reason < SEG_REASON_MAX; reason++) {
		sum.packets += exits(reason).packets;
		sum.bytes += exits(reason).bytes;
	}
	return sum;
}

static enum seg_verdict verdict_of(__u32 reason)
{
#define X(id, name, verdict, path, text) [SEG_REASON_##id] = SEG_VERDICT_##verdict,
	static const __u8 verdicts[] = {SEG_REASONS(X)};
#undef X
	return verdicts[reason];
}

/* The only session there is. */
static struct seg_session *session(void)
{
	__u32 slot = seg_table_next(&table, 0);

	check(slot != SEG_SLOT_NONE);
	check_eq(seg_table_next(&table, slot + 1), SEG_SLOT_NONE);
	return &table.slots[slot];
}

static void decide(struct seg_session *s, __u8 action, __u32 handled)
{
	seg_store(seg_verdict_slot(s, config->generation),
		  seg_verdict_make(action, 0, config->generation, 1));
	seg_gate_pass(s, handled);
	queue->consumed = queue->sent;
}

#define FLOW IP4("11") UDP
#define BACK IP4_FROM_TO("11", B4, A4) UDP_FROM_TO("0035", "3039")

#endif
