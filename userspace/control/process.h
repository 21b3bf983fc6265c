/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process.h - a process by number and start time: numbers are used again, the
 * pair is not.
 */
#ifndef SEG_PROCESS_H
#define SEG_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct seg_process {
	pid_t pid;      /* 0: none */
	uint64_t start; /* clock ticks after boot, field 22 of proc(5)'s stat */
};

/* The process with this number now. -ESRCH: there is none. */
int seg_process_of(pid_t pid, struct seg_process *out);

/* A pidfd of exactly this process, or -ESRCH, -errno. */
int seg_process_open(const struct seg_process *process);

/* SIGKILL it, and wait until it is gone. 0 also if it was gone; -ETIMEDOUT. */
int seg_process_end(const struct seg_process *process, int timeout_ms);

/* Wait until the process behind a pidfd ends. 0 or -ETIMEDOUT. */
int seg_process_wait(int pidfd, int timeout_ms);

#endif
