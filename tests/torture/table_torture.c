/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table_torture.c - the session table under BPF programs and threads at once.
 *
 * Two threads run the XDP program by BPF_PROG_TEST_RUN, two do the same in user
 * space, one frees what is dead. All take delays at the protocol's named
 * places. What they check: torture_step.h; what must add up in the end: judge().
 *
 * Built with one of TORTURE_NO_GRACE, _NO_RESCAN, _PLAIN_TAG, _LIVE_BEFORE_FILL
 * or _TORN_VERDICT the protocol is broken, and the test passes if that is found.
 *
 * table-torture [--seconds N]; $SEED sets the seed.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cleanup.h"
#include "random.h"
#include "torture.h"

#ifndef TORTURE_BROKEN
#define TORTURE_BROKEN ""
#endif

#ifdef TORTURE_NO_GRACE
#define GRACE false
#else
#define GRACE true
#endif

#define BPF_THREADS  2
#define USER_THREADS 2
#define REPEAT       20000
#define SLOTS        (TORTURE_BUCKETS * SEG_BUCKET_SLOTS)

static __thread __u64 random_state;

static __u32 torture_random(void)
{
	return (__u32)seg_random(&random_state);
}

/* Once in 128: give the CPU away, or sleep long enough for anything to happen. */
static void torture_delay(void)
{
	__u32 random = torture_random();

	if (random % 128)
		return;
	if (random >> 30)
		sched_yield();
	else
		usleep(random >> 24 & 63);
}

/* The hooks first. */
#include "torture_step.h"

#include "table_reap.h"

#include TORTURE_SKELETON

struct worker {
	pthread_t thread;
	__u64 seed;
	__u64 steps; /* by its thread; the reaper waits for it to move */
};

static struct table_torture *bpf;
static struct torture_record *record;
static struct seg_constants constants = {.buckets = TORTURE_BUCKETS};
static struct seg_table table = {.buckets = TORTURE_BUCKETS, .owner = 1};
static struct worker workers[USER_THREADS];
static __u64 frees;
static bool stop;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void *run_bpf(void *unused)
{
	char frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = REPEAT);

	(void)unused;
	while (!stopped())
		if (bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.torture), &opts) &&
		    errno != EINTR) {
			perror("BPF_PROG_TEST_RUN");
			exit(2);
		}
	return NULL;
}

static void *run_user(void *argument)
{
	struct worker *worker = argument;

	random_state = worker->seed;
	while (!stopped()) {
		torture_step(&table, &constants, record, TORTURE_USER);
		__atomic_fetch_add(&worker->steps, 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&worker->steps, ~0ull, __ATOMIC_RELEASE); /* never again */
	return NULL;
}

/* --- the reaper ---------------------------------------------------------- */

static void wait_for_workers(void)
{
	__u64 before[USER_THREADS];

	for (int i = 0; i < USER_THREADS; i++)
		before[i] = __atomic_load_n(&workers[i].steps, __ATOMIC_ACQUIRE);
	for (int i = 0; i < USER_THREADS; i++)
		while (before[i] != ~0ull &&
		       __atomic_load_n(&workers[i].steps, __ATOMIC_ACQUIRE) == before[i])
			sched_yield();
}

/* The kernel's answer to the update of a map in a map waits for RCU. */
static void wait_for_programs(void)
{
	int inner = bpf_map__fd(bpf->maps.inner);
	__u32 zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(bpf->maps.grace), &zero, &inner, BPF_ANY)) {
		perror("map in map");
		exit(2);
	}
}

static void found(enum torture_finding finding)
{
	seg_add(&record->found[finding], 1);
}

static void harvest(const struct seg_session *session)
{
	__u32 n = session->key.addr[0][3];

	if (!session->key.family) {
		if (session->count[0])
			found(TORTURE_COUNTER);
		return;
	}
	if (n >= TORTURE_KEYS || !torture_right(session, n))
		found(TORTURE_WRONG_READ);
	else
		record->truth[n].harvested += session->count[0];
}

static void reap(void)
{
	static __u32 slots[SLOTS];
	__u32 position = 0;
	__u32 count = seg_reap_collect(&table, &position, slots, SLOTS);

	if (!count)
		return;
	if (GRACE) {
		wait_for_workers();
		wait_for_programs();
	}
	for (__u32 i = 0; i < count; i++) {
		harvest(&table.slots[slots[i]]);
		seg_reap_free(&table, slots[i]);
	}
	frees += count;
}

static void *run_reaper(void *argument)
{
	random_state = *(__u64 *)argument;
	while (!stopped()) {
		reap();
		sched_yield();
	}
	return NULL;
}

/* --- the verdict --------------------------------------------------------- */

static __u64 findings(void)
{
	__u64 sum = 0;

	for (int i = 0; i < TORTURE_FINDING_MAX; i++)
		sum += seg_load(&record->found[i]);
	return sum;
}

static void judge_key(__u32 n)
{
	struct torture_truth *truth = &record->truth[n];
	struct seg_session *session;
	struct seg_hash hash;
	struct seg_key key;
	__u32 slot;

	torture_key(&key, n);
	hash = seg_hash_key(&key, &constants);
	session = seg_table_find(&table, &key, &hash, &slot);
	if (truth->inserted - truth->killed > 1)
		found(TORTURE_DUPLICATE);
	if (truth->inserted - truth->killed != (session != NULL))
		found(TORTURE_LOST);
	if (truth->hits != truth->harvested + (session ? session->count[0] : 0))
		found(TORTURE_COUNTER);
}

/* After everything has stopped. */
static void judge(void)
{
	for (__u32 n = 0; n < TORTURE_KEYS; n++)
		judge_key(n);
	seg_for_each_slot (slot, &table)
		if (seg_state_life(table.slots[slot].state) != SEG_LIFE_LIVE)
			found(TORTURE_LEAK);
}

static bool everything_ran(void)
{
	for (int side = 0; side < TORTURE_SIDES; side++)
		if (!record->did[side].hits || !record->did[side].inserts ||
		    !record->did[side].kills)
			return false;
	return frees > 0;
}

static void report(void)
{
	static const char *const texts[] = {
#define X(id, text) text,
		TORTURE_FINDINGS(X)
#undef X
	};
	static const char *const sides[] = {"XDP", "user"};

	for (int i = 0; i < TORTURE_SIDES; i++)
		printf("%s: %llu hits, %llu inserts, %llu busy, %llu full, %llu exist, %llu "
		       "kills\n",
		       sides[i], record->did[i].hits, record->did[i].inserts, record->did[i].busy,
		       record->did[i].full, record->did[i].exists, record->did[i].kills);
	printf("%llu slots freed\n", frees);
	for (int i = 0; i < TORTURE_FINDING_MAX; i++)
		if (record->found[i])
			printf("FOUND %llu times: %s\n", record->found[i], texts[i]);
}

/* --- set-up -------------------------------------------------------------- */

static void *map_memory(const struct bpf_map *map, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int set_up(__u64 *seed)
{
	bpf = table_torture__open();
	if (!bpf)
		return -errno;
	for (int i = 0; i < 6; i++)
		constants.seed[i] = seg_random(seed);
	memcpy((void *)&bpf->rodata->constants, &constants, sizeof(constants));
	bpf_map__set_max_entries(bpf->maps.seg_tags, TORTURE_BUCKETS);
	bpf_map__set_max_entries(bpf->maps.seg_slots, SLOTS);
	if (table_torture__load(bpf))
		return -errno;
	record = &bpf->bss->record;
	table.tags = map_memory(bpf->maps.seg_tags, TORTURE_BUCKETS * sizeof(*table.tags));
	table.slots = map_memory(bpf->maps.seg_slots, SLOTS * sizeof(*table.slots));
	return table.tags && table.slots ? 0 : -errno;
}

/* Until the time is over, or a broken protocol was found out. */
static void torture_for(unsigned int seconds, __u64 *seed)
{
	pthread_t runners[BPF_THREADS];
	pthread_t reaper;
	__u64 reaper_seed = seg_random(seed);

	for (int i = 0; i < BPF_THREADS; i++)
		pthread_create(&runners[i], NULL, run_bpf, NULL);
	for (int i = 0; i < USER_THREADS; i++) {
		workers[i].seed = seg_random(seed);
		pthread_create(&workers[i].thread, NULL, run_user, &workers[i]);
	}
	pthread_create(&reaper, NULL, run_reaper, &reaper_seed);
	for (unsigned int i = 0; i < seconds * 10 && !findings(); i++)
		usleep(100000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < BPF_THREADS; i++)
		pthread_join(runners[i], NULL);
	for (int i = 0; i < USER_THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_join(reaper, NULL);
	reap();
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seconds", required_argument, NULL, 's'}, {0}};
	unsigned int seconds = 10;
	__u64 seed;

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c != 's' || !(seconds = (unsigned int)atoi(optarg))) {
			fprintf(stderr, "usage: table-torture [--seconds N]\n");
			return 2;
		}
	}
	seed = seg_random_seed();
	random_state = seg_random(&seed);
	if (set_up(&seed)) {
		perror("table-torture: cannot load the BPF program or map its tables");
		return 2;
	}
	torture_for(seconds, &seed);
	judge();
	report();
	if (*TORTURE_BROKEN)
		printf("%s was %s\n", TORTURE_BROKEN, findings() ? "caught" : "NOT caught");
	else if (!everything_ran())
		printf("something never ran\n");
	return *TORTURE_BROKEN ? !findings() : findings() || !everything_ran();
}
