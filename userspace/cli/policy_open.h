/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_open.h - what the verbs about a policy have in common. */
#ifndef SEG_POLICY_OPEN_H
#define SEG_POLICY_OPEN_H

#include "cli.h"
#include "files.h"

/*
 * The policy in force, from the daemon; *about: {"name", "revision", "hash",
 * "observe", "generation"}. All three are the caller's, the files also after an
 * error. -ENOENT: there is none.
 */
int seg_policy_in_force(const struct seg_cli *cli, json_t **about, struct seg_policy_files *files,
			struct seg_policy **policy, struct seg_error *err);

/* What attach and apply refuse, and nobody judges: [{"what","mend","file","line","column"}...]. */
json_t *seg_policy_refused(const struct seg_policy_files *files, const struct seg_policy *policy);

/*
 * The same as warnings on stderr, a line each, or in `brief` one line that says how
 * many; none if JSON or quiet is asked for.
 */
void seg_policy_warn(const struct seg_cli *cli, const struct seg_policy_files *files,
		     const struct seg_policy *policy, bool brief);

#endif
