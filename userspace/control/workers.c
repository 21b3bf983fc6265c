/* SPDX-License-Identifier: BSD-2-Clause */
#include "workers.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "clock.h"
#include "message.h"

#define STOP_MS                                                                                    \
	2000 /* a killed process is gone in microseconds, unless the machine is in trouble */
#define MAP_MS     2000
#define DEATHS_MAX 5 /* while we wait for it */
#define SILENT_MS  500

static const char *const state_names[] = {
	[SEG_REMOTE_NONE] = "none",   [SEG_REMOTE_STARTING] = "starting",
	[SEG_REMOTE_READY] = "ready", [SEG_REMOTE_ENDED] = "restarting",
	[SEG_REMOTE_ORPHAN] = "lost",
};

const char *seg_remote_state_name(enum seg_remote_state state)
{
	return state_names[state];
}

static void set_state(struct seg_remote *worker, enum seg_remote_state state)
{
	worker->state = state;
	worker->since = seg_clock_now();
}

/* A worker's word and the spawner's come by different sockets, in any order: they meet by the pid.
 */
static void take_its_word(struct seg_remote *worker)
{
	if (!worker->pid || worker->said.pid != worker->pid)
		return;
	worker->generation = worker->said.generation;
	if (worker->state == SEG_REMOTE_STARTING)
		set_state(worker, SEG_REMOTE_READY);
}

/* --- what the spawner says ---------------------------------------------------------------- */

static void worker_started(struct seg_remote *worker, const struct seg_spawn *message)
{
	worker->pid = message->pid;
	worker->generation = 0;
	worker->deaf = false;
	set_state(worker, SEG_REMOTE_STARTING);
	take_its_word(worker);
}

static void worker_ended(struct seg_remote *worker, const struct seg_spawn *message)
{
	worker->pid = 0;
	worker->generation = 0;
	worker->status = message->status;
	worker->deaths++;
	set_state(worker, SEG_REMOTE_ENDED);
}

static void spawner_gone(struct seg_workers *workers)
{
	seg_loop_remove(workers->loop, &workers->spawner);
	close(workers->spawner.fd);
	workers->spawner.fd = -1;
	for (size_t i = 0; i < SEG_QUEUES_MAX; i++)
		if (workers->at[i]) {
			workers->at[i]->pid = 0;
			set_state(workers->at[i], SEG_REMOTE_ORPHAN);
		}
}

static void spawner_spoke(struct seg_watch *watch, uint32_t events)
{
	struct seg_workers *workers = (void *)watch; /* its first member */
	struct seg_spawn message;
	struct seg_remote *worker;
	int r = seg_message_receive(watch->fd, &message, sizeof(message), NULL, 0, 0);

	(void)events;
	if (r == -ENOTCONN)
		spawner_gone(workers);
	if (r < 0 || message.queue_index >= SEG_QUEUES_MAX)
		return;
	worker = workers->at[message.queue_index];
	if (worker && message.kind == SEG_SPAWN_STARTED)
		worker_started(worker, &message);
	else if (worker && message.kind == SEG_SPAWN_ENDED)
		worker_ended(worker, &message);
}

/* --- what a worker says ---------------------------------------------------------------------- */

/* It is not trusted: anything but the words that it may say is dropped. */
static void worker_spoke(struct seg_watch *watch, uint32_t events)
{
	struct seg_remote *worker = (void *)watch; /* its first member */
	struct seg_doorbell message;
	int r = seg_message_receive(watch->fd, &message, sizeof(message), NULL, 0, 0);

	(void)events;
	if (r == -ENOTCONN) /* the spawner, which holds the other end too, is gone */
		seg_loop_remove(worker->all->loop, watch);
	if (r < 0)
		return;
	if (message.kind == SEG_DOORBELL_AWAKE)
		worker->all->awake(worker->all);
	if (message.kind != SEG_DOORBELL_READY && message.kind != SEG_DOORBELL_ACK)
		return;
	worker->said = message;
	take_its_word(worker);
}

/* --- what they are told ---------------------------------------------------------------------- */

static int tell(struct seg_workers *workers, uint32_t kind, uint32_t queue_index, const int *fds,
		size_t fds_n)
{
	struct seg_spawn message = {.kind = kind, .queue_index = queue_index};

	if (workers->spawner.fd < 0)
		return -ESRCH;
	return seg_message_send(workers->spawner.fd, &message, sizeof(message), fds, fds_n);
}

int seg_workers_open(struct seg_workers *workers, struct seg_loop *loop, int spawner,
		     void (*awake)(struct seg_workers *workers))
{
	*workers = (struct seg_workers){
		.spawner = {.fd = spawner, .ready = spawner_spoke},
		.loop = loop,
		.awake = awake,
	};
	return seg_loop_add(loop, &workers->spawner, EPOLLIN);
}

void seg_workers_close(struct seg_workers *workers)
{
	tell(workers, SEG_SPAWN_EXIT, 0, NULL, 0);
	if (workers->spawner.fd >= 0)
		spawner_gone(workers);
}

int seg_remote_start(struct seg_workers *workers, struct seg_remote *worker, uint32_t queue_index,
		     int fds[SEG_FD_MAX], struct seg_error *err)
{
	int ends[2], send[SEG_FD_MAX], r = seg_message_pair(ends);

	if (r)
		return seg_error_set(err, -r, "cannot make a socket: %s", strerror(-r));
	*worker = (struct seg_remote){
		.doorbell = {.fd = ends[0], .ready = worker_spoke},
		.all = workers,
		.queue_index = queue_index,
	};
	set_state(worker, SEG_REMOTE_STARTING);
	fds[SEG_FD_DOORBELL] = ends[1];
	for (int i = 0; i < SEG_FD_MAX; i++)
		send[i] = fds[i] >= 0 ? fds[i] : fds[SEG_FD_HANDOVER];
	workers->at[queue_index] = worker;
	r = seg_loop_add(workers->loop, &worker->doorbell, EPOLLIN);
	if (!r)
		r = tell(workers, SEG_SPAWN_START, queue_index, send, SEG_FD_MAX);
	close(ends[1]);
	fds[SEG_FD_DOORBELL] = -1;
	if (r)
		return seg_error_set(err, -r, "cannot start a worker: %s", strerror(-r));
	return 0;
}

/* --- taking over ----------------------------------------------------------------------------- */

void seg_held_close(struct seg_held *held)
{
	for (int i = 0; i < SEG_FD_MAX; i++) {
		seg_closep(&held->fds[i]);
		held->fds[i] = -1;
	}
}

static int receive_held(struct seg_workers *workers, struct seg_spawn *message,
			struct seg_held *held)
{
	struct pollfd spawner = {.fd = workers->spawner.fd, .events = POLLIN};
	int n;

	if (poll(&spawner, 1, MAP_MS) <= 0)
		return -ETIMEDOUT;
	n = seg_message_receive(spawner.fd, message, sizeof(*message), held->fds, SEG_FD_MAX, 1);
	if (n < 0 || message->kind != SEG_SPAWN_HELD)
		return n < 0 ? n : 0;
	held->queue_index = message->queue_index;
	held->pid = message->pid;
	if (n == SEG_FD_MAX && message->queue_index < SEG_QUEUES_MAX &&
	    pread(held->fds[SEG_FD_HANDOVER], &held->handover, sizeof(held->handover), 0) ==
		    sizeof(held->handover) &&
	    held->handover.version == SEG_HANDOVER_VERSION &&
	    held->handover.size == sizeof(held->handover))
		return 1;
	seg_held_close(held);
	return -EPROTO;
}

int seg_workers_ask_held(struct seg_workers *workers, struct seg_held *held, size_t *n)
{
	struct seg_spawn message = {0};
	size_t found = 0;
	int r = tell(workers, SEG_SPAWN_ADOPT, 0, NULL, 0);

	while (!r && message.kind != SEG_SPAWN_HELD_ALL) {
		struct seg_held one;

		r = receive_held(workers, &message, &one);
		if (r > 0 && found < SEG_QUEUES_MAX)
			held[found++] = one;
		r = r < 0 ? r : 0;
	}
	while (r && found)
		seg_held_close(&held[--found]);
	if (!r)
		*n = found;
	return r;
}

void seg_workers_drop_held(struct seg_workers *workers, const struct seg_held *held)
{
	tell(workers, SEG_SPAWN_STOP, held->queue_index, NULL, 0);
}

int seg_remote_adopt(struct seg_workers *workers, struct seg_remote *worker,
		     const struct seg_held *held, struct seg_error *err)
{
	int ends[2], r = seg_message_pair(ends);

	if (r)
		return seg_error_set(err, -r, "cannot make a socket: %s", strerror(-r));
	*worker = (struct seg_remote){
		.doorbell = {.fd = ends[0], .ready = worker_spoke},
		.all = workers,
		.queue_index = held->queue_index,
		.pid = held->pid,
		.deaf = true,
	};
	set_state(worker, SEG_REMOTE_STARTING);
	workers->at[held->queue_index] = worker;
	r = seg_loop_add(workers->loop, &worker->doorbell, EPOLLIN);
	if (!r)
		r = tell(workers, SEG_SPAWN_DOORBELL, held->queue_index, &ends[1], 1);
	close(ends[1]);
	return r ? seg_error_set(err, -r, "cannot take a worker over: %s", strerror(-r)) : 0;
}

int seg_remote_map_rings(struct seg_workers *workers, uint32_t queue_index, uint32_t kind,
			 int socket)
{
	struct pollfd answer = {.events = POLLIN};
	int ends[2], r = seg_message_pair(ends);
	char done;

	if (r)
		return r;
	r = tell(workers, kind, queue_index, (int[]){socket, ends[1]}, 2);
	close(ends[1]);
	answer.fd = ends[0];
	if (!r && poll(&answer, 1, MAP_MS) <= 0)
		r = -ETIMEDOUT;
	if (!r && recv(ends[0], &done, 1, MSG_DONTWAIT) != 1)
		r = -ENODEV;
	close(ends[0]);
	return r;
}

static bool has_ended(const struct seg_remote *worker)
{
	return worker->state == SEG_REMOTE_ENDED || worker->state == SEG_REMOTE_ORPHAN;
}

/* One that is started again at this moment ends once more: the spawner knows that it is to stop. */
void seg_remote_stop(struct seg_remote *worker)
{
	struct seg_workers *workers = worker->all;
	struct pollfd spawner = {.events = POLLIN};
	uint64_t deadline = seg_clock_now() + STOP_MS * 1000000ull;

	if (!workers)
		return;
	if (!tell(workers, SEG_SPAWN_STOP, worker->queue_index, NULL, 0))
		while (!has_ended(worker) && seg_clock_now() < deadline) {
			spawner.fd = workers->spawner.fd;
			if (poll(&spawner, 1, STOP_MS) > 0)
				spawner_spoke(&workers->spawner, EPOLLIN);
		}
	seg_loop_remove(workers->loop, &worker->doorbell);
	seg_closep(&worker->doorbell.fd);
	workers->at[worker->queue_index] = NULL;
	*worker = (struct seg_remote){.doorbell.fd = -1};
}

void seg_remote_replace(struct seg_remote *worker)
{
	set_state(worker, worker->state); /* it has its time again */
	tell(worker->all, SEG_SPAWN_RESTART, worker->queue_index, NULL, 0);
}

int seg_remote_set_policy(struct seg_remote *worker, const int fds[SEG_FD_MAX])
{
	static const enum seg_worker_fd places[] = SEG_POLICY_FDS;
	const struct seg_doorbell message = {.kind = SEG_DOORBELL_POLICY};
	int send[SEG_POLICY_FDS_N], r;

	for (size_t i = 0; i < SEG_POLICY_FDS_N; i++)
		send[i] = fds[places[i]] >= 0 ? fds[places[i]] : fds[SEG_FD_HANDOVER];
	r = tell(worker->all, SEG_SPAWN_IMAGE, worker->queue_index, send, SEG_POLICY_FDS_N);
	if (r)
		return r;
	worker->generation = 0;
	if (worker->deaf || seg_message_send(worker->doorbell.fd, &message, sizeof(message), send,
					     SEG_POLICY_FDS_N))
		seg_remote_replace(worker);
	return 0;
}

/* --- waiting --------------------------------------------------------------------------------- */

static const char *exit_text(int code)
{
	static const char *const texts[] = {
		[SEG_WORKER_EXIT_HANDOVER] = "it is of another version",
		[SEG_WORKER_EXIT_RINGS] = "it cannot map a socket, a map or a memfd",
		[SEG_WORKER_EXIT_IMAGE] = "it refuses the policy",
		[SEG_WORKER_EXIT_LEDGER] = "it refuses its predecessor's ledger",
		[SEG_WORKER_EXIT_CONFINE] = "it cannot give up its privileges",
		[127] = "it cannot be executed",
	};

	if (code < 0 || (size_t)code >= SEG_ARRAY_SIZE(texts) || !texts[code])
		return "its log says why";
	return texts[code];
}

static int report_death(const struct seg_remote *worker, struct seg_error *err)
{
	int status = worker->status;

	if (worker->state == SEG_REMOTE_ORPHAN) {
		seg_error_set(err, ECHILD, "the spawner is gone, and all workers with it");
		seg_error_mend(err, "xdpseg detach --all, then attach again");
	} else if (WIFSIGNALED(status)) {
		seg_error_set(err, ECHILD, "xdpseg-worker is killed as soon as it starts: %s",
			      strsignal(WTERMSIG(status)));
	} else {
		seg_error_set(err, ECHILD, "xdpseg-worker ends as soon as it starts: %s",
			      exit_text(WEXITSTATUS(status)));
	}
	return -ECHILD;
}

/* The first worker that is not there yet, or NULL. */
static struct seg_remote *first_missing(struct seg_remote *const *which, size_t n,
					uint32_t generation)
{
	for (size_t i = 0; i < n; i++)
		if (which[i]->state != SEG_REMOTE_READY || which[i]->generation != generation)
			return which[i];
	return NULL;
}

static void listen_to(struct seg_remote *worker, int timeout_ms)
{
	struct seg_watch *watches[] = {&worker->all->spawner, &worker->doorbell};
	struct pollfd fds[] = {{.fd = watches[0]->fd, .events = POLLIN},
			       {.fd = watches[1]->fd, .events = POLLIN}};

	if (poll(fds, SEG_ARRAY_SIZE(fds), timeout_ms) <= 0)
		return;
	for (size_t i = 0; i < SEG_ARRAY_SIZE(fds); i++)
		if (fds[i].revents)
			watches[i]->ready(watches[i], EPOLLIN);
}

static int wait_for(struct seg_remote *const *which, size_t n, uint32_t generation, int timeout_ms,
		    struct seg_error *err)
{
	uint64_t deadline = seg_clock_now() + (uint64_t)timeout_ms * 1000000;
	struct seg_remote *worker, *last = NULL;
	uint32_t deaths = 0;

	while ((worker = first_missing(which, n, generation))) {
		uint64_t now = seg_clock_now();

		if (worker != last)
			deaths = worker->deaths;
		last = worker;
		if (worker->state == SEG_REMOTE_ORPHAN || worker->deaths - deaths >= DEATHS_MAX)
			return report_death(worker, err);
		if (now >= deadline) {
			return seg_error_set(err, ETIMEDOUT,
					     "the worker of queue %u did not answer in %d ms",
					     worker->queue_index, timeout_ms);
		}
		listen_to(worker, (int)((deadline - now) / 1000000) + 1);
	}
	return 0;
}

/* Alive, but it has not heard: it hangs, or died with what it was told unread. */
static void replace_silent(struct seg_remote *const *which, size_t n, uint32_t generation)
{
	for (size_t i = 0; i < n; i++)
		if (which[i]->state == SEG_REMOTE_READY && which[i]->generation != generation)
			seg_remote_replace(which[i]);
}

int seg_workers_wait(struct seg_remote *const *which, size_t n, uint32_t generation, int timeout_ms,
		     struct seg_error *err)
{
	if (!wait_for(which, n, generation, SILENT_MS, NULL))
		return 0;
	replace_silent(which, n, generation);
	return wait_for(which, n, generation, timeout_ms, err);
}
