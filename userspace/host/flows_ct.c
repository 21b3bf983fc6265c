/* SPDX-License-Identifier: BSD-2-Clause */
/* flows_ct.c - flows that nf_conntrack tracks: ctnetlink, linux/netfilter/nfnetlink_conntrack.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "flows.h"
#include "netlink.h"
#include "packet.h"

/* There as soon as the module is; asking by netlink would load it. */
#define TRACKED "/proc/sys/net/netfilter/nf_conntrack_count"

/* How a flow looks on one side of this host. */
struct tuple {
	struct seg_address src, dst;
	__be16 sport, dport, id;
	uint8_t family, proto, icmp_type;
};

struct entry {
	struct tuple orig, reply;
	uint32_t status; /* IPS_* */
	uint8_t tcp;     /* enum tcp_conntrack */
};

static void put_ip4(struct seg_address *to, const struct nlattr *attr)
{
	*to = (struct seg_address){.byte = {[10] = 0xff, [11] = 0xff}};
	memcpy(to->byte + 12, mnl_attr_get_payload(attr), 4);
}

static void put_ip6(struct seg_address *to, const struct nlattr *attr)
{
	memcpy(to->byte, mnl_attr_get_payload(attr), sizeof(to->byte));
}

static int on_ip(const struct nlattr *attr, void *data)
{
	bool ip4 = mnl_attr_get_payload_len(attr) == 4;
	struct tuple *tuple = data;

	if (!ip4 && mnl_attr_get_payload_len(attr) != 16)
		return MNL_CB_OK;
	switch (mnl_attr_get_type(attr)) {
	case CTA_IP_V4_SRC:
	case CTA_IP_V6_SRC:
		(ip4 ? put_ip4 : put_ip6)(&tuple->src, attr);
		break;
	case CTA_IP_V4_DST:
	case CTA_IP_V6_DST:
		(ip4 ? put_ip4 : put_ip6)(&tuple->dst, attr);
		tuple->family = ip4 ? 4 : 6;
	}
	return MNL_CB_OK;
}

static int on_proto(const struct nlattr *attr, void *data)
{
	struct tuple *tuple = data;

	switch (mnl_attr_get_type(attr)) {
	case CTA_PROTO_NUM:
		tuple->proto = mnl_attr_get_u8(attr);
		break;
	case CTA_PROTO_SRC_PORT:
		tuple->sport = mnl_attr_get_u16(attr);
		break;
	case CTA_PROTO_DST_PORT:
		tuple->dport = mnl_attr_get_u16(attr);
		break;
	case CTA_PROTO_ICMP_ID:
	case CTA_PROTO_ICMPV6_ID:
		tuple->id = mnl_attr_get_u16(attr);
		break;
	case CTA_PROTO_ICMP_TYPE:
	case CTA_PROTO_ICMPV6_TYPE:
		tuple->icmp_type = mnl_attr_get_u8(attr);
	}
	return MNL_CB_OK;
}

static int on_tuple(const struct nlattr *attr, void *data)
{
	switch (mnl_attr_get_type(attr)) {
	case CTA_TUPLE_IP:
		return mnl_attr_parse_nested(attr, on_ip, data);
	case CTA_TUPLE_PROTO:
		return mnl_attr_parse_nested(attr, on_proto, data);
	}
	return MNL_CB_OK;
}

static int on_tcp(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == CTA_PROTOINFO_TCP_STATE)
		((struct entry *)data)->tcp = mnl_attr_get_u8(attr);
	return MNL_CB_OK;
}

static int on_protoinfo(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == CTA_PROTOINFO_TCP)
		return mnl_attr_parse_nested(attr, on_tcp, data);
	return MNL_CB_OK;
}

static int on_attr(const struct nlattr *attr, void *data)
{
	struct entry *entry = data;

	switch (mnl_attr_get_type(attr)) {
	case CTA_TUPLE_ORIG:
		return mnl_attr_parse_nested(attr, on_tuple, &entry->orig);
	case CTA_TUPLE_REPLY:
		return mnl_attr_parse_nested(attr, on_tuple, &entry->reply);
	case CTA_PROTOINFO:
		return mnl_attr_parse_nested(attr, on_protoinfo, entry);
	case CTA_STATUS:
		entry->status = ntohl(mnl_attr_get_u32(attr));
	}
	return MNL_CB_OK;
}

/* -1: it is over. */
static int state_of_tcp(uint8_t state)
{
	switch (state) {
	case TCP_CONNTRACK_SYN_SENT:
	case TCP_CONNTRACK_SYN_RECV:
	case TCP_CONNTRACK_SYN_SENT2:
		return SEG_RUNNING_OPENING;
	case TCP_CONNTRACK_ESTABLISHED:
		return SEG_RUNNING_ESTABLISHED;
	case TCP_CONNTRACK_FIN_WAIT:
	case TCP_CONNTRACK_CLOSE_WAIT:
	case TCP_CONNTRACK_LAST_ACK:
		return SEG_RUNNING_CLOSING;
	}
	return -1;
}

static int state_of(const struct entry *entry)
{
	if (entry->orig.proto == IPPROTO_TCP)
		return state_of_tcp(entry->tcp);
	return entry->status & IPS_ASSURED ? SEG_RUNNING_ESTABLISHED : SEG_RUNNING_OPENING;
}

/* An echo's identifier is the port of who asks. False: any other ICMP, which has no flow. */
static bool settle_icmp(struct tuple *tuple, uint8_t request, uint8_t reply)
{
	if (tuple->icmp_type != request && tuple->icmp_type != reply)
		return false;
	tuple->sport = tuple->icmp_type == request ? tuple->id : seg_echo_other(tuple->id);
	tuple->dport = tuple->icmp_type == request ? seg_echo_other(tuple->id) : tuple->id;
	return true;
}

static bool settle_ports(struct tuple *tuple)
{
	switch (tuple->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return true;
	case IPPROTO_ICMP:
		return settle_icmp(tuple, ICMP_ECHO, ICMP_ECHOREPLY);
	case IPPROTO_ICMPV6:
		return settle_icmp(tuple, ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY);
	}
	tuple->sport = tuple->dport = 0; /* GRE keeps its keys there */
	return true;
}

static void turn(struct tuple *tuple)
{
	struct tuple was = *tuple;

	tuple->src = was.dst;
	tuple->dst = was.src;
	tuple->sport = was.dport;
	tuple->dport = was.sport;
}

static bool same(const struct tuple *a, const struct tuple *b)
{
	return !memcmp(&a->src, &b->src, sizeof(a->src)) &&
	       !memcmp(&a->dst, &b->dst, sizeof(a->dst)) && a->sport == b->sport &&
	       a->dport == b->dport;
}

static int push(struct seg_running_list *list, const struct tuple *tuple, int state, bool confirmed)
{
	return SEG_PUSH(list, (struct seg_running){
				      .src = tuple->src,
				      .dst = tuple->dst,
				      .sport = tuple->sport,
				      .dport = tuple->dport,
				      .proto = tuple->proto,
				      .family = tuple->family,
				      .state = (uint8_t)state,
				      .source = SEG_RUNNING_CONNTRACK,
				      .confirmed = confirmed,
			      });
}

int seg_flows_on_conntrack(const struct nlmsghdr *message, void *data)
{
	struct entry entry = {0};
	bool confirmed;
	int state, r;

	mnl_attr_parse(message, sizeof(struct nfgenmsg), on_attr, &entry);
	state = state_of(&entry);
	if (!entry.orig.family || state < 0 || !settle_ports(&entry.orig))
		return MNL_CB_OK;
	confirmed = entry.status & (IPS_SEEN_REPLY | IPS_ASSURED);
	r = push(data, &entry.orig, state, confirmed);
	if (r || !entry.reply.family || !settle_ports(&entry.reply))
		return r ? MNL_CB_ERROR : MNL_CB_OK;
	turn(&entry.reply);
	if (!same(&entry.orig, &entry.reply))
		r = push(data, &entry.reply, state, confirmed);
	return r ? MNL_CB_ERROR : MNL_CB_OK;
}

int seg_flows_conntrack(struct seg_running_list *list, struct seg_error *err)
{
	_Alignas(8) char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *what;
	int r;

	if (access(TRACKED, F_OK))
		return seg_error_set(err, ENOENT, "nf_conntrack is not loaded");
	request->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	request->nlmsg_flags = NLM_F_DUMP;
	what = mnl_nlmsg_put_extra_header(request, sizeof(*what));
	what->nfgen_family = AF_UNSPEC;
	what->version = NFNETLINK_V0;
	r = seg_netlink_ask(NETLINK_NETFILTER, request, seg_flows_on_conntrack, list);
	if (r == -EINVAL ||
	    r == -EPROTONOSUPPORT) /* nfnetlink or its part for conntrack is not there */
		return seg_error_set(err, ENOENT, "nf_conntrack does not list its flows");
	return r ? seg_error_set(err, -r, "cannot list what nf_conntrack tracks: %s", strerror(-r))
		 : 0;
}
