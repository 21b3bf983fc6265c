/* SPDX-License-Identifier: BSD-2-Clause */
#include "sharer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "message.h"
#include "privilege.h"

enum kind { ATTACH, DETACH, FIND, KINDS };

/* The way there; with ATTACH comes the array's descriptor. */
struct request {
	enum kind kind;
	struct seg_shared shared;
};

/* The way back. */
struct answer {
	int r;
	struct seg_shared shared;
	struct seg_error err;
};

/* --- the process ---------------------------------------------------------------------------- */

static int attach(struct seg_shared *shared, int slot_fd, struct seg_error *err)
{
	return seg_shared_attach(shared, slot_fd, err);
}

static int detach(struct seg_shared *shared, int slot_fd, struct seg_error *err)
{
	(void)slot_fd;
	return seg_shared_detach(shared->ifindex, shared->slot, err);
}

static int find(struct seg_shared *shared, int slot_fd, struct seg_error *err)
{
	(void)slot_fd, (void)err;
	return seg_shared_is_there(shared->ifindex, shared->slot) ? 0 : -ENOENT;
}

static int (*const deeds[KINDS])(struct seg_shared *shared, int slot_fd, struct seg_error *err) = {
	[ATTACH] = attach, [DETACH] = detach, [FIND] = find};

static void serve(const struct request *request, int slot_fd, struct answer *answer)
{
	*answer = (struct answer){.shared = request->shared};
	answer->r = deeds[request->kind](&answer->shared, slot_fd, &answer->err);
}

static void run(int socket)
{
	struct request request;
	struct answer answer;

	for (;;) {
		_cleanup_close_ int slot_fd = -1;

		if (seg_message_receive(socket, &request, sizeof(request), &slot_fd, 1, 1) < 0)
			return;
		serve(&request, slot_fd, &answer);
		if (seg_message_send(socket, &answer, sizeof(answer), NULL, 0))
			return;
	}
}

/* Keep standard error and the socket: not the daemon's lock, above all. */
static int close_others(int *socket)
{
	if (*socket != 3 && dup2(*socket, 3) < 0)
		return -errno;
	*socket = 3;
	fcntl(3, F_SETFD, FD_CLOEXEC);
	return close_range(4, ~0u, 0) ? -errno : 0;
}

/* It ends with its keeper, not with what ends its keeper: that still has to detach. */
static void live(int socket)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	prctl(PR_SET_NAME, "xdpseg-sharer");
	if (close_others(&socket) || seg_privilege_drop_to_share(NULL))
		_exit(1);
	run(socket);
	_exit(0);
}

int seg_sharer_fork(struct seg_sharer *sharer, struct seg_error *err)
{
	int sockets[2], r = seg_message_pair(sockets);

	if (r)
		return seg_error_set(err, -r, "cannot make a socket: %s", strerror(-r));
	sharer->pid = fork();
	if (!sharer->pid)
		live(sockets[1]);
	close(sockets[1]);
	sharer->socket = sockets[0];
	if (sharer->pid > 0)
		return 0;
	r = errno;
	seg_closep(&sharer->socket);
	sharer->socket = -1;
	return seg_error_set(err, r, "cannot start the sharer: %s", strerror(r));
}

/* --- the keeper's side ---------------------------------------------------------------------- */

void seg_sharer_close(struct seg_sharer *sharer)
{
	if (sharer->socket < 0)
		return;
	seg_closep(&sharer->socket);
	sharer->socket = -1;
	while (waitpid(sharer->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int seg_sharer_check(const struct seg_sharer *sharer, struct seg_error *err)
{
	int r = seg_shared_supported(err);

	if (r || sharer->socket >= 0)
		return r;
	seg_error_set(err, EACCES,
		      "this daemon was started without --shared, and has given up the right to "
		      "share (CAP_SYS_ADMIN)");
	seg_error_mend(err, "`xdpseg detach --all`, then attach --shared first; a service needs "
			    "it in its unit: xdpsegd(8)");
	seg_error_exit(err, SEG_EXIT_FAILED);
	return -EACCES;
}

static int ask(const struct seg_sharer *sharer, const struct request *request, int slot_fd,
	       struct answer *answer, struct seg_error *err)
{
	int r = seg_sharer_check(sharer, err);

	if (r)
		return r;
	r = seg_message_send(sharer->socket, request, sizeof(*request), &slot_fd, slot_fd >= 0);
	if (!r)
		r = seg_message_receive(sharer->socket, answer, sizeof(*answer), NULL, 0, 1);
	if (r) {
		seg_error_set(err, -r, "the sharer, process %d, is gone: %s", sharer->pid,
			      strerror(-r));
		seg_error_mend(err,
			       "`xdpseg detach --all`; what it says is left: xdp-loader unload "
			       "IFACE --all");
		return r;
	}
	if (answer->r && err)
		*err = answer->err;
	return answer->r;
}

int seg_sharer_attach(const struct seg_sharer *sharer, struct seg_shared *shared, int slot_fd,
		      struct seg_error *err)
{
	struct request request = {.kind = ATTACH, .shared = *shared};
	struct answer answer;
	int r = ask(sharer, &request, slot_fd, &answer, err);

	if (!r)
		*shared = answer.shared;
	return r;
}

/* A sharer that is gone cannot tell. */
bool seg_sharer_finds(const struct seg_sharer *sharer, uint32_t ifindex, uint32_t slot)
{
	struct request request = {.kind = FIND, .shared = {.ifindex = ifindex, .slot = slot}};
	struct answer answer;

	return ask(sharer, &request, -1, &answer, NULL) != -ENOENT;
}

int seg_sharer_detach(const struct seg_sharer *sharer, uint32_t ifindex, uint32_t slot,
		      struct seg_error *err)
{
	struct request request = {.kind = DETACH, .shared = {.ifindex = ifindex, .slot = slot}};
	struct answer answer;

	return ask(sharer, &request, -1, &answer, err);
}
