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

#include <jansson.h>

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

/* An interface, as a next life needs to know it. */
struct seg_state_iface {
	char name[IFNAMSIZ]; /* when it was attached: so its pins are named */
	uint32_t ifindex;
	bool qdisc;     /* its clsact qdisc is ours to remove */
	bool complete;  /* attached to the end, and detach has not begun */
	uint32_t index; /* in seg_counts */
	uint32_t queue_base;
	uint32_t queues;
	uint16_t zone;
	int mode;              /* enum seg_mode */
	uint64_t learns_until; /* ns, CLOCK_MONOTONIC; 0: it is enforced */
	uint64_t attached;     /* ns, CLOCK_MONOTONIC */
	uint32_t slot;         /* its hook is shared (shared.h); 0: it is not */
	bool single;           /* as in struct seg_hook, and why */
	char single_why[128];
	char mode_why[128];
};

struct seg_state {
	uint64_t abi; /* seg_state_abi() of who wrote it */
	struct seg_process spawner;
	struct seg_process sharer; /* pid 0: none */
	uint64_t netns;            /* inode of the network namespace that the interfaces are in */
	bool made;
	size_t ifaces_n;
	struct seg_state_iface ifaces[SEG_IFACES_MAX];
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

/* The file of the sessions' accounts (account.h): a new one, or the predecessor's. -errno. */
int seg_runtime_accounts(const struct seg_runtime *runtime, bool fresh);

/* Every pin, and their folder; the accounts, and what was known of the policy. */
void seg_runtime_remove_pins(const struct seg_runtime *runtime);

/* Whole, or not at all. */
int seg_state_save(const struct seg_runtime *runtime, const struct seg_state *state,
		   struct seg_error *err);

/* -ENOENT: no daemon died here. -EBADMSG: it cannot be read. */
int seg_state_load(const struct seg_runtime *runtime, struct seg_state *state);

/* NULL: there is none of this interface. */
struct seg_state_iface *seg_state_find(struct seg_state *state, uint32_t ifindex);

/* A number for all that two daemons must agree in for one to take over from the other. */
uint64_t seg_state_abi(void);

/* A file of the runtime folder, 0600: written whole or not at all. 0 or -errno. */
int seg_runtime_write(const struct seg_runtime *runtime, const char *name, const char *text,
		      size_t size);
int seg_runtime_write_json(const struct seg_runtime *runtime, const char *name, const json_t *json);

/* Its text, with a NUL behind it: free(). 0 or -errno. */
int seg_runtime_read(const struct seg_runtime *runtime, const char *name, char **text,
		     size_t *size);
/* NULL: not there, or not JSON. */
json_t *seg_runtime_read_json(const struct seg_runtime *runtime, const char *name);

bool seg_runtime_has(const struct seg_runtime *runtime, const char *name);

/* Remove the files whose names begin so, but for those that `keeps` wants. NULL: none. */
void seg_runtime_prune(const struct seg_runtime *runtime, const char *prefix,
		       bool (*keeps)(const void *data, const char *name), const void *data);

/* Inode of this process's network namespace. */
uint64_t seg_runtime_netns(void);

#endif
