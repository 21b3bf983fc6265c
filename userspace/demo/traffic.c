/* SPDX-License-Identifier: BSD-2-Clause */
#include "traffic.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

static const char WORD[] = "hello";

void seg_talk_close(struct seg_talk *talk)
{
	seg_closep(&talk->near);
	seg_closep(&talk->far);
	*talk = (struct seg_talk)SEG_TALK_NONE;
}

/* --- one end ------------------------------------------------------------------------------ */

static int await(int fd, short events, int timeout_ms)
{
	struct pollfd wanted = {.fd = fd, .events = events};
	int r = poll(&wanted, 1, timeout_ms);

	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

/* Whatever comes; a port that nobody serves is an error of the socket. */
static int hear(int fd, int timeout_ms, char *text, size_t size, struct sockaddr_storage *from)
{
	socklen_t len = sizeof(*from);
	int r = await(fd, POLLIN, timeout_ms);
	ssize_t n;

	if (r)
		return r;
	n = recvfrom(fd, text, size, 0, (struct sockaddr *)from, from ? &len : NULL);
	if (n < 0)
		return -errno;
	return n ? 0 : -ECONNRESET;
}

/* To the one that it is connected to if `to` is NULL. */
static int say(int fd, const void *text, size_t size, const struct sockaddr_storage *to)
{
	ssize_t n = sendto(fd, text, size, MSG_NOSIGNAL, (const struct sockaddr *)to,
			   to ? sizeof(*to) : 0);

	return n == (ssize_t)size ? 0 : -errno;
}

/* A socket of the side that is called, at the port. */
static int serve(const struct seg_lab *lab, const struct seg_call *call, int type)
{
	enum seg_lab_side side = call->from == SEG_LAB_HOST ? SEG_LAB_CLIENT : SEG_LAB_HOST;
	struct sockaddr_storage own = seg_lab_address(side, call->family, call->port);
	int fd = seg_lab_socket(lab, side, call->family, type, 0), on = 1, r = 0;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) ||
	    (type == SOCK_STREAM && listen(fd, 8)))
		r = -errno;
	if (r)
		close(fd);
	return r ? r : fd;
}

/* A socket of the side that begins, on its way to the other. */
static int call_other(const struct seg_lab *lab, const struct seg_call *call, int type,
		      int protocol)
{
	enum seg_lab_side side = call->from == SEG_LAB_HOST ? SEG_LAB_CLIENT : SEG_LAB_HOST;
	struct sockaddr_storage other = seg_lab_address(side, call->family, call->port);
	int fd = seg_lab_socket(lab, call->from, call->family, type, protocol);

	if (fd < 0 || !connect(fd, (struct sockaddr *)&other, sizeof(other)) ||
	    errno == EINPROGRESS)
		return fd;
	close(fd);
	return -errno;
}

static bool is_same(const struct seg_call *a, const struct seg_call *b)
{
	return a->from == b->from && a->family == b->family && a->port == b->port;
}

static int listen_at(struct seg_lab *lab, const struct seg_call *call)
{
	int fd;

	for (size_t i = 0; i < lab->servers_n; i++)
		if (is_same(&lab->server[i].call, call))
			return lab->server[i].fd;
	if (lab->servers_n == SEG_LAB_SERVERS_MAX)
		return -EMFILE;
	fd = serve(lab, call, SOCK_STREAM);
	if (fd < 0)
		return fd;
	lab->server[lab->servers_n].call = *call;
	lab->server[lab->servers_n++].fd = fd;
	return fd;
}

/* --- conversations ---------------------------------------------------------------------------- */

int seg_traffic_again(const struct seg_talk *talk, int timeout_ms)
{
	char text[sizeof(WORD)];
	int r = say(talk->near, WORD, sizeof(WORD), NULL);

	if (!r)
		r = hear(talk->far, timeout_ms, text, sizeof(text), NULL);
	if (!r)
		r = say(talk->far, text, sizeof(text), NULL);
	return r ? r : hear(talk->near, timeout_ms, text, sizeof(text), NULL);
}

static int await_connection(int fd, int timeout_ms)
{
	socklen_t len = sizeof(int);
	int r = await(fd, POLLOUT, timeout_ms), wrong;

	if (r)
		return r;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &wrong, &len) ? -errno : -wrong;
}

int seg_traffic_tcp(struct seg_lab *lab, const struct seg_call *call, int timeout_ms,
		    struct seg_talk *talk)
{
	int listener = listen_at(lab, call), r;

	if (listener < 0)
		return listener;
	if ((talk->near = call_other(lab, call, SOCK_STREAM, 0)) < 0)
		return talk->near;
	r = await_connection(talk->near, timeout_ms);
	if (!r)
		r = await(listener, POLLIN, timeout_ms);
	if (r)
		return r;
	talk->far = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return talk->far < 0 ? -errno : seg_traffic_again(talk, timeout_ms);
}

int seg_traffic_udp(struct seg_lab *lab, const struct seg_call *call, int timeout_ms,
		    struct seg_talk *talk)
{
	struct sockaddr_storage from;
	char text[sizeof(WORD)];
	int r;

	if ((talk->far = serve(lab, call, SOCK_DGRAM)) < 0)
		return talk->far;
	if ((talk->near = call_other(lab, call, SOCK_DGRAM, 0)) < 0)
		return talk->near;
	r = say(talk->near, WORD, sizeof(WORD), NULL);
	if (!r)
		r = hear(talk->far, timeout_ms, text, sizeof(text), &from);
	if (!r)
		r = say(talk->far, text, sizeof(text), &from);
	return r ? r : hear(talk->near, timeout_ms, text, sizeof(text), NULL);
}

/* The kernel fills identifier and checksum of a ping socket, and hands it its answers only. */
int seg_traffic_ping(struct seg_lab *lab, const struct seg_call *call, int timeout_ms,
		     struct seg_talk *talk)
{
	bool four = call->family == AF_INET;
	struct icmphdr echo = {.type = four ? ICMP_ECHO : ICMP6_ECHO_REQUEST};
	char text[sizeof(echo)];
	int r;

	talk->near = call_other(lab, call, SOCK_DGRAM, four ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (talk->near < 0)
		return talk->near;
	r = say(talk->near, &echo, sizeof(echo), NULL);
	return r ? r : hear(talk->near, timeout_ms, text, sizeof(text), NULL);
}
