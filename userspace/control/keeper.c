/* SPDX-License-Identifier: BSD-2-Clause */
#include "keeper.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "apply.h"
#include "cleanup.h"
#include "clock.h"
#include "compat.h"
#include "leftover.h"
#include "privilege.h"
#include "server.h"
#include "spawner.h"
#include "watch.h"

#define SPAWNER_END_MS 5000

struct seg_iface *seg_keeper_find(const struct seg_keeper *keeper, const char *name)
{
	seg_for_each_iface(iface, keeper) if (!strcmp(iface->link.name, name)) return iface;
	return NULL;
}

int seg_keeper_add_zones(struct seg_keeper *keeper, uint16_t zone, const struct seg_rulebook *book,
			 struct seg_error *err)
{
	const struct seg_vlan *vlans;
	int r = seg_zones_add(&keeper->zones, &keeper->tables, zone, book->image, err);

	if (r || !seg_image_vlans(book->image, &vlans))
		return r;
	r = seg_zones_list(&keeper->tables, err);
	if (r < 0)
		return r;
	seg_closep(&keeper->zones_fd);
	keeper->zones_fd = r;
	return 0;
}

/* --- tables and policy: there while an interface is
 * ------------------------------------------------ */

/* `pickup` after an interface was attached, TCP that ran before is taken up. */
static void set_pickup(struct seg_keeper *keeper)
{
	uint64_t pickup = seg_image_defaults(keeper->book.image)->pickup_ns;
	uint64_t until = pickup == SEG_PICKUP_ALWAYS ? UINT64_MAX : seg_clock_now() + pickup;

	if (until > keeper->tables.config->pickup_until)
		seg_store(&keeper->tables.config->pickup_until, until);
}

static void close_tables(struct seg_keeper *keeper)
{
	seg_account_close(&keeper->account);
	seg_tables_close(&keeper->tables);
	seg_runtime_remove_pins(&keeper->runtime);
	seg_closep(&keeper->zones_fd);
	keeper->zones_fd = -1;
	keeper->open = false;
}

static int open_tables(struct seg_keeper *keeper, uint64_t sessions, struct seg_error *err)
{
	int r = seg_runtime_make_pins(&keeper->runtime, err);

	if (r)
		return r;
	r = seg_tables_open(&keeper->tables, keeper->runtime.pins, sessions, err);
	if (!r)
		r = seg_account_open(&keeper->account,
				     keeper->tables.table.buckets * SEG_BUCKET_SLOTS, err);
	if (r) {
		close_tables(keeper);
		return r;
	}
	keeper->open = true;
	return 0;
}

/* Takes the book over. */
static int open_all(struct seg_keeper *keeper, struct seg_rulebook *book, struct seg_error *err)
{
	int r = open_tables(keeper, seg_rulebook_sessions(book), err);

	if (r)
		return r;
	keeper->book = *book;
	*book = (struct seg_rulebook){.image_fd = -1, .rules_fd = -1};
	keeper->reaper = (struct seg_reaper){
		.tables = &keeper->tables,
		.account = &keeper->account,
		.book = &keeper->book,
		.grace = seg_tables_grace,
	};
	keeper->tables.config->generation = keeper->book.generation;
	keeper->tables.config->armed = !keeper->book.observe;
	return 0;
}

static void close_all(struct seg_keeper *keeper)
{
	if (!keeper->open)
		return;
	seg_trial_forget(keeper);
	seg_rulebook_close(&keeper->book);
	seg_history_free(&keeper->history);
	close_tables(keeper);
}

/* --- attach
 * ------------------------------------------------------------------------------------------ */

static int attach_each(struct seg_keeper *keeper, const struct seg_attach_request *request,
		       struct seg_iface **fresh, size_t *fresh_n, struct seg_error *err)
{
	for (size_t i = 0; i < request->names_n; i++) {
		int r;

		if (seg_keeper_find(keeper, request->names[i]))
			continue;
		r = seg_iface_attach(keeper, request->names[i], &request->options, &fresh[*fresh_n],
				     err);
		if (r)
			return r;
		(*fresh_n)++;
	}
	return 0;
}

static int refuse_again(const struct seg_attach_request *request, struct seg_error *err)
{
	seg_error_set(err, EEXIST, "%s is attached already, with this policy", request->names[0]);
	seg_error_mend(err, "`xdpseg status` shows what is");
	return -EEXIST;
}

/* Another policy than the one in force; takes the book over. */
static int change_policy(struct seg_keeper *keeper, struct seg_rulebook *book, uint64_t trial_ns,
			 struct seg_error *err)
{
	_cleanup_policy_files_ struct seg_policy_files before = {0};
	int r = 0;

	if (keeper->book.given && seg_policy_files_copy(&before, &keeper->book.files))
		return seg_error_set(err, ENOMEM, "no memory for the policy");
	r = seg_apply(keeper, book, err);
	if (!r)
		seg_trial_changed(keeper, &before, trial_ns);
	return r;
}

/* What is new is attached under the policy in force, so that a failure leaves that untouched. */
static int attach_under(struct seg_keeper *keeper, const struct seg_attach_request *request,
			struct seg_rulebook *book, bool changes, struct seg_error *err)
{
	struct seg_iface *fresh[SEG_IFACES_MAX];
	size_t fresh_n = 0;
	int r = attach_each(keeper, request, fresh, &fresh_n, err);

	if (!r && changes)
		r = change_policy(keeper, book, 0, err);
	if (!r && !changes && !fresh_n)
		r = refuse_again(request, err);
	while (r && fresh_n)
		seg_iface_detach(fresh[--fresh_n]);
	return r;
}

static int attach_first(struct seg_keeper *keeper, const struct seg_attach_request *request,
			struct seg_rulebook *book, struct seg_error *err)
{
	int r = open_all(keeper, book, err);

	if (!r)
		r = attach_under(keeper, request, NULL, false, err);
	if (r)
		close_all(keeper);
	return r;
}

/* Who names no policy gets the one in force. */
static bool keeps_policy(const struct seg_keeper *keeper, const struct seg_policy_text *policy)
{
	return keeper->open && keeper->book.given && !policy->observe &&
	       (!policy->files || policy->fallback);
}

/* The rulebook that would come next; *changes: it is not the one in force. */
static int open_next(const struct seg_keeper *keeper, const struct seg_policy_text *policy,
		     struct seg_rulebook *book, bool *changes, struct seg_error *err)
{
	uint32_t generation = keeper->open ? seg_generation_after(keeper->book.generation) : 1;
	int r = seg_rulebook_open(book, policy, generation, keeper->revision + 1, err);

	if (r)
		return r;
	*changes = !keeper->open || !seg_rulebook_same(book, &keeper->book);
	return 0;
}

static int attach_with_policy(struct seg_keeper *keeper, const struct seg_attach_request *request,
			      struct seg_error *err)
{
	struct seg_rulebook book;
	bool changes;
	int r = open_next(keeper, &request->policy, &book, &changes, err);

	if (r)
		return r;
	if (!keeper->open)
		r = attach_first(keeper, request, &book, err);
	else
		r = attach_under(keeper, request, &book, changes, err);
	seg_rulebook_close(&book);
	if (!r)
		keeper->revision += changes;
	return r;
}

int seg_keeper_attach(struct seg_keeper *keeper, const struct seg_attach_request *request,
		      struct seg_error *err)
{
	int r = keeps_policy(keeper, &request->policy)
			? attach_under(keeper, request, NULL, false, err)
			: attach_with_policy(keeper, request, err);

	if (r)
		return r;
	keeper->stay = false;
	set_pickup(keeper);
	seg_keeper_wake(keeper);
	return 0;
}

/* --- apply
 * -------------------------------------------------------------------------------------------- */

static int may_apply(const struct seg_keeper *keeper, uint64_t trial_ns, struct seg_error *err)
{
	if (!keeper->open) {
		seg_error_set(err, ENOENT, "no interface is attached");
		seg_error_mend(err, "`xdpseg attach IFACE --policy FILE` puts a policy in force");
		seg_error_exit(err, SEG_EXIT_NOT_ATTACHED);
		return -ENOENT;
	}
	if (trial_ns && !keeper->book.given) {
		seg_error_set(err, ENOENT, "there is no policy to go back to");
		seg_error_mend(err, "apply it without --confirm");
		return -ENOENT;
	}
	return 0;
}

int seg_keeper_apply(struct seg_keeper *keeper, const struct seg_policy_files *files,
		     uint64_t trial_ns, bool *changes, struct seg_error *err)
{
	struct seg_policy_text policy = {
		.files = files,
		.observe = keeper->book.given && keeper->book.observe,
	};
	struct seg_rulebook book;
	int r = may_apply(keeper, trial_ns, err);

	if (r)
		return r;
	r = open_next(keeper, &policy, &book, changes, err);
	if (r)
		return r;
	if (*changes)
		r = change_policy(keeper, &book, trial_ns, err);
	seg_rulebook_close(&book);
	if (r)
		return r;
	keeper->revision += *changes;
	seg_keeper_wake(keeper);
	return 0;
}

/* --- detach
 * ------------------------------------------------------------------------------------------- */

static void after_detach(struct seg_keeper *keeper)
{
	if (!keeper->ifaces_n)
		close_all(keeper);
	else
		seg_keeper_wake(keeper);
}

int seg_keeper_detach(struct seg_keeper *keeper, const char *const *names, size_t names_n,
		      struct seg_error *err)
{
	for (size_t i = 0; i < names_n; i++)
		if (!seg_keeper_find(keeper, names[i])) {
			seg_error_set(err, ENOENT, "%s is not attached", names[i]);
			seg_error_mend(err, "`xdpseg status` shows what is");
			seg_error_exit(err, SEG_EXIT_NOT_ATTACHED);
			return -ENOENT;
		}
	for (size_t i = 0; i < names_n; i++) {
		struct seg_iface *iface = seg_keeper_find(keeper, names[i]);

		if (iface) /* may be named twice */
			seg_iface_detach(iface);
	}
	after_detach(keeper);
	return 0;
}

void seg_keeper_detach_all(struct seg_keeper *keeper)
{
	seg_for_each_iface(iface, keeper) seg_iface_detach(iface);
	after_detach(keeper);
}

/* --- what happens to interfaces
 * ------------------------------------------------------------------------ */

static struct seg_iface *find_index(const struct seg_keeper *keeper, uint32_t ifindex)
{
	seg_for_each_iface(iface, keeper) if (iface->link.ifindex == ifindex) return iface;
	return NULL;
}

static void link_changed(void *data, enum seg_link_change change, uint32_t ifindex,
			 const char *name)
{
	struct seg_keeper *keeper = data;
	struct seg_iface *iface = find_index(keeper, ifindex);

	if (!iface)
		return;
	if (change == SEG_LINK_THERE) {
		snprintf(iface->link.name, IFNAMSIZ, "%s", name);
		return;
	}
	fprintf(stderr, "xdpsegd: %s is gone: detached\n", iface->link.name);
	seg_iface_detach(iface);
	after_detach(keeper);
	if (!keeper->ifaces_n)
		keeper->loop.quit = true;
}

static void links_changed(struct seg_watch *watch, uint32_t events)
{
	struct seg_keeper *keeper = (void *)((char *)watch - offsetof(struct seg_keeper, links));

	(void)events;
	seg_link_monitor_read(keeper->monitor, link_changed, keeper);
}

static int open_links(struct seg_keeper *keeper, struct seg_error *err)
{
	keeper->monitor = seg_link_monitor_open();
	if (!keeper->monitor)
		return seg_error_set(err, errno, "cannot hear of interfaces: %s", strerror(errno));
	keeper->links = (struct seg_watch){mnl_socket_get_fd(keeper->monitor), links_changed};
	return seg_loop_add(&keeper->loop, &keeper->links, EPOLLIN);
}

/* --- its life
 * -------------------------------------------------------------------------------------------- */

static void signalled(struct seg_watch *watch, uint32_t events)
{
	struct seg_keeper *keeper = (void *)((char *)watch - offsetof(struct seg_keeper, signals));

	(void)events;
	keeper->loop.quit = true;
}

static int open_signals(struct seg_keeper *keeper, struct seg_error *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	keeper->signals = (struct seg_watch){signalfd(-1, &set, SFD_CLOEXEC), signalled};
	if (keeper->signals.fd < 0 || seg_loop_add(&keeper->loop, &keeper->signals, EPOLLIN))
		return seg_error_set(err, errno, "cannot hear signals: %s", strerror(errno));
	return 0;
}

/* What only root can do, the spawner's birth above all; then no more root. */
static int begin_as_root(struct seg_keeper *keeper, const struct seg_keeper_options *options,
			 struct seg_error *err)
{
	_cleanup_close_ int worker_fd = seg_spawner_find_worker(options->worker, err);
	struct seg_spawner_options user = {.worker_fd = worker_fd};
	int socket, r = worker_fd < 0 ? worker_fd : 0;
	pid_t spawner;

	if (r || (r = seg_leftover_clean(&keeper->runtime, err)))
		return r;
	if ((r = seg_privilege_mount_bpffs(err)) || (r = seg_privilege_raise_limits(err)))
		return r;
	seg_spawner_user(&user);
	spawner = seg_spawner_fork(&user, &socket, err);
	if (spawner < 0)
		return spawner;
	r = seg_workers_open(&keeper->workers, &keeper->loop, socket, seg_watch_rung);
	if (r)
		return seg_error_set(err, -r, "cannot hear the spawner: %s", strerror(-r));
	keeper->state.netns = seg_runtime_netns();
	keeper->state.made = keeper->runtime.made;
	seg_process_of(spawner, &keeper->state.spawner);
	r = seg_state_save(&keeper->runtime, &keeper->state, err);
	return r ? r : seg_privilege_drop(err);
}

static int open_services(struct seg_keeper *keeper, struct seg_error *err)
{
	int r;

	if ((r = open_signals(keeper, err)) || (r = open_links(keeper, err)) ||
	    (r = seg_watch_open(keeper, err)) || (r = seg_trial_open(keeper, err)))
		return r;
	return seg_server_open(&keeper->server, keeper, err);
}

static void say_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "\n", 1) < 0)
		perror("xdpsegd: --ready-fd");
	close(fd);
}

static int serve(struct seg_keeper *keeper, const struct seg_keeper_options *options,
		 struct seg_error *err)
{
	int r = open_services(keeper, err);

	if (r)
		return r;
	say_ready(options->ready_fd);
	seg_watch_start(keeper);
	r = seg_loop_run(&keeper->loop);
	seg_keeper_detach_all(keeper);
	return r;
}

static void close_services(struct seg_keeper *keeper)
{
	seg_server_close(keeper->server, &keeper->runtime);
	if (keeper->workers.loop)
		seg_workers_close(&keeper->workers);
	seg_watch_close(keeper);
	seg_trial_close(keeper);
	if (keeper->monitor)
		mnl_socket_close(keeper->monitor);
	seg_closep(&keeper->signals.fd);
	seg_loop_close(&keeper->loop);
}

/* One that does not end stays in the state file, for the next life to end. */
static int await_spawner(const struct seg_process *spawner)
{
	_cleanup_close_ int pidfd = seg_process_open(spawner);

	return pidfd < 0 ? 0 : seg_process_wait(pidfd, SPAWNER_END_MS);
}

int seg_keeper_run(const struct seg_keeper_options *options, struct seg_error *err)
{
	static struct seg_keeper keeper = {.loop.epoll_fd = -1,
					   .signals.fd = -1,
					   .clock.fd = -1,
					   .zones_fd = -1,
					   .trial.timer.fd = -1};
	int r = seg_privilege_check(err);

	if (r || (r = seg_runtime_open(&keeper.runtime, options->runtime_dir, err)))
		return r;
	keeper.started = seg_clock_now();
	keeper.stay = options->foreground;
	r = seg_loop_open(&keeper.loop);
	if (!r)
		r = begin_as_root(&keeper, options, err);
	if (!r)
		r = serve(&keeper, options, err);
	close_services(&keeper);
	if (await_spawner(&keeper.state.spawner))
		return seg_error_set(err, ETIMEDOUT, "the spawner, process %d, does not end",
				     keeper.state.spawner.pid);
	seg_runtime_close(&keeper.runtime);
	return r;
}
