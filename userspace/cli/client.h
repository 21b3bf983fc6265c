/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - one request to the daemon: HTTP on the Unix socket
 * RUNTIME_DIR/control.sock, JSON both ways.
 */
#ifndef SEG_CLIENT_H
#define SEG_CLIENT_H

#include <jansson.h>

#include "error.h"

/*
 * POST `body` to `path`, or GET `path` without a body; waits as long as the
 * daemon takes. The caller owns *reply (json_decref).
 * -ECONNREFUSED: no daemon listens there; other -errno: it failed, or refused.
 * err is filled either way, the daemon's refusal word for word.
 */
int seg_client_call(const char *runtime_dir, const char *path, const json_t *body, json_t **reply,
		    struct seg_error *err);

/*
 * The same, for a reply that comes line by line: each is given to `line` as it arrives, a NUL in
 * place of its newline, to write in as it likes; a negative return ends it all and is returned.
 */
typedef int (*seg_client_line)(void *data, char *line, size_t len);
int seg_client_stream(const char *runtime_dir, const char *path, const json_t *body,
		      seg_client_line line, void *data, struct seg_error *err);

/*
 * A descriptor that polls readable once the daemon that listens there is gone.
 * -ECONNREFUSED: there is none.
 */
int seg_client_daemon_pidfd(const char *runtime_dir, struct seg_error *err);

#endif
