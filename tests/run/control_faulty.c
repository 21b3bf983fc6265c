/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control_faulty.c - xdpsegd whose attach fails at the step that the file
 * $SEG_FAULT names, if any.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "iface.h"

int seg_attach_fault(const char *step)
{
	const char *path = getenv("SEG_FAULT");
	_cleanup_fclose_ FILE *file = path ? fopen(path, "re") : NULL;
	char wanted[64];

	if (!file || fscanf(file, "%63s", wanted) != 1)
		return 0;
	return strcmp(wanted, step) ? 0 : -EIO;
}
