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

/* seg_policy_file_open(), which says so where it takes long. */
int seg_policy_file_read(const struct seg_cli *cli, const char *path,
			 struct seg_policy_files *files, struct seg_policy **policy,
			 struct seg_error *err);

/* A policy that a verb puts in force. */
struct seg_policy_put {
	const struct seg_verb *verb;
	const struct seg_policy_files *files;
	const struct seg_policy *policy;
	const char *confirm;  /* --confirm; NULL: it is no trial */
	bool force;           /* also where it would lock out the caller */
	const char *what;     /* for the history; NULL: the file's name */
	const char *replaces; /* hash of the policy that has to be in force still; NULL: any */
};

/* Guard the caller's own session, send it, and print what came of it. */
int seg_policy_put(const struct seg_cli *cli, const struct seg_policy_put *put,
		   struct seg_error *err);

/* What --confirm says in ns; 0 where it is not given. */
int seg_policy_confirm_read(const struct seg_verb *verb, const char *text, uint64_t *ns,
			    struct seg_error *err);

/* What attach and apply refuse, and nobody judges: [{"what","mend","file","line","column"}...]. */
json_t *seg_policy_refused(const struct seg_policy_files *files, const struct seg_policy *policy);

/*
 * The same as warnings on stderr, a line each, or in `brief` one line that says how
 * many; none if JSON or quiet is asked for.
 */
void seg_policy_warn(const struct seg_cli *cli, const struct seg_policy_files *files,
		     const struct seg_policy *policy, bool brief);

#endif
