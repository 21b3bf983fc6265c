/* SPDX-License-Identifier: BSD-2-Clause */
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"

union ancillary {
	char space[CMSG_SPACE(sizeof(int) * SEG_MESSAGE_FDS_MAX)];
	struct cmsghdr align;
};

int seg_message_pair(int sockets[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) ? -errno : 0;
}

int seg_message_send(int socket, const void *data, size_t size, const int *fds, size_t fds_n)
{
	struct iovec body = {.iov_base = (void *)data, .iov_len = size};
	union ancillary control = {0};
	struct msghdr message = {.msg_iov = &body, .msg_iovlen = 1};
	struct cmsghdr *header;
	ssize_t sent;

	if (fds_n > SEG_MESSAGE_FDS_MAX)
		return -E2BIG;
	if (fds_n) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fds_n);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * fds_n);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * fds_n);
	}
	do {
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* The descriptors that came with it; how many. */
static size_t take_fds(struct msghdr *message, int *fds)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	size_t n;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(header), n * sizeof(int));
	return n;
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		seg_closep(&fds[i]);
}

int seg_message_receive(int socket, void *data, size_t size, int *fds, size_t fds_max, int wait)
{
	struct iovec body = {.iov_base = data, .iov_len = size};
	union ancillary control;
	struct msghdr message = {.msg_iov = &body,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int came[SEG_MESSAGE_FDS_MAX];
	ssize_t got;
	size_t n;

	/* ECONNRESET: the other side closed with messages of ours unread; its last ones come next.
	 */
	do {
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	} while (got < 0 && (errno == EINTR || errno == ECONNRESET));
	if (got < 0)
		return -errno;
	n = take_fds(&message, came);
	if ((size_t)got != size || n > fds_max || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		close_all(came, n);
		return got ? -EPROTO : -ENOTCONN;
	}
	for (size_t i = 0; i < fds_max; i++)
		fds[i] = i < n ? came[i] : -1;
	return (int)n;
}
