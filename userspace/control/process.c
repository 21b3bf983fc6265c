/* SPDX-License-Identifier: BSD-2-Clause */
#include "process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "cleanup.h"

/* The name, in parentheses, may hold anything; what follows its last one is 20 fields to skip. */
int seg_process_of(pid_t pid, struct seg_process *out)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[1024], *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file) || !(at = strrchr(line, ')')))
		return -ESRCH;
	for (int field = 0; field < 20 && at; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -ESRCH;
	*out = (struct seg_process){.pid = pid, .start = strtoull(at, NULL, 10)};
	return 0;
}

int seg_process_open(const struct seg_process *process)
{
	_cleanup_close_ int fd = -1;
	struct seg_process now;

	if (process->pid <= 1)
		return -ESRCH;
	fd = pidfd_open(process->pid, 0);
	if (fd < 0)
		return -errno;
	if (seg_process_of(process->pid, &now) || now.start != process->start)
		return -ESRCH;
	return TAKE_FD(fd);
}

int seg_process_wait(int pidfd, int timeout_ms)
{
	struct pollfd gone = {.fd = pidfd, .events = POLLIN};
	int n;

	do {
		n = poll(&gone, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

int seg_process_end(const struct seg_process *process, int timeout_ms)
{
	_cleanup_close_ int fd = seg_process_open(process);

	if (fd == -ESRCH)
		return 0;
	if (fd < 0)
		return fd;
	if (pidfd_send_signal(fd, SIGKILL, NULL, 0))
		return errno == ESRCH ? 0 : -errno;
	return seg_process_wait(fd, timeout_ms);
}
