/* SPDX-License-Identifier: BSD-2-Clause */
/* frame.h - a captured packet as a NIC hands it over: whole. */
#ifndef SEG_REPLAY_FRAME_H
#define SEG_REPLAY_FRAME_H

#include <stdint.h>

#include "abi.h"
#include "capture.h"

/* Ethernet with two tags, and the largest IPv4 datagram: nothing that is judged lies beyond. */
#define SEG_REPLAY_FRAME_MAX (14 + 2 * 4 + 65535)

/* Fragments that may wait: as many as a queue of an interface holds. */
#define SEG_REPLAY_HELD_MAX 2048

/*
 * Write the packet to `to`, of SEG_REPLAY_FRAME_MAX bytes, and no more. What the
 * capture cut off becomes zeros, and the L4 checksum is made good again: nobody can
 * tell what it was. Returns the size.
 */
uint32_t seg_frame_lay_out(uint8_t *to, const struct seg_capture_packet *packet);

/* Make the L4 checksum right: what it would cover is not all there. */
void seg_frame_mend(uint8_t *frame, const struct seg_packet *packet);

#endif
