/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privilege.h - what the keeper may do. It is started as root, prepares what
 * only root can, and keeps
 *
 *   CAP_BPF        load programs, make maps, follow links
 *   CAP_PERFMON    without it the verifier refuses `data_end - data`
 *   CAP_NET_ADMIN  attach programs, make the veth pair and its filter, SO_MARK
 *   CAP_NET_RAW    AF_XDP sockets
 *   CAP_IPC_LOCK   pin the UMEM beyond RLIMIT_MEMLOCK
 */
#ifndef SEG_PRIVILEGE_H
#define SEG_PRIVILEGE_H

#include <stdbool.h>

#include "error.h"

/* 0 if the capabilities above are there (shares: CAP_SYS_ADMIN too); else -EPERM, and the missing
 * ones named. */
int seg_privilege_check(bool shares, struct seg_error *err);

/* Mount a bpf file system at /sys/fs/bpf where there is none. */
int seg_privilege_mount_bpffs(struct seg_error *err);

/* Descriptors for SEG_QUEUES_MAX workers, here and in what is forked from here. */
int seg_privilege_raise_limits(struct seg_error *err);

/* Give up everything else, for good. */
int seg_privilege_drop(struct seg_error *err);

/* In the sharer: give up all but what libxdp needs. */
int seg_privilege_drop_to_share(struct seg_error *err);

#endif
