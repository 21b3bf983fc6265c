/* SPDX-License-Identifier: BSD-2-Clause */
#include "veth_lab.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "inject.skel.h"

#define FRAME 4096

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "lab: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void run(const char *command)
{
	must(system(command) == 0, command);
}

void lab_enter(void)
{
	must(!unshare(CLONE_NEWNET), "a network namespace of its own (run as root)");
	run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
	run("ip link set lo up");
	run("ip link add outside type veth peer name inside");
	run("ip link add outer type veth peer name inner");
	run("for i in outside inside outer inner; do ip link set $i arp off up; done");
}

unsigned int lab_ifindex(const char *name)
{
	unsigned int index = if_nametoindex(name);

	must(index != 0, name);
	return index;
}

void lab_attach_tc(const char *device, int fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)lab_ifindex(device),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = fd);

	must(!bpf_tc_hook_create(&hook), "clsact");
	must(!bpf_tc_attach(&hook, &opts), "tc program");
}

void lab_attach_xdp(const char *device, int fd)
{
	must(!bpf_xdp_attach((int)lab_ifindex(device), fd, 0, NULL), "XDP program");
}

void lab_xsk(struct lab_socket *s, const char *device, uint32_t frames, uint32_t entries,
	     uint32_t mark)
{
	struct xdp_umem_reg umem = {.len = (uint64_t)frames * FRAME, .chunk_size = FRAME};
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP, .sxdp_ifindex = lab_ifindex(device), .sxdp_flags = XDP_COPY};
	const int rings[] = {XDP_RX_RING, XDP_TX_RING, XDP_UMEM_FILL_RING,
			     XDP_UMEM_COMPLETION_RING};

	s->frames = frames;
	s->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	must(s->fd >= 0, "AF_XDP socket");
	s->umem = mmap(NULL, umem.len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(s->umem != MAP_FAILED, "UMEM");
	umem.addr = (uintptr_t)s->umem;
	must(!setsockopt(s->fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)), "UMEM");
	must(!setsockopt(s->fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), "mark");
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++)
		must(!setsockopt(s->fd, SOL_XDP, rings[i], &entries, sizeof(entries)), "ring");
	must(!seg_ring_map(&s->rx, s->fd, SEG_RING_RX, entries), "rx ring");
	must(!seg_ring_map(&s->tx, s->fd, SEG_RING_TX, entries), "tx ring");
	must(!seg_ring_map(&s->fill, s->fd, SEG_RING_FILL, entries), "fill ring");
	must(!seg_ring_map(&s->completion, s->fd, SEG_RING_COMPLETION, entries), "completion ring");
	must(!bind(s->fd, (struct sockaddr *)&address, sizeof(address)), "bind");
}

void lab_inject(struct seg_inject *inject, struct lab_socket *xsk, uint32_t frames)
{
	struct inject_bpf *bpf = inject_bpf__open();

	must(bpf != NULL, "programs");
	bpf->rodata->seg_ifindex = lab_ifindex("inside");
	bpf->rodata->seg_mark = LAB_MARK;
	must(!inject_bpf__load(bpf), "programs");
	lab_attach_tc("inner", bpf_program__fd(bpf->progs.seg_reinject));
	lab_attach_xdp("outer", bpf_program__fd(bpf->progs.seg_live));
	/* its RX queues are registered only while it has a program: live frames need one to come
	 * from */
	lab_attach_xdp("inside", bpf_program__fd(bpf->progs.seg_live));
	lab_xsk(xsk, "outer", frames, frames, LAB_MARK);
	*inject = (struct seg_inject){
		.umem = xsk->umem,
		.tx = &xsk->tx,
		.tx_fd = xsk->fd,
		.live = mmap(NULL, sizeof(struct seg_live), PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(bpf->maps.seg_live_frames), 0),
		.live_fd = bpf_program__fd(bpf->progs.seg_live),
		.ifindex = lab_ifindex("inside"),
	};
	must(inject->live != MAP_FAILED, "live frames");
}

int lab_packet_socket(const char *device)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
				      .sll_protocol = htons(ETH_P_ALL),
				      .sll_ifindex = (int)lab_ifindex(device)};
	const int on = 1, buffer = 32 << 20;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	must(fd >= 0, "packet socket");
	must(!bind(fd, (struct sockaddr *)&address, sizeof(address)), "packet socket");
	must(!setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), "auxiliary data");
	must(!setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)), "buffer");
	return fd;
}
