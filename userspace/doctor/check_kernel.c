/* SPDX-License-Identifier: BSD-2-Clause */
/* check_kernel.c - what the kernel can do, and how it is set. */
#include "cleanup.h"
#include "doctor.h"

/* What younger kernels have and xdpseg uses where it is there: what its lack means, and how bad. */
static const struct {
	uint32_t major, minor;
	enum seg_level level;
	const char *without;
} YOUNGER[] = {
	{5, 18, SEG_LEVEL_NOTE,
	 "before 5.18 a worker hands packets on one by one: several times fewer new flows a "
	 "second"},
	{6, 3, SEG_LEVEL_OK,
	 "before 6.3 drivers do not tell whether they have native XDP: a list of names does"},
	{6, 4, SEG_LEVEL_OK, "before 6.4 a worker is a fork of xdpsegd's spawner"},
	{6, 6, SEG_LEVEL_OK, "before 6.6 there is no tcx: a filter of clsact sees what leaves"},
};

static void check_version(const struct seg_facts *facts, struct seg_findings *to)
{
	const struct seg_kernel *kernel = &facts->kernel;

	if (!seg_kernel_since(kernel, 5, 15)) {
		seg_find(to, SEG_LEVEL_ERROR, "Linux %s is older than 5.15", kernel->release);
		seg_find_mend(to, "run Linux 5.15 or later");
		return;
	}
	seg_find(to, SEG_LEVEL_OK, "Linux %s", kernel->release);
	for (size_t i = 0; i < SEG_ARRAY_SIZE(YOUNGER); i++) {
		if (seg_kernel_since(kernel, YOUNGER[i].major, YOUNGER[i].minor))
			continue;
		seg_find(to, YOUNGER[i].level, "%s", YOUNGER[i].without);
		if (YOUNGER[i].level > SEG_LEVEL_OK)
			seg_find_mend(to, "run Linux %u.%u or later", YOUNGER[i].major,
				      YOUNGER[i].minor);
	}
}

static void require(struct seg_findings *to, int there, const char *what, const char *option)
{
	if (there == SEG_UNKNOWN)
		return;
	if (there) {
		seg_find(to, SEG_LEVEL_OK, "%s", what);
		return;
	}
	seg_find(to, SEG_LEVEL_ERROR, "the kernel has or permits none: %s", what);
	seg_find_mend(to, "run a kernel with %s, outside of a container that forbids bpf()",
		      option);
}

static void check_features(const struct seg_facts *facts, struct seg_findings *to)
{
	const struct seg_kernel *kernel = &facts->kernel;

	require(to, kernel->xdp, "XDP programs", "CONFIG_BPF_SYSCALL");
	require(to, kernel->sched_cls, "tc programs", "CONFIG_NET_CLS_BPF");
	require(to, kernel->xskmap, "maps of AF_XDP sockets", "CONFIG_XDP_SOCKETS");
	require(to, kernel->af_xdp, "AF_XDP sockets", "CONFIG_XDP_SOCKETS");
}

static void check_dispatcher(const struct seg_facts *facts, struct seg_findings *to)
{
	const struct seg_kernel *kernel = &facts->kernel;

	if (kernel->ext == SEG_UNKNOWN)
		return;
	if (kernel->ext && kernel->btf)
		seg_find(to, SEG_LEVEL_OK, "libxdp's dispatcher can run here: attach --shared");
	else
		seg_find(to, SEG_LEVEL_NOTE,
			 "libxdp's dispatcher cannot run here (%s): attach --shared stands alone",
			 kernel->btf ? "no programs of type ext" : "no BTF");
}

static void check_jit(const struct seg_facts *facts, struct seg_findings *to)
{
	const struct seg_kernel *kernel = &facts->kernel;

	if (kernel->jit == 0 || kernel->compiles == 0) {
		seg_find(to, SEG_LEVEL_WARNING,
			 "BPF programs are interpreted: several times slower");
		seg_find_mend(to, kernel->jit == 0
					  ? "sysctl net.core.bpf_jit_enable=1"
					  : "a kernel with CONFIG_BPF_JIT; where it has that, "
					    "net.core.bpf_jit_enable=1 in the host's network "
					    "namespace");
	} else if (kernel->jit > 0 || kernel->compiles > 0) {
		seg_find(to, SEG_LEVEL_OK, "BPF programs are compiled (net.core.bpf_jit_enable)");
	} else if (facts->setup.sees_all) {
		seg_find(to, SEG_LEVEL_OK,
			 "whether BPF programs are compiled cannot be seen from this network "
			 "namespace");
	}
	if (kernel->jit_harden == 2) {
		seg_find(to, SEG_LEVEL_WARNING,
			 "net.core.bpf_jit_harden=2 blinds constants in root's programs too: "
			 "every packet costs more");
		seg_find_mend(to, "sysctl net.core.bpf_jit_harden=1 hardens what others load");
	}
}

static void check_unprivileged(const struct seg_facts *facts, struct seg_findings *to)
{
	if (facts->kernel.unprivileged_bpf)
		return;
	seg_find(to, SEG_LEVEL_NOTE, "every user may load BPF programs; xdpseg does not need that");
	seg_find_mend(to, "sysctl kernel.unprivileged_bpf_disabled=2");
}

const struct seg_check SEG_KERNEL_CHECKS[] = {
	{"version", check_version},
	{"features", check_features},
	{"dispatcher", check_dispatcher},
	{"jit", check_jit},
	{"unprivileged-bpf", check_unprivileged},
	{0},
};
