/* SPDX-License-Identifier: BSD-2-Clause */
#include "keeper.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "adopt.h"
#include "apply.h"
#include "cleanup.h"
#include "clock.h"
#include "compat.h"
#include "leftover.h"
#include "privilege.h"
#include "record.h"
#include "seed_iface.h"
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

/* --- tables and policy: there while an interface is ------------------------------------------ */

/* For `pickup` after an interface is enforced, TCP that ran before is taken up. */
static void set_pickup(struct seg_keeper *keeper, uint64_t learn_ns)
{
	uint64_t pickup = seg_image_defaults(keeper->book.image)->pickup_ns;
	uint64_t from = seg_clock_now() + learn_ns;
	uint64_t until = pickup == SEG_PICKUP_ALWAYS ? UINT64_MAX : from + pickup;

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

static int open_account(struct seg_keeper *keeper, struct seg_error *err)
{
	_cleanup_close_ int file = seg_runtime_accounts(&keeper->runtime, true);

	if (file < 0)
		return seg_error_set(err, -file, "cannot make a file in %s: %s",
				     keeper->runtime.path, strerror(-file));
	return seg_account_open(&keeper->account, file,
				keeper->tables.table.buckets * SEG_BUCKET_SLOTS, err);
}

static int open_tables(struct seg_keeper *keeper, uint64_t sessions, struct seg_error *err)
{
	int r = seg_runtime_make_pins(&keeper->runtime, err);

	if (r)
		return r;
	r = seg_tables_open(&keeper->tables, keeper->runtime.pins, sessions, err);
	if (!r)
		r = open_account(keeper, err);
	if (r) {
		close_tables(keeper);
		return r;
	}
	keeper->open = true;
	return 0;
}

void seg_keeper_use(struct seg_keeper *keeper, struct seg_rulebook *book)
{
	keeper->book = *book;
	*book = SEG_RULEBOOK_NONE;
	keeper->reaper = (struct seg_reaper){
		.tables = &keeper->tables,
		.account = &keeper->account,
		.book = &keeper->book,
		.grace = seg_tables_grace,
	};
}

/* Takes the book over. */
static int open_all(struct seg_keeper *keeper, struct seg_rulebook *book, struct seg_error *err)
{
	int r = open_tables(keeper, seg_rulebook_sessions(book), err);

	if (r)
		return r;
	seg_keeper_use(keeper, book);
	keeper->tables.config->generation = keeper->book.generation;
	keeper->tables.config->armed = !keeper->book.observe;
	r = seg_keeper_pin_rules(keeper, &keeper->book, err);
	if (!r)
		r = seg_keeper_record(keeper, err);
	if (r)
		seg_keeper_close_all(keeper);
	return r;
}

void seg_keeper_close_all(struct seg_keeper *keeper)
{
	if (!keeper->open)
		return;
	seg_loop_catch_up(&keeper->loop);
	seg_trial_forget(keeper);
	seg_rulebook_close(&keeper->book);
	seg_history_free(&keeper->history);
	close_tables(keeper);
}

/* --- for a next life ------------------------------------------------------------------------- */

const char *seg_keeper_rules_pin(const struct seg_keeper *keeper, uint32_t generation,
				 char to[PATH_MAX])
{
	char number[16];

	snprintf(number, sizeof(number), "%u", generation);
	return seg_runtime_pin(&keeper->runtime, "rules_", number, to);
}

/* One of a change that a predecessor did not finish may be in the way. */
int seg_keeper_pin_rules(const struct seg_keeper *keeper, const struct seg_rulebook *book,
			 struct seg_error *err)
{
	char path[PATH_MAX];

	unlink(seg_keeper_rules_pin(keeper, book->generation, path));
	if (!bpf_obj_pin(book->rules_fd, path))
		return 0;
	return seg_error_set(err, errno, "cannot pin %s: %s", path, strerror(errno));
}

void seg_keeper_unpin_rules(const struct seg_keeper *keeper, const struct seg_rulebook *book)
{
	char path[PATH_MAX];

	unlink(seg_keeper_rules_pin(keeper, book->generation, path));
}

int seg_keeper_record_book(const struct seg_keeper *keeper, const struct seg_rulebook *book,
			   const struct seg_policy_files *before, uint64_t trial_ends,
			   struct seg_error *err)
{
	const struct seg_record record = {
		.files = book->files,
		.before = *before,
		.given = book->given,
		.observe = book->observe,
		.generation = book->generation,
		.revision = book->revision,
		.trial_ends = trial_ends,
		.history = keeper->history,
		.revisions = keeper->revisions,
	};
	int r = seg_record_save(&keeper->runtime, &record);

	return r ? seg_error_set(err, -r, "cannot write %s/" SEG_RECORD ": %s",
				 keeper->runtime.path, strerror(-r))
		 : 0;
}

int seg_keeper_record(struct seg_keeper *keeper, struct seg_error *err)
{
	return seg_keeper_record_book(keeper, &keeper->book, &keeper->trial.before,
				      keeper->trial.ends, err);
}

/* For people, who ask the service manager. */
static void say_status(const struct seg_keeper *keeper)
{
	if (!keeper->ifaces_n)
		seg_notify_status("nothing is attached");
	else
		seg_notify_status("%u interface%s %s by policy %s, revision %u", keeper->ifaces_n,
				  keeper->ifaces_n == 1 ? "" : "s",
				  keeper->book.observe ? "observed" : "protected",
				  seg_image_name(keeper->book.image), keeper->revision);
}

/* --- attach ---------------------------------------------------------------------------------- */

static struct seg_attach_options options_of(const struct seg_keeper *keeper,
					    const struct seg_attach_request *request)
{
	struct seg_attach_options options = request->options;

	if (request->learn_default)
		options.learn_ns = seg_image_defaults(keeper->book.image)->attach_learn_ns;
	return options;
}

/* To attach what is attached is no trouble, unless it is to be in another way. */
static int refuse_otherwise(const struct seg_iface *iface, const struct seg_attach_options *options,
			    struct seg_error *err)
{
	bool shared = iface->hook.slot;

	if (options->shared == shared &&
	    (options->mode == SEG_MODE_AUTO || options->mode == iface->mode) &&
	    (!options->queues_max || options->queues_max >= iface->queues))
		return 0;
	seg_error_set(err, EEXIST, "%s is attached already, in another way: %s, %s, %u queue%s",
		      iface->link.name, seg_mode_names[iface->mode],
		      shared ? "shared" : "exclusive", iface->queues,
		      iface->queues == 1 ? "" : "s");
	seg_error_mend(err, "xdpseg detach %s, and attach it again", iface->link.name);
	return -EEXIST;
}

static int attach_each(struct seg_keeper *keeper, const struct seg_attach_request *request,
		       struct seg_iface **fresh, size_t *fresh_n, struct seg_error *err)
{
	struct seg_attach_options options = options_of(keeper, request);

	for (size_t i = 0; i < request->names_n; i++) {
		const struct seg_iface *there = seg_keeper_find(keeper, request->names[i]);
		int r = there ? refuse_otherwise(there, &options, err)
			      : seg_iface_attach(keeper, request->names[i], &options,
						 &fresh[*fresh_n], err);

		if (r)
			return r;
		*fresh_n += !there;
	}
	return 0;
}

/* Another policy than the one in force; takes the book over. */
static int change_policy(struct seg_keeper *keeper, struct seg_rulebook *book, uint64_t trial_ns,
			 struct seg_error *err)
{
	_cleanup_policy_files_ struct seg_policy_files before = {0};
	int r = 0;

	if (keeper->book.given && seg_policy_files_copy(&before, &keeper->book.files))
		return seg_error_set(err, ENOMEM, "no memory for the policy");
	r = seg_apply(keeper, book, trial_ns, err);
	if (r)
		return r;
	seg_trial_changed(keeper, &before, trial_ns);
	seg_revisions_note(&keeper->revisions, &keeper->book, &keeper->cause);
	return 0;
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
	for (size_t i = 0; !r && changes && i < fresh_n; i++)
		if (!fresh[i]->learns_until)
			seg_seed_iface(fresh[i], NULL); /* under this policy too */
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
	if (r) {
		seg_keeper_close_all(keeper);
		return r;
	}
	seg_revisions_note(&keeper->revisions, &keeper->book, &keeper->cause);
	seg_keeper_record(keeper, NULL);
	return 0;
}

/* Who names no policy gets the one in force. */
static bool keeps_policy(const struct seg_keeper *keeper, const struct seg_policy_text *policy)
{
	return keeper->open && keeper->book.given && !policy->observe &&
	       (!policy->files || policy->fallback);
}

/*
 * Sessions keep a verdict of an even and one of an odd generation: the next one's place is not
 * that of the one in force, and its number none that a policy which was taken back had.
 */
static uint32_t next_generation(const struct seg_keeper *keeper)
{
	uint32_t next = seg_generation_after(keeper->book.generation);

	for (uint32_t i = 0; i < 2 * keeper->taken_back; i++)
		next = seg_generation_after(next);
	return next;
}

/* The rulebook that would come next; *changes: it is not the one in force. */
static int open_next(const struct seg_keeper *keeper, const struct seg_policy_text *policy,
		     struct seg_rulebook *book, bool *changes, struct seg_error *err)
{
	uint32_t generation = keeper->open ? next_generation(keeper) : 1;
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
	keeper->learn.refused[0] = '\0';
	say_status(keeper);
	set_pickup(keeper, options_of(keeper, request).learn_ns);
	seg_learn_schedule(keeper);
	seg_keeper_wake(keeper);
	return 0;
}

/* --- apply ----------------------------------------------------------------------------------- */

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

/* The book that is next comes in force, if it is another one, and is taken. */
static int put_next(struct seg_keeper *keeper, struct seg_rulebook *book, uint64_t trial_ns,
		    bool changes, struct seg_error *err)
{
	int r = changes ? change_policy(keeper, book, trial_ns, err) : 0;

	seg_rulebook_close(book);
	if (r)
		return r;
	keeper->revision += changes;
	say_status(keeper);
	seg_keeper_wake(keeper);
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

	if (!r)
		r = open_next(keeper, &policy, &book, changes, err);
	return r ? r : put_next(keeper, &book, trial_ns, *changes, err);
}

int seg_keeper_patch(struct seg_keeper *keeper, const struct seg_patch *patch, uint64_t trial_ns,
		     bool *changes, struct seg_error *err)
{
	char id[SEG_NAME_MAX] = "";
	struct seg_rulebook book;
	int r = may_apply(keeper, trial_ns, err);

	if (!r && !keeper->book.given)
		return -EAGAIN;
	if (!r)
		r = seg_rulebook_patch(&book, &keeper->book, patch, id, next_generation(keeper),
				       keeper->revision + 1, err);
	if (r)
		return r;
	*changes = !seg_rulebook_same(&book, &keeper->book);
	seg_cause_what(&keeper->cause, "patch: %s %s", patch->removed ? "remove" : "set",
		       *id ? id : "a rule without an id");
	return put_next(keeper, &book, trial_ns, *changes, err);
}

/* --- detach ---------------------------------------------------------------------------------- */

static void after_detach(struct seg_keeper *keeper)
{
	if (!keeper->ifaces_n)
		seg_keeper_close_all(keeper);
	else
		seg_keeper_wake(keeper);
	say_status(keeper);
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

/* --- what happens to interfaces -------------------------------------------------------------- */

static struct seg_iface *find_index(const struct seg_keeper *keeper, uint32_t ifindex)
{
	seg_for_each_iface(iface, keeper) if (iface->link.ifindex == ifindex) return iface;
	return NULL;
}

/* Who shares an interface can take our program off it. */
static bool is_taken_off(const struct seg_iface *iface)
{
	return iface->hook.slot &&
	       !seg_sharer_finds(&iface->keeper->sharer, iface->link.ifindex, iface->hook.slot);
}

static void link_changed(void *data, enum seg_link_change change, uint32_t ifindex,
			 const char *name)
{
	struct seg_keeper *keeper = data;
	struct seg_iface *iface = find_index(keeper, ifindex);

	if (!iface)
		return;
	if (change == SEG_LINK_THERE)
		snprintf(iface->link.name, IFNAMSIZ, "%s", name);
	if (change == SEG_LINK_THERE && !is_taken_off(iface))
		return;
	fprintf(stderr, "xdpsegd: %s%s is gone: detached\n",
		change == SEG_LINK_THERE ? "the program at " : "", iface->link.name);
	seg_iface_detach(iface);
	after_detach(keeper);
	if (!keeper->ifaces_n && !keeper->stay)
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

/* --- its life -------------------------------------------------------------------------------- */

static void signalled(struct seg_watch *watch, uint32_t events)
{
	struct seg_keeper *keeper = (void *)((char *)watch - offsetof(struct seg_keeper, signals));
	struct signalfd_siginfo info = {0};

	(void)events;
	if (read(watch->fd, &info, sizeof(info)) == sizeof(info))
		keeper->hands_over = info.ssi_signo == SIGUSR2 && keeper->open;
	keeper->loop.quit = true;
}

static int open_signals(struct seg_keeper *keeper, struct seg_error *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	keeper->signals = (struct seg_watch){signalfd(-1, &set, SFD_CLOEXEC), signalled};
	if (keeper->signals.fd < 0 || seg_loop_add(&keeper->loop, &keeper->signals, EPOLLIN))
		return seg_error_set(err, errno, "cannot hear signals: %s", strerror(errno));
	return 0;
}

int seg_keeper_start_sharer(struct seg_keeper *keeper, struct seg_error *err)
{
	int r = seg_sharer_fork(&keeper->sharer, err);

	if (!r)
		r = seg_process_of(keeper->sharer.pid, &keeper->state.sharer);
	return r ? r : seg_state_save(&keeper->runtime, &keeper->state, err);
}

static int fork_spawner(struct seg_keeper *keeper, const struct seg_keeper_options *options,
			struct seg_error *err)
{
	_cleanup_close_ int worker_fd = seg_spawner_find_worker(options->worker, err);
	_cleanup_close_ int listener = -1;
	struct seg_spawner_options user = {.worker_fd = worker_fd,
					   .worker_code = options->worker_code};
	int socket, r;
	pid_t spawner;

	if (worker_fd < 0)
		return worker_fd;
	listener = user.listener = seg_spawner_listen(keeper->runtime.path, err);
	if (listener < 0)
		return listener;
	seg_spawner_user(&user);
	spawner = seg_spawner_fork(&user, &socket, err);
	if (spawner < 0)
		return spawner;
	r = seg_workers_open(&keeper->workers, &keeper->loop, socket, seg_watch_rung);
	if (r)
		return seg_error_set(err, -r, "cannot hear the spawner: %s", strerror(-r));
	keeper->state = (struct seg_state){
		.abi = seg_state_abi(),
		.netns = seg_runtime_netns(),
		.made = keeper->runtime.made,
	};
	seg_process_of(spawner, &keeper->state.spawner);
	return seg_state_save(&keeper->runtime, &keeper->state, err);
}

/* What only root can do, the spawner's birth above all; then no more root. */
static int begin_as_root(struct seg_keeper *keeper, const struct seg_keeper_options *options,
			 struct seg_error *err)
{
	int r = seg_privilege_mount_bpffs(err);

	if (!r)
		r = seg_privilege_raise_limits(err);
	if (r)
		return r;
	seg_again_read(&keeper->again, &keeper->runtime);
	if (seg_adopt(keeper)) {
		r = seg_leftover_clean(&keeper->runtime, err);
		if (!r)
			r = fork_spawner(keeper, options, err);
	}
	if (!r && (options->shared || seg_again_shared(&keeper->again)) &&
	    keeper->sharer.socket < 0)
		r = seg_keeper_start_sharer(keeper, err);
	return r ? r : seg_privilege_drop(err);
}

static int open_services(struct seg_keeper *keeper, struct seg_error *err)
{
	int r;

	if ((r = open_signals(keeper, err)) || (r = open_links(keeper, err)) ||
	    (r = seg_watch_open(keeper, err)) || (r = seg_trial_open(keeper, err)) ||
	    (r = seg_learn_open(keeper, err)) ||
	    (r = seg_notify_open(&keeper->notify, &keeper->loop, err)))
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
	if (keeper->open) {
		seg_trial_resume(keeper);
		seg_learn_schedule(keeper);
	}
	seg_again_attach(keeper);
	say_ready(options->ready_fd);
	say_status(keeper);
	seg_notify_ready();
	if (keeper->open)
		seg_keeper_wake(keeper);
	else
		seg_watch_start(keeper);
	r = seg_loop_run(&keeper->loop);
	if (!r && keeper->hands_over)
		return SEG_KEEPER_HANDS_OVER;
	seg_notify_stopping(&keeper->notify, &keeper->loop);
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
	seg_learn_close(keeper);
	if (keeper->monitor)
		mnl_socket_close(keeper->monitor);
	seg_closep(&keeper->signals.fd);
	seg_sharer_close(&keeper->sharer);
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
					   .sharer.socket = -1,
					   .notify.timer.fd = -1,
					   .clock.fd = -1,
					   .zones_fd = -1,
					   .trial.timer.fd = -1,
					   .learn.timer.fd = -1};
	int r = seg_privilege_check(options->shared, err);

	if (r || (r = seg_runtime_open(&keeper.runtime, options->runtime_dir, err)))
		return r;
	keeper.started = seg_clock_now();
	keeper.stay = options->foreground;
	r = seg_loop_open(&keeper.loop);
	if (!r)
		r = begin_as_root(&keeper, options, err);
	if (!r)
		r = serve(&keeper, options, err);
	if (r == SEG_KEEPER_HANDS_OVER)
		return r;
	close_services(&keeper);
	if (await_spawner(&keeper.state.spawner))
		return seg_error_set(err, ETIMEDOUT, "the spawner, process %d, does not end",
				     keeper.state.spawner.pid);
	seg_runtime_close(&keeper.runtime);
	return r;
}
