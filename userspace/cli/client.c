/* SPDX-License-Identifier: BSD-2-Clause */
#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "daemon.h"
#include "error_json.h"

#define SOCKET_NAME    "control.sock"
#define SPAWNER_SOCKET "spawner.sock" /* control/spawner.h */

static void curl_cleanupp(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

static void curl_slistp(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static int no_memory(struct seg_error *err)
{
	return seg_error_set(err, ENOMEM, "out of memory");
}

/* connect() failed: nobody there, or not for us. */
static int report_connect(const char *runtime_dir, int errnum, struct seg_error *err)
{
	if (errnum == EACCES || errnum == EPERM) {
		seg_error_set(err, errnum, "the daemon's socket in %s is not open to this user",
			      runtime_dir);
		seg_error_mend(err, "run it as root, or as the user that the daemon runs as");
		return -errnum;
	}
	if (errnum != ENOENT && errnum != ECONNREFUSED)
		return seg_error_set(err, errnum, "cannot reach the daemon in %s: %s", runtime_dir,
				     strerror(errnum));
	seg_error_set(err, ECONNREFUSED, "nothing is attached: no daemon runs in %s", runtime_dir);
	seg_error_mend(err,
		       "start with `xdpseg attach IFACE`; --runtime-dir names another instance");
	seg_error_exit(err, SEG_EXIT_NOT_ATTACHED);
	return -ECONNREFUSED;
}

static int report_transfer(CURL *curl, CURLcode code, const char *runtime_dir,
			   struct seg_error *err)
{
	long errnum = 0;

	if (code == CURLE_OK)
		return 0;
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &errnum);
	if (code == CURLE_COULDNT_CONNECT && errnum)
		return report_connect(runtime_dir, (int)errnum, err);
	seg_error_set(err, EIO, "no answer from the daemon in %s: %s", runtime_dir,
		      curl_easy_strerror(code));
	seg_error_mend(err, "it may have ended: `xdpseg status` asks again, and its log "
			    "(journalctl -u xdpsegd) says why");
	return -EIO;
}

/* --- one request --------------------------------------------------------------- */

#define PIECE_SIZE 262144L

/* What comes back is taken in pieces, as libcurl hands them out. */
typedef size_t (*taking)(char *text, size_t one, size_t n, void *to);

static int try_transfer(const char *runtime_dir, const char *path, const char *body, taking take,
			void *to, long *status, struct seg_error *err)
{
	_cleanup_(curl_cleanupp) CURL *curl = curl_easy_init();
	_cleanup_(curl_slistp) struct curl_slist *headers = NULL;
	_cleanup_free_ char *socket_path = NULL, *url = NULL;
	int r;

	headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!curl || !headers || asprintf(&url, "http://xdpsegd%s", path) < 0 ||
	    asprintf(&socket_path, "%s/" SOCKET_NAME, runtime_dir) < 0)
		return no_memory(err);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 0L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, to);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, PIECE_SIZE);
	if (body)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	r = report_transfer(curl, curl_easy_perform(curl), runtime_dir, err);
	if (!r)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	return r;
}

#define RESTART_MS 500   /* for a service manager to start it again */
#define RETURN_MS  30000 /* until one that was started has taken over what ran */
#define LOOK_MS    20

static int daemon_connect(const char *runtime_dir, struct seg_error *err);

static bool is_back(const char *runtime_dir)
{
	_cleanup_close_ int fd = daemon_connect(runtime_dir, NULL);

	return fd >= 0;
}

/* A daemon holds its folder's lock from its first to its last moment. */
static bool lives(const char *runtime_dir)
{
	_cleanup_close_ int fd = open(runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

/* Asked in a way that it does not hear: its socket is of another type. */
static bool spawner_lives(const char *runtime_dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/" SPAWNER_SOCKET, runtime_dir);
	return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
	       errno == EPROTOTYPE;
}

/* A daemon died, and what it attached goes on: the next one takes it over. */
static bool bring_back(const char *runtime_dir)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
	_cleanup_close_ int daemon = -1;

	if (!spawner_lives(runtime_dir))
		return false;
	for (int ms = 0; ms < RETURN_MS; ms += LOOK_MS) {
		if (is_back(runtime_dir))
			return true;
		if (ms >= RESTART_MS && !lives(runtime_dir)) {
			daemon = seg_daemon_start(runtime_dir, false, false, NULL);
			return daemon >= 0 || is_back(runtime_dir);
		}
		nanosleep(&pause, NULL);
	}
	return false;
}

static int transfer(const char *runtime_dir, const char *path, const char *body, taking take,
		    void *to, long *status, struct seg_error *err)
{
	int r = try_transfer(runtime_dir, path, body, take, to, status, err);

	if (r != -ECONNREFUSED || !bring_back(runtime_dir))
		return r;
	if (err)
		*err = (struct seg_error){0};
	return try_transfer(runtime_dir, path, body, take, to, status, err);
}

static int report_refusal(const json_t *reply, long status, struct seg_error *err)
{
	if (seg_error_from_json(reply, err))
		return seg_error_set(err, EPROTO, "the daemon answered with HTTP status %ld",
				     status);
	return -EREMOTEIO;
}

static size_t take_all(char *text, size_t one, size_t n, void *to)
{
	return fwrite(text, one, n, to);
}

/* The answer's text; the caller frees it. */
static int exchange(const char *runtime_dir, const char *path, const char *body, char **text,
		    long *status, struct seg_error *err)
{
	size_t size;
	FILE *to = open_memstream(text, &size);
	int r;

	if (!to)
		return no_memory(err);
	r = transfer(runtime_dir, path, body, take_all, to, status, err);
	if (fclose(to) && !r)
		r = no_memory(err);
	return r;
}

int seg_client_call(const char *runtime_dir, const char *path, const json_t *body, json_t **reply,
		    struct seg_error *err)
{
	json_auto_t *json = NULL;
	_cleanup_free_ char *out = NULL, *in = NULL;
	long status = 0;
	int r;

	if (body && !(out = json_dumps(body, JSON_COMPACT)))
		return no_memory(err);
	r = exchange(runtime_dir, path, out, &in, &status, err);
	if (r)
		return r;
	json = json_loads(in, 0, NULL);
	if (status >= 400)
		return report_refusal(json, status, err);
	if (!json)
		return seg_error_set(err, EPROTO, "the daemon's answer is not JSON");
	*reply = TAKE(json);
	return 0;
}

/* --- line by line ------------------------------------------------------------- */

/* What came after the last newline is kept; at the end it is all of a refusal. */
struct lines {
	seg_client_line line;
	void *data;
	char *rest;
	size_t used, size;
	int r;
};

static bool keep_rest(struct lines *lines, const char *text, size_t len)
{
	size_t size = lines->size ? lines->size : 4096;
	char *rest;

	while (size < lines->used + len + 1)
		size *= 2;
	rest = size == lines->size ? lines->rest : realloc(lines->rest, size);
	if (!rest)
		return false;
	memcpy(rest + lines->used, text, len);
	lines->rest = rest;
	lines->size = size;
	lines->used += len;
	rest[lines->used] = '\0';
	return true;
}

/* One line is whole, or text ended before it was. */
static int take_line(struct lines *lines, const char *text, size_t len, bool whole)
{
	if (!keep_rest(lines, text, len))
		return -ENOMEM;
	if (!whole)
		return 0;
	len = lines->used;
	lines->used = 0;
	return lines->line(lines->data, lines->rest, len);
}

/* libcurl: anything but n ends the transfer. */
static size_t take_lines(char *text, size_t one, size_t n, void *data)
{
	struct lines *lines = data;
	size_t at = 0;

	(void)one;
	while (at < n && !lines->r) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t len = end ? (size_t)(end - text) - at : n - at;

		lines->r = take_line(lines, text + at, len, end != NULL);
		at += len + (end != NULL);
	}
	return lines->r ? 0 : n;
}

static int refusal_of(const struct lines *lines, long status, struct seg_error *err)
{
	json_auto_t *json = json_loads(lines->used ? lines->rest : "", 0, NULL);

	return report_refusal(json, status, err);
}

int seg_client_stream(const char *runtime_dir, const char *path, const json_t *body,
		      seg_client_line line, void *data, struct seg_error *err)
{
	struct lines lines = {.line = line, .data = data};
	_cleanup_free_ char *out = body ? json_dumps(body, JSON_COMPACT) : NULL;
	long status = 0;
	int r;

	if (body && !out)
		return no_memory(err);
	r = transfer(runtime_dir, path, out, take_lines, &lines, &status, err);
	if (lines.r)
		r = lines.r;
	else if (!r && status >= 400)
		r = refusal_of(&lines, status, err);
	free(lines.rest);
	return r;
}

static int daemon_connect(const char *runtime_dir, struct seg_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/" SOCKET_NAME,
			   runtime_dir);

	if (len >= (int)sizeof(address.sun_path))
		return seg_error_set(err, ENAMETOOLONG, "%s: too long for a socket's path",
				     runtime_dir);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return report_connect(runtime_dir, errno, err);
	return TAKE_FD(fd);
}

int seg_client_daemon_pidfd(const char *runtime_dir, struct seg_error *err)
{
	_cleanup_close_ int fd = daemon_connect(runtime_dir, err);
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	int pidfd;

	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return seg_error_set(err, errno, "cannot tell the daemon's process: %s",
				     strerror(errno));
	pidfd = pidfd_open(peer.pid, 0);
	if (pidfd < 0)
		return seg_error_set(err, errno, "cannot watch the daemon, process %d: %s",
				     peer.pid, strerror(errno));
	return pidfd;
}
