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
#include "policy_file.h"
#include "requests.h"
#include "view.h"

#define QUEUES_MAX 256

/* A daemon that has nothing to do after a failed first attach is given so long to go. */
#define LEAVE_MS 5000

struct attach_options {
	const char *policy;
	const char *mode;
	uint32_t queues;
	bool observe;
	bool foreground;
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
	{"foreground", 0, SEG_OPTION_FLAG, ATTACH(foreground), NULL,
	 "stay, log here, and detach on SIGINT or SIGTERM", 0},
	{"shared", 0, SEG_OPTION_LATER, 0, NULL,
	 "leave it out: xdpseg takes the interface for itself", 0},
	{"bridge", 0, SEG_OPTION_LATER, 0, NULL, "leave it out: xdpseg protects this host", 0},
	{"route", 0, SEG_OPTION_LATER, 0, NULL, "leave it out: xdpseg protects this host", 0},
	{"learn", 0, SEG_OPTION_LATER, 0, NULL, "leave it out: enforcement starts at once", 0},
	{0},
};

static int make_request(const struct seg_cli *cli, json_t **request, struct seg_error *err)
{
	const struct attach_options *options = cli->values;
	json_t *policy;
	int r = seg_policy_file_pack(options->policy, &policy, err);

	if (r)
		return r;
	*request = json_pack("{s:o, s:o, s:s, s:b}", "interfaces", seg_request_interfaces(cli),
			     "policy", policy, "mode", options->mode ? options->mode : "auto",
			     "observe", options->observe);
	if (*request && options->queues)
		json_object_set_new(*request, "queues", json_integer(options->queues));
	return *request ? 0 : seg_error_set(err, ENOMEM, "out of memory");
}

static int request_attach(const struct seg_cli *cli, const json_t *request, json_t **reply,
			  struct seg_error *err)
{
	return seg_client_call(cli->global.runtime_dir, "/v1/attach", request, reply, err);
}

/* Start the daemon, then ask it. Where another client was quicker, its daemon is as good. */
static int start_and_attach(const struct seg_cli *cli, const json_t *request, json_t **reply,
			    struct seg_error *err)
{
	const struct attach_options *options = cli->values;
	struct seg_error start = {0};
	_cleanup_close_ int daemon = seg_daemon_start(
		cli->global.runtime_dir, options->foreground || cli->global.verbose, &start);
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
	.summary = "protect interfaces; returns when enforcement is on",
	.details = "Without --policy: the one in force; else " SEG_POLICY_FILE_DEFAULT
		   " if it is there;\n"
		   "else everything passes and is counted. The daemon xdpsegd is started where "
		   "none runs.",
	.options = OPTIONS,
	.values_size = sizeof(struct attach_options),
	.run = run,
};
