/* SPDX-License-Identifier: BSD-2-Clause */
#include "link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "device.h"
#include "netlink.h"

#ifndef IN6_ADDR_GEN_MODE_NONE
#define IN6_ADDR_GEN_MODE_NONE 1
#endif

#define BUFFER_SIZE 16384

static void socket_closep(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

/* --- the internal pair ------------------------------------------------------------------- */

static void put_end(struct nlmsghdr *request, const char *name, uint32_t queues, uint32_t mtu)
{
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_u32(request, IFLA_MTU, mtu);
	mnl_attr_put_u32(request, IFLA_NUM_TX_QUEUES, queues);
	mnl_attr_put_u32(request, IFLA_NUM_RX_QUEUES, queues);
}

static int make_pair(const char *outer, const char *inner, uint32_t queues, uint32_t mtu)
{
	char buffer[1024];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nlattr *kind, *data, *peer;

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	put_end(request, outer, queues, mtu);
	kind = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(request, VETH_INFO_PEER);
	put_end(request, inner, queues, mtu);
	mnl_attr_nest_end(request, peer);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, kind);
	return seg_netlink_ask(NETLINK_ROUTE, request, NULL, NULL);
}

static struct nlmsghdr *put_change(char *buffer, const char *name, uint32_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	request->nlmsg_type = RTM_NEWLINK;
	info->ifi_flags = flags;
	info->ifi_change = flags;
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	return request;
}

/* The kernel takes this only once the device is there, and needs it before it is up. */
static int forbid_ipv6_address(const char *name)
{
	char buffer[512];
	struct nlmsghdr *request = put_change(buffer, name, 0);
	struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(request, AF_INET6);
	int r;

	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, inet6);
	mnl_attr_nest_end(request, families);
	r = seg_netlink_ask(NETLINK_ROUTE, request, NULL, NULL);
	return r == -EAFNOSUPPORT ? 0 : r; /* a kernel without IPv6 */
}

static int bring_up(const char *name)
{
	char buffer[512];
	int r = forbid_ipv6_address(name);

	if (r)
		return r;
	return seg_netlink_ask(NETLINK_ROUTE, put_change(buffer, name, IFF_UP | IFF_NOARP), NULL,
			       NULL);
}

int seg_link_make_pair(const char *outer, const char *inner, uint32_t queues, uint32_t mtu)
{
	int r = make_pair(outer, inner, queues, mtu);

	if (r)
		return r;
	if ((r = bring_up(inner)) || (r = bring_up(outer)))
		seg_link_delete(outer);
	return r;
}

int seg_link_keep_tags(const char *name)
{
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};
	int r = seg_ethtool(name, &flags);

	if (r)
		return r;
	flags.cmd = ETHTOOL_SFLAGS;
	flags.data &= ~(uint32_t)ETH_FLAG_TXVLAN;
	return seg_ethtool(name, &flags);
}

int seg_link_delete(const char *name)
{
	char buffer[512];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int r;

	request->nlmsg_type = RTM_DELLINK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	r = seg_netlink_ask(NETLINK_ROUTE, request, NULL, NULL);
	return r == -ENODEV ? 0 : r;
}

/* --- what becomes of them --------------------------------------------------------------------- */

struct listener {
	seg_link_listener call;
	void *data;
};

static int on_change(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct listener *listener = data;
	struct seg_device device = {0};

	if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
		return MNL_CB_OK;
	if (info->ifi_family != AF_UNSPEC)
		return MNL_CB_OK; /* a bridge lost a port: the port is still there */
	seg_device_parse(message, &device);
	listener->call(listener->data,
		       message->nlmsg_type == RTM_DELLINK ? SEG_LINK_GONE : SEG_LINK_THERE,
		       device.ifindex, device.name);
	return MNL_CB_OK;
}

struct mnl_socket *seg_link_monitor_open(void)
{
	struct mnl_socket *monitor = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (!monitor || mnl_socket_bind(monitor, 1 << (RTNLGRP_LINK - 1), MNL_SOCKET_AUTOPID) < 0) {
		socket_closep(&monitor);
		return NULL;
	}
	return monitor;
}

int seg_link_monitor_read(struct mnl_socket *monitor, seg_link_listener call, void *data)
{
	struct listener listener = {.call = call, .data = data};
	_Alignas(8) char buffer[BUFFER_SIZE];
	ssize_t n;

	while ((n = mnl_socket_recvfrom(monitor, buffer, sizeof(buffer))) > 0)
		mnl_cb_run(buffer, (size_t)n, 0, 0, on_change, &listener);
	return errno == EAGAIN ? 0 : -errno;
}
