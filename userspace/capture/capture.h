/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - packets of a capture file (pcap, pcapng), by libpcap, each with an
 * Ethernet header: link types that lack one are given it, others are refused by
 * name.
 *
 * What libpcap says of a broken file goes into the error with the packet's number;
 * all packets before were good.
 */
#ifndef SEG_CAPTURE_H
#define SEG_CAPTURE_H

#include <stdint.h>
#include <stdio.h>

#include "cleanup.h"
#include "error.h"

struct seg_capture;

struct seg_capture_packet {
	const uint8_t *frame; /* from the Ethernet header on; valid until the next call */
	uint32_t length;      /* bytes there: what the capture kept */
	uint32_t wire;        /* bytes that it had on the wire, >= length */
	uint64_t time;        /* ns since the epoch; need not be in order */
	uint64_t number;      /* in its file, from 1 */
};

/* Open a capture; "-": standard input. -errno with `err` filled: no such file, no capture, a link
 * type that is not supported. */
int seg_capture_open(const char *path, struct seg_capture **out, struct seg_error *err);

/* The same for a stream, which is the capture's from now on; `name`: what errors call it. */
int seg_capture_open_stream(FILE *stream, const char *name, struct seg_capture **out,
			    struct seg_error *err);

/* 1: a packet; 0: the end; -EBADMSG: broken from here on. */
int seg_capture_next(struct seg_capture *capture, struct seg_capture_packet *out,
		     struct seg_error *err);

/* Bytes of the file, and how many of them are read; 0: not known, as of a pipe. */
uint64_t seg_capture_size(const struct seg_capture *capture);
uint64_t seg_capture_position(const struct seg_capture *capture);

void seg_capture_close(struct seg_capture *capture);

static inline void seg_capture_closep(struct seg_capture **capture)
{
	seg_capture_close(*capture);
}

#define _cleanup_capture_ _cleanup_(seg_capture_closep)

#endif
