/* SPDX-License-Identifier: BSD-2-Clause */
#include "spawner.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "clock.h"
#include "handover.h"
#include "loop.h"
#include "message.h"
#include "version.h"

/*
 * A worker that dies is started again at once. One that dies within SHORT_LIFE_NS
 * more than SHORT_LIVES_MAX times in a row has to wait, twice as long each time.
 */
#define SHORT_LIFE_NS   5000000ull
#define SHORT_LIVES_MAX 8
#define DELAY_MAX_NS    1000000000ull

#define FD_HIGH 64 /* above every number that a worker gets */

struct spawner;

struct worker {
	struct seg_watch watch; /* its pidfd; -1: does not run */
	struct spawner *spawner;
	bool used;
	bool stopping;
	pid_t pid;
	unsigned int short_lives;
	uint64_t started; /* ns, CLOCK_MONOTONIC */
	uint64_t due;     /* when it may be started again */
	int fds[SEG_FD_MAX];
};

struct spawner {
	struct seg_loop loop;
	struct seg_watch keeper; /* fd -1: it is gone */
	int worker_fd;
	struct worker workers[SEG_QUEUES_MAX];
};

/* --- before it is forked ----------------------------------------------------- */

void seg_spawner_user(struct seg_spawner_options *options)
{
	const struct passwd *user = getpwnam(SEG_WORKER_USER);

	options->uid = user ? user->pw_uid : SEG_WORKER_UID;
	options->gid = user ? user->pw_gid : SEG_WORKER_UID;
}

static int own_folder(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);

	if (n < 0)
		return -errno;
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	return 0;
}

static int open_worker(const char *folder, const char *sub)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s%s/xdpseg-worker", folder, sub);
	return open(path, O_PATH | O_CLOEXEC);
}

int seg_spawner_find_worker(const char *path, struct seg_error *err)
{
	char own[PATH_MAX];
	int fd;

	if (path) {
		fd = open(path, O_PATH | O_CLOEXEC);
	} else {
		fd = own_folder(own, sizeof(own));
		if (!fd)
			fd = open_worker(own, "");
		if (fd < 0)
			fd = open_worker(own, "/../../afxdp");
		if (fd < 0)
			fd = open_worker(SEG_LIBEXECDIR, "");
	}
	if (fd >= 0)
		return fd;
	seg_error_set(err, ENOENT, "the program xdpseg-worker is neither beside xdpsegd nor in %s",
		      SEG_LIBEXECDIR);
	seg_error_mend(err, "reinstall xdpseg");
	return -ENOENT;
}

/* --- a worker ----------------------------------------------------------------- */

static void tell(struct spawner *spawner, const struct worker *worker, uint32_t kind, int status)
{
	struct seg_spawn message = {
		.kind = kind,
		.queue_index = (uint32_t)(worker - spawner->workers),
		.pid = worker->pid,
		.status = status,
	};

	if (spawner->keeper.fd >= 0)
		seg_message_send(spawner->keeper.fd, &message, sizeof(message), NULL, 0);
}

/* In the child: its descriptors at their numbers, by way of high ones so that none is overwritten.
 */
static int place_fds(const struct worker *worker, int *worker_fd)
{
	int high[SEG_FD_MAX];

	*worker_fd = fcntl(*worker_fd, F_DUPFD_CLOEXEC, FD_HIGH);
	for (int i = 0; i < SEG_FD_MAX; i++) {
		high[i] = fcntl(worker->fds[i], F_DUPFD_CLOEXEC, FD_HIGH);
		if (high[i] < 0)
			return -errno;
	}
	for (int i = 0; i < SEG_FD_MAX; i++)
		if (dup2(high[i], SEG_WORKER_FD_FIRST + i) < 0)
			return -errno;
	return close_range(SEG_WORKER_FD_FIRST + SEG_FD_MAX, ~0u, CLOSE_RANGE_CLOEXEC) ? -errno : 0;
}

static void become_worker(const struct worker *worker, int worker_fd, pid_t spawner)
{
	char name[] = "xdpseg-worker";
	char *argv[] = {name, NULL}, *environment[] = {NULL};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == spawner && !place_fds(worker, &worker_fd))
		syscall(SYS_execveat, worker_fd, "", argv, environment, AT_EMPTY_PATH);
	_exit(127);
}

static void worker_ended(struct seg_watch *watch, uint32_t events);

static void start(struct worker *worker)
{
	struct spawner *spawner = worker->spawner;
	pid_t self = getpid(), pid = fork();

	if (!pid)
		become_worker(worker, spawner->worker_fd, self);
	worker->started = seg_clock_now();
	worker->due = worker->started + DELAY_MAX_NS; /* if there is no process or memory for it */
	if (pid < 0)
		return;
	worker->pid = pid;
	worker->watch = (struct seg_watch){.fd = pidfd_open(pid, 0), .ready = worker_ended};
	if (worker->watch.fd < 0 || seg_loop_add(&spawner->loop, &worker->watch, EPOLLIN)) {
		seg_closep(&worker->watch.fd);
		worker->watch.fd = -1;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return;
	}
	tell(spawner, worker, SEG_SPAWN_STARTED, 0);
}

static uint64_t restart_delay(struct worker *worker, uint64_t now)
{
	uint64_t delay = SHORT_LIFE_NS;

	if (now - worker->started >= SHORT_LIFE_NS) {
		worker->short_lives = 0;
		return 0;
	}
	if (++worker->short_lives <= SHORT_LIVES_MAX)
		return 0;
	for (unsigned int i = SHORT_LIVES_MAX + 1; i < worker->short_lives && delay < DELAY_MAX_NS;
	     i++)
		delay *= 2;
	return delay < DELAY_MAX_NS ? delay : DELAY_MAX_NS;
}

static void forget(struct worker *worker)
{
	for (int i = 0; i < SEG_FD_MAX; i++) {
		seg_closep(&worker->fds[i]);
		worker->fds[i] = -1;
	}
	worker->used = false;
}

static void worker_ended(struct seg_watch *watch, uint32_t events)
{
	struct worker *worker = (struct worker *)watch; /* its first member */
	uint64_t now = seg_clock_now();
	int status = 0;

	(void)events;
	waitpid(worker->pid, &status, 0);
	seg_loop_remove(&worker->spawner->loop, watch);
	close(watch->fd);
	watch->fd = -1;
	tell(worker->spawner, worker, SEG_SPAWN_ENDED, status);
	if (worker->stopping) {
		forget(worker);
		return;
	}
	worker->due = now + restart_delay(worker, now);
	if (worker->due == now)
		start(worker);
}

static void end(struct worker *worker)
{
	if (worker->watch.fd >= 0)
		pidfd_send_signal(worker->watch.fd, SIGKILL, NULL, 0);
}

/* --- what the keeper says ------------------------------------------------------- */

/* An order exchanges the descriptors that it keeps; what is left in fds[] is closed. */
typedef void (*order)(struct worker *worker, int *fds, int n);

static void exchange(int *a, int *b)
{
	int old = *a;

	*a = *b;
	*b = old;
}

static void on_start(struct worker *worker, int *fds, int n)
{
	if (worker->used || n != SEG_FD_MAX)
		return;
	worker->used = true;
	worker->stopping = false;
	worker->short_lives = 0;
	for (int i = 0; i < n; i++)
		exchange(&worker->fds[i], &fds[i]);
	start(worker);
}

static void on_stop(struct worker *worker, int *fds, int n)
{
	(void)fds, (void)n;
	worker->stopping = true;
	if (worker->watch.fd >= 0)
		end(worker);
	else if (worker->used)
		forget(worker);
}

static void on_restart(struct worker *worker, int *fds, int n)
{
	(void)fds, (void)n;
	end(worker);
}

static void on_image(struct worker *worker, int *fds, int n)
{
	static const enum seg_worker_fd places[] = {SEG_FD_HANDOVER, SEG_FD_IMAGE, SEG_FD_RULES,
						    SEG_FD_ZONES};

	if (!worker->used || n != (int)SEG_ARRAY_SIZE(places))
		return;
	for (int i = 0; i < n; i++)
		exchange(&worker->fds[places[i]], &fds[i]);
}

/* Nobody is left behind when the keeper sees us end. */
static void on_exit_(struct worker *worker, int *fds, int n)
{
	struct spawner *spawner = worker->spawner;

	(void)fds, (void)n;
	spawner->loop.quit = true;
	for (size_t i = 0; i < SEG_QUEUES_MAX; i++)
		end(&spawner->workers[i]);
	while (wait(NULL) > 0)
		;
}

static const order orders[] = {
	[SEG_SPAWN_START] = on_start, [SEG_SPAWN_STOP] = on_stop,  [SEG_SPAWN_RESTART] = on_restart,
	[SEG_SPAWN_IMAGE] = on_image, [SEG_SPAWN_EXIT] = on_exit_,
};

static void keeper_spoke(struct seg_watch *watch, uint32_t events)
{
	struct spawner *spawner = (void *)((char *)watch - offsetof(struct spawner, keeper));
	struct seg_spawn message;
	int fds[SEG_FD_MAX];
	int n = seg_message_receive(watch->fd, &message, sizeof(message), fds, SEG_FD_MAX, 0);

	(void)events;
	if (n == -ENOTCONN) {
		seg_loop_remove(&spawner->loop, watch);
		close(watch->fd);
		watch->fd = -1;
	}
	if (n < 0)
		return;
	if (message.queue_index < SEG_QUEUES_MAX && message.kind < SEG_ARRAY_SIZE(orders))
		orders[message.kind](&spawner->workers[message.queue_index], fds, n);
	for (int i = 0; i < n; i++)
		seg_closep(&fds[i]);
}

/* --- its life --------------------------------------------------------------------- */

/* Start who may be started; ms until the next one may, -1: none waits. */
static int start_due(struct spawner *spawner)
{
	uint64_t now = seg_clock_now(), next = UINT64_MAX;

	for (size_t i = 0; i < SEG_QUEUES_MAX; i++) {
		struct worker *worker = &spawner->workers[i];

		if (!worker->used || worker->watch.fd >= 0)
			continue;
		if (worker->due <= now)
			start(worker);
		else if (worker->due < next)
			next = worker->due;
	}
	return next == UINT64_MAX ? -1 : (int)((next - now) / 1000000 + 1);
}

static int run(int keeper, int worker_fd)
{
	static struct spawner spawner;
	int r = seg_loop_open(&spawner.loop);

	spawner.keeper = (struct seg_watch){.fd = keeper, .ready = keeper_spoke};
	spawner.worker_fd = worker_fd;
	for (size_t i = 0; i < SEG_QUEUES_MAX; i++) {
		spawner.workers[i].spawner = &spawner;
		spawner.workers[i].watch.fd = -1;
		memset(spawner.workers[i].fds, -1, sizeof(spawner.workers[i].fds));
	}
	if (!r)
		r = seg_loop_add(&spawner.loop, &spawner.keeper, EPOLLIN);
	while (!r && !spawner.loop.quit)
		r = seg_loop_once(&spawner.loop, start_due(&spawner));
	return r;
}

/* It dies last when memory is short: nobody could start another one. */
static void outlive(void)
{
	_cleanup_fclose_ FILE *score = fopen("/proc/self/oom_score_adj", "we");

	if (score)
		fputs("-900", score);
}

static int drop(const struct seg_spawner_options *options)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_BOUNDS)) /* while it still may */
		return -EPERM;
	if (setgroups(0, NULL) || setresgid(options->gid, options->gid, options->gid))
		return -errno;
	if (setresuid(options->uid, options->uid, options->uid))
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

/* Keep standard error and the two descriptors it needs: not the daemon's lock, above all. */
static int close_others(int *socket, int *worker_fd)
{
	*socket = fcntl(*socket, F_DUPFD_CLOEXEC, FD_HIGH);
	*worker_fd = fcntl(*worker_fd, F_DUPFD_CLOEXEC, FD_HIGH);
	if (*socket < 0 || *worker_fd < 0)
		return -errno;
	if (dup2(*socket, 3) < 0 || dup2(*worker_fd, 4) < 0)
		return -errno;
	*socket = 3;
	*worker_fd = 4;
	fcntl(3, F_SETFD, FD_CLOEXEC);
	fcntl(4, F_SETFD, FD_CLOEXEC);
	return close_range(5, ~0u, 0) ? -errno : 0;
}

static void live(const struct seg_spawner_options *options, int socket)
{
	int worker_fd = options->worker_fd;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	prctl(PR_SET_NAME, "xdpseg-spawner");
	outlive();
	if (close_others(&socket, &worker_fd) || drop(options))
		_exit(1);
	_exit(run(socket, worker_fd) ? 1 : 0);
}

pid_t seg_spawner_fork(const struct seg_spawner_options *options, int *socket,
		       struct seg_error *err)
{
	int sockets[2], r = seg_message_pair(sockets);
	pid_t pid;

	if (r)
		return seg_error_set(err, -r, "cannot make a socket: %s", strerror(-r));
	pid = fork();
	if (!pid)
		live(options, sockets[1]);
	close(sockets[1]);
	if (pid < 0) {
		r = errno;
		close(sockets[0]);
		return seg_error_set(err, r, "cannot start the spawner: %s", strerror(r));
	}
	*socket = sockets[0];
	return pid;
}
