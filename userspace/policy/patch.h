/* SPDX-License-Identifier: BSD-2-Clause */
/* patch.h - one rule of a policy added, changed, moved or removed. */
#ifndef SEG_PATCH_H
#define SEG_PATCH_H

#include "policy.h"

/*
 * `rule`: as it stands in a policy, "{id: web, to: dmz, action: allow}"; it takes the place of the
 * one of that id, or comes last. NULL: `removed` goes. before, after: the rule that it is put next
 * to, by id; NULL: neither.
 */
struct seg_patch {
	const char *rule, *removed, *before, *after;
};

/*
 * The policy with the patch, in normal form (seg_policy_print()), not checked yet: whoever opens
 * *text, which is the caller's, finds what is wrong. *id: the rule that was meant, of SEG_NAME_MAX
 * bytes, "" if it has none. -EINVAL: the rule is none; -ENOENT: there is no rule of such an id;
 * -ENOMEM.
 */
int seg_policy_patch(const struct seg_policy *policy, const struct seg_patch *patch, char **text,
		     char id[SEG_NAME_MAX], struct seg_error *err);

#define SEG_PATCH_NO_RULE UINT32_MAX

/* Rules by number: the one that goes; before which the new one comes, or, if there is none of that
 * number, last. */
struct seg_patch_places {
	uint32_t old, place;
};

/* `id`: the new rule's, "" if it has none. -ENOENT: a rule that the patch names is not there. */
int seg_patch_find(const struct seg_image *image, const struct seg_patch *patch, const char *id,
		   struct seg_patch_places *out, struct seg_error *err);

/* A rule's line in normal form, "  - {...}\n", the caller's, and its id, "" if it has none.
 * -EINVAL, -ENOMEM. */
int seg_patch_read(const char *rule, char **line, char id[SEG_NAME_MAX], struct seg_error *err);

#endif
