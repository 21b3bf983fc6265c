/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.h - the files that a policy is made of, as texts under their names: what
 * the client reads, sends and gets back, and the daemon keeps.
 */
#ifndef SEG_FILES_H
#define SEG_FILES_H

#include "compiler.h"

/* The policy's own file first. All zero is a valid start. */
struct seg_policy_files {
	struct seg_policy_file *item;
	uint32_t n;
	/* Add the file of that name, which the policy asks for; NULL: what is not here is refused.
	 */
	int (*fetch)(struct seg_policy_files *files, const char *name, struct seg_error *err);
};

/* Both are copied. 0 or -ENOMEM. */
int seg_policy_files_add(struct seg_policy_files *files, const char *name, const char *text,
			 size_t len);
/* The text is taken over, not copied: *text is NULL then. It has a NUL behind it. */
int seg_policy_files_take(struct seg_policy_files *files, const char *name, char **text,
			  size_t len);
int seg_policy_files_copy(struct seg_policy_files *to, const struct seg_policy_files *from);

/* NULL: there is none of that name. */
const struct seg_policy_file *seg_policy_files_find(const struct seg_policy_files *files,
						    const char *name);

/* Bytes of all of them. */
size_t seg_policy_files_size(const struct seg_policy_files *files);

/*
 * seg_policy_open() of the first one; what it names is relative to the file that
 * says so. The files have to outlive the policy.
 */
int seg_policy_files_open(struct seg_policy_files *files, struct seg_policy **out,
			  struct seg_error *err);

/* The same by seg_compiler_open(): the files need not outlive it. */
int seg_policy_files_compile(struct seg_policy_files *files, struct seg_compiler **out,
			     struct seg_image **image, struct seg_error *err);

void seg_policy_files_free(struct seg_policy_files *files);

#define _cleanup_policy_files_ _cleanup_(seg_policy_files_free)

#endif
