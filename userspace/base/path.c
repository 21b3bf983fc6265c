/* SPDX-License-Identifier: BSD-2-Clause */
#include "path.h"

#include <stdio.h>
#include <string.h>

char *seg_path_beside(const char *by, const char *name)
{
	const char *slash = strrchr(by, '/');
	char *path;

	while (strncmp(name, "./", 2) == 0)
		name += 2;
	if (*name == '/' || !slash)
		return strdup(name);
	if (asprintf(&path, "%.*s/%s", (int)(slash - by), by, name) < 0)
		return NULL;
	return path;
}
