/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control_faulty.c - xdpsegd whose attach fails at the step that the file
 * $SEG_FAULT names, if any, or with "kill" behind it is the daemon's last; with $SEG_OLD_RINGS as
 * on a kernel before 6.4.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "iface.h"
#include "xsk.h"

bool seg_xsk_old_rings(void)
{
	return getenv("SEG_OLD_RINGS");
}

int seg_attach_fault(const char *step)
{
	const char *path = getenv("SEG_FAULT");
	_cleanup_fclose_ FILE *file = path ? fopen(path, "re") : NULL;
	char wanted[64], how[8] = "";

	if (!file || fscanf(file, "%63s %7s", wanted, how) < 1 || strcmp(wanted, step) != 0)
		return 0;
	if (!strcmp(how, "kill"))
		raise(SIGKILL);
	return -EIO;
}
