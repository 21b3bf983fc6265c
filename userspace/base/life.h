/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * life.h - a worker's life, from its descriptors at fixed numbers (handover.h) to its end.
 * Defined in afxdp/; xdpsegd's main() gives it to the spawner, which is of a folder beside.
 */
#ifndef SEG_LIFE_H
#define SEG_LIFE_H

#include "rings.h"

/*
 * `mapped`: its rings, by enum seg_ring_kind, mapped before the sockets were bound; NULL: map
 * them. Returns when the process has to end, and how: enum seg_worker_exit.
 */
int seg_worker_live(const struct seg_ring mapped[SEG_RING_KINDS]);

#endif
