/* SPDX-License-Identifier: BSD-2-Clause */
#include "server.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "cleanup.h"
#include "error_json.h"
#include "keeper.h"

#define SOCKET_NAME "control.sock"

#define BODY_MAX         (3 * SEG_POLICY_TEXT_MAX) /* a policy's texts, escaped */
#define CONNECTIONS_MAX  64
#define TIMEOUT_S        10   /* of a connection on which nothing moves */
#define STREAM_TIMEOUT_S 3600 /* whoever reads a list may be reading it, page by page */
#define STATUS_MAX       599

struct seg_server {
	struct seg_watch http;  /* libmicrohttpd's own epoll descriptor */
	struct seg_watch timer; /* its timeouts */
	struct MHD_Daemon *daemon;
	struct seg_keeper *keeper;
	int socket;
};

/* --- the table of verbs ---------------------------------------------------------------------- */

static const struct route {
	const char *method;
	const char *path;
	seg_verb verb;
	seg_streaming streaming; /* instead of a verb */
	bool lasts;              /* the daemon lives on without an interface */
} routes[] = {
	{"GET", "/v1/status", seg_report_status, NULL, true},
	{"GET", "/v1/stats", seg_report_stats, NULL, true},
	{"GET", "/v1/sessions", NULL, seg_report_sessions, true},
	{"POST", "/v1/sessions", NULL, seg_report_sessions, true},
	{"POST", "/v1/sessions/count", seg_verb_sessions_count, NULL, true},
	{"POST", "/v1/sessions/delete", seg_verb_sessions_delete, NULL, true},
	{"POST", "/v1/sessions/flush", seg_verb_sessions_flush, NULL, true},
	{"GET", "/v1/policy", seg_report_policy, NULL, true},
	{"GET", "/v1/policy/history", seg_report_revisions, NULL, true},
	{"POST", "/v1/policy", seg_verb_apply, NULL, false},
	{"POST", "/v1/policy/patch", seg_verb_patch, NULL, false},
	{"POST", "/v1/policy/confirm", seg_verb_confirm, NULL, false},
	{"POST", "/v1/policy/rollback", seg_verb_rollback, NULL, false},
	{"POST", "/v1/attach", seg_verb_attach, NULL, false},
	{"POST", "/v1/detach", seg_verb_detach, NULL, false},
};

static const struct route *find_route(const char *method, const char *path)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(routes); i++)
		if (!strcmp(routes[i].method, method) && !strcmp(routes[i].path, path))
			return &routes[i];
	return NULL;
}

/* --- replies --------------------------------------------------------------------------------- */

static unsigned int status_of(const struct seg_error *err)
{
	static const unsigned int statuses[] = {
		[SEG_EXIT_FAILED] = MHD_HTTP_INTERNAL_SERVER_ERROR,
		[SEG_EXIT_USAGE] = MHD_HTTP_BAD_REQUEST,
		[SEG_EXIT_NOT_ATTACHED] = MHD_HTTP_NOT_FOUND,
		[SEG_EXIT_PRIVILEGE] = MHD_HTTP_FORBIDDEN,
		[SEG_EXIT_PROTECTED] = MHD_HTTP_CONFLICT,
	};

	if ((size_t)err->exit < SEG_ARRAY_SIZE(statuses) && statuses[err->exit])
		return statuses[err->exit];
	return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned int status,
			     const char *type, struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_json(struct MHD_Connection *connection, unsigned int status,
				  const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	if (!text)
		return MHD_NO;
	return queue(connection, status, SEG_TYPE_JSON,
		     MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}

static enum MHD_Result reply_error(struct MHD_Connection *connection, unsigned int status,
				   const struct seg_error *err)
{
	json_auto_t *json = seg_error_to_json(err);

	return reply_json(connection, status, json);
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status,
			      const char *what)
{
	struct seg_error err = {0};

	seg_error_set(&err, EINVAL, "%s", what);
	seg_error_exit(&err, status == MHD_HTTP_FORBIDDEN ? SEG_EXIT_PRIVILEGE : SEG_EXIT_FAILED);
	return reply_error(connection, status, &err);
}

/* --- streams --------------------------------------------------------------------------------- */

static ssize_t read_stream(void *data, uint64_t position, char *to, size_t size)
{
	struct seg_stream *stream = data;
	ssize_t n = stream->piece(stream, to, size);

	(void)position;
	if (n < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return n ? n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void close_stream(void *data)
{
	struct seg_stream *stream = data;

	stream->close(stream);
	free(stream);
}

static enum MHD_Result reply_stream(struct MHD_Connection *connection, struct seg_keeper *keeper,
				    seg_streaming streaming, const json_t *body)
{
	struct seg_stream *stream = calloc(1, sizeof(*stream));
	struct MHD_Response *response;
	struct seg_error err = {0};
	const char *type;

	if (!stream)
		return MHD_NO;
	if (streaming(keeper, body, stream, &err)) {
		free(stream);
		return reply_error(connection, status_of(&err), &err);
	}
	type = stream->type;
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, STREAM_TIMEOUT_S);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, SEG_PIECE_SIZE, read_stream,
						     stream, close_stream);
	if (!response)
		close_stream(stream);
	return queue(connection, MHD_HTTP_OK, type, response);
}

/* --- requests -------------------------------------------------------------------------------- */

struct request {
	const struct route *route;
	char *body;
	size_t used, size;
};

static int read_peer(struct MHD_Connection *connection, struct ucred *peer)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	socklen_t size = sizeof(*peer);

	return info ? getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, peer, &size) : -1;
}

/* Only root and the daemon's own user may ask (the socket's mode says so too). */
static bool is_allowed(struct MHD_Connection *connection)
{
	struct ucred peer;

	return !read_peer(connection, &peer) && (peer.uid == 0 || peer.uid == geteuid());
}

static enum MHD_Result begin(struct seg_server *server, struct MHD_Connection *connection,
			     const char *path, const char *method, void **context)
{
	struct request *request;

	(void)server;
	if (!is_allowed(connection))
		return refuse(connection, MHD_HTTP_FORBIDDEN,
			      "only root and the daemon's user may control xdpsegd");
	request = calloc(1, sizeof(*request));
	if (!request)
		return MHD_NO;
	*context = request;
	request->route = find_route(method, path);
	if (!request->route)
		return refuse(connection, MHD_HTTP_NOT_FOUND, "this daemon knows no such request");
	return MHD_YES;
}

static int make_room(struct request *request, size_t more)
{
	size_t size = request->size ? request->size : 4096;
	char *body;

	if (request->used + more > BODY_MAX)
		return -EFBIG;
	while (size < request->used + more)
		size *= 2;
	if (size == request->size)
		return 0;
	body = realloc(request->body, size);
	if (!body)
		return -ENOMEM;
	request->body = body;
	request->size = size;
	return 0;
}

/* What cannot be kept is read and forgotten; the reply says so. */
static void keep(struct request *request, const char *data, size_t size)
{
	if (request->used > BODY_MAX || make_room(request, size)) {
		request->used = BODY_MAX + 1;
		return;
	}
	memcpy(request->body + request->used, data, size);
	request->used += size;
}

static enum MHD_Result answer(struct seg_server *server, struct MHD_Connection *connection,
			      const struct request *request)
{
	struct seg_error err = {0};
	json_auto_t *body = NULL, *reply = NULL;
	struct ucred peer;

	if (!read_peer(connection, &peer))
		seg_cause_set(&server->keeper->cause, &peer);
	if (request->used > BODY_MAX)
		return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE,
			      "the request is too large, or there is no memory for it");
	if (request->used)
		body = json_loadb(request->body, request->used, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(body) && !strcmp(request->route->method, "POST"))
		return refuse(connection, MHD_HTTP_BAD_REQUEST, "the request is no JSON object");
	if (request->route->streaming)
		return reply_stream(connection, server->keeper, request->route->streaming, body);
	reply = request->route->verb(server->keeper, body, &err);
	if (reply)
		return reply_json(connection, MHD_HTTP_OK, reply);
	return reply_error(connection, status_of(&err), &err);
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **context)
{
	(void)version;
	if (!*context)
		return begin(data, connection, path, method, context);
	if (*upload_size) {
		keep(*context, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	return answer(data, connection, *context);
}

/* A daemon that holds no interface any more ends, but not before it has said so. */
static void completed(void *data, struct MHD_Connection *connection, void **context,
		      enum MHD_RequestTerminationCode code)
{
	struct seg_server *server = data;
	struct request *request = *context;

	(void)connection, (void)code;
	if (!request)
		return;
	if (request->route && !request->route->lasts && request->body &&
	    !server->keeper->ifaces_n && !server->keeper->stay)
		server->keeper->loop.quit = true;
	free(request->body);
	free(request);
	*context = NULL;
}

/* --- its life -------------------------------------------------------------------------------- */

static void run(struct seg_server *server)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;
	struct itimerspec when = {0};

	MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &ms) == MHD_YES) {
		when.it_value.tv_sec = (time_t)(ms / 1000);
		when.it_value.tv_nsec = (long)(ms % 1000 * 1000000 + 1);
	}
	timerfd_settime(server->timer.fd, 0, &when, NULL);
}

static void http_ready(struct seg_watch *watch, uint32_t events)
{
	(void)events;
	run((struct seg_server *)watch); /* its first member */
}

static void timer_ready(struct seg_watch *watch, uint32_t events)
{
	uint64_t expirations;

	(void)events;
	if (read(watch->fd, &expirations, sizeof(expirations)) > 0)
		run((void *)((char *)watch - offsetof(struct seg_server, timer)));
}

static int listen_on(const struct seg_runtime *runtime, struct seg_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0177);
	int r;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/" SOCKET_NAME, runtime->path);
	unlink(address.sun_path); /* of a daemon that died: we hold the folder's lock */
	r = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, CONNECTIONS_MAX);
	umask(mask);
	if (r)
		return seg_error_set(err, errno, "cannot listen on %s: %s", address.sun_path,
				     strerror(errno));
	return TAKE_FD(fd);
}

static struct MHD_Daemon *start(struct seg_server *server)
{
	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, server,
				MHD_OPTION_LISTEN_SOCKET, server->socket,
				MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
				MHD_OPTION_NOTIFY_COMPLETED, completed, server, MHD_OPTION_END);
}

static int watch_both(struct seg_server *server)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), r;

	server->timer = (struct seg_watch){fd, timer_ready};
	if (!info || fd < 0)
		return -EMFILE;
	server->http = (struct seg_watch){info->epoll_fd, http_ready};
	r = seg_loop_add(&server->keeper->loop, &server->http, EPOLLIN);
	return r ? r : seg_loop_add(&server->keeper->loop, &server->timer, EPOLLIN);
}

int seg_server_open(struct seg_server **out, struct seg_keeper *keeper, struct seg_error *err)
{
	struct seg_server *server = calloc(1, sizeof(*server));

	if (!server)
		return seg_error_set(err, ENOMEM, "no memory for the control socket");
	*out = server;
	server->keeper = keeper;
	server->timer.fd = -1;
	server->socket = listen_on(&keeper->runtime, err);
	if (server->socket < 0)
		return server->socket;
	server->daemon = start(server);
	if (!server->daemon || watch_both(server))
		return seg_error_set(err, EMFILE, "cannot serve the control socket");
	return 0;
}

void seg_server_close(struct seg_server *server, const struct seg_runtime *runtime)
{
	if (!server)
		return;
	unlinkat(runtime->folder, SOCKET_NAME, 0);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	else
		seg_closep(&server->socket);
	seg_closep(&server->timer.fd);
	free(server);
}
