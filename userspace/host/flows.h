/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flows.h - which flows run on this host now: by its sockets (sock_diag(7)) and by
 * what the kernel tracks (nf_conntrack, of this network namespace).
 *
 * Neither knows all. Sockets know no flow of a UDP socket that serves many, and none
 * that this host only forwards or translates; conntrack knows what came since it was
 * switched on, and is often not there. Who began is certain only of a TCP flow
 * whose local port is listened on, or that is being opened: seg_running_settle()
 * keeps the better witness of each flow.
 */
#ifndef SEG_FLOWS_H
#define SEG_FLOWS_H

#include <linux/netlink.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "error.h"
#include "vector.h"

enum seg_running_state { SEG_RUNNING_OPENING, SEG_RUNNING_ESTABLISHED, SEG_RUNNING_CLOSING };

enum seg_running_source { SEG_RUNNING_SOCKET, SEG_RUNNING_CONNTRACK, SEG_RUNNING_SOURCES };

/* A flow from who began to whom. */
struct seg_running {
	struct seg_address src, dst;
	__be16 sport, dport; /* ICMP echo: as in seg_key; no ports: 0 */
	uint8_t proto;
	uint8_t family; /* 4 or 6 */
	uint8_t state;  /* enum seg_running_state */
	uint8_t source; /* enum seg_running_source */
	bool confirmed; /* both sides have spoken */
	bool sure;      /* who began is certain */
};

struct seg_running_list {
	struct seg_running *item;
	uint32_t n, room;
};

/*
 * Add the flows of this network namespace's TCP sockets, and of its connected UDP and
 * UDP-Lite ones. IPv4 over IPv6 sockets is IPv4. Needs no privilege. -ENOENT: the
 * kernel cannot tell (tcp_diag, udp_diag); or -errno.
 */
int seg_flows_sockets(struct seg_running_list *list, struct seg_error *err);

/*
 * Add what nf_conntrack tracks, zones regardless; a translated flow as what either side
 * of it looks like on the wire. Needs CAP_NET_ADMIN. -ENOENT: nothing is tracked
 * here, the module is not loaded, and it is not loaded by this; or -errno.
 */
int seg_flows_conntrack(struct seg_running_list *list, struct seg_error *err);

/* Leave each flow once, whoever began it: by who knows best. Changes the order. */
void seg_running_settle(struct seg_running_list *list);

void seg_running_free(struct seg_running_list *list);

#define _cleanup_running_ _cleanup_(seg_running_free)

/* --- the messages of the dumps, for who has them already ---------------------------- */

/* Local ports that take new flows: of TCP listeners, of unconnected UDP sockets. */
struct seg_ports {
	uint8_t bit[65536 / 8];
};

struct seg_socket_dump {
	struct seg_running_list *list;
	struct seg_ports *served;
	uint8_t proto;
};

/* mnl_cb_t; data: struct seg_socket_dump. Its listeners, then its flows. */
int seg_flows_on_listener(const struct nlmsghdr *message, void *data);
int seg_flows_on_socket(const struct nlmsghdr *message, void *data);

/* mnl_cb_t; data: struct seg_running_list. */
int seg_flows_on_conntrack(const struct nlmsghdr *message, void *data);

#endif
