/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "place.h"

#define READY_FD 3 /* xdpsegd's number for it */

extern char **environ;

static int find_daemon(char path[PATH_MAX], struct seg_error *err)
{
	char own[PATH_MAX];
	int r = seg_place_own(own);

	if (r)
		return seg_error_set(err, -r, "cannot tell where this program is: %s",
				     strerror(-r));
	if (!seg_place_daemon(own, path))
		return 0;
	seg_error_set(err, ENOENT, "the daemon xdpsegd is not installed beside %s", own);
	seg_error_mend(err, "reinstall xdpseg, or start xdpsegd by hand");
	return -ENOENT;
}

static int spawn_daemon(const char *path, const char *runtime_dir, int ready, bool keep_stderr,
			bool shared, pid_t *pid)
{
	char number[] = {'0' + READY_FD, '\0'};
	const char *const argv[] = {"xdpsegd",    "--runtime-dir", runtime_dir,
				    "--ready-fd", number,          shared ? "--shared" : NULL,
				    NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r;

	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ready, READY_FD);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!keep_stderr)
		posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	r = posix_spawn(pid, path, &actions, &attributes, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

/* All that comes, NUL-terminated: one byte from a daemon that is ready, its last words from
 * another. */
static size_t read_ready(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size - 1) {
		n = read(fd, text + used, size - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || used + (size_t)n == 1) {
			used += n > 0;
			break;
		}
		used += (size_t)n;
	}
	text[used] = '\0';
	return used;
}

/* Its last words: a line that says what is wrong, and one how to mend it. */
static void report_words(const char *text, struct seg_error *err)
{
	size_t what = strcspn(text, "\n"), mend = what + (text[what] != '\0');

	seg_error_set(err, ECHILD, "%.*s", (int)what, text);
	if (text[mend])
		seg_error_mend(err, "%.*s", (int)strcspn(text + mend, "\n"), text + mend);
}

/* It ended before it was ready. */
static int report_failure(pid_t pid, const char *text, struct seg_error *err)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (*text)
		report_words(text, err);
	else if (WIFSIGNALED(status))
		seg_error_set(err, ECHILD, "xdpsegd was killed while it started: %s",
			      strsignal(WTERMSIG(status)));
	else
		seg_error_set(err, ECHILD, "xdpsegd ended while it started");
	seg_error_mend(err, "`xdpsegd --runtime-dir DIR` in a terminal says more");
	seg_error_exit(err, WIFEXITED(status) && WEXITSTATUS(status)
				    ? (enum seg_exit)WEXITSTATUS(status)
				    : SEG_EXIT_FAILED);
	return -ECHILD;
}

int seg_daemon_start(const char *runtime_dir, bool keep_stderr, bool shared, struct seg_error *err)
{
	_cleanup_close_ int ready = -1;
	char path[PATH_MAX], text[4096];
	int pipe[2], r;
	pid_t pid;

	r = find_daemon(path, err);
	if (r)
		return r;
	if (pipe2(pipe, O_CLOEXEC))
		return seg_error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
	ready = pipe[0];
	r = spawn_daemon(path, runtime_dir, pipe[1], keep_stderr, shared, &pid);
	close(pipe[1]);
	if (r)
		return seg_error_set(err, -r, "cannot start %s: %s", path, strerror(-r));
	if (read_ready(ready, text, sizeof(text)) != 1)
		return report_failure(pid, text, err);
	r = pidfd_open(pid, 0);
	return r < 0 ? seg_error_set(err, errno, "cannot watch xdpsegd: %s", strerror(errno)) : r;
}

int seg_daemon_wait(int pidfd, int timeout_ms)
{
	struct pollfd gone = {.fd = pidfd, .events = POLLIN};
	int r;

	do {
		r = poll(&gone, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}
