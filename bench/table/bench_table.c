/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_table.c - the session table against a preallocated BPF hash map of the
 * same key, value and number of slots, at several sizes.
 *
 * bench-table [--json] [--pairs N] [--size N] [--against FILE.bpf.o]
 *
 * Every sample is a pair, one run of each right after the other, so that what
 * else the machine does meets both. Times are net of the program `none`. The
 * ratio is the median over the pairs, with the order statistics that bound it
 * with 95 % confidence. --against: another build of the same program.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "bench_table.h"
#include "cleanup.h"
#include "random.h"
#include "table_bench_hash.skel.h"
#include "table_bench_own.skel.h"
#include "table_reap.h"

#define PAIRS_MAX 100
#define REPEAT    1000000

/* One candidate, loaded for one size. */
struct candidate {
	const char *name;
	struct bpf_object *object;
	struct bench_state *state;
	struct seg_table table; /* tags: NULL for the hash map */
	struct seg_constants constants;
	int map; /* the hash map */
	__u32 sessions;
};

struct options {
	const char *against;
	int pairs;  /* 0: by size */
	__u32 size; /* 0: all */
	bool json;
};

static void die(const char *what)
{
	fprintf(stderr, "bench-table: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- loading ------------------------------------------------------------- */

static struct bpf_map *map_of(struct candidate *candidate, const char *name)
{
	return bpf_object__find_map_by_name(candidate->object, name);
}

static void *memory_of(struct candidate *candidate, const char *name, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(map_of(candidate, name)), 0);

	if (memory == MAP_FAILED)
		die(name);
	return memory;
}

static bool is_own(struct candidate *candidate)
{
	return map_of(candidate, "seg_slots") != NULL;
}

static void configure(struct candidate *candidate, __u64 seed)
{
	struct bench_config config = {.sessions = candidate->sessions};
	struct seg_constants *constants = &candidate->constants;
	__u32 slots = candidate->sessions / SEG_TABLE_LOAD * 100 + 2 * SEG_BUCKET_SLOTS;

	constants->buckets = slots / SEG_BUCKET_SLOTS;
	for (int i = 0; i < 6; i++)
		constants->seed[i] = seg_random(&seed);
	config.constants = *constants;
	if (bpf_map__set_initial_value(map_of(candidate, ".rodata.bench"), &config, sizeof(config)))
		die("configuration");
	if (is_own(candidate)) {
		bpf_map__set_max_entries(map_of(candidate, "seg_tags"), constants->buckets);
		bpf_map__set_max_entries(map_of(candidate, "seg_slots"),
					 constants->buckets * SEG_BUCKET_SLOTS);
	} else {
		bpf_map__set_max_entries(map_of(candidate, "sessions"), slots);
	}
}

static void load(struct candidate *candidate, __u32 sessions, __u64 seed)
{
	candidate->sessions = sessions;
	configure(candidate, seed);
	if (bpf_object__load(candidate->object))
		die(candidate->name);
	candidate->state = memory_of(candidate, ".data.bench", sizeof(*candidate->state));
	if (!is_own(candidate)) {
		candidate->map = bpf_map__fd(map_of(candidate, "sessions"));
		return;
	}
	candidate->table.buckets = candidate->constants.buckets;
	candidate->table.tags = memory_of(candidate, "seg_tags",
					  candidate->table.buckets * sizeof(struct seg_tags));
	candidate->table.slots =
		memory_of(candidate, "seg_slots",
			  sizeof(struct seg_session) * candidate->table.buckets * SEG_BUCKET_SLOTS);
}

static void unload(struct candidate *candidate)
{
	__u32 buckets = candidate->table.buckets;

	munmap(candidate->state, sizeof(*candidate->state));
	if (candidate->table.tags) {
		munmap(candidate->table.tags, buckets * sizeof(struct seg_tags));
		munmap(candidate->table.slots,
		       sizeof(struct seg_session) * buckets * SEG_BUCKET_SLOTS);
	}
	bpf_object__close(candidate->object);
}

/* --- what is measured ---------------------------------------------------- */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ns a run of one program, by the kernel's own clock: without the call's 7 to 24 ms. */
static double run(struct candidate *candidate, const char *name, __u32 repeat)
{
	char frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = (int)repeat);
	struct bpf_program *program = bpf_object__find_program_by_name(candidate->object, name);

	candidate->state->next = 0;
	candidate->state->wrong = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &opts))
		die(name);
	if (candidate->state->wrong) {
		fprintf(stderr, "bench-table: %s, %s: %llu of %u runs went wrong\n",
			candidate->name, name, candidate->state->wrong, repeat);
		exit(1);
	}
	return opts.duration;
}

static void clear(struct candidate *candidate)
{
	if (candidate->table.tags) {
		memset(candidate->table.tags, 0,
		       candidate->table.buckets * sizeof(struct seg_tags));
		memset(candidate->table.slots, 0,
		       sizeof(struct seg_session) * candidate->table.buckets * SEG_BUCKET_SLOTS);
		return;
	}
	for (__u32 n = 0; n < candidate->sessions; n++) {
		struct seg_key key;

		bench_key(&key, n);
		bpf_map_delete_elem(candidate->map, &key);
	}
}

static bool insert_own(struct candidate *candidate, const struct seg_key *key)
{
	struct seg_hash hash = seg_hash_key(key, &candidate->constants);
	struct seg_session *session;
	__u32 slot;

	if (seg_table_claim(&candidate->table, key, &hash, &session, &slot) != SEG_CLAIM_CLAIMED)
		return false;
	session->verdict[BENCH_GENERATION & 1] = bench_verdict();
	seg_table_publish(session, 0);
	return true;
}

static bool insert_hash(struct candidate *candidate, const struct seg_key *key)
{
	struct seg_session session = {.key = *key, .state = SEG_LIFE_LIVE};

	session.verdict[BENCH_GENERATION & 1] = bench_verdict();
	return bpf_map_update_elem(candidate->map, key, &session, BPF_NOEXIST) == 0;
}

/* ns a session, from user space, all sessions into an empty table. */
static double fill(struct candidate *candidate)
{
	bool own = candidate->table.tags;
	double start;

	clear(candidate);
	start = now();
	for (__u32 n = 0; n < candidate->sessions; n++) {
		struct seg_key key;

		bench_key(&key, n);
		if (!(own ? insert_own(candidate, &key) : insert_hash(candidate, &key)))
			die("insert from user space");
	}
	return (now() - start) / candidate->sessions;
}

/* The same from XDP; a small table many times over. */
static double fill_by_xdp(struct candidate *candidate)
{
	__u32 rounds = candidate->sessions < 32768 ? 8 : 1;
	double sum = 0;

	for (__u32 i = 0; i < rounds; i++) {
		clear(candidate);
		sum += run(candidate, "insert", candidate->sessions) -
		       run(candidate, "none", candidate->sessions);
	}
	return sum / rounds;
}

static double hit(struct candidate *candidate)
{
	return run(candidate, "hit", REPEAT) - run(candidate, "none", REPEAT / 10);
}

static double miss(struct candidate *candidate)
{
	return run(candidate, "miss", REPEAT) - run(candidate, "none", REPEAT / 10);
}

static const struct {
	const char *name;
	double (*measure)(struct candidate *);
} measurements[] = {
	{"insert from user space", fill},
	{"insert from XDP", fill_by_xdp},
	{"hit", hit}, /* of what XDP has just inserted */
	{"miss", miss},
};

/* --- statistics ---------------------------------------------------------- */

struct sample {
	double ns[2];
	double ratio;
};

static int by_ratio(const void *a, const void *b)
{
	double x = ((const struct sample *)a)->ratio;
	double y = ((const struct sample *)b)->ratio;

	return (x > y) - (x < y);
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_ns(const struct sample *samples, int n, int which)
{
	double ns[PAIRS_MAX];

	for (int i = 0; i < n; i++)
		ns[i] = samples[i].ns[which];
	qsort(ns, (size_t)n, sizeof(*ns), by_number);
	return ns[n / 2];
}

static json_t *summary(const char *what, __u32 sessions, struct sample *samples, int n)
{
	/* Ranks that enclose the median with 95 % confidence: binomial, normal approximation. */
	int low = (int)floor((n - 1.96 * sqrt(n)) / 2);

	if (low < 0)
		low = 0;
	qsort(samples, (size_t)n, sizeof(*samples), by_ratio);
	return json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f}", "what", what, "sessions",
			 (int)sessions, "pairs", n, "own_ns", median_ns(samples, n, 0), "other_ns",
			 median_ns(samples, n, 1), "ratio", samples[n / 2].ratio, "low",
			 samples[low].ratio, "high", samples[n - 1 - low].ratio);
}

static json_t *compare(struct candidate *candidates, size_t m, int pairs)
{
	struct sample samples[PAIRS_MAX];

	for (int i = 0; i < pairs; i++) {
		for (int side = 0; side < 2; side++) {
			int which = (side + i) % 2; /* neither is always the first */

			samples[i].ns[which] = measurements[m].measure(&candidates[which]);
		}
		samples[i].ratio = samples[i].ns[0] / samples[i].ns[1];
	}
	return summary(measurements[m].name, candidates[0].sessions, samples, pairs);
}

/* --- the program --------------------------------------------------------- */

static struct bpf_object *open_embedded(const char *name, const void *(*bytes)(size_t *))
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	size_t size;
	const void *elf = bytes(&size);

	return bpf_object__open_mem(elf, size, &opts);
}

static void open_all(struct candidate candidates[2], const struct options *options)
{
	candidates[0] = (struct candidate){
		.name = "own", .object = open_embedded("own", table_bench_own__elf_bytes)};
	candidates[1] = (struct candidate){
		.name = options->against ? options->against : "HASH",
		.object = options->against ? bpf_object__open_file(options->against, NULL)
					   : open_embedded("hash", table_bench_hash__elf_bytes)};
	if (!candidates[0].object || !candidates[1].object)
		die("opening the BPF objects");
}

static void instructions(struct candidate *candidate)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, candidate->object)
	{
		struct bpf_prog_info info = {0};
		__u32 size = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			die("program info");
		fprintf(stderr,
			"%-5s %-7s %4u instructions, %5u bytes of machine code, verifier %u\n",
			candidate->name, info.name, info.xlated_prog_len / 8, info.jited_prog_len,
			info.verified_insns);
	}
}

static void print_row(const json_t *row)
{
	printf("%-24s %8" JSON_INTEGER_FORMAT
	       " %8.1f %8.1f   %.3f  %.3f-%.3f  (%" JSON_INTEGER_FORMAT " pairs)\n",
	       json_string_value(json_object_get(row, "what")),
	       json_integer_value(json_object_get(row, "sessions")),
	       json_real_value(json_object_get(row, "own_ns")),
	       json_real_value(json_object_get(row, "other_ns")),
	       json_real_value(json_object_get(row, "ratio")),
	       json_real_value(json_object_get(row, "low")),
	       json_real_value(json_object_get(row, "high")),
	       json_integer_value(json_object_get(row, "pairs")));
	fflush(stdout);
}

static void bench_size(__u32 sessions, const struct options *options, __u64 seed, json_t *rows)
{
	static bool told;
	struct candidate candidates[2];
	int pairs = options->pairs ? options->pairs : sessions < 1000000 ? 30 : 12;

	open_all(candidates, options);
	for (int i = 0; i < 2; i++) {
		load(&candidates[i], sessions, seed);
		if (!told)
			instructions(&candidates[i]);
	}
	if (!told && !options->json)
		printf("\n%-24s %8s %8s %8s   ratio  95 %%\n", "ns", "sessions", candidates[0].name,
		       candidates[1].name);
	told = true;
	for (size_t m = 0; m < SEG_ARRAY_SIZE(measurements); m++) {
		json_t *row = compare(candidates, m, pairs);

		if (!options->json)
			print_row(row);
		json_array_append_new(rows, row);
	}
	for (int i = 0; i < 2; i++)
		unload(&candidates[i]);
}

static struct options parse(int argc, char **argv)
{
	static const struct option known[] = {{"json", no_argument, NULL, 'j'},
					      {"pairs", required_argument, NULL, 'p'},
					      {"size", required_argument, NULL, 's'},
					      {"against", required_argument, NULL, 'a'},
					      {0}};
	struct options options = {0};

	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (c == 'j')
			options.json = true;
		else if (c == 'p' && atoi(optarg) > 0 && atoi(optarg) <= PAIRS_MAX)
			options.pairs = atoi(optarg);
		else if (c == 's' && atoi(optarg) >= 100)
			options.size = (__u32)atoi(optarg);
		else if (c == 'a')
			options.against = optarg;
		else {
			fprintf(stderr,
				"usage: bench-table [--json] [--pairs 1..%d] [--size N]"
				" [--against FILE.bpf.o]\n",
				PAIRS_MAX);
			exit(2);
		}
	}
	return options;
}

/* Where the scheduler would move it, a pair would be none. */
static void stay_on_last_cpu(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus - 1, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("CPU affinity");
}

int main(int argc, char **argv)
{
	static const __u32 sizes[] = {1 << 10, 1 << 16, 1 << 18, 1 << 20};
	struct options options = parse(argc, argv);
	__u64 seed = seg_random_seed();
	json_t *rows = json_array();

	stay_on_last_cpu();
	for (size_t i = 0; i < SEG_ARRAY_SIZE(sizes); i++)
		if (!options.size)
			bench_size(sizes[i], &options, seed, rows);
	if (options.size)
		bench_size(options.size, &options, seed, rows);
	if (options.json) {
		json_dumpf(rows, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
		putchar('\n');
	}
	json_decref(rows);
	return 0;
}
