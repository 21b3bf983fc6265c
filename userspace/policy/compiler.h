/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compiler.h - a compilation that goes on: what names, groups and services stand for is kept, so
 * that a change of one rule compiles that rule only, and splices it into an image that is kept for
 * that.
 */
#ifndef SEG_COMPILER_H
#define SEG_COMPILER_H

#include "patch.h"

struct seg_compiler;

/* As seg_policy_compile(); *out is released with seg_compiler_unref(). The texts are not needed any
 * more then. */
int seg_compiler_open(const struct seg_policy_file *file, const struct seg_policy_loader *loader,
		      struct seg_compiler **out, struct seg_image **image, struct seg_error *err);

struct seg_compiler *seg_compiler_ref(struct seg_compiler *compiler);
void seg_compiler_unref(struct seg_compiler *compiler);

/* What came of a patch. */
struct seg_patched {
	char *text; /* the caller's */
	size_t len;
	const struct seg_image *image; /* the compiler's, until the next patch; to be sealed */
	char id[SEG_NAME_MAX];         /* of the rule that was meant; "": it has none */
};

/*
 * Change a rule of `image`, which is what the compiler made last, and whose own file has this text.
 * What is made decides as the compiled text would, rule by rule; its bytes may be others, and it
 * has no checksum before it is sealed. The text is as it was but for the rule's line.
 *
 * -EAGAIN: not this time. The patch may be wrong, the rule may stand on several lines or in another
 * file, too much was patched, or what was made last was not put in force: patch the text
 * (seg_policy_patch()) and compile it, which also says what is wrong. -ENOMEM. Not for two threads
 * at once.
 */
int seg_compiler_patch(struct seg_compiler *compiler, const struct seg_image *image,
		       const struct seg_policy_file *text, const struct seg_patch *patch,
		       struct seg_patched *out);

static inline void seg_compiler_unrefp(struct seg_compiler **compiler)
{
	seg_compiler_unref(*compiler);
}

#define _cleanup_compiler_ _cleanup_(seg_compiler_unrefp)

#endif
