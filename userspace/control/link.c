/* SPDX-License-Identifier: BSD-2-Clause */
#include "link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cleanup.h"

#ifndef IN6_ADDR_GEN_MODE_NONE
#define IN6_ADDR_GEN_MODE_NONE 1
#endif

/* linux/netdev.h, 6.3 */
#define NETDEV_FAMILY             "netdev"
#define NETDEV_DEV_GET            1
#define NETDEV_A_DEV_IFINDEX      1
#define NETDEV_A_DEV_XDP_FEATURES 3
#define NETDEV_XDP_XSK_ZEROCOPY   (1 << 3)

#define BUFFER_SIZE 16384

static void socket_closep(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

/* --- one request --------------------------------------------------------------------- */

/* Send `request`, hand what comes to `reply`. 0 or -errno, the kernel's. */
static int transact(int bus, struct nlmsghdr *request, mnl_cb_t reply, void *data)
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

/* --- what an interface is --------------------------------------------------------------- */

static int on_xdp(const struct nlattr *attr, void *data)
{
	struct seg_link *link = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_XDP_PROG_ID:
	case IFLA_XDP_DRV_PROG_ID:
	case IFLA_XDP_SKB_PROG_ID:
	case IFLA_XDP_HW_PROG_ID:
		link->xdp_prog = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

static int on_link_attr(const struct nlattr *attr, void *data)
{
	struct seg_link *link = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		snprintf(link->name, IFNAMSIZ, "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_MTU:
		link->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_NUM_RX_QUEUES:
		link->rx_queues = mnl_attr_get_u32(attr);
		break;
	case IFLA_XDP:
		return mnl_attr_parse_nested(attr, on_xdp, link);
	}
	return MNL_CB_OK;
}

static int on_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct seg_link *link = data;

	link->ifindex = (uint32_t)info->ifi_index;
	link->flags = info->ifi_flags;
	return mnl_attr_parse(message, sizeof(*info), on_link_attr, link);
}

static int get_link(const char *name, struct seg_link *link)
{
	char buffer[512];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	return transact(NETLINK_ROUTE, request, on_link, link);
}

static int ethtool(const char *name, void *command)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_data = command};

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	return fd < 0 || ioctl(fd, SIOCETHTOOL, &request) ? -errno : 0;
}

/* What rtnetlink calls rx_queues is how many there could be; drivers that can tell, tell better. */
static void ask_ethtool(struct seg_link *link)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};

	if (!ethtool(link->name, &driver))
		snprintf(link->driver, sizeof(link->driver), "%.31s", driver.driver);
	if (!ethtool(link->name, &channels) && channels.rx_count + channels.combined_count)
		link->rx_queues = channels.rx_count + channels.combined_count;
}

static int on_family_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		*(uint16_t *)data = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int on_family(const struct nlmsghdr *message, void *data)
{
	return mnl_attr_parse(message, sizeof(struct genlmsghdr), on_family_attr, data);
}

static int on_features_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == NETDEV_A_DEV_XDP_FEATURES)
		*(uint64_t *)data = mnl_attr_get_u64(attr);
	return MNL_CB_OK;
}

static int on_features(const struct nlmsghdr *message, void *data)
{
	return mnl_attr_parse(message, sizeof(struct genlmsghdr), on_features_attr, data);
}

static struct nlmsghdr *put_genl(char *buffer, uint16_t family, uint8_t command)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	request->nlmsg_type = family;
	header->cmd = command;
	header->version = 1;
	return request;
}

/* Kernels before 6.3 cannot tell: then no. */
static bool has_zerocopy(uint32_t ifindex)
{
	char buffer[512];
	struct nlmsghdr *request = put_genl(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	uint64_t features = 0;
	uint16_t family = 0;

	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	if (transact(NETLINK_GENERIC, request, on_family, &family) || !family)
		return false;
	request = put_genl(buffer, family, NETDEV_DEV_GET);
	mnl_attr_put_u32(request, NETDEV_A_DEV_IFINDEX, ifindex);
	if (transact(NETLINK_GENERIC, request, on_features, &features))
		return false;
	return features & NETDEV_XDP_XSK_ZEROCOPY;
}

int seg_link_get(const char *name, struct seg_link *link)
{
	struct seg_link found = {0};
	int r = get_link(name, &found);

	if (r)
		return r;
	ask_ethtool(&found);
	found.zerocopy = has_zerocopy(found.ifindex);
	*link = found;
	return 0;
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
	return transact(NETLINK_ROUTE, request, NULL, NULL);
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
	r = transact(NETLINK_ROUTE, request, NULL, NULL);
	return r == -EAFNOSUPPORT ? 0 : r; /* a kernel without IPv6 */
}

static int bring_up(const char *name)
{
	char buffer[512];
	int r = forbid_ipv6_address(name);

	if (r)
		return r;
	return transact(NETLINK_ROUTE, put_change(buffer, name, IFF_UP | IFF_NOARP), NULL, NULL);
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

int seg_link_delete(const char *name)
{
	char buffer[512];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int r;

	request->nlmsg_type = RTM_DELLINK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	r = transact(NETLINK_ROUTE, request, NULL, NULL);
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
	struct seg_link link = {0};

	if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
		return MNL_CB_OK;
	if (info->ifi_family != AF_UNSPEC)
		return MNL_CB_OK; /* a bridge lost a port: the port is still there */
	on_link(message, &link);
	listener->call(listener->data,
		       message->nlmsg_type == RTM_DELLINK ? SEG_LINK_GONE : SEG_LINK_THERE,
		       link.ifindex, link.name);
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
