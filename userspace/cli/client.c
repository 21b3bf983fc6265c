/* SPDX-License-Identifier: BSD-2-Clause */
#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "error_json.h"

#define SOCKET_NAME "control.sock"

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
	return seg_error_set(err, EIO, "no answer from the daemon in %s: %s", runtime_dir,
			     curl_easy_strerror(code));
}

/* Send it; what comes back goes to `to`, by libcurl's own fwrite(). */
static int transfer(const char *runtime_dir, const char *path, const char *body, FILE *to,
		    long *status, struct seg_error *err)
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
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, to);
	if (body)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	r = report_transfer(curl, curl_easy_perform(curl), runtime_dir, err);
	if (!r)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	return r;
}

static int report_refusal(const json_t *reply, long status, struct seg_error *err)
{
	if (seg_error_from_json(reply, err))
		return seg_error_set(err, EPROTO, "the daemon answered with HTTP status %ld",
				     status);
	return -EREMOTEIO;
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
	r = transfer(runtime_dir, path, body, to, status, err);
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
