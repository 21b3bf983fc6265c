/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a policy: an error with a text, or an image that its own reader accepts. */
#include "classify.h"
#include "policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_image_ struct seg_image *image = NULL;
	struct seg_flow flow = {.family = 4, .proto = 6};
	struct seg_decision decision;
	struct seg_error err = {0};

	if (seg_policy_compile(&(struct seg_policy_file){"fuzz", (const char *)data, size}, NULL,
			       &image, &err)) {
		if (!err.what[0])
			abort();
		return 0;
	}
	if (seg_image_check(image, seg_image_size(image), NULL))
		abort();
	seg_image_classify(image, &flow, &decision, 1);
	return 0;
}
