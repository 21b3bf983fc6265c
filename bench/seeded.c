/* SPDX-License-Identifier: BSD-2-Clause */
/* seeded.c - the real XDP program with sessions. One thread. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <bpf/bpf.h>

#include "cleanup.h"
#include "flows.h"
#include "frame.h"
#include "ingress_hash.h"
#include "seeded.h"
#include "session.h"
#include "session_key.h"

#include "ingress.skel.h"
#include "ingress_hash4.skel.h"
#include "ingress_hash6.skel.h"

#define GENERATION 1
#define RULE       0

static __u32 buckets_for(__u32 sessions)
{
	return sessions * 100 / SEG_TABLE_LOAD / SEG_BUCKET_SLOTS + 1;
}

static bench_elf elf_of(const struct bench_load *load)
{
	if (load->over == BENCH_OVER_TABLE)
		return ingress_bpf__elf_bytes;
	return load->family == 4 ? ingress_hash4_bpf__elf_bytes : ingress_hash6_bpf__elf_bytes;
}

static void resize(struct bpf_object *object, const char *name, __u32 entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	if (!map || bpf_map__set_max_entries(map, entries))
		bench_die("map %s", name);
}

static void set_constants(struct bench_seeded *seeded, const struct bench_load *load)
{
	struct seg_constants *constants = &seeded->constants;

	*constants = (struct seg_constants){
		.buckets = buckets_for(load->sessions),
		.features = SEG_FEATURE_TCP_STATE,
		.queues = 1,
		.half_open_max = load->half_open_max,
		.established_max = load->sessions,
	};
	if (getrandom(constants->seed, sizeof(constants->seed), 0) != sizeof(constants->seed))
		bench_die("random seed");
	memcpy(bench_constant(seeded->object, "seg_constants", sizeof(*constants)), constants,
	       sizeof(*constants));
}

/* Armed, under policy GENERATION; TCP that runs before its session is known has had its time. */
static void configure(struct bpf_object *object)
{
	struct seg_config config = {.generation = GENERATION, .armed = 1};
	__u32 zero = 0;

	if (bpf_map_update_elem(bench_map(object, "seg_config"), &zero, &config, BPF_ANY))
		bench_die("configuration");
}

static size_t tags_size(const struct bench_seeded *seeded)
{
	return seeded->constants.buckets * sizeof(struct seg_tags);
}

static size_t slots_size(const struct bench_seeded *seeded)
{
	return seeded->constants.buckets * SEG_BUCKET_SLOTS * sizeof(struct seg_session);
}

static void map_table(struct bench_seeded *seeded)
{
	seeded->table = (struct seg_table){
		.tags = bench_mmap(bench_map(seeded->object, "seg_tags"), tags_size(seeded)),
		.slots = bench_mmap(bench_map(seeded->object, "seg_slots"), slots_size(seeded)),
		.buckets = seeded->constants.buckets,
	};
}

void bench_seeded_load(struct bench_seeded *seeded, const struct bench_load *load)
{
	struct bpf_object *object =
		load->file ? bench_open_file(load->file) : bench_open(elf_of(load));

	if (!object)
		bench_die("%s", load->file);
	*seeded = (struct bench_seeded){
		.object = object,
		.over = load->over,
		.family = load->family,
		.sessions = load->sessions,
	};
	set_constants(seeded, load);
	if (load->over == BENCH_OVER_TABLE) {
		resize(object, "seg_tags", seeded->constants.buckets);
		resize(object, "seg_slots", seeded->constants.buckets * SEG_BUCKET_SLOTS);
	} else {
		resize(object, "seg_hash_slots", load->sessions);
	}
	bench_load(object);
	configure(object);
	if (load->over == BENCH_OVER_TABLE)
		map_table(seeded);
	seeded->program = bench_program(object, "seg_ingress");
}

void bench_seeded_close(struct bench_seeded *seeded)
{
	if (seeded->table.tags) {
		munmap(seeded->table.tags, tags_size(seeded));
		munmap(seeded->table.slots, slots_size(seeded));
	}
	bpf_object__close(seeded->object);
	*seeded = (struct bench_seeded){};
}

/* --- sessions -------------------------------------------------------------- */

static struct seg_key key_of(__u8 family, __u8 proto, __u32 flow, __u32 *direction)
{
	const struct bench_addresses addresses = bench_addresses(family, flow);
	const struct seg_packet packet = {
		.family = family,
		.proto = proto,
		.sport = bench_port(flow),
		.dport = bpf_htons(BENCH_PORT),
	};
	struct seg_key key;

	*direction =
		seg_key_make(&key, &packet, packet.family, addresses.source, addresses.destination);
	return key;
}

/* What a worker leaves behind once it has allowed a flow and the flow was answered: the windows of
 * a connection whose both ends have spoken, so that every bound is asked for. */
static void fill(struct seg_session *session, __u32 direction)
{
	for (unsigned int i = 0; i < 2; i++)
		session->window[i].traits =
			seg_window_traits(1024, SEG_SCALE_NONE,
					  SEG_WINDOW_SPOKEN | SEG_WINDOW_ACKED | SEG_WINDOW_SYN);
	session->verdict[GENERATION & 1] = seg_verdict_make(SEG_VERDICT_ALLOW, 0, GENERATION, RULE);
	session->gate = SEG_GATE_OPEN;
	session->iface[direction] = 1;
}

static __u64 established(__u32 direction)
{
	__u8 flags = (__u8)(SEG_CLASS_ESTABLISHED << SEG_SESSION_CLASS_SHIFT);

	if (direction)
		flags |= SEG_SESSION_ORIGINATOR;
	return seg_state_make(SEG_LIFE_LIVE, SEG_L4_ESTABLISHED, flags, 0, 0);
}

static void seed_table(struct bench_seeded *seeded, const struct seg_key *key, __u32 direction)
{
	struct seg_hash hash = seg_hash_key(key, &seeded->constants);
	struct seg_session *session;
	enum seg_claim claimed;
	__u32 slot;

	claimed = seg_table_claim(&seeded->table, key, &hash, &session, &slot);
	if (claimed != SEG_CLAIM_CLAIMED)
		bench_fail("seeding a session: %s", claimed == SEG_CLAIM_FULL
							    ? "both its buckets are full"
							    : "the table has it already");
	fill(session, direction);
	seg_table_publish(session, established(direction));
}

static void seed_hash(struct bench_seeded *seeded, const struct seg_key *key, __u32 direction)
{
	const struct bench_key_v4 small = bench_key_v4_of(key);
	struct seg_session session = {.state = established(direction)};

	fill(&session, direction);
	if (bpf_map_update_elem(bench_map(seeded->object, "seg_hash_slots"),
				seeded->family == 4 ? (const void *)&small : key, &session.state,
				BPF_NOEXIST))
		bench_die("seeding a session");
}

void bench_seed(struct bench_seeded *seeded, __u8 proto, __u32 flows)
{
	for (__u32 flow = 0; flow < flows; flow++) {
		__u32 direction;
		struct seg_key key = key_of(seeded->family, proto, flow, &direction);

		if (seeded->over == BENCH_OVER_TABLE)
			seed_table(seeded, &key, direction);
		else
			seed_hash(seeded, &key, direction);
	}
}

/* The next key is asked for while the last is still there: else each search begins anew. */
static void clear_hash(int map)
{
	char key[sizeof(struct seg_key)];
	char next[sizeof(key)];
	bool more = !bpf_map_get_next_key(map, NULL, key);

	while (more) {
		more = !bpf_map_get_next_key(map, key, next);
		bpf_map_delete_elem(map, key);
		memcpy(key, next, sizeof(key));
	}
}

void bench_seeded_clear(struct bench_seeded *seeded)
{
	const struct seg_quota quota = {};
	__u32 zero = 0;

	if (seeded->over == BENCH_OVER_HASH) {
		clear_hash(bench_map(seeded->object, "seg_hash_slots"));
	} else {
		memset(seeded->table.tags, 0, tags_size(seeded));
		memset(seeded->table.slots, 0, slots_size(seeded));
	}
	if (bpf_map_update_elem(bench_map(seeded->object, "seg_quota"), &zero, &quota, BPF_ANY))
		bench_die("clearing the quota");
}

/* --- counters -------------------------------------------------------------- */

__u64 bench_exits(const struct bench_seeded *seeded, enum seg_reason reason)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct seg_counts *counts = calloc((size_t)cpus, sizeof(*counts));
	__u32 iface = seeded->constants.iface;
	__u64 sum = 0;

	if (!counts || bpf_map_lookup_elem(bench_map(seeded->object, "seg_counts"), &iface, counts))
		bench_die("counters");
	for (int cpu = 0; cpu < cpus; cpu++)
		sum += counts[cpu].exit[reason].packets;
	return sum;
}
