/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verifier_run.c - what the verifier makes of each program, with every feature on:
 * verifier-run OBJECT... Prints the instructions that it followed, beside its limit;
 * a program that needs half of that is a failure, as another kernel may need more.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"

#define LIMIT    1000000u /* BPF_COMPLEXITY_LIMIT_INSNS */
#define LOG_SIZE (64u << 20)

struct tally {
	unsigned int passed, failed;
};

/* The sets of features between which the code differs most. */
static const struct {
	const char *name;
	__u32 features;
} kinds[] = {
	{"plain", SEG_FEATURE_TCP_STATE | SEG_FEATURE_TWO_SIDED},
	{"all", 0xffffffff & ~(__u32)(SEG_FEATURE_TRACE | SEG_FEATURE_REPLAY | SEG_FEATURE_LEARN |
				      SEG_FEATURE_SHARED)},
	{"learning", SEG_FEATURE_TCP_STATE | SEG_FEATURE_TWO_SIDED | SEG_FEATURE_VLAN |
			     SEG_FEATURE_FRAGS | SEG_FEATURE_LEARN | SEG_FEATURE_PARTIAL_SUM},
};

static struct seg_constants *constants_in(const struct btf *btf, void *section)
{
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;

	for (__u16 i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *place = &btf_var_secinfos(type)[i];
		const struct btf_type *variable = btf__type_by_id(btf, place->type);

		if (!strcmp(btf__name_by_offset(btf, variable->name_off), "seg_constants"))
			return (void *)((char *)section + place->offset);
	}
	return NULL;
}

static void set_features(struct bpf_object *object, __u32 features)
{
	struct seg_constants *constants;
	struct bpf_map *map;
	size_t size;

	bpf_object__for_each_map(map, object)
	{
		if (!strstr(bpf_map__name(map), ".rodata"))
			continue;
		constants = constants_in(bpf_object__btf(object),
					 (void *)bpf_map__initial_value(map, &size));
		if (!constants)
			exit(1);
		*constants = (struct seg_constants){
			.buckets = 1024, .features = features, .queues = 1, .zone = 1};
	}
}

static unsigned int followed(const char *log)
{
	const char *said = strstr(log, "processed ");
	unsigned int count = 0;

	while (said) {
		count = (unsigned int)strtoul(said + strlen("processed "), NULL, 10);
		said = strstr(said + 1, "\nprocessed ");
		said = said ? said + 1 : NULL;
	}
	return count;
}

/* What the verifier says before it refuses. */
static void print_end(const char *log)
{
	size_t length = strlen(log);

	printf("%s\n", length > 3000 ? log + length - 3000 : log);
}

static void judge_program(const char *path, const char *kind, const char *name, struct tally *tally)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program, *own = NULL;
	char *log = calloc(1, LOG_SIZE);
	unsigned int count;
	int r;

	if (!object || !log)
		exit(1);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, kind))
			set_features(object, kinds[i].features);
	bpf_object__for_each_program(program, object)
	{
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), name));
		if (!strcmp(bpf_program__name(program), name))
			own = program;
	}
	bpf_program__set_log_buf(own, log, LOG_SIZE);
	bpf_program__set_log_level(own, 4);
	r = bpf_object__load(object);
	count = followed(log);
	if (r || count > LIMIT / 2) {
		print_end(log);
		tally->failed++;
	} else {
		tally->passed++;
	}
	printf("%s %-10s %-12s %7u instructions followed, %4.1f %% of the limit%s%s\n",
	       r || count > LIMIT / 2 ? "FAIL" : "ok  ", kind, name, count, count * 100.0 / LIMIT,
	       r ? ": " : "", r ? strerror(-r) : "");
	bpf_object__close(object);
	free(log);
}

static void judge_object(const char *path, struct tally *tally)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;

	if (!object) {
		printf("FAIL %s: %s\n", path, strerror(errno));
		tally->failed++;
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		bpf_object__for_each_program(program, object)
			judge_program(path, kinds[i].name, bpf_program__name(program), tally);
	bpf_object__close(object);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

int main(int argc, char **argv)
{
	struct tally tally = {0};

	libbpf_set_print(quiet);
	for (int i = 1; i < argc; i++)
		judge_object(argv[i], &tally);
	printf("%u passed, %u failed\n", tally.passed, tally.failed);
	return tally.failed || !tally.passed ? 1 : 0;
}
