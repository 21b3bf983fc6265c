/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * facts.h - what the checks judge: gathered once (gather.c), or filled by a test.
 * SEG_UNKNOWN is what could not be looked at.
 */
#ifndef SEG_FACTS_H
#define SEG_FACTS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "hooks.h"
#include "kernel.h"
#include "vector.h"

/* Who asks, and what this installation has. */
struct seg_setup {
	char lacks[128]; /* capabilities that attaching needs; empty: none */
	bool sees_all;   /* may look at everything */
	bool raises;     /* may raise its limits */
	uint64_t files;  /* hard limit of open files */
	uint64_t files_needed;
	bool worker_user;
	bool has_daemon, has_worker; /* the programs */
};

enum seg_daemon_state {
	SEG_DAEMON_NONE,
	SEG_DAEMON_RUNS,
	SEG_DAEMON_CLOSED, /* its socket is not open to this user */
	SEG_DAEMON_SILENT  /* it does not answer */
};

struct seg_daemon_facts {
	enum seg_daemon_state state;
	const char *runtime_dir;
	char version[32];
	char policy[128]; /* name; empty: none */
	uint64_t revision;
	bool observes;
	int leftover; /* 1: a daemon died here and left things; 0, SEG_UNKNOWN */
};

struct seg_device_facts {
	struct seg_device device; /* its name alone, where there is none */
	struct seg_hooks hooks;
	bool missing;
	bool attached;         /* by the daemon that runs */
	bool generic;          /* and in generic mode */
	int meta;              /* 1: its driver carried metadata, 0: not, SEG_UNKNOWN */
	char master[IFNAMSIZ]; /* that it is a port of */
	bool tagged;           /* this host has a VLAN on it, or on what it is a port of */
	int rp_filter;         /* in force: the stricter one of all's and its own */
};

struct seg_facts {
	struct seg_kernel kernel;
	struct seg_setup setup;
	struct seg_daemon_facts daemon;
	SEG_VECTOR(struct seg_device_facts) devices;
};

/*
 * Look at this host: at `names`, or, if there are none, at every Ethernet interface that is
 * up and not xdpseg's own. The daemon's answer is the caller's to fill in, but for
 * what it left behind. 0 or -errno; free with seg_facts_free() either way.
 */
int seg_facts_get(char *const *names, size_t n, const char *runtime_dir, struct seg_facts *out);
void seg_facts_free(struct seg_facts *facts);

#define _cleanup_facts_ _cleanup_(seg_facts_free)

#endif
