/* SPDX-License-Identifier: BSD-2-Clause */
#include "leftover.h"

#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>

#include "abi.h"
#include "cleanup.h"
#include "link.h"
#include "shared.h"
#include "tc.h"

#define END_MS 5000

/* Descriptors of a process's children; how many. They die with it, and hold its sockets until then.
 */
static size_t open_children(pid_t parent, int pidfds[SEG_QUEUES_MAX])
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], pids[SEG_QUEUES_MAX * 12], *at = pids, *end;
	size_t n = 0;
	long pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	file = fopen(path, "re");
	if (!file || !fgets(pids, sizeof(pids), file))
		return 0;
	while (n < SEG_QUEUES_MAX && (pid = strtol(at, &end, 10)) > 0 && end != at) {
		pidfds[n] = pidfd_open((pid_t)pid, 0);
		n += pidfds[n] >= 0;
		at = end;
	}
	return n;
}

/* That the spawner is verified first makes its children ours. */
static int end_processes(const struct seg_process *spawner, struct seg_error *err)
{
	_cleanup_close_ int alive = seg_process_open(spawner);
	int workers[SEG_QUEUES_MAX], r;
	size_t n;

	if (alive < 0)
		return 0;
	n = open_children(spawner->pid, workers);
	r = seg_process_end(spawner, END_MS);
	for (size_t i = 0; i < n; i++) {
		if (!r)
			r = seg_process_wait(workers[i], END_MS);
		close(workers[i]);
	}
	if (r)
		seg_error_set(err, -r, "process %d of a daemon that died cannot be ended: %s",
			      spawner->pid, strerror(-r));
	return r;
}

/* A pair in another network namespace is out of reach; its numbers may be somebody else's here. */
static void clean_interfaces(const struct seg_state *state)
{
	char name[IFNAMSIZ];

	if (state->netns != seg_runtime_netns())
		return;
	for (size_t i = 0; i < state->ifaces_n; i++) {
		snprintf(name, sizeof(name), SEG_PAIR_OUTER, state->ifaces[i].ifindex % 1000000000);
		seg_link_delete(name);
		snprintf(name, sizeof(name), SEG_ASKING_OUTER,
			 state->ifaces[i].ifindex % 1000000000);
		seg_link_delete(name);
		seg_tc_clean(state->ifaces[i].ifindex, state->ifaces[i].qdisc);
	}
}

/* While this is still root's process: libxdp needs CAP_SYS_ADMIN. */
static int detach_shared(const struct seg_state *state, struct seg_error *err)
{
	int r = 0;

	if (state->netns != seg_runtime_netns())
		return 0;
	for (size_t i = 0; i < state->ifaces_n && !r; i++)
		if (state->ifaces[i].slot)
			r = seg_shared_detach(state->ifaces[i].ifindex, state->ifaces[i].slot, err);
	return r;
}

int seg_leftover_clean(struct seg_runtime *runtime, struct seg_error *err)
{
	struct seg_state state;
	int r = seg_state_load(runtime, &state);

	if (r == -ENOENT)
		return 0;
	if (r) {
		seg_error_set(err, -r, "the state file of %s cannot be read", runtime->path);
		seg_error_mend(err, "end what is left of xdpseg, then remove %s/state.json",
			       runtime->path);
		return r;
	}
	r = end_processes(&state.spawner, err);
	if (!r && state.sharer.pid)
		r = end_processes(&state.sharer, err);
	if (!r)
		r = detach_shared(&state, err);
	if (r)
		return r;
	runtime->made |= state.made;
	seg_runtime_remove_pins(runtime);
	clean_interfaces(&state);
	return 0;
}
