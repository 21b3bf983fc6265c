/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a policy: an error with a text, or an image that its own reader
 * accepts and a normal form that is read as the same. NULs part the input into
 * files: the policy, then those that it may name as 1, 2, 3...
 */
#include <errno.h>
#include <string.h>

#include "policy.h"
#include "text.h"

#define FILES_MAX 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

struct input {
	struct seg_policy_file files[FILES_MAX];
	uint64_t n;
};

static struct input input_of(const uint8_t *data, size_t size)
{
	static const char *const NAMES[FILES_MAX] = {"0", "1", "2", "3", "4", "5", "6", "7", "8"};
	const char *at = (const char *)data, *end = at + size;
	struct input input = {0};

	do {
		const char *nul = input.n + 1 < FILES_MAX && at < end
					  ? memchr(at, '\0', (size_t)(end - at))
					  : NULL;
		size_t len = (size_t)((nul ? nul : end) - at);

		input.files[input.n] = (struct seg_policy_file){NAMES[input.n], at, len};
		input.n++;
		at += len + 1;
	} while (at <= end && input.n < FILES_MAX);
	return input;
}

static int load(void *context, const char *by, const char *name, struct seg_policy_file *file,
		struct seg_error *err)
{
	const struct input *input = context;
	uint64_t i;

	require(*by);
	if (seg_number_parse(name, strlen(name), input->n - 1, &i))
		return seg_error_set(err, ENOENT, "no file '%s'", name);
	*file = input->files[i];
	return 0;
}

static char *print_of(const struct seg_policy *policy, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	require(f && !seg_policy_print(policy, f));
	fclose(f);
	return text;
}

static void use(const struct seg_policy *policy)
{
	const struct seg_image *image = seg_policy_image(policy);
	struct seg_flow flow = {.family = 4, .proto = 6};
	struct seg_decision decision;
	struct seg_need need;
	char because[64];

	require(!seg_image_check(image, seg_image_size(image), NULL));
	seg_image_classify(image, &flow, &decision, 1);
	seg_image_failsafe(image, &flow);
	for (uint32_t i = 0; !seg_image_need(image, i, &need); i++)
		require(*need.what && *need.mend && need.line);
	for (uint32_t i = 0; i < seg_image_rules(image) && i < 100; i++)
		seg_policy_because(policy, i, seg_image_mismatch(image, i, &flow), because,
				   sizeof(because));
}

static void print_twice(const struct seg_policy *policy)
{
	_cleanup_policy_ struct seg_policy *again = NULL;
	_cleanup_free_ char *text = NULL, *more = NULL;
	struct seg_policy_file file = {.name = "printed"};
	size_t len;

	file.text = text = print_of(policy, &file.len);
	require(!seg_policy_open(&file, NULL, &again, NULL));
	more = print_of(again, &len);
	require(len == file.len && !memcmp(text, more, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);
	const struct seg_policy_loader loader = {load, &input};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	struct seg_error err = {0};

	if (seg_policy_open(&input.files[0], &loader, &policy, &err)) {
		require(err.what[0]);
		return 0;
	}
	use(policy);
	print_twice(policy);
	return 0;
}
