/* SPDX-License-Identifier: BSD-2-Clause */
#include "life.h"

#include <stdio.h>

#include "confine.h"
#include "worker.h"

static int end(enum seg_worker_exit how, const struct seg_error *err)
{
	seg_error_print(err, stderr, 0);
	return (int)how;
}

int seg_worker_live(const struct seg_ring mapped[SEG_RING_KINDS])
{
	static struct seg_worker worker;
	enum seg_worker_exit how;
	struct seg_error err = {0};

	if (seg_worker_open(&worker, SEG_WORKER_FD_FIRST, mapped, &how, &err))
		return end(how, &err);
	if (seg_confine(SEG_WORKER_FD_FIRST + SEG_FD_MAX, &err))
		return end(SEG_WORKER_EXIT_CONFINE, &err);
	if (seg_worker_start(&worker, &how, &err))
		return end(how, &err);
	while (!seg_worker_turn(&worker, -1, &how, &err))
		;
	return end(how, &err);
}
