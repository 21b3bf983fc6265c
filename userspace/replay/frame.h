/* SPDX-License-Identifier: BSD-2-Clause */
/* frame.h - a captured packet as a NIC hands it over: whole. */
#ifndef SEG_REPLAY_FRAME_H
#define SEG_REPLAY_FRAME_H

#include <stdint.h>

#include "capture.h"

/* What BPF_PROG_TEST_RUN takes: its linear part and 17 pages (MAX_SKB_FRAGS). */
#define SEG_REPLAY_FRAME_MAX 70000

/*
 * Write the packet to `to`, of SEG_REPLAY_FRAME_MAX bytes. What the capture cut
 * off becomes zeros, and the L4 checksum is made good again: only its sender's
 * could tell. Returns the size; 0: it does not fit.
 */
uint32_t seg_frame_lay_out(uint8_t *to, const struct seg_capture_packet *packet);

#endif
