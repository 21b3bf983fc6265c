/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c - captures through the real program and the worker's code: ns a packet
 * by the path that answered, new flows a second, hit ratio; for each capture, and
 * for all of them.
 *
 * The kernel times each run of the program by itself, with a clock that costs
 * what "empty" shows: the same for a program of two instructions. Every packet
 * is a system call, so caches are colder than on an interface.
 *
 * Usage: bench-replay [--policy FILE] [--passes N] [--json FILE] CAPTURE|FOLDER...
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "policy_file.h"
#include "tally.h"
#include "words.h"

#define PASSES       5
#define SESSIONS_MAX 1000000
#define EMPTY_RUNS   20000

static const char ALLOW_ALL[] =
	"version: 1\n"
	"defaults: {ingress: allow, egress: allow, forward: allow, pickup: loose}\n";

struct bench {
	struct seg_policy *policy;
	struct seg_policy_files files;
	struct seg_replay *replay;
	struct seg_tally all;
	json_t *captures; /* a row each */
	unsigned int passes;
	unsigned int refused; /* no captures, or broken */
};

static void die(const struct seg_error *err)
{
	seg_error_print(err, stderr, 0);
	exit(1);
}

/* --- rows --------------------------------------------------------------------- */

/* Of what reached the lookup, the share that it answered. */
static double hit_ratio(const struct seg_tally *tally)
{
	uint64_t hits = tally->paths[SEG_PATH_SESSION], misses = tally->paths[SEG_PATH_SLOW];

	return hits + misses ? 100.0 * (double)hits / (double)(hits + misses) : 0;
}

static double flows_per_second(const struct seg_tally *tally)
{
	double ns = seg_latency_mean(&tally->path[SEG_PATH_SLOW]);

	return ns > 0 ? 1e9 / ns : 0;
}

static void print_path(const char *name, const struct seg_latency *latency)
{
	if (latency->count)
		printf("    %-8s %10llu  P50 %6u  P95 %6u  P99 %6u  mean %8.1f ns\n", name,
		       (unsigned long long)latency->count, seg_latency_percentile(latency, 50),
		       seg_latency_percentile(latency, 95), seg_latency_percentile(latency, 99),
		       seg_latency_mean(latency));
}

static void print_row(const char *name, const struct seg_tally *tally)
{
	printf("%s: %llu packets, %llu flows, hit ratio %.2f %%, %.0f new flows/s\n", name,
	       (unsigned long long)tally->packets, (unsigned long long)tally->sessions,
	       hit_ratio(tally), flows_per_second(tally));
	for (int path = 0; path < SEG_PATH_MAX; path++)
		print_path(seg_path_word((enum seg_path)path), &tally->path[path]);
	print_path("all", &tally->all);
}

static json_t *row_json(const char *name, const struct seg_tally *tally)
{
	json_t *row = seg_tally_json(tally);

	json_object_del(row, "rules");
	json_object_set_new(row, "capture", json_string(name));
	json_object_set_new(row, "hit_ratio", json_real(hit_ratio(tally)));
	json_object_set_new(row, "flows_per_s", json_real(flows_per_second(tally)));
	return row;
}

/* --- captures -------------------------------------------------------------------- */

static void count(struct bench *bench, struct seg_tally *tally)
{
	struct seg_replayed result;

	while (seg_replay_next(bench->replay, &result)) {
		seg_tally_add(tally, &result);
		seg_tally_add(&bench->all, &result);
	}
}

/* 0: to its end; 1: broken. */
static int pass(struct bench *bench, const char *path, struct seg_tally *tally)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;
	struct seg_error bad = {0}, err = {0};
	struct seg_capture_packet packet;
	int r = seg_capture_open(path, &capture, &bad);

	if (r)
		return 1;
	seg_replay_reset(bench->replay);
	while ((r = seg_capture_next(capture, &packet, &bad)) > 0) {
		if (seg_replay_packet(bench->replay, &packet, &err))
			die(&err);
		count(bench, tally);
	}
	seg_replay_end(bench->replay);
	count(bench, tally);
	return r ? 1 : 0;
}

static void measure(struct bench *bench, const char *path, bool print)
{
	struct seg_tally tally;
	int r = 0;

	if (seg_tally_open(&tally, seg_policy_image(bench->policy)))
		exit(1);
	for (unsigned int i = 0; !r && i < bench->passes; i++)
		r = pass(bench, path, &tally);
	bench->refused += (unsigned int)r;
	if (tally.packets && print)
		print_row(path, &tally);
	if (tally.packets)
		json_array_append_new(bench->captures, row_json(path, &tally));
	seg_tally_close(&tally);
}

static void measure_folder(struct bench *bench, const char *folder)
{
	struct dirent **names;
	int n = scandir(folder, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[8192];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			measure(bench, path, false);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void measure_operand(struct bench *bench, const char *path)
{
	struct stat status;

	if (!stat(path, &status) && S_ISDIR(status.st_mode))
		measure_folder(bench, path);
	else
		measure(bench, path, true);
}

/* --- what measuring costs ------------------------------------------------------------- */

static int load_empty(void)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "bench_empty", "GPL", pass, SEG_ARRAY_SIZE(pass),
			     NULL);
}

static void measure_empty(struct seg_latency *latency)
{
	_cleanup_close_ int program = load_empty();
	uint8_t frame[64] = {0};

	for (int i = 0; i < EMPTY_RUNS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
			    .data_size_in = sizeof(frame));

		if (bpf_prog_test_run_opts(program, &options))
			exit(1);
		seg_latency_add(latency, options.duration);
	}
}

/* --- main --------------------------------------------------------------------------------- */

static void open_bench(struct bench *bench, const char *policy)
{
	const struct seg_policy_file own = {"allow-all", ALLOW_ALL, sizeof(ALLOW_ALL) - 1};
	const struct seg_replay_options options = {.packets_max = SESSIONS_MAX};
	struct seg_error err = {0};
	int r = policy ? seg_policy_file_open(policy, &bench->files, &bench->policy, &err)
		       : seg_policy_open(&own, NULL, &bench->policy, &err);

	if (r || seg_replay_open(seg_policy_image(bench->policy), &options, &bench->replay, &err))
		die(&err);
	if (seg_tally_open(&bench->all, seg_policy_image(bench->policy)))
		exit(1);
}

static void write_json(const struct bench *bench, const struct seg_latency *empty, const char *to)
{
	json_auto_t *json = json_pack("{s:o, s:o, s:O}", "empty", seg_latency_json(empty), "all",
				      row_json("all", &bench->all), "captures", bench->captures);

	if (json_dump_file(json, to, JSON_INDENT(1)))
		exit(1);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"policy", 1, NULL, 'p'}, {"passes", 1, NULL, 'n'}, {"json", 1, NULL, 'j'}, {0}};
	static struct bench bench = {.passes = PASSES};
	static struct seg_latency empty;
	const char *policy = NULL, *json = NULL;

	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
		if (o == 'p')
			policy = optarg;
		else if (o == 'j')
			json = optarg;
		else if (o == 'n')
			bench.passes = (unsigned int)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	bench.captures = json_array();
	measure_empty(&empty);
	print_path("empty", &empty);
	open_bench(&bench, policy);
	for (int i = optind; i < argc; i++)
		measure_operand(&bench, argv[i]);
	print_row("all captures", &bench.all);
	if (bench.refused)
		printf("%u captures were refused, or broken at some packet\n", bench.refused);
	if (json)
		write_json(&bench, &empty, json);
	return bench.all.packets ? 0 : 1;
}
