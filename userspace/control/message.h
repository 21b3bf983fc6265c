/* SPDX-License-Identifier: BSD-2-Clause */
/* message.h - one message on a SOCK_SEQPACKET socket, with descriptors (SCM_RIGHTS). */
#ifndef SEG_MESSAGE_H
#define SEG_MESSAGE_H

#include <stddef.h>

#define SEG_MESSAGE_FDS_MAX 32

/* A pair of sockets, close-on-exec. 0 or -errno. */
int seg_message_pair(int sockets[2]);

/* 0 or -errno; the descriptors stay the caller's. Never raises SIGPIPE. */
int seg_message_send(int socket, const void *data, size_t size, const int *fds, size_t fds_n);

/*
 * Receive a message of exactly `size` bytes. Up to fds_max descriptors become
 * the caller's, close-on-exec, the rest of fds[] is set to -1. Returns how many
 * came; -ENOTCONN: the other side is gone; -EAGAIN: nothing there (non-blocking
 * with `wait` 0); -EPROTO: another size, or more descriptors, all closed.
 */
int seg_message_receive(int socket, void *data, size_t size, int *fds, size_t fds_max, int wait);

#endif
