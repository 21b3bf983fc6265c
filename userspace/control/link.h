/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.h - network interfaces, by rtnetlink: the internal veth pair, and what becomes
 * of all of them. What they are: device.h.
 */
#ifndef SEG_LINK_H
#define SEG_LINK_H

#include <net/if.h>
#include <stdint.h>

/* Two ends of an internal veth pair: no addresses, no ARP, up, `queues` queues each way. */
int seg_link_make_pair(const char *outer, const char *inner, uint32_t queues, uint32_t mtu);

#define SEG_PAIR_OUTER   "segtx%u" /* by the interface's index */
#define SEG_PAIR_INNER   "segrx%u"
#define SEG_ASKING_OUTER "segask%u" /* by the interface's index */
#define SEG_ASKING_INNER "segans%u"

/* VLAN tags of what is sent by this interface go into the frame, none beside it. */
int seg_link_keep_tags(const char *name);

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
