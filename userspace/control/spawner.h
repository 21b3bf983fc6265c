/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawner.h - the process that starts, watches and restarts workers. Forked by
 * the keeper while both are privileged; then the worker's uid, no capability.
 *
 * It keeps the descriptors of each worker for as long as the queue lives. When
 * the keeper dies it goes on as it was; when it dies itself, its workers do.
 */
#ifndef SEG_SPAWNER_H
#define SEG_SPAWNER_H

#include <sys/types.h>

#include "error.h"
#include "rings.h"

struct seg_spawner_options {
	uid_t uid; /* of spawner and workers, and their group's number */
	gid_t gid;
	int worker_fd; /* xdpseg-worker, opened before the drop */
	int listener;  /* where the next keeper comes, seg_spawner_listen(); -1: none may */
	int (*worker_code)(const struct seg_ring mapped[SEG_RING_KINDS]); /* what it does, where it
									     has to be a fork */
};

/* The uid where the configured user does not exist: reserved for local use by no distribution. */
#define SEG_WORKER_UID 65533

/* User and group that workers run as: SEG_WORKER_USER, or SEG_WORKER_UID. */
void seg_spawner_user(struct seg_spawner_options *options);

/*
 * Open the worker's program: `path`, or if NULL beside this program's binary, in
 * the build tree, or in SEG_LIBEXECDIR. A descriptor, or -errno.
 */
int seg_spawner_find_worker(const char *path, struct seg_error *err);

/*
 * Fork it. *socket is the keeper's end of their connection (struct seg_spawn),
 * close-on-exec. Returns the pid or -errno.
 */
pid_t seg_spawner_fork(const struct seg_spawner_options *options, int *socket,
		       struct seg_error *err);

/*
 * The socket spawner.sock in a runtime folder: a keeper that finds its predecessor dead
 * connects to its spawner there. Both: a descriptor, close-on-exec, or -errno.
 */
int seg_spawner_listen(const char *folder, struct seg_error *err);
int seg_spawner_connect(const char *folder);

#define SEG_SPAWNER_SOCKET "spawner.sock"

#endif
