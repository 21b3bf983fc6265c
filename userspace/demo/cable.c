/* SPDX-License-Identifier: BSD-2-Clause */
#include "cable.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>

#include "netlink.h"

#ifndef IN6_ADDR_GEN_MODE_NONE
#define IN6_ADDR_GEN_MODE_NONE 1
#endif

static struct nlmsghdr *put_link(char *buffer, const char *name, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = flags;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	return request;
}

static void put_peer(struct nlmsghdr *request, const char *peer, int peer_space)
{
	struct nlattr *nest = mnl_attr_nest_start(request, VETH_INFO_PEER);

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, peer);
	mnl_attr_put_u32(request, IFLA_NET_NS_FD, (uint32_t)peer_space);
	mnl_attr_nest_end(request, nest);
}

int seg_cable_make(const char *name, const char *peer, int peer_space)
{
	char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = put_link(buffer, name, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *kind = mnl_attr_nest_start(request, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	put_peer(request, peer, peer_space);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, kind);
	return seg_netlink_ask(NETLINK_ROUTE, request, NULL, NULL);
}

static void put_address(struct nlmsghdr *request, const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		mnl_attr_put(request, IFA_LOCAL, sizeof(struct in_addr),
			     &((const struct sockaddr_in *)address)->sin_addr);
	else
		mnl_attr_put(request, IFA_LOCAL, sizeof(struct in6_addr),
			     &((const struct sockaddr_in6 *)address)->sin6_addr);
}

int seg_cable_address(const char *name, const struct sockaddr_storage *address, uint8_t prefix)
{
	char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	request->nlmsg_type = RTM_NEWADDR;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	info->ifa_family = (uint8_t)address->ss_family;
	info->ifa_prefixlen = prefix;
	info->ifa_flags = IFA_F_NODAD; /* nobody else is there */
	info->ifa_index = if_nametoindex(name);
	put_address(request, address);
	return seg_netlink_ask(NETLINK_ROUTE, request, NULL, NULL);
}

/* What the stack says for an address of its own would only be noise. */
static int forbid_own_address(const char *name)
{
	char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = put_link(buffer, name, 0);
	struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(request, AF_INET6);

	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, inet6);
	mnl_attr_nest_end(request, families);
	return seg_netlink_ask(NETLINK_ROUTE, request, NULL, NULL);
}

int seg_cable_up(const char *name)
{
	char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request;
	struct ifinfomsg *info;
	int r = forbid_own_address(name);

	if (r && r != -EAFNOSUPPORT)
		return r;
	request = put_link(buffer, name, 0);
	info = mnl_nlmsg_get_payload(request);
	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	return seg_netlink_ask(NETLINK_ROUTE, request, NULL, NULL);
}
