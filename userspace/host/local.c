/* SPDX-License-Identifier: BSD-2-Clause */
#include "local.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "abi.h"
#include "cleanup.h"
#include "netlink.h"

#define ASK_AGAIN 8 /* times, where interfaces change while they are listed */

/* --- what there is ----------------------------------------------------------------------- */

/* Of IFLA_LINKINFO: the kind comes before its data. */
struct kind {
	bool vlan, upper;
	uint16_t vid;
};

static int on_vlan(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == IFLA_VLAN_ID)
		((struct kind *)data)->vid = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

/* A veth's IFLA_LINK is its peer: only these lie on what they are linked to. */
static int on_info(const struct nlattr *attr, void *data)
{
	static const char *const uppers[] = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"};
	struct kind *kind = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND) {
		const char *name = mnl_attr_get_str(attr);

		for (size_t i = 0; i < SEG_ARRAY_SIZE(uppers); i++)
			kind->upper |= !strcmp(name, uppers[i]);
		kind->vlan = !strcmp(name, "vlan");
	}
	if (mnl_attr_get_type(attr) == IFLA_INFO_DATA && kind->vlan)
		return mnl_attr_parse_nested(attr, on_vlan, kind);
	return MNL_CB_OK;
}

struct link {
	struct seg_host_link link;
	struct kind kind;
	bool elsewhere; /* what it is linked to is in another namespace */
};

static int on_link_attr(const struct nlattr *attr, void *data)
{
	struct link *link = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_MASTER:
		link->link.master = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		link->link.lower = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		link->elsewhere = true;
		break;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attr, on_info, &link->kind);
	}
	return MNL_CB_OK;
}

int seg_locals_on_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct seg_host_links *host = data;
	struct link link = {.link.ifindex = (uint32_t)info->ifi_index,
			    .link.loopback = info->ifi_flags & IFF_LOOPBACK};

	mnl_attr_parse(message, sizeof(*info), on_link_attr, &link);
	if (!link.kind.upper || link.elsewhere)
		link.link.lower = 0;
	link.link.vlan = link.kind.vid;
	return SEG_PUSH(&host->links, link.link) ? MNL_CB_ERROR : MNL_CB_OK;
}

/* IFA_LOCAL, where there is one: then IFA_ADDRESS is the peer's. */
static int on_address_attr(const struct nlattr *attr, void *data)
{
	const struct nlattr **found = data;

	if (mnl_attr_get_type(attr) == IFA_LOCAL ||
	    (mnl_attr_get_type(attr) == IFA_ADDRESS && !*found))
		*found = attr;
	return MNL_CB_OK;
}

int seg_locals_on_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct seg_host_address item = {.ifindex = info->ifa_index};
	size_t size = info->ifa_family == AF_INET ? 4 : 16;
	struct seg_host_links *host = data;
	const struct nlattr *attr = NULL;

	mnl_attr_parse(message, sizeof(*info), on_address_attr, &attr);
	if (!attr || mnl_attr_get_payload_len(attr) != size)
		return MNL_CB_OK;
	if (size == 4)
		item.address.byte[10] = item.address.byte[11] = 0xff;
	memcpy(item.address.byte + 16 - size, mnl_attr_get_payload(attr), size);
	return SEG_PUSH(&host->addresses, item) ? MNL_CB_ERROR : MNL_CB_OK;
}

void seg_host_links_free(struct seg_host_links *host)
{
	free(host->links.item);
	free(host->addresses.item);
	*host = (struct seg_host_links){0};
}

/* --- what lies behind an interface --------------------------------------------------------- */

struct way {
	uint32_t ifindex;
	uint16_t vlan[2];
};

typedef SEG_VECTOR(struct way) way_list;

static bool has_way(const way_list *to, const struct way *way)
{
	for (uint32_t i = 0; i < to->n; i++)
		if (to->item[i].ifindex == way->ifindex &&
		    !memcmp(to->item[i].vlan, way->vlan, sizeof(way->vlan)))
			return true;
	return false;
}

/* A third tag is more than the programs parse. */
static bool push_tag(struct way *way, uint16_t vid)
{
	if (!vid)
		return true;
	if (way->vlan[1])
		return false;
	way->vlan[way->vlan[0] ? 1 : 0] = (uint16_t)(SEG_VLAN_PRESENT | vid);
	return true;
}

static int add_way(way_list *to, const struct way *below, uint32_t ifindex, uint16_t vid)
{
	struct way way = {ifindex, {below->vlan[0], below->vlan[1]}};

	if (!push_tag(&way, vid) || has_way(to, &way))
		return 0;
	return SEG_PUSH(to, way);
}

/* What the frames of a way go on to: its master, and all that lies on it. */
static int add_above(const struct seg_host_links *host, way_list *to, uint32_t from)
{
	int r = 0;

	for (uint32_t i = 0; i < host->links.n && !r; i++) {
		const struct seg_host_link *link = &host->links.item[i];
		struct way below = to->item[from];

		if (link->lower == below.ifindex)
			r = add_way(to, &below, link->ifindex, link->vlan);
		if (!r && link->ifindex == below.ifindex && link->master)
			r = add_way(to, &below, link->master, 0);
	}
	return r;
}

static int find_ways(const struct seg_host_links *host, uint32_t ifindex, way_list *to)
{
	int r = SEG_PUSH(to, (struct way){.ifindex = ifindex});

	for (uint32_t i = 0; i < to->n && !r; i++)
		r = add_above(host, to, i);
	return r;
}

/* --- addresses --------------------------------------------------------------------------- */

static bool is_loopback_device(const struct seg_host_links *host, uint32_t ifindex)
{
	for (uint32_t i = 0; i < host->links.n; i++)
		if (host->links.item[i].ifindex == ifindex)
			return host->links.item[i].loopback;
	return false;
}

static int add_address(const struct seg_host_links *host, const way_list *from,
		       const struct seg_host_address *address, struct seg_locals *to)
{
	bool everywhere = is_loopback_device(host, address->ifindex) &&
			  !seg_address_is_loopback(&address->address);
	struct seg_local local = {.address = address->address};
	int r = SEG_PUSH(to, local); /* it is this host's, wherever */

	local.here = true;
	for (uint32_t i = 0; i < from->n && !r; i++) {
		if (!everywhere && from->item[i].ifindex != address->ifindex)
			continue;
		memcpy(local.vlan, from->item[i].vlan, sizeof(local.vlan));
		r = SEG_PUSH(to, local);
	}
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct seg_local *x = a, *y = b;
	int r = memcmp(&x->address, &y->address, sizeof(x->address));

	if (!r)
		r = memcmp(x->vlan, y->vlan, sizeof(x->vlan));
	return r ? r : x->here - y->here;
}

/* Two ways of the same tags are one, and what is reached here is not elsewhere. */
static void settle(struct seg_locals *locals)
{
	uint32_t kept = 0;

	if (locals->n)
		qsort(locals->item, locals->n, sizeof(*locals->item), compare);
	for (uint32_t i = 0; i < locals->n; i++)
		if (!kept || compare(&locals->item[kept - 1], &locals->item[i]))
			locals->item[kept++] = locals->item[i];
	locals->n = kept;
}

int seg_locals_make(const struct seg_host_links *host, uint32_t ifindex, struct seg_locals *out)
{
	struct seg_locals locals = {0};
	way_list from = {0};
	int r = find_ways(host, ifindex, &from);

	for (uint32_t i = 0; i < host->addresses.n && !r; i++)
		r = add_address(host, &from, &host->addresses.item[i], &locals);
	for (uint32_t i = 0; i < from.n && !r; i++)
		r = SEG_PUSH(&locals.devices, from.item[i].ifindex);
	free(from.item);
	if (r) {
		seg_locals_free(&locals);
		return r;
	}
	settle(&locals);
	*out = locals;
	return 0;
}

void seg_locals_free(struct seg_locals *locals)
{
	free(locals->item);
	free(locals->devices.item);
	*locals = (struct seg_locals){0};
}

const struct seg_local *seg_locals_find(const struct seg_locals *locals,
					const struct seg_address *address, uint32_t *n)
{
	uint32_t low = 0, high = locals->n, end;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (memcmp(&locals->item[middle].address, address, sizeof(*address)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < locals->n; end++)
		if (memcmp(&locals->item[end].address, address, sizeof(*address)) != 0)
			break;
	*n = end - low;
	return *n ? &locals->item[low] : NULL;
}

bool seg_locals_here(const struct seg_locals *locals, const struct seg_address *address)
{
	uint32_t n;
	const struct seg_local *ways = seg_locals_find(locals, address, &n);

	for (uint32_t i = 0; i < n; i++)
		if (ways[i].here)
			return true;
	return false;
}

bool seg_locals_tagged(const struct seg_locals *locals)
{
	for (uint32_t i = 0; i < locals->n; i++)
		if (locals->item[i].here && locals->item[i].vlan[0])
			return true;
	return false;
}

bool seg_locals_by(const struct seg_locals *locals, uint32_t ifindex)
{
	for (uint32_t i = 0; i < locals->devices.n; i++)
		if (locals->devices.item[i] == ifindex)
			return true;
	return false;
}

/* --- from the kernel ------------------------------------------------------------------------ */

static int dump(uint16_t type, size_t header, mnl_cb_t reply, struct seg_host_links *host)
{
	_Alignas(8) char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, header);
	return seg_netlink_ask(NETLINK_ROUTE, request, reply, host);
}

static int load(struct seg_host_links *host)
{
	int r = -EINTR;

	for (int i = 0; i < ASK_AGAIN && r == -EINTR; i++) {
		seg_host_links_free(host);
		r = dump(RTM_GETLINK, sizeof(struct ifinfomsg), seg_locals_on_link, host);
		if (!r)
			r = dump(RTM_GETADDR, sizeof(struct ifaddrmsg), seg_locals_on_address,
				 host);
	}
	return r;
}

int seg_locals_open(uint32_t ifindex, struct seg_locals *out, struct seg_error *err)
{
	_cleanup_(seg_host_links_free) struct seg_host_links host = {0};
	int r = load(&host);

	if (!r)
		r = seg_locals_make(&host, ifindex, out);
	return r ? seg_error_set(err, -r, "cannot list this host's addresses: %s", strerror(-r))
		 : 0;
}

/* --- routes --------------------------------------------------------------------------------- */

static int on_route_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == RTA_OIF)
		*(uint32_t *)data = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int on_route(const struct nlmsghdr *message, void *data)
{
	return mnl_attr_parse(message, sizeof(struct rtmsg), on_route_attr, data);
}

int seg_route_device(const struct seg_address *server, const struct seg_address *client,
		     uint32_t *ifindex)
{
	size_t size = seg_address_family(client) == 4 ? 4 : 16, skip = 16 - size;
	_Alignas(8) char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	uint32_t found = 0;
	int r;

	request->nlmsg_type = RTM_GETROUTE;
	route->rtm_family = size == 4 ? AF_INET : AF_INET6;
	route->rtm_dst_len = route->rtm_src_len = (uint8_t)(size * 8);
	mnl_attr_put(request, RTA_DST, size, client->byte + skip);
	mnl_attr_put(request, RTA_SRC, size, server->byte + skip);
	r = seg_netlink_ask(NETLINK_ROUTE, request, on_route, &found);
	if (r || !found)
		return r ? r : -ENOENT;
	*ifindex = found;
	return 0;
}
