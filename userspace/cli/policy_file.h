/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_file.h - policies in the caller's files. The client opens every file
 * with the caller's rights and sends what it read; the daemon never opens a path
 * that a client names.
 */
#ifndef SEG_POLICY_FILE_H
#define SEG_POLICY_FILE_H

#include <jansson.h>

#include "files.h"

#define SEG_POLICY_FILE_DEFAULT "/etc/xdpseg/policy.yaml"

/*
 * Open the policy in `path` ("-": standard input): *policy and *files are the
 * caller's, also after an error, and *files has to outlive *policy. Refused, with
 * a place: what is no regular file, a wrong policy, over SEG_POLICY_TEXT_MAX bytes
 * in all.
 */
int seg_policy_file_open(const char *path, struct seg_policy_files *files,
			 struct seg_policy **policy, struct seg_error *err);

/*
 * Open the policy in `path` as above, and what is sent of it, a JSON object that the
 * caller owns. path NULL: the default file; where there is none, *policy is NULL and
 * *sent JSON null.
 */
int seg_policy_file_pack(const char *path, struct seg_policy_files *files,
			 struct seg_policy **policy, json_t **sent, struct seg_error *err);

#endif
