/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.h - network interfaces, by rtnetlink and ethtool: what they are, the
 * internal veth pair, and what becomes of them.
 */
#ifndef SEG_LINK_H
#define SEG_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct seg_link {
	char name[IFNAMSIZ];
	char driver[32]; /* as ethtool says; empty: not known */
	uint32_t ifindex;
	uint32_t flags; /* IFF_* */
	uint32_t mtu;
	uint32_t rx_queues; /* in use */
	uint32_t xdp_prog;  /* id of the XDP program there, 0: none */
	bool zerocopy;      /* the driver says that it can do AF_XDP without copying */
};

/* Look an interface up by name. -ENODEV: there is none. */
int seg_link_get(const char *name, struct seg_link *link);

/* Two ends of an internal veth pair: no addresses, no ARP, up, `queues` queues each way. */
int seg_link_make_pair(const char *outer, const char *inner, uint32_t queues, uint32_t mtu);

/* Delete an interface, a veth's other end with it. 0 also if there is none. */
int seg_link_delete(const char *name);

struct mnl_socket;

enum seg_link_change { SEG_LINK_GONE, SEG_LINK_THERE };

typedef void (*seg_link_listener)(void *data, enum seg_link_change change, uint32_t ifindex,
				  const char *name);

/* A socket that hears of every interface that changes, or NULL and errno. */
struct mnl_socket *seg_link_monitor_open(void);

/* Call `listener` for all that waits there. 0 or -errno; -ENOBUFS: some was missed. */
int seg_link_monitor_read(struct mnl_socket *monitor, seg_link_listener listener, void *data);

#endif
