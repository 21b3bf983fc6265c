/* SPDX-License-Identifier: BSD-2-Clause */
/* detach.c - `xdpseg detach`: leaves nothing behind. */
#include <errno.h>

#include "cleanup.h"
#include "cli.h"
#include "client.h"
#include "daemon.h"
#include "requests.h"
#include "view.h"

struct detach_options {
	bool all;
};

static const struct seg_option OPTIONS[] = {
	{"all", 'a', SEG_OPTION_FLAG, offsetof(struct detach_options, all), NULL,
	 "detach every interface; the daemon ends", 0},
	{0},
};

json_t *seg_request_interfaces(const struct seg_cli *cli)
{
	json_t *names = json_array();

	for (size_t i = 0; i < cli->operands_n; i++)
		json_array_append_new(names, json_string(cli->operands[i]));
	return names;
}

/* The daemon ends when its last interface goes, unless it is a service manager's. */
static bool ends(const json_t *reply)
{
	const json_t *daemon = json_object_get(reply, "daemon");

	return json_object_size(json_object_get(reply, "interfaces")) == 0 &&
	       !json_is_true(json_object_get(daemon, "stays"));
}

int seg_request_detach(const struct seg_cli *cli, json_t **reply, struct seg_error *err)
{
	_cleanup_close_ int pidfd = seg_client_daemon_pidfd(cli->global.runtime_dir, err);
	json_auto_t *request = NULL, *answer = NULL;
	int r;

	if (pidfd < 0)
		return pidfd;
	request = cli->operands_n ? json_pack("{s:o}", "interfaces", seg_request_interfaces(cli))
				  : json_pack("{s:b}", "all", 1);
	r = seg_client_call(cli->global.runtime_dir, "/v1/detach", request, &answer, err);
	if (!r && ends(answer))
		r = seg_daemon_wait(pidfd, -1);
	if (!r && reply)
		*reply = TAKE(answer);
	return r;
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	const struct detach_options *options = cli->values;
	json_auto_t *reply = NULL;
	int r;

	if (options->all == (cli->operands_n > 0))
		return seg_usage(err, &seg_verb_detach, "name interfaces, or all of them by --all");
	r = seg_request_detach(cli, &reply, err);
	if (r)
		return r;
	return cli->global.json ? seg_view_json(reply, stdout) : 0;
}

const struct seg_verb seg_verb_detach = {
	.name = "detach",
	.synopsis = "IFACE... | --all",
	.operand = "IFACE",
	.summary = "stop protecting interfaces; leaves nothing behind",
	.details = "With the last interface the daemon ends, and with it all that it loaded, "
		   "pinned and made;\n"
		   "one that a service manager started serves on, without any of that.",
	.options = OPTIONS,
	.values_size = sizeof(struct detach_options),
	.run = run,
};
