/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "cleanup.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif

#define BPFFS "/sys/fs/bpf"

static void get_version(struct seg_kernel *kernel)
{
	struct utsname name;
	char *end;

	if (uname(&name))
		return;
	snprintf(kernel->release, sizeof(kernel->release), "%s", name.release);
	kernel->major = (uint32_t)strtoul(name.release, &end, 10);
	if (*end == '.')
		kernel->minor = (uint32_t)strtoul(end + 1, NULL, 10);
}

bool seg_kernel_since(const struct seg_kernel *kernel, uint32_t major, uint32_t minor)
{
	return kernel->major > major || (kernel->major == major && kernel->minor >= minor);
}

int seg_sysctl(const char *path)
{
	_cleanup_fclose_ FILE *file = NULL;
	char full[128];
	int value;

	snprintf(full, sizeof(full), "/proc/sys/%s", path);
	file = fopen(full, "re");
	return file && fscanf(file, "%d", &value) == 1 ? value : SEG_UNKNOWN;
}

/* The family is looked up before the capability: who may not have one knows that there is one. */
static int has_af_xdp(void)
{
	_cleanup_close_ int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	return fd >= 0 || errno == EPERM;
}

static bool has_bpffs(void)
{
	struct statfs fs;

	return !statfs(BPFFS, &fs) && fs.f_type == BPF_FS_MAGIC;
}

static int known(int probed)
{
	return probed < 0 ? SEG_UNKNOWN : probed;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

/* A kernel without a JIT has no setting of it, and other network namespaces see none: a program
 * tells. */
static int is_compiled(void)
{
	const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	_cleanup_close_ int fd =
		bpf_prog_load(BPF_PROG_TYPE_XDP, NULL, "GPL", pass, SEG_ARRAY_SIZE(pass), NULL);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? SEG_UNKNOWN
								 : info.jited_prog_len > 0;
}

static void probe(struct seg_kernel *kernel)
{
	libbpf_print_fn_t before = libbpf_set_print(quiet);

	kernel->compiles = is_compiled();
	kernel->xdp = known(libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, NULL));
	kernel->sched_cls = known(libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SCHED_CLS, NULL));
	kernel->ext = known(libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, NULL));
	kernel->xskmap = known(libbpf_probe_bpf_map_type(BPF_MAP_TYPE_XSKMAP, NULL));
	libbpf_set_print(before);
}

void seg_kernel_get(bool may_probe, struct seg_kernel *out)
{
	*out = (struct seg_kernel){
		.xdp = SEG_UNKNOWN,
		.sched_cls = SEG_UNKNOWN,
		.xskmap = SEG_UNKNOWN,
		.ext = SEG_UNKNOWN,
		.compiles = SEG_UNKNOWN,
		.af_xdp = has_af_xdp(),
		.jit = seg_sysctl("net/core/bpf_jit_enable"),
		.jit_harden = seg_sysctl("net/core/bpf_jit_harden"),
		.unprivileged_bpf = seg_sysctl("kernel/unprivileged_bpf_disabled"),
		.btf = !access("/sys/kernel/btf/vmlinux", F_OK),
		.bpffs = has_bpffs(),
		.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
	};
	get_version(out);
	if (may_probe)
		probe(out);
}
