/* SPDX-License-Identifier: BSD-2-Clause */
/* check_device.c - an interface: what its driver can do, and how it is set. */
#include <string.h>

#include "abi.h"
#include "cleanup.h"
#include "doctor.h"
#include "umem.h"

/* Packets that a busy CPU may be late for: 1 ms at half a million a second. */
#define RING_ENOUGH 512

/* Have native XDP with redirect on Linux 5.15, by the name that ethtool shows. */
static const char *const NATIVE[] = {
	"bnxt_en", "ena",     "fsl_enetc", "hv_netvsc", "i40e",   "ice",   "igb",    "igc",
	"ixgbe",   "ixgbevf", "mlx4_en",   "mlx5_core", "mvneta", "mvpp2", "netsec", "nicvf",
	"qede",    "sfc",     "stmmaceth", "st_gmac",   "tun",    "veth",  "vif",    "virtio_net",
};

/* 1, 0, or SEG_UNKNOWN: the driver is not in the table. */
static int is_native(const struct seg_device *device)
{
	const uint32_t needed = SEG_XDP_BASIC | SEG_XDP_REDIRECT;

	if (device->xdp_known)
		return (device->xdp_features & needed) == needed;
	for (size_t i = 0; i < SEG_ARRAY_SIZE(NATIVE); i++)
		if (!strcmp(device->driver, NATIVE[i]))
			return 1;
	return SEG_UNKNOWN;
}

static void check_kind(const struct seg_facts *facts, const struct seg_device_facts *of,
		       struct seg_findings *to)
{
	(void)facts;
	if (of->device.flags & IFF_LOOPBACK) {
		seg_find(to, SEG_LEVEL_ERROR, "is the loopback interface: nothing arrives there");
		seg_find_mend(to, "name an interface with a wire behind it");
	} else if (!of->device.ethernet) {
		seg_find(to, SEG_LEVEL_ERROR,
			 "its packets have no Ethernet header: attach refuses it");
		seg_find_mend(to, "attach to the Ethernet interface that its packets go by");
	}
}

static void check_native(const struct seg_facts *facts, const struct seg_device_facts *of,
			 struct seg_findings *to)
{
	const struct seg_device *device = &of->device;
	const char *driver = *device->driver ? device->driver : "without a name";

	(void)facts;
	switch (is_native(device)) {
	case 1:
		seg_find(to, SEG_LEVEL_OK, "driver %s has native XDP%s%s", driver,
			 device->zerocopy ? ", and AF_XDP without copying" : "",
			 !device->xdp_known || device->zerocopy
				 ? ""
				 : "; AF_XDP copies, which only new flows' packets pay for");
		return;
	case 0:
		seg_find(to, SEG_LEVEL_WARNING,
			 "driver %s has no native XDP: generic mode runs later and costs several "
			 "times as much",
			 driver);
		seg_find_mend(to, "nothing to do if the load is small; else another NIC or driver");
		return;
	default:
		seg_find(to, SEG_LEVEL_NOTE,
			 "whether driver %s has native XDP is found out when it is attached",
			 driver);
	}
}

static void check_mtu(const struct seg_facts *facts, const struct seg_device_facts *of,
		      struct seg_findings *to)
{
	const struct seg_device *device = &of->device;

	(void)facts;
	if (seg_umem_frame_size(device->mtu)) {
		seg_find(to, SEG_LEVEL_OK, "frames of MTU %u fit a page", device->mtu);
		return;
	}
	seg_find(to, SEG_LEVEL_ERROR, "frames of MTU %u do not fit a page: attach refuses it",
		 device->mtu);
	seg_find_mend(to, "ip link set %s mtu %u", device->name, SEG_MTU_MAX);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Every queue has a worker; one more is for what leaves. */
static void check_queues(const struct seg_facts *facts, const struct seg_device_facts *of,
			 struct seg_findings *to)
{
	const struct seg_device *device = &of->device;
	uint32_t cpus = facts->kernel.cpus, queues = device->rx_queues;
	uint32_t best = smaller(cpus, device->rx_queues_max);

	if (queues >= SEG_QUEUES_MAX) {
		seg_find(to, SEG_LEVEL_ERROR, "%u RX queues: %d are the most that there may be",
			 queues, SEG_QUEUES_MAX - 1);
		seg_find_mend(to, "ethtool -L %s combined %u", device->name,
			      smaller(cpus, SEG_QUEUES_MAX - 1));
	} else if (queues > cpus) {
		seg_find(to, SEG_LEVEL_WARNING, "%u RX queues, and so workers, share %u CPUs",
			 queues, cpus);
		seg_find_mend(to, "ethtool -L %s combined %u", device->name, cpus);
	} else if (queues < best) {
		seg_find(to, SEG_LEVEL_NOTE,
			 "%u of %u RX queues are in use: %u CPUs could share "
			 "the work",
			 queues, device->rx_queues_max, best);
		seg_find_mend(to, "ethtool -L %s combined %u", device->name, best);
	} else {
		seg_find(to, SEG_LEVEL_OK, "%u RX queue%s, %u CPU%s", queues,
			 queues == 1 ? "" : "s", cpus, cpus == 1 ? "" : "s");
	}
}

/* Generic mode comes after the merging; the driver hook comes before it. */
static void check_merging(const struct seg_facts *facts, const struct seg_device_facts *of,
			  struct seg_findings *to)
{
	const struct seg_device *device = &of->device;
	int native = of->generic ? 0 : is_native(device);

	(void)facts;
	if (!device->gro && !device->lro && !device->gro_hw) {
		seg_find(to, SEG_LEVEL_OK, "nothing merges packets before generic mode sees them");
	} else if (native > 0) {
		seg_find(to, SEG_LEVEL_OK,
			 "GRO merges packets behind native XDP; --mode generic would "
			 "get them merged");
	} else {
		seg_find(to, native ? SEG_LEVEL_NOTE : SEG_LEVEL_WARNING,
			 "generic mode%s gets packets that GRO or LRO has merged: what begins a "
			 "flow and is larger than a frame is lost (oversize)",
			 native ? ", should it come to that," : "");
		seg_find_mend(to, "ethtool -K %s gro off lro off%s", device->name,
			      device->gro_hw ? " rx-gro-hw off" : "");
	}
}

/* What the card itself merges stands against native XDP; virtio_net switches it off for it. */
static void check_offloads(const struct seg_facts *facts, const struct seg_device_facts *of,
			   struct seg_findings *to)
{
	const struct seg_device *device = &of->device;
	bool hw = device->gro_hw && strcmp(device->driver, "virtio_net") != 0;

	(void)facts;
	if (device->xdp_prog || is_native(device) == 0)
		return;
	if (!device->lro && !hw) {
		seg_find(to, SEG_LEVEL_OK, "the card merges no packets that native XDP would see");
		return;
	}
	seg_find(to, SEG_LEVEL_WARNING,
		 "the card merges packets (%s): some drivers refuse native XDP then",
		 device->lro && hw ? "LRO, rx-gro-hw"
		 : hw              ? "rx-gro-hw"
				   : "LRO");
	seg_find_mend(to, "ethtool -K %s%s%s", device->name, device->lro ? " lro off" : "",
		      hw ? " rx-gro-hw off" : "");
}

/* A ring takes what comes while its CPU does something else. */
static void check_rings(const struct seg_facts *facts, const struct seg_device_facts *of,
			struct seg_findings *to)
{
	const struct seg_device *device = &of->device;

	(void)facts;
	if (!device->rx_ring)
		return;
	if (device->rx_ring >= RING_ENOUGH || device->rx_ring == device->rx_ring_max) {
		seg_find(to, SEG_LEVEL_OK, "RX rings hold %u packets each", device->rx_ring);
		return;
	}
	seg_find(to, SEG_LEVEL_NOTE,
		 "RX rings hold %u packets each, and could hold %u: bursts may be lost before "
		 "anybody sees them",
		 device->rx_ring, device->rx_ring_max);
	seg_find_mend(to, "ethtool -G %s rx %u", device->name,
		      smaller(RING_ENOUGH, device->rx_ring_max));
}

/* XDP runs before the kernel drops what is for other stations. Ports are promiscuous by trade. */
static void check_promiscuous(const struct seg_facts *facts, const struct seg_device_facts *of,
			      struct seg_findings *to)
{
	const struct seg_device *device = &of->device;

	(void)facts;
	if (!device->promiscuity || *device->port_of) {
		seg_find(to, SEG_LEVEL_OK, "takes what is for this host");
		return;
	}
	seg_find(to, SEG_LEVEL_NOTE,
		 "is promiscuous: what is for other stations is judged too, has sessions, and is "
		 "counted");
	seg_find_mend(to,
		      "end what asked for it (`tcpdump -p` does not ask), or "
		      "ip link set %s promisc off",
		      device->name);
}

/* Only a driver that has handed packets up has shown it. */
static void check_metadata(const struct seg_facts *facts, const struct seg_device_facts *of,
			   struct seg_findings *to)
{
	(void)facts;
	if (of->meta == SEG_UNKNOWN)
		return;
	if (of->meta)
		seg_find(to, SEG_LEVEL_OK, "its driver carries XDP metadata");
	else
		seg_find(to, SEG_LEVEL_NOTE,
			 "its driver has no room for XDP metadata: workers parse a flow's first "
			 "packets again");
}

/* What attach itself refuses (iface.c); a veth's peer alone knows where it puts tags. */
static void check_vlan(const struct seg_facts *facts, const struct seg_device_facts *of,
		       struct seg_findings *to)
{
	const struct seg_device *device = &of->device;

	(void)facts;
	if (!device->rx_vlan) {
		seg_find(to, SEG_LEVEL_OK, "VLAN tags stay in the frame, where XDP sees them");
	} else if (!of->tagged) {
		seg_find(to, SEG_LEVEL_OK,
			 "VLAN tags come beside the frame, where XDP sees none; "
			 "this host has no VLAN on it");
	} else if (!strcmp(device->driver, "veth")) {
		seg_find(to, SEG_LEVEL_WARNING,
			 "VLAN tags that its peer puts beside the frame are not "
			 "seen by XDP: such packets are dropped (vlan-beside)");
		seg_find_mend(to, "ethtool -K PEER txvlan off, at its other end");
	} else {
		seg_find(to, SEG_LEVEL_ERROR,
			 "VLAN tags come beside the frame, where XDP sees none, and "
			 "this host has a VLAN on it: attach refuses it");
		seg_find_mend(to, "ethtool -K %s rxvlan off", device->name);
	}
}

static void check_big_tcp(const struct seg_facts *facts, const struct seg_device_facts *of,
			  struct seg_findings *to)
{
	const struct seg_device *device = &of->device;

	(void)facts;
	if (device->gso_max <= 65536 && device->gro_max <= 65536)
		return;
	seg_find(to, SEG_LEVEL_ERROR,
		 "BIG TCP is on (gso_max_size %u, gro_max_size %u): packets "
		 "beyond 64 KiB are dropped as malformed",
		 device->gso_max, device->gro_max);
	seg_find_mend(to, "ip link set %s gso_max_size 65536 gro_max_size 65536", device->name);
}

static void check_link(const struct seg_facts *facts, const struct seg_device_facts *of,
		       struct seg_findings *to)
{
	const struct seg_device *device = &of->device;

	(void)facts;
	if (!(device->flags & IFF_UP)) {
		seg_find(to, SEG_LEVEL_NOTE,
			 "is down; attached now, it is protected from its first "
			 "packet");
		seg_find_mend(to, "ip link set %s up", device->name);
	} else if (!device->carrier) {
		seg_find(to, SEG_LEVEL_NOTE, "is up and has no carrier");
		seg_find_mend(to, "look at the cable, or at the other end");
	} else {
		seg_find(to, SEG_LEVEL_OK, "is up and has a carrier");
	}
}

static void check_master(const struct seg_facts *facts, const struct seg_device_facts *of,
			 struct seg_findings *to)
{
	const char *kind = of->device.port_of;

	(void)facts;
	if (!strcmp(kind, "bridge")) {
		seg_find(to, SEG_LEVEL_WARNING,
			 "is a port of the bridge %s: what that only forwards "
			 "is judged as if it were for this host",
			 of->master);
		seg_find_mend(to, "allow in `direction: ingress` what may be forwarded");
	} else if (!strcmp(kind, "bond") || !strcmp(kind, "team")) {
		seg_find(to, SEG_LEVEL_WARNING,
			 "is a port of %s: a flow that leaves by one port and "
			 "comes in by another is dropped",
			 of->master);
		seg_find_mend(to, "use one port at a time (mode active-backup)");
	}
}

/* Strict mode looks at the interface that a packet came by: what a worker hands on has its own. */
static void check_rp_filter(const struct seg_facts *facts, const struct seg_device_facts *of,
			    struct seg_findings *to)
{
	(void)facts;
	if (of->rp_filter == 1)
		seg_find(to, SEG_LEVEL_OK,
			 "strict reverse path filtering does no harm: what a worker "
			 "hands on comes from %s again",
			 of->device.name);
}

const struct seg_device_check SEG_DEVICE_CHECKS[] = {
	{"kind", check_kind},
	{"link", check_link},
	{"native-xdp", check_native},
	{"mtu", check_mtu},
	{"queues", check_queues},
	{"merging", check_merging},
	{"offloads", check_offloads},
	{"rings", check_rings},
	{"promiscuous", check_promiscuous},
	{"metadata", check_metadata},
	{"vlan", check_vlan},
	{"big-tcp", check_big_tcp},
	{"master", check_master},
	{"rp-filter", check_rp_filter},
	{0},
};
