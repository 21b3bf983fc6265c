/* SPDX-License-Identifier: BSD-2-Clause */
#include "life.h"

#include <linux/sched/types.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"
#include "worker.h"

static int end(enum seg_worker_exit how, const struct seg_error *err)
{
	seg_error_print(err, stderr, 0);
	return (int)how;
}

#define SLICE_NS 100000

/*
 * A flow's first packet waits until the worker is woken. With short slices it comes in before what
 * computes at length, with no larger share of the CPU. Before Linux 6.12 they are not heeded, and
 * the packaged service refuses them with all of @resources: then it is as without.
 */
static void ask_for_short_slices(void)
{
	struct sched_attr attr = {.size = sizeof(attr)};

	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0))
		return;
	attr.sched_runtime = SLICE_NS;
	syscall(SYS_sched_setattr, 0, &attr, 0);
}

int seg_worker_live(const struct seg_ring mapped[SEG_RING_KINDS])
{
	static struct seg_worker worker;
	enum seg_worker_exit how;
	struct seg_error err = {0};

	if (seg_worker_open(&worker, SEG_WORKER_FD_FIRST, mapped, &how, &err))
		return end(how, &err);
	ask_for_short_slices();
	if (seg_confine(SEG_WORKER_FD_FIRST + SEG_FD_MAX, &err))
		return end(SEG_WORKER_EXIT_CONFINE, &err);
	if (seg_worker_start(&worker, &how, &err))
		return end(how, &err);
	while (!seg_worker_turn(&worker, -1, &how, &err))
		;
	return end(how, &err);
}
