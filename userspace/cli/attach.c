/* SPDX-License-Identifier: BSD-2-Clause */
/* attach.c - `xdpseg attach`: returns when enforcement is on. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "cleanup.h"
#include "cli.h"
#include "client.h"
#include "daemon.h"
#include "error_json.h"
#include "guard.h"
#include "policy_file.h"
#include "policy_open.h"
#include "progress.h"
#include "requests.h"
#include "text.h"
#include "view.h"

#define QUEUES_MAX   256
#define NS_PER_MS    1000000ull
#define LEARN_MAX_NS (3600 * 1000 * NS_PER_MS)

/* A daemon that has nothing to do after a failed first attach is given so long to go. */
#define LEAVE_MS 5000

/* A shorter time to learn is over before anybody has read of it. */
#define SAY_MS 100

struct attach_options {
	const char *policy;
	const char *mode;
	const char *learn;
	uint32_t queues;
	bool observe;
	bool foreground;
	bool force;
	bool shared;
};

#define ATTACH(member) offsetof(struct attach_options, member)

static const struct seg_option OPTIONS[] = {
	{"policy", 'p', SEG_OPTION_TEXT, ATTACH(policy), "FILE",
	 "enforce this policy ('-': standard input)", 0},
	{"observe", 0, SEG_OPTION_FLAG, ATTACH(observe), NULL,
	 "count what the policy would decide, pass everything", 0},
	{"mode", 0, SEG_OPTION_CHOICE, ATTACH(mode), "auto|native|generic",
	 "where the program runs (auto: native if the driver can)", 0},
	{"queues", 0, SEG_OPTION_NUMBER, ATTACH(queues), "N", "serve the first N RX queues (all)",
	 QUEUES_MAX},
	{"learn", 0, SEG_OPTION_TEXT, ATTACH(learn), "DURATION",
	 "only watch for so long before enforcing (as the policy says: 5s)", 0},
	{"foreground", 0, SEG_OPTION_FLAG, ATTACH(foreground), NULL,
	 "stay, log here, and detach on SIGINT or SIGTERM", 0},
	{"force", 0, SEG_OPTION_FLAG, ATTACH(force), NULL,
	 "also where the policy would lock out your own SSH session", 0},
	{"shared", 0, SEG_OPTION_FLAG, ATTACH(shared), NULL,
	 "beside other XDP programs, by libxdp (else for itself)", 0},
	{"bridge", 0, SEG_OPTION_LATER, 0, NULL, "leave it out: xdpseg protects this host", 0},
	{"route", 0, SEG_OPTION_LATER, 0, NULL, "leave it out: xdpseg protects this host", 0},
	{0},
};

static int guard_by(const struct seg_cli *cli, const struct seg_policy_files *files,
		    const struct seg_policy *policy, struct seg_error *err)
{
	const struct attach_options *options = cli->values;
	json_auto_t *ifaces = seg_request_interfaces(cli);
	struct seg_guarded what = {
		.image = seg_policy_image(policy),
		.files = files,
		.ifaces = ifaces,
		.ways_out = "",
		.only_warns = options->observe,
	};

	return seg_guard(cli, &what, err);
}

/* The one in force is what counts where none is named. -ENOENT: there is none. */
static int guard_in_force(const struct seg_cli *cli, struct seg_error *err)
{
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	json_auto_t *about = NULL;
	struct seg_error none = {0};

	if (seg_policy_in_force(cli, &about, &files, &policy, &none))
		return -ENOENT;
	if (json_is_true(json_object_get(about, "observe")))
		return 0;
	return guard_by(cli, &files, policy, err);
}

/* What enforcing it would do is to be known before it is enforced. */
static void foretell(const struct seg_cli *cli, const struct seg_policy_files *files,
		     const struct seg_policy *policy)
{
	struct seg_error why = {0};

	if (guard_by(cli, files, policy, &why) && why.exit == SEG_EXIT_PROTECTED)
		seg_error_warn(&why, stderr, seg_cli_colour(&cli->global, stderr));
}

static int guard(const struct seg_cli *cli, const struct seg_policy_files *files,
		 const struct seg_policy *policy, struct seg_error *err)
{
	const struct attach_options *options = cli->values;
	int r = -ENOENT;

	if (options->force)
		return 0;
	if (options->observe) {
		if (policy && !cli->global.quiet)
			foretell(cli, files, policy);
		return 0;
	}
	if (!options->policy)
		r = guard_in_force(cli, err);
	if (r == -ENOENT)
		r = policy ? guard_by(cli, files, policy, err) : 0;
	return r;
}

static int read_learn(const struct attach_options *options, uint64_t *ns, struct seg_error *err)
{
	const char *text = options->learn;

	if (!text || (!seg_duration_parse(text, strlen(text), ns) && *ns <= LEARN_MAX_NS))
		return 0;
	return seg_usage(err, &seg_verb_attach, "--learn: '%s' is no time of up to an hour, as 5s",
			 text);
}

static int make_request(const struct seg_cli *cli, json_t **request, struct seg_error *err)
{
	const struct attach_options *options = cli->values;
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	json_auto_t *sent = NULL;
	uint64_t learn_ns = 0;
	int r = read_learn(options, &learn_ns, err);

	if (!r)
		r = seg_policy_file_pack(options->policy, &files, &policy, &sent, err);
	if (!r)
		r = guard(cli, &files, policy, err);
	if (r)
		return r;
	*request = json_pack("{s:o, s:O, s:s, s:b, s:b}", "interfaces", seg_request_interfaces(cli),
			     "policy", sent, "mode", options->mode ? options->mode : "auto",
			     "observe", options->observe, "shared", options->shared);
	if (*request && options->queues)
		json_object_set_new(*request, "queues", json_integer(options->queues));
	if (*request && options->learn)
		json_object_set_new(*request, "learn_ms",
				    json_integer((json_int_t)(learn_ns / NS_PER_MS)));
	return *request ? 0 : seg_error_set(err, ENOMEM, "out of memory");
}

static int request_attach(const struct seg_cli *cli, const json_t *request, json_t **reply,
			  struct seg_error *err)
{
	struct seg_progress progress;
	int r;

	seg_progress_begin(&progress, cli, "the kernel checks the programs", NULL);
	r = seg_client_call(cli->global.runtime_dir, "/v1/attach", request, reply, err);
	seg_progress_end(&progress);
	return r;
}

/* Start the daemon, then ask it. Where another client was quicker, its daemon is as good. */
static int start_and_attach(const struct seg_cli *cli, const json_t *request, json_t **reply,
			    struct seg_error *err)
{
	const struct attach_options *options = cli->values;
	struct seg_error start = {0};
	_cleanup_close_ int daemon = seg_daemon_start(cli->global.runtime_dir,
						      options->foreground || cli->global.verbose,
						      options->shared, &start);
	int r = request_attach(cli, request, reply, err);

	if (r == -ECONNREFUSED && daemon < 0)
		*err = start;
	if (r && daemon >= 0)
		seg_daemon_wait(daemon, LEAVE_MS);
	return r;
}

static int attach(const struct seg_cli *cli, json_t **reply, struct seg_error *err)
{
	json_auto_t *request = NULL;
	int r = make_request(cli, &request, err);

	if (r)
		return r;
	r = request_attach(cli, request, reply, err);
	if (r == -ECONNREFUSED) {
		*err = (struct seg_error){0};
		r = start_and_attach(cli, request, reply, err);
	}
	return r;
}

/* A descriptor that reads when SIGINT or SIGTERM came; from now on these kill no more. */
static int signals_open(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

static int stay(const struct seg_cli *cli, int signals, struct seg_error *err)
{
	_cleanup_close_ int pidfd = seg_client_daemon_pidfd(cli->global.runtime_dir, err);
	struct pollfd events[] = {{.fd = signals, .events = POLLIN},
				  {.fd = pidfd, .events = POLLIN}};

	if (pidfd < 0)
		return pidfd;
	while (poll(events, SEG_ARRAY_SIZE(events), -1) < 0)
		if (errno != EINTR)
			return seg_error_set(err, errno, "cannot wait: %s", strerror(errno));
	if (events[1].revents)
		return seg_error_set(err, ESRCH, "the daemon has ended");
	return seg_request_detach(cli, NULL, err);
}

/* --- until they are enforced ---------------------------------------------------------- */

/* The longest time that one of them still learns; -1: none does. */
static json_int_t learns_ms(const json_t *status)
{
	json_int_t longest = -1;
	const char *name;
	json_t *iface;

	json_object_foreach (json_object_get(status, "interfaces"), name, iface) {
		const json_t *left = json_object_get(iface, "learns_ms");

		if (left && json_integer_value(left) > longest)
			longest = json_integer_value(left);
	}
	return longest;
}

static int report_refused(const json_t *status, const char *name, struct seg_error *err)
{
	json_auto_t *error = json_pack("{s:O?}", "error",
				       json_object_get(json_object_get(status, "refused"), name));
	struct seg_error why = {0};

	if (seg_error_from_json(error, &why)) {
		seg_error_mend(err, "the daemon's log says why; attach it again");
		return seg_error_set(err, EIO, "%s was detached while it learned", name);
	}
	if (*why.mend)
		seg_error_mend(err, "%s", why.mend);
	return seg_error_set(err, EIO, "%s was detached, as it could not be enforced: %.400s", name,
			     why.what);
}

/* One that could not be enforced was detached. */
static int check_attached(const struct seg_cli *cli, const json_t *status, struct seg_error *err)
{
	const json_t *ifaces = json_object_get(status, "interfaces");

	for (size_t i = 0; i < cli->operands_n; i++)
		if (!json_object_get(ifaces, cli->operands[i]))
			return report_refused(status, cli->operands[i], err);
	return 0;
}

static void say_learning(const struct seg_cli *cli, json_int_t ms)
{
	if (!cli->global.quiet && !cli->global.json && ms >= SAY_MS)
		fprintf(stderr, "learning for %.1f s what runs; enforced then\n",
			(double)ms / 1000);
}

/* `attach` returns when enforcement is on. The daemon sees to that by itself: *reply is its status
 * then. */
static int await_enforcement(const struct seg_cli *cli, int signals, json_t **reply,
			     struct seg_error *err)
{
	struct pollfd interrupt = {.fd = signals, .events = POLLIN};
	json_int_t left = learns_ms(*reply);
	int r = 0;

	if (left >= 0)
		say_learning(cli, left);
	for (; !r && left >= 0; left = learns_ms(*reply)) {
		if (poll(&interrupt, 1, (int)left + 1) > 0)
			return 0; /* --foreground: detach at once */
		json_decref(TAKE(*reply));
		r = seg_client_call(cli->global.runtime_dir, "/v1/status", NULL, reply, err);
		if (!r)
			r = check_attached(cli, *reply, err);
	}
	return r;
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	const struct attach_options *options = cli->values;
	_cleanup_close_ int signals = -1;
	json_auto_t *reply = NULL;
	int r;

	if (!cli->operands_n)
		return seg_usage(err, &seg_verb_attach, "attach needs an interface");
	if (options->foreground) /* before anything is attached: a signal detaches it */
		signals = signals_open();
	r = attach(cli, &reply, err);
	if (!r)
		r = await_enforcement(cli, signals, &reply, err);
	if (r)
		return r;
	if (!cli->global.quiet)
		r = seg_show_reply(cli, reply, seg_view_status, err);
	if (options->foreground && !r) {
		fflush(stdout);
		r = stay(cli, signals, err);
	}
	return r;
}

const struct seg_verb seg_verb_attach = {
	.name = "attach",
	.synopsis = "IFACE... [--policy FILE] [OPTION]...",
	.operand = "IFACE",
	.summary = "protect interfaces; returns when enforcement is on",
	.details = "Without --policy: the one in force; else " SEG_POLICY_FILE_DEFAULT
		   " if it is there;\n"
		   "else everything passes and is counted. The daemon xdpsegd is started where "
		   "none runs.",
	.options = OPTIONS,
	.values_size = sizeof(struct attach_options),
	.run = run,
};
