/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - a network interface as rtnetlink, ethtool and netdev's generic netlink
 * know it. No privilege is needed.
 */
#ifndef SEG_DEVICE_H
#define SEG_DEVICE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* netdev's XDP features (linux/netdev.h, 6.3): what native mode and its redirect need. */
#define SEG_XDP_BASIC    (1 << 0)
#define SEG_XDP_REDIRECT (1 << 1)
#define SEG_XDP_ZEROCOPY (1 << 3)

struct seg_device {
	char name[IFNAMSIZ];
	char driver[32];  /* as ethtool says; empty: not known */
	char port_of[16]; /* kind of its master: "bridge", "bond"; empty: it has none */
	uint32_t ifindex;
	uint32_t master; /* ifindex, 0: none */
	uint32_t flags;  /* IFF_* */
	uint32_t mtu;
	uint32_t rx_queues;     /* in use */
	uint32_t rx_queues_max; /* that there could be; 0: not known */
	uint32_t rx_ring;       /* packets that a queue's ring holds; 0: not known */
	uint32_t rx_ring_max;   /* that it could hold */
	uint32_t promiscuity;   /* how many want all packets, whoever they are for */
	uint32_t gso_max;       /* bytes of what leaves in one piece; 0: not known */
	uint32_t gro_max;       /* and of what is merged when it arrives */
	uint32_t xdp_prog;      /* id of the XDP program there, 0: none */
	uint32_t xdp_features;  /* SEG_XDP_* */
	bool xdp_known;         /* the kernel can tell them: since 6.3 */
	bool zerocopy;          /* the driver says that it can do AF_XDP without copying */
	bool ethernet;          /* its frames begin with an Ethernet header */
	bool carrier;
	bool rx_vlan;  /* the tag of what arrives is beside the frame */
	bool gro, lro; /* what merges packets: the stack, the driver */
	bool gro_hw;   /* the card */
};

/* Look an interface up by name. -ENODEV: there is none. */
int seg_device_get(const char *name, struct seg_device *out);

/* ethtool(8)'s system call; `command` is one of linux/ethtool.h. 0 or -errno. */
int seg_ethtool(const char *name, void *command);

struct nlmsghdr;

/* What a message RTM_NEWLINK or RTM_DELLINK says of an interface, over what is in *out. */
int seg_device_parse(const struct nlmsghdr *message, struct seg_device *out);

#endif
