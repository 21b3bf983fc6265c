/* SPDX-License-Identifier: BSD-2-Clause */
#include "netlink.h"

#include <errno.h>
#include <sys/socket.h>

#include "cleanup.h"

#define BUFFER_SIZE 32768 /* the most that the kernel puts into one answer of a dump */

static void socket_closep(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

int seg_netlink_ask(int bus, struct nlmsghdr *request, mnl_cb_t reply, void *data)
{
	_cleanup_(socket_closep) struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	_Alignas(8) char buffer[BUFFER_SIZE];
	ssize_t n = 1;
	int r = MNL_CB_OK;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	request->nlmsg_seq = 1;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (r == MNL_CB_OK && n > 0) {
		n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (n > 0)
			r = mnl_cb_run(buffer, (size_t)n, 1, mnl_socket_get_portid(socket), reply,
				       data);
	}
	return n < 0 || r < 0 ? -errno : 0;
}
