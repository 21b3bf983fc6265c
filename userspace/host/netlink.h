/* SPDX-License-Identifier: BSD-2-Clause */
/* netlink.h - one request to the kernel by netlink, and all that it answers. */
#ifndef SEG_NETLINK_H
#define SEG_NETLINK_H

#include <libmnl/libmnl.h>

#define SEG_NETLINK_REQUEST_MAX 1024

/*
 * Send `request` (its flags NLM_F_REQUEST and _ACK are set here) on a socket of its own,
 * and hand each message that comes to `reply`. NULL: none is expected. 0 or -errno,
 * the kernel's; -EINTR: a dump is not of one moment, so ask again.
 */
int seg_netlink_ask(int bus, struct nlmsghdr *request, mnl_cb_t reply, void *data);

#endif
