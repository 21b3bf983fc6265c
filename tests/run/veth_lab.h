/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * veth_lab.h - one process's own network namespace with what handing on needs:
 *
 *   outside ── inside    `inside` stands for the real interface
 *   outer   ── inner     the internal veth: AF_XDP sends into `outer`, the tc program
 *                        is at `inner`
 *
 * Setup errors end the process by name: there is nothing to test then.
 */
#ifndef SEG_VETH_LAB_H
#define SEG_VETH_LAB_H

#include <stdint.h>

#include "inject.h"

/* Enter a new network namespace and make both pairs there, up, with IPv6 silenced. */
void lab_enter(void);

unsigned int lab_ifindex(const char *name);

/* `fd`: the tc program; `device`: at the ingress of. */
void lab_attach_tc(const char *device, int fd);
void lab_attach_xdp(const char *device, int fd);

struct lab_socket {
	int fd;
	uint8_t *umem;
	uint32_t frames; /* of 4 KiB */
	struct seg_ring rx, fill, tx, completion;
};

/* An AF_XDP socket with a UMEM of its own on queue 0, copy mode, rings of `entries`. */
void lab_xsk(struct lab_socket *socket, const char *device, uint32_t frames, uint32_t entries,
	     uint32_t mark);

#define LAB_MARK 0x5e61

/* Both programs loaded and attached; `xsk` sends into `outer`; live frames come from `inside`. */
void lab_inject(struct seg_inject *inject, struct lab_socket *xsk, uint32_t frames);

/* A packet socket that receives all of `device`, with VLAN tags as auxiliary data. */
int lab_packet_socket(const char *device);

#endif
