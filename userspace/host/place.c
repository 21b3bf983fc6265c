/* SPDX-License-Identifier: BSD-2-Clause */
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "version.h"

int seg_place_own(char folder[PATH_MAX])
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (n < 0)
		return -errno;
	program[n] = '\0';
	*strrchr(program, '/') = '\0';
	memcpy(folder, program, sizeof(program));
	return 0;
}

/* A place that begins with a slash is not seen from `folder`. */
static int find(const char *folder, const char *const *places, size_t n, const char *name,
		char path[PATH_MAX])
{
	for (size_t i = 0; i < n; i++) {
		const char *base = places[i][0] == '/' ? "" : folder;
		int used = snprintf(path, PATH_MAX, "%s%s%s/%s", base, *base ? "/" : "", places[i],
				    name);

		if (used > 0 && used < PATH_MAX && !access(path, X_OK))
			return 0;
	}
	return -ENOENT;
}

int seg_place_daemon(const char *folder, char path[PATH_MAX])
{
	static const char *const places[] = {".", "../control", "../sbin"};

	return find(folder, places, SEG_ARRAY_SIZE(places), "xdpsegd", path);
}

int seg_place_worker(const char *folder, char path[PATH_MAX])
{
	static const char *const places[] = {".", "../../afxdp", SEG_LIBEXEC_FROM_SBIN,
					     SEG_LIBEXECDIR};

	return find(folder, places, SEG_ARRAY_SIZE(places), "xdpseg-worker", path);
}
