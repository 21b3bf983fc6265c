/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard.h - no policy cuts off who puts it in force, unless they insist: before
 * anything is sent, it is asked whether it would let the caller's own SSH session
 * in again.
 */
#ifndef SEG_GUARD_H
#define SEG_GUARD_H

#include "cli.h"
#include "files.h"
#include "ssh.h"

/* A policy that is about to be enforced. */
struct seg_guarded {
	const struct seg_image *image;
	const struct seg_policy_files *files;
	const json_t *ifaces; /* names that the verb names, or NULL */
	const char *ways_out; /* of this verb, beside `failsafe` and before --force; "" */
	bool only_warns;      /* nothing is enforced yet */
	bool keeps_observing; /* where the daemon only observes, it goes on so */
};

/*
 * 0, or -ECANCELED with the session, what denies it, and the mend (SEG_EXIT_PROTECTED).
 * Asked by the interfaces named, and those that are attached, that carry the
 * session's address; if it is another interface's, by those that its answers are
 * routed by. A session of another network namespace, or over lo, comes by none.
 */
int seg_guard(const struct seg_cli *cli, const struct seg_guarded *what, struct seg_error *err);

/* Has the caller a session that could be cut off? */
bool seg_guard_concerns(void);

/* One interface's part. `vlan`: the tags that it comes with (as in seg_packet). Pure. */
int seg_guard_judge(const struct seg_guarded *what, const struct seg_ssh *ssh, const char *iface,
		    const uint16_t vlan[2], struct seg_error *err);

#endif
