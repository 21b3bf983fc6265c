/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_attach.c - POST /v1/attach: the reply is the status. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "keeper.h"
#include "server.h"

static int usage(struct seg_error *err, const char *what)
{
	seg_error_set(err, EINVAL, "attach: %s", what);
	seg_error_exit(err, SEG_EXIT_USAGE);
	return -EINVAL;
}

/* What a newer client might ask for is refused by name, not ignored. */
static int check_keys(const json_t *body, struct seg_error *err)
{
	static const char *const known[] = {"interfaces", "policy", "mode",
					    "observe",    "queues", "foreground"};
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)body, key, value) {
		size_t i = 0;

		while (i < SEG_ARRAY_SIZE(known) && strcmp(known[i], key) != 0)
			i++;
		if (i == SEG_ARRAY_SIZE(known) && json_is_true(value)) {
			seg_error_set(err, EOPNOTSUPP,
				      "attach: '%s' is not supported by this "
				      "version",
				      key);
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

int seg_read_names(const json_t *body, const char *names[SEG_IFACES_MAX], size_t *n,
		   struct seg_error *err)
{
	const json_t *array = json_object_get(body, "interfaces"), *name;
	size_t i;

	json_array_foreach (array, i, name) {
		const char *text = json_string_value(name);

		if (i == SEG_IFACES_MAX || !text || !*text || strlen(text) >= IFNAMSIZ)
			return usage(err, "'interfaces' is a list of names of interfaces");
		names[i] = text;
	}
	*n = json_array_size(array);
	return *n ? 0 : usage(err, "name an interface");
}

static int read_mode(const json_t *body, enum seg_mode *mode, struct seg_error *err)
{
	static const char *const names[] = {
		[SEG_MODE_AUTO] = "auto",
		[SEG_MODE_NATIVE] = "native",
		[SEG_MODE_GENERIC] = "generic",
	};
	const char *text = json_string_value(json_object_get(body, "mode"));

	for (size_t i = 0; i < SEG_ARRAY_SIZE(names); i++)
		if (!text || !strcmp(text, names[i])) {
			*mode = (enum seg_mode)i;
			return 0;
		}
	return usage(err, "'mode' is auto, native or generic");
}

static int read_policy(const json_t *body, struct seg_policy_text *policy, struct seg_error *err)
{
	const json_t *object = json_object_get(body, "policy");
	const json_t *text = json_object_get(object, "text");

	policy->observe = json_is_true(json_object_get(body, "observe"));
	if (!object || json_is_null(object))
		return 0;
	policy->name = json_string_value(json_object_get(object, "name"));
	policy->text = json_string_value(text);
	policy->length = json_string_length(text);
	policy->fallback = json_is_true(json_object_get(object, "default"));
	if (!policy->name || !policy->text)
		return usage(err, "'policy' has a 'name' and a 'text'");
	return 0;
}

static int read_queues(const json_t *body, uint32_t *queues, struct seg_error *err)
{
	const json_t *number = json_object_get(body, "queues");

	if (!number || json_is_null(number))
		return 0;
	if (json_integer_value(number) < 1 || json_integer_value(number) > SEG_QUEUES_MAX)
		return usage(err, "'queues' is a number from 1 to 256");
	*queues = (uint32_t)json_integer_value(number);
	return 0;
}

json_t *seg_verb_attach(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	const char *names[SEG_IFACES_MAX];
	struct seg_attach_request request = {.names = names};

	if (check_keys(body, err) || seg_read_names(body, names, &request.names_n, err) ||
	    read_mode(body, &request.options.mode, err) ||
	    read_queues(body, &request.options.queues_max, err) ||
	    read_policy(body, &request.policy, err) || seg_keeper_attach(keeper, &request, err))
		return NULL;
	return seg_report_status(keeper, NULL, err);
}
