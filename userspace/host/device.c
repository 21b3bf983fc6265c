/* SPDX-License-Identifier: BSD-2-Clause */
#include "device.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "netlink.h"

/* linux/netdev.h, 6.3 */
#define NETDEV_FAMILY             "netdev"
#define NETDEV_DEV_GET            1
#define NETDEV_A_DEV_IFINDEX      1
#define NETDEV_A_DEV_XDP_FEATURES 3

/* --- rtnetlink --------------------------------------------------------------------------- */

static int on_xdp(const struct nlattr *attr, void *data)
{
	struct seg_device *device = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_XDP_PROG_ID:
	case IFLA_XDP_DRV_PROG_ID:
	case IFLA_XDP_SKB_PROG_ID:
	case IFLA_XDP_HW_PROG_ID:
		device->xdp_prog = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

static int on_info(const struct nlattr *attr, void *data)
{
	struct seg_device *device = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND)
		snprintf(device->port_of, sizeof(device->port_of), "%s", mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int on_attr(const struct nlattr *attr, void *data)
{
	struct seg_device *device = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		snprintf(device->name, IFNAMSIZ, "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_MTU:
		device->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_MASTER:
		device->master = mnl_attr_get_u32(attr);
		break;
	case IFLA_PROMISCUITY:
		device->promiscuity = mnl_attr_get_u32(attr);
		break;
	case IFLA_CARRIER:
		device->carrier = mnl_attr_get_u8(attr);
		break;
	case IFLA_NUM_RX_QUEUES:
		device->rx_queues = mnl_attr_get_u32(attr);
		break;
	case IFLA_GSO_MAX_SIZE:
		device->gso_max = mnl_attr_get_u32(attr);
		break;
	case IFLA_GRO_MAX_SIZE:
		device->gro_max = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attr, on_info, device);
	case IFLA_XDP:
		return mnl_attr_parse_nested(attr, on_xdp, device);
	}
	return MNL_CB_OK;
}

int seg_device_parse(const struct nlmsghdr *message, struct seg_device *out)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);

	out->ifindex = (uint32_t)info->ifi_index;
	out->flags = info->ifi_flags;
	out->ethernet = info->ifi_type == ARPHRD_ETHER;
	return mnl_attr_parse(message, sizeof(*info), on_attr, out);
}

static int on_link(const struct nlmsghdr *message, void *data)
{
	return seg_device_parse(message, data);
}

static int ask_rtnetlink(const char *name, struct seg_device *device)
{
	char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	return seg_netlink_ask(NETLINK_ROUTE, request, on_link, device);
}

/* --- ethtool ------------------------------------------------------------------------------- */

int seg_ethtool(const char *name, void *command)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* any will do */
	struct ifreq request = {.ifr_data = command};

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	return fd < 0 || ioctl(fd, SIOCETHTOOL, &request) ? -errno : 0;
}

/* What rtnetlink calls rx_queues is how many there could be; drivers that can tell, tell better. */
static void ask_ethtool(struct seg_device *device)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};

	if (!seg_ethtool(device->name, &driver))
		snprintf(device->driver, sizeof(device->driver), "%.31s", driver.driver);
	if (seg_ethtool(device->name, &channels))
		return;
	device->rx_queues_max = channels.max_rx + channels.max_combined;
	if (channels.rx_count + channels.combined_count)
		device->rx_queues = channels.rx_count + channels.combined_count;
}

static void ask_ring(struct seg_device *device)
{
	struct ethtool_ringparam ring = {.cmd = ETHTOOL_GRINGPARAM};

	if (seg_ethtool(device->name, &ring))
		return;
	device->rx_ring = ring.rx_pending;
	device->rx_ring_max = ring.rx_max_pending;
}

/* A feature is told by its name's place in the kernel's list, which changes with the kernel. */
static int find_feature(const char *name, const char *feature)
{
	union {
		struct ethtool_sset_info info;
		uint32_t room[sizeof(struct ethtool_sset_info) / sizeof(uint32_t) + 1];
	} count = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES}};
	_cleanup_free_ struct ethtool_gstrings *names = NULL;
	uint32_t n;

	if (seg_ethtool(name, &count))
		return -ENOENT;
	n = count.info.data[0];
	names = calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN);
	if (!names)
		return -ENOMEM;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = n;
	if (seg_ethtool(name, names))
		return -ENOENT;
	for (uint32_t i = 0; i < names->len && i < n; i++)
		if (!strncmp((const char *)names->data + (size_t)i * ETH_GSTRING_LEN, feature,
			     ETH_GSTRING_LEN))
			return (int)i;
	return -ENOENT;
}

static bool has_feature(const char *name, const char *feature)
{
	int at = find_feature(name, feature);
	uint32_t blocks = (uint32_t)at / 32 + 1;
	_cleanup_free_ struct ethtool_gfeatures *features = NULL;

	if (at < 0)
		return false;
	features = calloc(1, sizeof(*features) + blocks * sizeof(features->features[0]));
	if (!features)
		return false;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = blocks;
	return !seg_ethtool(name, features) &&
	       features->features[blocks - 1].active & 1u << at % 32;
}

static void ask_offloads(struct seg_device *device)
{
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS}, gro = {.cmd = ETHTOOL_GGRO};

	if (!seg_ethtool(device->name, &flags)) {
		device->rx_vlan = flags.data & ETH_FLAG_RXVLAN;
		device->lro = flags.data & ETH_FLAG_LRO;
	}
	device->gro = !seg_ethtool(device->name, &gro) && gro.data;
	device->gro_hw = has_feature(device->name, "rx-gro-hw");
}

/* --- netdev's generic netlink ---------------------------------------------------------------- */

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

/* Kernels before 6.3 cannot tell. */
static void ask_features(struct seg_device *device)
{
	char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = put_genl(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	uint64_t features = 0;
	uint16_t family = 0;

	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	if (seg_netlink_ask(NETLINK_GENERIC, request, on_family, &family) || !family)
		return;
	request = put_genl(buffer, family, NETDEV_DEV_GET);
	mnl_attr_put_u32(request, NETDEV_A_DEV_IFINDEX, device->ifindex);
	if (seg_netlink_ask(NETLINK_GENERIC, request, on_features, &features))
		return;
	device->xdp_known = true;
	device->xdp_features = (uint32_t)features;
	device->zerocopy = features & SEG_XDP_ZEROCOPY;
}

int seg_device_get(const char *name, struct seg_device *out)
{
	struct seg_device found = {0};
	int r = ask_rtnetlink(name, &found);

	if (r)
		return r;
	ask_ethtool(&found);
	ask_ring(&found);
	ask_offloads(&found);
	ask_features(&found);
	*out = found;
	return 0;
}
