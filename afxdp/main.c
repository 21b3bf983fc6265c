/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xdpseg-worker: started by the spawner with its descriptors at fixed numbers
 * (handover.h); of no use by hand. What it says on stderr is for the spawner's log.
 */
#include <fcntl.h>
#include <stdio.h>

#include "handover.h"
#include "life.h"
#include "version.h"

static int usage(const char *name)
{
	fprintf(stderr,
		"%s %s: one RX queue's slow path, started by xdpsegd\n"
		"mend: run 'xdpseg attach IFACE', which starts it with all that it needs\n",
		name, SEG_VERSION);
	return SEG_WORKER_EXIT_USAGE;
}

/* A handover is a memfd, and nobody has one by accident. */
static bool has_handover(void)
{
	return fcntl(SEG_WORKER_FD_FIRST + SEG_FD_HANDOVER, F_GET_SEALS) > 0;
}

int main(int argc, char **argv)
{
	if (argc != 1 || !has_handover())
		return usage(argv[0] ? argv[0] : "xdpseg-worker");
	return seg_worker_live(NULL);
}
