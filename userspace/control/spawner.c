/* SPDX-License-Identifier: BSD-2-Clause */
#include "spawner.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "clock.h"
#include "handover.h"
#include "loop.h"
#include "message.h"
#include "place.h"
#include "version.h"
#include "xsk.h"

/*
 * A worker that dies is started again at once. One that dies within SHORT_LIFE_NS
 * more than SHORT_LIVES_MAX times in a row has to wait, twice as long each time.
 */
#define SHORT_LIFE_NS   5000000ull
#define SHORT_LIVES_MAX 8
#define DELAY_MAX_NS    1000000000ull

#define FD_HIGH 64 /* above every number that a worker gets */

#define SPAWNER_FDS 3 /* that it needs: the keeper's socket, the worker's program, the listener */

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
	struct seg_ring rings[SEG_RING_KINDS]; /* mapped before START, or not at all */
};

struct spawner {
	struct seg_loop loop;
	struct seg_watch keeper; /* fd -1: it is gone */
	struct seg_watch next;   /* where another one may come */
	uid_t keeper_uid;
	int worker_fd;
	int (*worker_code)(const struct seg_ring mapped[SEG_RING_KINDS]);
	struct worker workers[SEG_QUEUES_MAX];
};

/* --- before it is forked ----------------------------------------------------- */

void seg_spawner_user(struct seg_spawner_options *options)
{
	const struct passwd *user = getpwnam(SEG_WORKER_USER);

	options->uid = user ? user->pw_uid : SEG_WORKER_UID;
	options->gid = user ? user->pw_gid : SEG_WORKER_UID;
}

int seg_spawner_find_worker(const char *path, struct seg_error *err)
{
	char own[PATH_MAX], found[PATH_MAX];
	int fd = -1;

	if (!path && !seg_place_own(own) && !seg_place_worker(own, found))
		path = found;
	if (path)
		fd = open(path, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	seg_error_set(err, ENOENT, "the program xdpseg-worker is neither beside xdpsegd nor in %s",
		      SEG_LIBEXECDIR);
	seg_error_mend(err, "reinstall xdpseg");
	return -ENOENT;
}

static struct sockaddr_un address_in(const char *folder)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/" SEG_SPAWNER_SOCKET, folder);
	return address;
}

int seg_spawner_listen(const char *folder, struct seg_error *err)
{
	const struct sockaddr_un address = address_in(folder);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	unlink(address.sun_path); /* of one that died: we hold the folder's lock */
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, 1))
		return seg_error_set(err, errno, "cannot listen on %s: %s", address.sun_path,
				     strerror(errno));
	return TAKE_FD(fd);
}

int seg_spawner_connect(const char *folder)
{
	const struct sockaddr_un address = address_in(folder);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return TAKE_FD(fd);
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

static void unmap_rings(struct worker *worker)
{
	for (size_t i = 0; i < SEG_RING_KINDS; i++)
		seg_ring_unmap(&worker->rings[i]);
}

/* The rings are inherited, an execve() would lose them. Other workers' are none of its business. */
static int live_as_fork(const struct worker *worker)
{
	struct spawner *spawner = worker->spawner;

	for (size_t i = 0; i < SEG_QUEUES_MAX; i++)
		if (&spawner->workers[i] != worker)
			unmap_rings(&spawner->workers[i]);
	prctl(PR_SET_NAME, "xdpseg-worker");
	return spawner->worker_code(worker->rings);
}

static void become_worker(const struct worker *worker, int worker_fd, pid_t spawner)
{
	char name[] = "xdpseg-worker";
	char *argv[] = {name, NULL}, *environment[] = {NULL};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != spawner || place_fds(worker, &worker_fd))
		_exit(127);
	if (worker->rings[SEG_RING_RX].map)
		_exit(live_as_fork(worker));
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
	unmap_rings(worker);
	worker->used = false;
}

static void keeper_spoke(struct seg_watch *watch, uint32_t events);

/* All that the keeper has said so far. */
static void hear_out(struct spawner *spawner)
{
	struct pollfd said = {.fd = spawner->keeper.fd, .events = POLLIN};

	while (spawner->keeper.fd >= 0 && poll(&said, 1, 0) > 0)
		keeper_spoke(&spawner->keeper, EPOLLIN);
}

/* A policy that it was told of was told here before: its successor is to have it. */
static void worker_ended(struct seg_watch *watch, uint32_t events)
{
	struct worker *worker = (struct worker *)watch; /* its first member */
	uint64_t now = seg_clock_now();
	int status = 0;

	(void)events;
	hear_out(worker->spawner);
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
	static const enum seg_worker_fd places[] = SEG_POLICY_FDS;

	if (!worker->used || n != SEG_POLICY_FDS_N)
		return;
	for (int i = 0; i < n; i++)
		exchange(&worker->fds[places[i]], &fds[i]);
}

static void map_rings(struct worker *worker, const enum seg_ring_kind kinds[2], int *fds, int n)
{
	static const uint32_t entries[] = {
		[SEG_RING_RX] = SEG_XSK_RX_RING,
		[SEG_RING_TX] = SEG_XSK_TX_RING,
		[SEG_RING_FILL] = SEG_XSK_FILL_RING,
		[SEG_RING_COMPLETION] = SEG_XSK_COMPLETION,
	};
	int r = worker->used || n != 2 ? -EINVAL : 0;

	for (int i = 0; i < 2 && !r; i++) {
		seg_ring_unmap(&worker->rings[kinds[i]]);
		r = seg_ring_map(&worker->rings[kinds[i]], fds[0], kinds[i], entries[kinds[i]]);
	}
	if (!r)
		(void)!send(fds[1], "", 1, MSG_NOSIGNAL);
}

static void on_rx_rings(struct worker *worker, int *fds, int n)
{
	map_rings(worker, (const enum seg_ring_kind[]){SEG_RING_RX, SEG_RING_FILL}, fds, n);
}

static void on_tx_rings(struct worker *worker, int *fds, int n)
{
	map_rings(worker, (const enum seg_ring_kind[]){SEG_RING_TX, SEG_RING_COMPLETION}, fds, n);
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

/* Descriptors are dups: what it holds it keeps. */
static void on_adopt(struct worker *first, int *fds, int n)
{
	struct spawner *spawner = first->spawner;
	struct seg_spawn message = {.kind = SEG_SPAWN_HELD};

	(void)fds, (void)n;
	for (uint32_t i = 0; i < SEG_QUEUES_MAX; i++) {
		const struct worker *worker = &spawner->workers[i];

		if (!worker->used || worker->stopping)
			continue;
		message.queue_index = i;
		message.pid = worker->watch.fd >= 0 ? worker->pid : 0;
		seg_message_send(spawner->keeper.fd, &message, sizeof(message), worker->fds,
				 SEG_FD_MAX);
	}
	message = (struct seg_spawn){.kind = SEG_SPAWN_HELD_ALL};
	seg_message_send(spawner->keeper.fd, &message, sizeof(message), NULL, 0);
}

static void on_doorbell(struct worker *worker, int *fds, int n)
{
	if (worker->used && n == 1)
		exchange(&worker->fds[SEG_FD_DOORBELL], &fds[0]);
}

static const order orders[] = {
	[SEG_SPAWN_START] = on_start,       [SEG_SPAWN_STOP] = on_stop,
	[SEG_SPAWN_RESTART] = on_restart,   [SEG_SPAWN_IMAGE] = on_image,
	[SEG_SPAWN_EXIT] = on_exit_,        [SEG_SPAWN_RX_RINGS] = on_rx_rings,
	[SEG_SPAWN_TX_RINGS] = on_tx_rings, [SEG_SPAWN_ADOPT] = on_adopt,
	[SEG_SPAWN_DOORBELL] = on_doorbell,
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
	if (message.queue_index < SEG_QUEUES_MAX && message.kind < SEG_ARRAY_SIZE(orders) &&
	    orders[message.kind])
		orders[message.kind](&spawner->workers[message.queue_index], fds, n);
	for (int i = 0; i < n; i++)
		seg_closep(&fds[i]);
}

static void leave_keeper(struct spawner *spawner)
{
	seg_loop_remove(&spawner->loop, &spawner->keeper);
	close(spawner->keeper.fd);
	spawner->keeper.fd = -1;
}

static bool may_keep(const struct spawner *spawner, int socket)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t size = sizeof(peer);

	return !getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) &&
	       (!peer.uid || peer.uid == spawner->keeper_uid);
}

static void keeper_came(struct seg_watch *watch, uint32_t events)
{
	struct spawner *spawner = (void *)((char *)watch - offsetof(struct spawner, next));
	_cleanup_close_ int socket = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	if (socket < 0 || !may_keep(spawner, socket))
		return;
	hear_out(spawner); /* what the dead one said last comes first */
	if (spawner->keeper.fd >= 0)
		leave_keeper(spawner);
	spawner->keeper.fd = TAKE_FD(socket);
	seg_loop_add(&spawner->loop, &spawner->keeper, EPOLLIN);
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

static int run(const struct seg_spawner_options *options, const int fds[SPAWNER_FDS],
	       uid_t keeper_uid)
{
	static struct spawner spawner;
	int r = seg_loop_open(&spawner.loop);

	spawner.keeper = (struct seg_watch){.fd = fds[0], .ready = keeper_spoke};
	spawner.worker_fd = fds[1];
	spawner.next = (struct seg_watch){.fd = fds[2], .ready = keeper_came};
	spawner.keeper_uid = keeper_uid;
	spawner.worker_code = options->worker_code;
	for (size_t i = 0; i < SEG_QUEUES_MAX; i++) {
		spawner.workers[i].spawner = &spawner;
		spawner.workers[i].watch.fd = -1;
		memset(spawner.workers[i].fds, -1, sizeof(spawner.workers[i].fds));
	}
	if (!r)
		r = seg_loop_add(&spawner.loop, &spawner.keeper, EPOLLIN);
	if (!r)
		r = seg_loop_add(&spawner.loop, &spawner.next, EPOLLIN);
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

/* Keep standard error and the descriptors it needs: not the daemon's lock, above all. */
static int close_others(int fds[SPAWNER_FDS])
{
	for (int i = 0; i < SPAWNER_FDS; i++)
		if ((fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_HIGH)) < 0)
			return -errno;
	for (int i = 0; i < SPAWNER_FDS; i++) {
		if (dup3(fds[i], 3 + i, O_CLOEXEC) < 0)
			return -errno;
		fds[i] = 3 + i;
	}
	return close_range(3 + SPAWNER_FDS, ~0u, 0) ? -errno : 0;
}

static void live(const struct seg_spawner_options *options, int socket)
{
	int fds[SPAWNER_FDS] = {socket, options->worker_fd, options->listener};
	uid_t keeper = geteuid();
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	prctl(PR_SET_NAME, "xdpseg-spawner");
	outlive();
	if (close_others(fds) || drop(options))
		_exit(1);
	_exit(run(options, fds, keeper) ? 1 : 0);
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
