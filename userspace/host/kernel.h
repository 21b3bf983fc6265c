/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.h - what the kernel that runs here can do, and how it is set. What may
 * not be looked at without privilege is SEG_UNKNOWN, and nothing is changed.
 */
#ifndef SEG_KERNEL_H
#define SEG_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#define SEG_UNKNOWN (-1) /* needs privilege, or cannot be seen from this network namespace */

struct seg_kernel {
	char release[65]; /* as uname(2) says it */
	uint32_t major, minor;
	int xdp, sched_cls, xskmap; /* 1: there, 0: not, or SEG_UNKNOWN */
	int ext;                    /* programs that replace a function of another one */
	int af_xdp;
	int compiles;         /* 1: BPF programs are compiled, 0: interpreted */
	int jit, jit_harden;  /* net.core.bpf_jit_enable, _harden */
	int unprivileged_bpf; /* kernel.unprivileged_bpf_disabled */
	bool btf;             /* the kernel describes its own types */
	bool bpffs;           /* mounted at /sys/fs/bpf */
	uint32_t cpus;        /* online */
};

/* `may_probe`: it may load programs and make maps for a moment, which needs CAP_BPF. */
void seg_kernel_get(bool may_probe, struct seg_kernel *out);

/* The kernel is this version or a later one. */
bool seg_kernel_since(const struct seg_kernel *kernel, uint32_t major, uint32_t minor);

/* A number below /proc/sys, or SEG_UNKNOWN. */
int seg_sysctl(const char *path);

#endif
