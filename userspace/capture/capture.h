/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - the packets of a pcap or pcapng file, each with an Ethernet header.
 *
 * What was captured without one gets it (linktype.h); every other link type is
 * refused by name. Nothing that a file says makes it use more than some MiB.
 */
#ifndef SEG_CAPTURE_H
#define SEG_CAPTURE_H

#include <stdint.h>
#include <stdio.h>

#include "cleanup.h"
#include "error.h"

struct seg_capture;

struct seg_capture_packet {
	/*
	 * Begins with an Ethernet header, unless the capture kept less than that of an Ethernet
	 * frame. The caller may write into it; valid until the next call.
	 */
	uint8_t *frame;
	uint32_t length; /* bytes at frame, Ethernet header included: what the capture kept */
	uint32_t wire;   /* bytes on the wire, Ethernet header included; never below length */
	uint64_t time;   /* ns since the epoch, as the capture says: not monotonic */
	uint32_t number; /* in its file, from 1 */
};

/*
 * Open the regular file `path`, or standard input, whatever it is, for "-". Close
 * it with seg_capture_close(). Errors name the file and the mend: -ENOENT and what else
 * open(2) says; -EINVAL: no regular file, or no capture; -ENODATA: empty; -ENOTSUP: its
 * link type; -EIO; -ENOMEM.
 */
int seg_capture_open(const char *path, struct seg_capture **out, struct seg_error *err);

/*
 * The same of a stream, which it closes, also on failure, unless it is stdin. `name`: the
 * file's, for errors.
 */
int seg_capture_open_stream(const char *name, FILE *from, struct seg_capture **out,
			    struct seg_error *err);

/*
 * The next packet. 1: here it is; 0: the end; -errno: from here on the file is cut short or
 * broken, or its interfaces have several link types, which libpcap does not read (-EBADMSG), it
 * has a packet of over 256 KiB (-EBADMSG, -EMSGSIZE), or cannot be read (-EIO). All packets
 * before were good, and every further call says the same again.
 */
int seg_capture_next(struct seg_capture *capture, struct seg_capture_packet *out,
		     struct seg_error *err);

/* Bytes of the file; 0: not known, as of a pipe. */
uint64_t seg_capture_size(const struct seg_capture *capture);

/* Bytes of it that were read until now, perhaps a few KiB ahead; 0: not known. */
uint64_t seg_capture_position(const struct seg_capture *capture);

void seg_capture_close(struct seg_capture *capture);

static inline void seg_capture_closep(struct seg_capture **capture)
{
	seg_capture_close(*capture);
}

#define _cleanup_capture_ _cleanup_(seg_capture_closep)

#endif
