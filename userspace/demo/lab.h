/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab.h - a host and a client, two network namespaces with a cable between them:
 *
 *   client: cable 10.99.0.1, 2001:db8:99::1 ---- wan 10.99.0.2, 2001:db8:99::2 :host
 *
 * Nothing of it has a name outside: namespaces, mounts and processes are those of one
 * process that is the first in a PID namespace of its own, and end with it, however
 * that ends. Its /run, /proc and /sys/fs/bpf are its own too, so that an instance of
 * xdpseg in there is the default one and shares nothing with that of the machine.
 */
#ifndef SEG_LAB_H
#define SEG_LAB_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "error.h"

#define SEG_LAB_IFACE  "wan"       /* the host's end */
#define SEG_LAB_FOLDER "/run/demo" /* the current one in there */

enum seg_lab_side { SEG_LAB_HOST, SEG_LAB_CLIENT, SEG_LAB_SIDES };

/* What is tried: where it begins, how, to which port of the other side. */
struct seg_call {
	enum seg_lab_side from;
	int family; /* AF_INET, AF_INET6 */
	uint16_t port;
};

#define SEG_LAB_SERVERS_MAX 16

struct seg_lab {
	int space[SEG_LAB_SIDES]; /* descriptors of the network namespaces */
	struct {
		struct seg_call call;
		int fd;
	} server[SEG_LAB_SERVERS_MAX]; /* what listens over TCP */
	size_t servers_n;
};

/* What this process forks next, a single one, is first in a PID namespace. -EPERM: exit code 4. */
int seg_lab_prepare(struct seg_error *err);

/* By that process: mounts, namespaces, cable. It is on the host's side afterwards. */
int seg_lab_open(struct seg_lab *lab, struct seg_error *err);

/* A socket on one side. -errno. */
int seg_lab_socket(const struct seg_lab *lab, enum seg_lab_side side, int family, int type,
		   int protocol);

/* A side's address with a port (0: any); AF_INET or AF_INET6. */
struct sockaddr_storage seg_lab_address(enum seg_lab_side side, int family, uint16_t port);

/* What stands in the way of a lab as it was without xdpseg: processes, pins, interfaces. NULL:
 * nothing. */
const char *seg_lab_leftover(void);

#endif
