/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy.h - a policy's text (YAML, or JSON, which is YAML) to its image.
 *
 * Pure: the text comes as memory, no file is opened here. Every key of the
 * language is a row of a table (keys.c); one that this version does not enforce
 * is refused by name, an unknown one with the nearest known.
 */
#ifndef SEG_POLICY_H
#define SEG_POLICY_H

#include "image.h"

#define SEG_POLICY_TEXT_MAX (64u << 20) /* bytes */

/*
 * Compile `len` bytes of `text`; `name` is what errors call it (the file's
 * name). *out is the caller's: seg_image_free(). -EINVAL and a placed error for
 * a wrong policy, -EOPNOTSUPP for a key that is not enforced by this version,
 * -E2BIG for one beyond the limits, -ENOMEM.
 */
int seg_policy_compile(const char *name, const char *text, size_t len, struct seg_image **out,
		       struct seg_error *err);

#endif
