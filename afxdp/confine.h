/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confine.h - a worker reads what strangers send: it keeps no privilege that it
 * does not use for every packet.
 */
#ifndef SEG_CONFINE_H
#define SEG_CONFINE_H

#include "error.h"

/*
 * For good: all descriptors from `fd_end` on are closed, no capability is held or
 * can be gained, and any system call but the few of the loop kills the process;
 * bpf() may only run a program. 0 or -errno.
 */
int seg_confine(unsigned int fd_end, struct seg_error *err);

#endif
