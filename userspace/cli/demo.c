/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo.c - `xdpseg demo`: a lab of network namespaces, narrated. This process stays
 * outside and hears the signals; its child is the first of a PID namespace, in which all
 * else runs. When that child ends, or is killed, the kernel ends all of it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "demo.h"

struct demo_options {
	bool keep;
};

static const struct seg_option OPTIONS[] = {
	{"keep", 0, SEG_OPTION_FLAG, offsetof(struct demo_options, keep), NULL,
	 "leave the lab up before its end, and say how to enter it", 0},
	{0},
};

static int signals_open(void)
{
	static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	sigset_t signals;

	sigemptyset(&signals);
	for (size_t i = 0; i < SEG_ARRAY_SIZE(SIGNALS); i++)
		sigaddset(&signals, SIGNALS[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* It must not outlive this process, whose death nobody could tell it otherwise. */
static void play(const struct seg_cli *cli, struct seg_demo_shared *shared)
{
	const struct demo_options *options = cli->values;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = seg_demo_play(cli, options->keep, shared);
	fflush(stdout);
	_exit(r ? SEG_EXIT_FAILED : SEG_EXIT_OK);
}

/* Returns when nothing of the lab runs any more: was it ended by a signal? */
static bool await_end(pid_t pid, int signals, int *status)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);
	struct pollfd events[] = {{.fd = signals, .events = POLLIN},
				  {.fd = pidfd, .events = POLLIN}};
	bool interrupted;

	while (poll(events, SEG_ARRAY_SIZE(events), -1) < 0 && errno == EINTR)
		;
	interrupted = !events[1].revents;
	if (interrupted)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return interrupted;
}

/* What came of it, once it has ended. */
static int conclude(const struct seg_cli *cli, const struct seg_demo_shared *shared,
		    bool interrupted, int status, struct seg_error *err)
{
	if (interrupted && !shared->keeping)
		return seg_error_set(err, EINTR, "interrupted; nothing of the lab is left");
	if (!interrupted && !WIFEXITED(status))
		return seg_error_set(err, ECHILD, "the lab's process was killed: %s",
				     strsignal(WTERMSIG(status)));
	if (*shared->err.what) {
		*err = shared->err;
		return -EIO;
	}
	if (!shared->surprises) {
		seg_demo_sum_up(cli, shared);
		return 0;
	}
	seg_error_set(err, EIO, "%u of %u steps came out otherwise than told", shared->surprises,
		      shared->steps);
	seg_error_mend(err, cli->global.json    ? "those whose \"as_told\" is false say how"
			    : cli->global.quiet ? "`xdpseg demo` without -q shows which"
						: "they are marked UNEXPECTED above");
	return -EIO;
}

static int run_lab(const struct seg_cli *cli, struct seg_demo_shared *shared, struct seg_error *err)
{
	_cleanup_close_ int signals = signals_open();
	bool interrupted;
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		play(cli, shared);
	if (pid < 0)
		return seg_error_set(err, errno, "cannot make a process: %s", strerror(errno));
	shared->pid = pid;
	interrupted = await_end(pid, signals, &status);
	return conclude(cli, shared, interrupted, status, err);
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	const struct demo_options *options = cli->values;
	struct seg_demo_shared *shared;
	int r;

	if (cli->operands_n)
		return seg_usage(err, &seg_verb_demo, "demo takes no operand");
	if (options->keep && cli->global.json)
		return seg_usage(err, &seg_verb_demo, "--keep talks to a person, --json does not");
	r = seg_lab_prepare(err);
	if (r)
		return r;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return seg_error_set(err, errno, "out of memory");
	r = run_lab(cli, shared, err);
	munmap(shared, sizeof(*shared));
	return r;
}

const struct seg_verb seg_verb_demo = {
	.name = "demo",
	.synopsis = "[--keep]",
	.summary = "show what it does, in a lab of network namespaces",
	.details =
		"Touches no interface of this machine, asks no network, takes less than a minute, "
		"and leaves\n"
		"nothing behind. Exit status 0: everything came out as it was told.",
	.options = OPTIONS,
	.values_size = sizeof(struct demo_options),
	.run = run,
};
