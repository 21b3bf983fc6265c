/* SPDX-License-Identifier: BSD-2-Clause */
#include "regular.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"

/* O_NONBLOCK: a FIFO without a writer must not hold us up before it is refused. */
int seg_open_regular(const char *path, const char **why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status)) {
		int errnum = errno;

		*why = strerror(errnum);
		return -errnum;
	}
	if (S_ISREG(status.st_mode))
		return TAKE_FD(fd);
	*why = "not a regular file";
	return -EINVAL;
}
