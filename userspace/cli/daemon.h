/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon.h - starting xdpsegd where none runs, and waiting until one is gone.
 */
#ifndef SEG_DAEMON_H
#define SEG_DAEMON_H

#include <stdbool.h>

#include "error.h"

/*
 * Start the xdpsegd that belongs to this binary (beside it, in the build tree,
 * or in sbin) in a session of its own; returns when it serves `runtime_dir`.
 * shared: it may share interfaces. keep_stderr: it logs to this process's stderr too. On failure
 * err is what it said, with its exit code. Returns a pidfd, which the caller closes.
 */
int seg_daemon_start(const char *runtime_dir, bool keep_stderr, bool shared, struct seg_error *err);

/* Wait until the process behind a pidfd is gone, timeout_ms at most (-1: for ever). -ETIMEDOUT. */
int seg_daemon_wait(int pidfd, int timeout_ms);

#endif
