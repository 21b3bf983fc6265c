/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xsk.h - memory for packets, and the AF_XDP sockets that use it. The keeper
 * makes, binds and holds them; only a worker maps their rings.
 */
#ifndef SEG_XSK_H
#define SEG_XSK_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "error.h"
#include "umem.h"
#include "workers.h"

/* Of every queue. A burst that waits while a worker is replaced must fit the RX ring. */
#define SEG_XSK_FRAMES     8192
#define SEG_XSK_RX_RING    4096
#define SEG_XSK_FILL_RING  8192
#define SEG_XSK_TX_RING    4096
#define SEG_XSK_TX_FILL    64 /* the kernel wants one; nothing is received there */
#define SEG_XSK_COMPLETION 8192

/* Whose socket it is: its rings may have to be mapped before it is bound. */
struct seg_xsk_owner {
	struct seg_workers *workers;
	uint32_t queue_index;
};

/* For tests: as before Linux 6.4, where the rings of a bound socket cannot be mapped. Weak; false.
 */
bool seg_xsk_old_rings(void);

struct seg_umem {
	int fd; /* memfd, sealed against changes of its size */
	void *memory;
	uint64_t size;
	uint32_t frame_size;
};

int seg_umem_open(struct seg_umem *umem, uint32_t frame_size, struct seg_error *err);
void seg_umem_close(struct seg_umem *umem);

/*
 * A socket that receives from an RX queue. *zerocopy: wanted, then whether it is.
 * A descriptor, or -errno with the queue named.
 */
int seg_xsk_open_rx(const struct seg_device *link, uint32_t queue, const struct seg_umem *umem,
		    const struct seg_xsk_owner *owner, bool *zerocopy, struct seg_error *err);

/* A socket that sends, its packets marked, by an interface's queue. */
int seg_xsk_open_tx(const char *name, uint32_t queue, const struct seg_umem *umem,
		    const struct seg_xsk_owner *owner, uint32_t mark, struct seg_error *err);

#endif
