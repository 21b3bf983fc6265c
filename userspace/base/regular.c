/* SPDX-License-Identifier: BSD-2-Clause */
#include "regular.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

static int refuse(int errnum, const char **why)
{
	*why = strerror(errnum);
	return -errnum;
}

static int refuse_kind(const char **why)
{
	*why = "not a regular file";
	return -EINVAL;
}

/*
 * Looked at before it is opened, which is enough to wind a tape or to end a FIFO's
 * writer, and once more after that, when nobody can put another in its place.
 * O_NONBLOCK: even then a FIFO must not hold us up.
 */
int seg_open_regular(const char *path, const char **why)
{
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (stat(path, &status))
		return refuse(errno, why);
	if (!S_ISREG(status.st_mode))
		return refuse_kind(why);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status))
		return refuse(errno, why);
	return S_ISREG(status.st_mode) ? TAKE_FD(fd) : refuse_kind(why);
}
