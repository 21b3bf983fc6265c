/* SPDX-License-Identifier: BSD-2-Clause */
/* compiled.h - a policy's text to its image, for tests that are not about its errors. */
#ifndef SEG_COMPILED_H
#define SEG_COMPILED_H

#include "check.h"
#include "policy.h"

/* The test fails, with the error printed, if the text is wrong. */
static inline struct seg_image *compiled(const char *text)
{
	struct seg_image *image = NULL;
	struct seg_error err = {0};
	struct seg_policy_file file = {"test.yaml", text, strlen(text)};

	if (seg_policy_compile(&file, NULL, &image, &err))
		seg_error_print(&err, stderr, 0);
	check(image);
	return image;
}

#endif
