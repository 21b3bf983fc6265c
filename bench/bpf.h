/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf.h - BPF objects for the benchmarks. A benchmark that cannot go on says why
 * and exits: nothing here returns an error.
 */
#ifndef BENCH_BPF_H
#define BENCH_BPF_H

#include <stddef.h>

#include <bpf/libbpf.h>
#include <linux/types.h>

/* Says what and errno's text, exits 1. */
void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* The same without errno: the fault is not a call's. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* What a skeleton header's NAME__elf_bytes is. */
typedef const void *(*bench_elf)(size_t *size);

struct bpf_object *bench_open(bench_elf elf);

/* xdp-filter with every feature on. */
#define BENCH_XDP_FILTER "/usr/lib*/*/bpf/xdpfilt_alw_all.o"

/* The first file that matches `pattern`, or NULL: a program of another project. Every program in it
 * is taken for XDP. */
struct bpf_object *bench_open_file(const char *pattern);

void bench_load(struct bpf_object *object);
int bench_program(struct bpf_object *object, const char *name);
int bench_map(struct bpf_object *object, const char *name);

/* The value of a constant, to be set before the load. */
void *bench_constant(struct bpf_object *object, const char *name, size_t size);

/* A memory-mapped map's first `size` bytes. */
void *bench_mmap(int map, size_t size);

/* JITed bytes and verified instructions of a program. */
struct bench_code {
	__u32 insns;
	__u32 bytes;
};

struct bench_code bench_code(int program);

/* BPF_PROG_TEST_RUN over a frame. Returns the mean duration in whole ns. */
__u32 bench_test_run(int program, const void *frame, __u32 length, __u32 repeat, __u32 *action);

#endif
