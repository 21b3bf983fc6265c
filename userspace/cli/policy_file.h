/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_file.h - a policy as the daemon gets it. The client opens every file
 * with the caller's rights; the daemon never opens a path that a client names.
 */
#ifndef SEG_POLICY_FILE_H
#define SEG_POLICY_FILE_H

#include <jansson.h>

#include "error.h"

#define SEG_POLICY_FILE_DEFAULT "/etc/xdpseg/policy.yaml"
#define SEG_POLICY_FILE_MAX     (64u << 20) /* bytes */

/*
 * Read `path` ("-": standard input) into {"name", "text"}; the caller owns it.
 * path NULL: the default file, JSON null where there is none. Refused: what is
 * no regular file, too large, or not UTF-8 (with its line).
 */
int seg_policy_file_read(const char *path, json_t **policy, struct seg_error *err);

#endif
