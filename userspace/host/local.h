/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * local.h - this host's addresses, and by which VLAN tags each is reached through one
 * interface: its own, those of the bridge, bond or VRF that it is a port of, of VLANs
 * and macvlans on any of these. What lo has besides loopback addresses is reached by
 * all of them.
 */
#ifndef SEG_LOCAL_H
#define SEG_LOCAL_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "error.h"
#include "vector.h"

/* One way to an address; an address has as many as there are, next to each other. */
struct seg_local {
	struct seg_address address;
	uint16_t vlan[2]; /* as in seg_packet: SEG_VLAN_PRESENT | VID, outer then inner; 0: none */
	bool here;        /* through the interface; else only elsewhere on this host */
};

struct seg_locals {
	struct seg_local *item; /* sorted by address */
	uint32_t n, room;
	SEG_VECTOR(uint32_t) devices; /* the interface, and those that its frames go on to */
};

/* What `ifindex` carries, in this network namespace. 0 or -errno. */
int seg_locals_open(uint32_t ifindex, struct seg_locals *out, struct seg_error *err);
void seg_locals_free(struct seg_locals *locals);

#define _cleanup_locals_ _cleanup_(seg_locals_free)

/* The first way to an address, and how many there are; NULL: it is not this host's. */
const struct seg_local *seg_locals_find(const struct seg_locals *locals,
					const struct seg_address *address, uint32_t *n);

/* The address is this host's, and reached through the interface. */
bool seg_locals_here(const struct seg_locals *locals, const struct seg_address *address);

/* An address is reached through the interface by a VLAN. */
bool seg_locals_tagged(const struct seg_locals *locals);

/* Frames of the interface come by this device. */
bool seg_locals_by(const struct seg_locals *locals, uint32_t ifindex);

/*
 * By which device this host answers `client` from its own address `server`, and so, where routes
 * are the same both ways, what that sends comes in. -errno: by none.
 */
int seg_route_device(const struct seg_address *server, const struct seg_address *client,
		     uint32_t *ifindex);

/* --- made of messages that are there already ---------------------------------------- */

struct seg_host_link {
	uint32_t ifindex;
	uint32_t master; /* 0: none */
	uint32_t lower;  /* that it lies on; 0: none, or not in this namespace */
	uint16_t vlan;   /* VID of its tag; 0: it has none */
	bool loopback;
};

struct seg_host_address {
	struct seg_address address;
	uint32_t ifindex;
};

struct seg_host_links {
	SEG_VECTOR(struct seg_host_link) links;
	SEG_VECTOR(struct seg_host_address) addresses;
};

/* mnl_cb_t, of RTM_NEWLINK and of RTM_NEWADDR; data: struct seg_host_links. */
int seg_locals_on_link(const struct nlmsghdr *message, void *data);
int seg_locals_on_address(const struct nlmsghdr *message, void *data);

/* 0 or -ENOMEM. */
int seg_locals_make(const struct seg_host_links *host, uint32_t ifindex, struct seg_locals *out);
void seg_host_links_free(struct seg_host_links *host);

#endif
