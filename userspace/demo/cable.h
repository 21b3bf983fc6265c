/* SPDX-License-Identifier: BSD-2-Clause */
/* cable.h - a veth pair between two network namespaces, its addresses, by rtnetlink. */
#ifndef SEG_CABLE_H
#define SEG_CABLE_H

#include <stdint.h>
#include <sys/socket.h>

/* `name` here, its other end `peer` in the network namespace `peer_space`. 0 or -errno. */
int seg_cable_make(const char *name, const char *peer, int peer_space);

/* Give an interface of this namespace an address, usable at once. 0 or -errno. */
int seg_cable_address(const char *name, const struct sockaddr_storage *address, uint8_t prefix);

/* Bring an interface of this namespace up, without an IPv6 address of its own. 0 or -errno. */
int seg_cable_up(const char *name);

#endif
