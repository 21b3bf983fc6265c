/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf.c - BPF objects for the benchmarks. */
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "bpf.h"

void bench_die(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(error));
	va_end(args);
	exit(1);
}

void bench_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

struct bpf_object *bench_open(bench_elf elf)
{
	size_t size;
	const void *bytes = elf(&size);
	struct bpf_object *object = bpf_object__open_mem(bytes, size, NULL);

	if (!object)
		bench_die("opening a program");
	return object;
}

struct bpf_object *bench_open_file(const char *pattern)
{
	struct bpf_object *object = NULL;
	struct bpf_program *program;
	struct bpf_map *map;
	glob_t found;

	libbpf_set_print(NULL); /* it warns of sections that only its own loader reads */
	if (!glob(pattern, 0, NULL, &found))
		object = bpf_object__open_file(found.gl_pathv[0], NULL);
	globfree(&found);
	if (!object)
		return NULL;
	bpf_object__for_each_program(program, object)
		bpf_program__set_type(program, BPF_PROG_TYPE_XDP);
	bpf_object__for_each_map(map, object)
		bpf_map__set_pin_path(map, NULL); /* nothing outlives a benchmark */
	return object;
}

void bench_load(struct bpf_object *object)
{
	if (bpf_object__load(object))
		bench_die("loading a program");
}

int bench_program(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	if (!program)
		bench_die("program %s", name);
	return bpf_program__fd(program);
}

int bench_map(struct bpf_object *object, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	if (fd < 0)
		bench_die("map %s", name);
	return fd;
}

/* Where `name` lies in the object's section ".rodata". */
static size_t constant_offset(struct btf *btf, const char *name)
{
	__s32 section = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *type = section < 0 ? NULL : btf__type_by_id(btf, (__u32)section);
	const struct btf_var_secinfo *variable = type ? btf_var_secinfos(type) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++, variable++) {
		const struct btf_type *of = btf__type_by_id(btf, variable->type);

		if (!strcmp(btf__name_by_offset(btf, of->name_off), name))
			return variable->offset;
	}
	bench_die("constant %s", name);
}

void *bench_constant(struct bpf_object *object, const char *name, size_t size)
{
	size_t offset = constant_offset(bpf_object__btf(object), name);
	size_t all;
	struct bpf_map *map;
	void *value;

	bpf_object__for_each_map(map, object)
	{
		const char *dot = strrchr(bpf_map__name(map), '.');

		if (!dot || strcmp(dot, ".rodata"))
			continue;
		value = (void *)bpf_map__initial_value(map, &all);
		if (value && offset + size <= all)
			return (char *)value + offset;
	}
	bench_die("constant %s", name);
}

void *bench_mmap(int map, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, map, 0);

	if (at == MAP_FAILED)
		bench_die("mapping %zu bytes of a map", size);
	return at;
}

struct bench_code bench_code(int program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &size))
		bench_die("program's facts");
	return (struct bench_code){.insns = info.xlated_prog_len / 8, .bytes = info.jited_prog_len};
}

__u32 bench_test_run(int program, const void *frame, __u32 length, __u32 repeat, __u32 *action)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = length,
		    .repeat = (int)repeat);

	if (bpf_prog_test_run_opts(program, &run))
		bench_die("BPF_PROG_TEST_RUN");
	*action = run.retval;
	return run.duration;
}
