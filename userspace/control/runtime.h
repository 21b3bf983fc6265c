/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime.h - what one daemon has outside of its memory: a folder with control
 * socket and state file, and a folder of pins in bpffs. The folder's lock says
 * whether its daemon lives.
 *
 * The state file names what a next life must end or remove, and is written
 * before any of it comes to be. Single writer: the holder of the lock.
 */
#ifndef SEG_RUNTIME_H
#define SEG_RUNTIME_H

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "error.h"
#include "process.h"

#define SEG_RUNTIME_DEFAULT "/run/xdpseg"

struct seg_runtime {
	char path[94]; /* of the folder; a socket's path must fit */
	char pins[PATH_MAX];
	int folder; /* holds the lock */
	bool made;  /* the folder is ours to remove */
};

struct seg_state {
	struct seg_process spawner;
	uint64_t netns; /* inode of the network namespace that the interfaces are in */
	bool made;
	size_t ifaces_n;
	struct {
		char name[IFNAMSIZ];
		uint32_t ifindex;
	} ifaces[SEG_IFACES_MAX];
};

/*
 * Take the folder, making it if need be. -EBUSY: another daemon lives there; then
 * nothing was changed. Release with seg_runtime_close().
 */
int seg_runtime_open(struct seg_runtime *runtime, const char *path, struct seg_error *err);

/* Remove all that the daemon put there, and the folder if it made it. */
void seg_runtime_close(struct seg_runtime *runtime);

/* Path of a pin; `name` with what bpffs does not take replaced. Returns `to`. */
const char *seg_runtime_pin(const struct seg_runtime *runtime, const char *prefix, const char *name,
			    char to[PATH_MAX]);

int seg_runtime_make_pins(const struct seg_runtime *runtime, struct seg_error *err);

/* Every pin, and their folder. */
void seg_runtime_remove_pins(const struct seg_runtime *runtime);

/* Whole, or not at all. */
int seg_state_save(const struct seg_runtime *runtime, const struct seg_state *state,
		   struct seg_error *err);

/* -ENOENT: no daemon died here. -EBADMSG: it cannot be read. */
int seg_state_load(const struct seg_runtime *runtime, struct seg_state *state);

/* Inode of this process's network namespace. */
uint64_t seg_runtime_netns(void);

#endif
