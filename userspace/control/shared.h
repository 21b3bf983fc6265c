/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shared.h - an XDP hook shared with other programs, through libxdp: its dispatcher calls one
 * after the other, the lowest run priority first, each if all before it passed the packet.
 *
 * Ours is a small one (shared.bpf.c), told from every other by the array that it calls from:
 * `slot` is that map's id. libxdp opens programs by their ids: attaching and detaching need
 * CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, which only the sharer (sharer.h) has.
 */
#ifndef SEG_SHARED_H
#define SEG_SHARED_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "program.h"

#define SEG_SHARED_PRIORITY 10 /* libxdp's default is 50; the lowest sees packets first */

/* 0, or -EOPNOTSUPP: this build is without libxdp. */
int seg_shared_supported(struct seg_error *err);

struct seg_shared {
	char name[IFNAMSIZ]; /* of the interface */
	uint32_t ifindex;
	uint32_t slot;
	enum seg_mode mode; /* wanted, then what it is */
	char mode_why[128]; /* why generic; empty: as wished */
	bool single;        /* there is no dispatcher: nobody else can come */
	char why[128];      /* why not; empty: there is one */
};

/* Attach the small program, calling from the array behind slot_fd. 0 or -errno. */
int seg_shared_attach(struct seg_shared *shared, int slot_fd, struct seg_error *err);

/* Detach the one that calls from `slot`; others stay. 0 also if there is none. */
int seg_shared_detach(uint32_t ifindex, uint32_t slot, struct seg_error *err);

/* Whether it is there: other tools can take it off. */
bool seg_shared_is_there(uint32_t ifindex, uint32_t slot);

/*
 * Names of the programs that a dispatcher of libxdp with this id calls on an interface, by its
 * pins: needs no right to open a program by its id. False: it is no dispatcher, as far as can be
 * told.
 */
bool seg_shared_others(uint32_t ifindex, uint32_t dispatcher, char *names, size_t size);

#endif
