/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy_json.h - a policy's files as they are sent, both ways:
 * {"name", "text", "files": {NAME: text}}.
 */
#ifndef SEG_POLICY_JSON_H
#define SEG_POLICY_JSON_H

#include <jansson.h>

#include "files.h"

/* The caller's; NULL: out of memory, or a text is not UTF-8. */
json_t *seg_policy_to_json(const struct seg_policy_files *files);

/* -EPROTO: it is no such object; -ENOMEM. The files are the caller's either way. */
int seg_policy_from_json(const json_t *object, struct seg_policy_files *files);

#endif
