/* SPDX-License-Identifier: BSD-2-Clause */
/* shelf.h - the golden policies' folder, and a loader of what they name in it. */
#ifndef SEG_SHELF_H
#define SEG_SHELF_H

#include <errno.h>

#include "check.h"
#include "policy.h"

#define ENOUGH (1u << 16)

static inline size_t read_file(const char *path, char *to)
{
	_cleanup_fclose_ FILE *f = fopen(path, "r");
	size_t n = f ? fread(to, 1, ENOUGH - 1, f) : 0;

	to[n] = '\0';
	return n;
}

/* Files beside each other in a folder, all of them read here. */
struct shelf {
	const char *folder;
	char names[8][256], texts[8][ENOUGH];
	unsigned int n;
};

static inline int shelf_load(void *context, const char *by, const char *name,
			     struct seg_policy_file *file, struct seg_error *err)
{
	struct shelf *shelf = context;
	const char *slash = strrchr(by, '/');
	char path[1024];
	size_t len;

	if (shelf->n == 8)
		return seg_error_set(err, EINVAL, "too many files for this test");
	snprintf(shelf->names[shelf->n], 256, "%.*s%s", slash ? (int)(slash - by) + 1 : 0, by,
		 name);
	snprintf(path, sizeof(path), "%s/%s", shelf->folder, shelf->names[shelf->n]);
	if (access(path, R_OK))
		return seg_error_set(err, errno, "'%s' cannot be read: %s", name, strerror(errno));
	len = read_file(path, shelf->texts[shelf->n]);
	*file = (struct seg_policy_file){shelf->names[shelf->n], shelf->texts[shelf->n], len};
	shelf->n++;
	return 0;
}

#endif
