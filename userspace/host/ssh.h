/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ssh.h - the SSH session that a process is part of: by SSH_CONNECTION in its
 * environment or a parent's (sudo drops it), else by the TCP connection that
 * an sshd among its parents holds. Reads /proc only.
 */
#ifndef SEG_SSH_H
#define SEG_SSH_H

#include <stdint.h>
#include <sys/types.h>

#include "address.h"

struct seg_ssh {
	struct seg_address client, server;
	uint16_t client_port, server_port; /* host order */
};

/* "CLIENT PORT SERVER PORT", as sshd(8) sets it. -EINVAL. */
int seg_ssh_parse(const char *text, struct seg_ssh *out);

/*
 * The session of process `pid`, of which /proc is mounted at `proc`. `own`: its
 * SSH_CONNECTION now, NULL: it has none. -ENOENT: it is part of no session that
 * can be found; what may not be read is passed over.
 */
int seg_ssh_find(const char *proc, pid_t pid, const char *own, struct seg_ssh *out);

#endif
