/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng.h - a pcapng stream without snapshot lengths.
 *
 * libpcap refuses a file whose interfaces have different ones, as merged captures and
 * those of several interfaces do, and packets that are longer than theirs. Nothing depends
 * on them but the length of a simple packet, so this says "none" for all of them, and says
 * that length itself. All else passes as it is, what is broken too.
 * Format: draft-ietf-opsawg-pcapng, 4.1 to 4.4.
 */
#ifndef SEG_PCAPNG_H
#define SEG_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

#define SEG_PCAPNG_FIRST 0x0a /* the first byte of each pcapng file, and of no pcap file */

/* Owns `from` and closes it, unless it is stdin. NULL: no memory; `from` stays the caller's. */
FILE *seg_pcapng_open(FILE *from);

#endif
