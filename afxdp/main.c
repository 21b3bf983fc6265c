/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xdpseg-worker: started by the spawner with its descriptors at fixed numbers
 * (handover.h); of no use by hand. What it says on stderr is for the spawner's log.
 */
#include <fcntl.h>
#include <string.h>

#include "confine.h"
#include "version.h"
#include "worker.h"

static int usage(const char *name)
{
	fprintf(stderr,
		"%s %s: one RX queue's slow path, started by xdpsegd\n"
		"mend: run 'xdpseg attach IFACE', which starts it with all that it needs\n",
		name, SEG_VERSION);
	return SEG_WORKER_EXIT_USAGE;
}

static int end(enum seg_worker_exit how, const struct seg_error *err)
{
	seg_error_print(err, stderr, 0);
	return (int)how;
}

/* A handover is a memfd, and nobody has one by accident. */
static bool has_handover(void)
{
	return fcntl(SEG_WORKER_FD_FIRST + SEG_FD_HANDOVER, F_GET_SEALS) > 0;
}

int main(int argc, char **argv)
{
	static struct seg_worker worker;
	enum seg_worker_exit how;
	struct seg_error err = {0};

	if (argc != 1 || !has_handover())
		return usage(argv[0] ? argv[0] : "xdpseg-worker");
	if (seg_worker_open(&worker, SEG_WORKER_FD_FIRST, &how, &err))
		return end(how, &err);
	if (seg_confine(SEG_WORKER_FD_FIRST + SEG_FD_MAX, &err))
		return end(SEG_WORKER_EXIT_CONFINE, &err);
	if (seg_worker_start(&worker, &how, &err))
		return end(how, &err);
	while (!seg_worker_turn(&worker, -1, &how, &err))
		;
	return end(how, &err);
}
