/* SPDX-License-Identifier: BSD-2-Clause */
/* show.c - what the verbs that only ask have in common. */
#include <string.h>

#include "cli.h"
#include "client.h"
#include "view.h"

int seg_show_reply(const struct seg_cli *cli, const json_t *reply, seg_print print,
		   struct seg_error *err)
{
	const struct seg_view view = seg_view_of(cli);
	int r = cli->global.json ? seg_view_json(reply, stdout) : print(&view, reply);

	return r ? seg_error_set(err, -r, "cannot print: %s", strerror(-r)) : 0;
}

int seg_show(const struct seg_cli *cli, const char *path, seg_print print, struct seg_error *err)
{
	json_auto_t *reply = NULL;
	int r = seg_client_call(cli->global.runtime_dir, path, NULL, &reply, err);

	return r ? r : seg_show_reply(cli, reply, print, err);
}
