/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sharer.h - the process that attaches and detaches programs through libxdp, for the keeper: it
 * alone has CAP_SYS_ADMIN, which libxdp needs to open a program by its id. It is forked before the
 * keeper's drop, by a daemon that was started with --shared only; it does a few things, for one
 * that holds its socket, and ends with that.
 */
#ifndef SEG_SHARER_H
#define SEG_SHARER_H

#include <sys/types.h>

#include "error.h"
#include "shared.h"

struct seg_sharer {
	int socket; /* -1: there is none */
	pid_t pid;
};

/* Fork it. 0 or -errno; then ->socket is -1. */
int seg_sharer_fork(struct seg_sharer *sharer, struct seg_error *err);

/* End it, and wait for that. */
void seg_sharer_close(struct seg_sharer *sharer);

/* As seg_shared_supported(), and -EPERM: this daemon was started without a sharer. */
int seg_sharer_check(const struct seg_sharer *sharer, struct seg_error *err);

/* As seg_shared_attach(), seg_shared_detach(), seg_shared_is_there(). */
int seg_sharer_attach(const struct seg_sharer *sharer, struct seg_shared *shared, int slot_fd,
		      struct seg_error *err);
int seg_sharer_detach(const struct seg_sharer *sharer, uint32_t ifindex, uint32_t slot,
		      struct seg_error *err);
bool seg_sharer_finds(const struct seg_sharer *sharer, uint32_t ifindex, uint32_t slot);

#endif
