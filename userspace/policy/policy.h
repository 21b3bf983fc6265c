/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy.h - a policy's text (YAML, or JSON, which is YAML) to its image.
 *
 * Pure: texts come as memory, no file is opened here; what a policy names
 * (`include`, a group's `file`) comes from the caller's loader. Every key of the
 * language is a row of a table (keys.c). An unknown one is refused with the
 * nearest known; one that this version does not enforce is read, checked, kept
 * and judged, and the image names it (seg_image_need()).
 */
#ifndef SEG_POLICY_H
#define SEG_POLICY_H

#include "classify.h"

#define SEG_POLICY_TEXT_MAX  (64u << 20) /* bytes, all files together */
#define SEG_POLICY_FILES_MAX 1024
#define SEG_POLICY_DEPTH_MAX 16 /* files that include files */

/* `name` is what errors call it; `text` needs no NUL. Neither is copied. */
struct seg_policy_file {
	const char *name;
	const char *text;
	size_t len;
};

/*
 * Has the files that a policy names. `by`: the name of the file that names it;
 * `name`: as written there. Fills *file, with a name that is the same for the
 * same file (that is how a loop is seen) and memory that lasts as long as the
 * policy. -errno if it cannot be had, with or without `err` filled: the place
 * is added here.
 */
struct seg_policy_loader {
	int (*load)(void *context, const char *by, const char *name, struct seg_policy_file *file,
		    struct seg_error *err);
	void *context;
};

/* A policy parsed, resolved and compiled. */
struct seg_policy;

/*
 * Open a policy; its file's memory must last as long as it does. loader NULL:
 * it may name no other file. *out is the caller's: seg_policy_free(). -EINVAL and
 * a placed error for a wrong policy, -E2BIG for one beyond the limits, -ENOMEM,
 * or what the loader said.
 */
int seg_policy_open(const struct seg_policy_file *file, const struct seg_policy_loader *loader,
		    struct seg_policy **out, struct seg_error *err);
void seg_policy_free(struct seg_policy *policy);

/* Its image: the policy's, or taken from it (once) and then the caller's: seg_image_free(). */
const struct seg_image *seg_policy_image(const struct seg_policy *policy);
struct seg_image *seg_policy_take_image(struct seg_policy *policy);

/* How many it names. */
unsigned int seg_policy_groups(const struct seg_policy *policy);
unsigned int seg_policy_services(const struct seg_policy *policy);

/*
 * Write it in normal form: as YAML, keys in one order, a rule a line, what equals
 * the built-in defaults left out, addresses in their shortest form, files that it
 * names in place. What is written means the same, and is written the same again. -EIO.
 */
int seg_policy_print(const struct seg_policy *policy, FILE *to);

/*
 * Why a rule does not match, in the policy's words: "dst not in web", "service
 * not tcp/22", "src not in any but admins"; "" for SEG_MISMATCH_NONE. Cut to
 * `size` bytes. Returns `to`.
 */
const char *seg_policy_because(const struct seg_policy *policy, uint32_t rule,
			       enum seg_mismatch mismatch, char *to, size_t size);

/* The language as a JSON Schema (draft-07), and as scdoc tables of its keys. -EIO, -ENOMEM. */
int seg_policy_schema(FILE *to);
int seg_policy_reference(FILE *to);

/* The short form, for whom the image is enough. The image does not need the texts. */
int seg_policy_compile(const struct seg_policy_file *file, const struct seg_policy_loader *loader,
		       struct seg_image **out, struct seg_error *err);

static inline void seg_policy_freep(struct seg_policy **policy)
{
	seg_policy_free(*policy);
}

#define _cleanup_policy_ _cleanup_(seg_policy_freep)

#endif
