/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.h - the control socket: HTTP on RUNTIME_DIR/control.sock, JSON both
 * ways, for root and the daemon's own user. Runs inside the keeper's loop.
 *
 * A verb is a row of a table (server.c) and a file (verb_*.c, report_*.c).
 */
#ifndef SEG_SERVER_H
#define SEG_SERVER_H

#include <jansson.h>
#include <sys/types.h>

#include "abi.h"
#include "error.h"
#include "files.h"
#include "runtime.h"

struct seg_keeper;
struct seg_server;

int seg_server_open(struct seg_server **server, struct seg_keeper *keeper, struct seg_error *err);
void seg_server_close(struct seg_server *server, const struct seg_runtime *runtime);

/* A verb: the reply is the caller's, NULL and err on failure. `body`: NULL for GET. */
typedef json_t *(*seg_verb)(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);

json_t *seg_verb_attach(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);
json_t *seg_verb_detach(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);
json_t *seg_verb_apply(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);
json_t *seg_verb_patch(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);
json_t *seg_verb_confirm(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);
json_t *seg_verb_rollback(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);
json_t *seg_verb_sessions_count(struct seg_keeper *keeper, const json_t *body,
				struct seg_error *err);
json_t *seg_verb_sessions_delete(struct seg_keeper *keeper, const json_t *body,
				 struct seg_error *err);
json_t *seg_verb_sessions_flush(struct seg_keeper *keeper, const json_t *body,
				struct seg_error *err);
json_t *seg_report_policy(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);
json_t *seg_report_revisions(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);
json_t *seg_report_status(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);
json_t *seg_report_stats(struct seg_keeper *keeper, const json_t *body, struct seg_error *err);

/* What `status` says of the policy in force: null, or an object. */
json_t *seg_policy_status(const struct seg_keeper *keeper);

/* Refused as wrong usage of a verb; -EINVAL. */
int seg_request_usage(const char *verb, const char *what, struct seg_error *err);

/* What a newer client might ask for is refused by name, not ignored. `known` ends with NULL. */
int seg_request_keys(const json_t *body, const char *verb, const char *const *known,
		     struct seg_error *err);

/* Body member "policy", {"name", "text", "files"}, or null: none. The files are the caller's. */
int seg_request_policy(const json_t *body, const char *verb, struct seg_policy_files *files,
		       struct seg_error *err);

/* The names of interfaces in a request; they live as long as `body`. */
int seg_read_names(const json_t *body, const char *names[SEG_IFACES_MAX], size_t *n,
		   struct seg_error *err);

/* A reply too long for memory comes in pieces. */
struct seg_stream {
	struct seg_keeper *keeper;
	/* The next piece into `to`: its length, 0 only at the end; -errno: the reply breaks off. */
	ssize_t (*piece)(struct seg_stream *stream, char *to, size_t size);
	void (*close)(struct seg_stream *stream);
	void *data;       /* the report's own */
	const char *type; /* of what it says: SEG_TYPE_JSON */
};

#define SEG_TYPE_JSON "application/json"

/* The room that `piece` is given. */
#define SEG_PIECE_SIZE 65536

/* Begin such a reply; `body`: NULL for GET. On failure err is filled and there is nothing to close.
 */
typedef int (*seg_streaming)(struct seg_keeper *keeper, const json_t *body,
			     struct seg_stream *stream, struct seg_error *err);

int seg_report_sessions(struct seg_keeper *keeper, const json_t *body, struct seg_stream *stream,
			struct seg_error *err);

#endif
