/* SPDX-License-Identifier: BSD-2-Clause */
/* flows_sock.c - flows by the sockets that they belong to: NETLINK_SOCK_DIAG, sock_diag(7). */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>

#include "cleanup.h"
#include "flows.h"
#include "netlink.h"

#define BIT(state) (1u << (state))

/* TIME_WAIT is nobody's flow any more, and CLOSE none yet. */
#define TCP_RUNS                                                                                   \
	(BIT(TCP_ESTABLISHED) | BIT(TCP_SYN_SENT) | BIT(TCP_SYN_RECV) | BIT(TCP_FIN_WAIT1) |       \
	 BIT(TCP_FIN_WAIT2) | BIT(TCP_CLOSE_WAIT) | BIT(TCP_LAST_ACK) | BIT(TCP_CLOSING))

/* A UDP socket is "established" once it is connected, and "closed" else. */
static const struct {
	uint8_t proto;
	uint32_t served, runs; /* states */
} kinds[] = {
	{IPPROTO_TCP, BIT(TCP_LISTEN), TCP_RUNS},
	{IPPROTO_UDP, BIT(TCP_CLOSE), BIT(TCP_ESTABLISHED)},
	{IPPROTO_UDPLITE, BIT(TCP_CLOSE), BIT(TCP_ESTABLISHED)},
};

static struct seg_address address_of(const __be32 words[4], uint8_t family)
{
	struct seg_address address = {.byte = {[10] = 0xff, [11] = 0xff}};

	if (family == AF_INET)
		memcpy(address.byte + 12, words, 4);
	else
		memcpy(address.byte, words, 16);
	return address;
}

int seg_flows_on_listener(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	struct seg_socket_dump *dump = data;
	uint16_t port = ntohs(socket->id.idiag_sport);

	dump->served->bit[port / 8] |= (uint8_t)(1 << port % 8);
	return MNL_CB_OK;
}

static bool is_served(const struct seg_ports *served, __be16 port)
{
	return served->bit[ntohs(port) / 8] >> ntohs(port) % 8 & 1;
}

static enum seg_running_state state_of(const struct seg_socket_dump *dump, uint8_t state)
{
	if (dump->proto != IPPROTO_TCP || state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		return SEG_RUNNING_OPENING; /* whether UDP was answered, nobody noted */
	return state == TCP_ESTABLISHED ? SEG_RUNNING_ESTABLISHED : SEG_RUNNING_CLOSING;
}

/* The peer began what came to a port that takes new flows. */
static bool peer_began(const struct seg_socket_dump *dump, const struct inet_diag_msg *socket)
{
	if (socket->idiag_state == TCP_SYN_SENT)
		return false;
	return socket->idiag_state == TCP_SYN_RECV ||
	       is_served(dump->served, socket->id.idiag_sport);
}

static void swap_ends(struct seg_running *flow)
{
	struct seg_address address = flow->src;
	__be16 port = flow->sport;

	flow->src = flow->dst;
	flow->sport = flow->dport;
	flow->dst = address;
	flow->dport = port;
}

int seg_flows_on_socket(const struct nlmsghdr *message, void *data)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	const struct seg_socket_dump *dump = data;
	bool incoming = peer_began(dump, socket), tcp = dump->proto == IPPROTO_TCP;
	struct seg_running flow = {
		.src = address_of(socket->id.idiag_src, socket->idiag_family),
		.dst = address_of(socket->id.idiag_dst, socket->idiag_family),
		.sport = socket->id.idiag_sport,
		.dport = socket->id.idiag_dport,
		.proto = dump->proto,
		.state = (uint8_t)state_of(dump, socket->idiag_state),
		.source = SEG_RUNNING_SOCKET,
		.sure = tcp && (incoming || socket->idiag_state == TCP_SYN_SENT),
	};

	if (!flow.dport)
		return MNL_CB_OK;
	flow.family = seg_address_family(&flow.dst);
	flow.confirmed = flow.state != SEG_RUNNING_OPENING;
	if (incoming)
		swap_ends(&flow);
	return SEG_PUSH(dump->list, flow) ? MNL_CB_ERROR : MNL_CB_OK;
}

static int ask(uint8_t family, uint8_t proto, uint32_t states, mnl_cb_t reply,
	       struct seg_socket_dump *dump)
{
	_Alignas(8) char buffer[SEG_NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *what;

	request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request->nlmsg_flags = NLM_F_DUMP;
	what = mnl_nlmsg_put_extra_header(request, sizeof(*what));
	what->sdiag_family = family;
	what->sdiag_protocol = proto;
	what->idiag_states = states;
	return seg_netlink_ask(NETLINK_SOCK_DIAG, request, reply, dump);
}

static int ask_both(uint8_t proto, uint32_t states, mnl_cb_t reply, struct seg_socket_dump *dump)
{
	int r = ask(AF_INET, proto, states, reply, dump);

	return r ? r : ask(AF_INET6, proto, states, reply, dump);
}

int seg_flows_sockets(struct seg_running_list *list, struct seg_error *err)
{
	_cleanup_free_ struct seg_ports *served = malloc(sizeof(*served));
	int r = served ? 0 : -ENOMEM;

	for (size_t i = 0; i < SEG_ARRAY_SIZE(kinds) && !r; i++) {
		struct seg_socket_dump dump = {list, served, kinds[i].proto};

		*served = (struct seg_ports){0};
		r = ask_both(dump.proto, kinds[i].served, seg_flows_on_listener, &dump);
		if (!r)
			r = ask_both(dump.proto, kinds[i].runs, seg_flows_on_socket, &dump);
		if (r == -ENOENT && dump.proto == IPPROTO_UDPLITE)
			r = 0; /* newer kernels have none */
	}
	return r ? seg_error_set(err, -r, "cannot list this host's sockets: %s", strerror(-r)) : 0;
}
