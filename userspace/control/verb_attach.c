/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_attach.c - POST /v1/attach: the reply is the status. */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "keeper.h"
#include "server.h"

#define LEARN_MAX_MS 3600000

static int usage(struct seg_error *err, const char *what)
{
	return seg_request_usage("attach", what, err);
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
	const char *text = json_string_value(json_object_get(body, "mode"));

	for (size_t i = 0; i < SEG_MODE_MAX; i++)
		if (!text || !strcmp(text, seg_mode_names[i])) {
			*mode = (enum seg_mode)i;
			return 0;
		}
	return usage(err, "'mode' is auto, native or generic");
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

/* Ways to say it: {"learn_ms": 2000}; nothing: as the policy says. */
static int read_learn(const json_t *body, struct seg_attach_request *request, struct seg_error *err)
{
	const json_t *number = json_object_get(body, "learn_ms");

	request->learn_default = !number || json_is_null(number);
	if (request->learn_default)
		return 0;
	if (!json_is_integer(number) || json_integer_value(number) < 0 ||
	    json_integer_value(number) > LEARN_MAX_MS)
		return usage(err, "'learn_ms' is a number of milliseconds, at most an hour");
	request->options.learn_ns = (uint64_t)json_integer_value(number) * 1000000;
	return 0;
}

static int read_request(const json_t *body, struct seg_attach_request *request,
			struct seg_policy_files *files, struct seg_error *err)
{
	static const char *const known[] = {"interfaces", "policy",   "mode",   "observe", "queues",
					    "foreground", "learn_ms", "shared", NULL};
	const json_t *policy = json_object_get(body, "policy");
	int r = seg_request_keys(body, "attach", known, err);

	if (!r)
		r = read_mode(body, &request->options.mode, err);
	if (!r)
		r = read_queues(body, &request->options.queues_max, err);
	if (!r)
		r = read_learn(body, request, err);
	request->options.shared = json_is_true(json_object_get(body, "shared"));
	if (!r)
		r = seg_request_policy(body, "attach", files, err);
	request->policy = (struct seg_policy_text){
		.files = files->n ? files : NULL,
		.fallback = json_is_true(json_object_get(policy, "default")),
		.observe = json_is_true(json_object_get(body, "observe")),
	};
	return r;
}

json_t *seg_verb_attach(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	const char *names[SEG_IFACES_MAX];
	struct seg_attach_request request = {.names = names};

	seg_cause_what(&keeper->cause, "attach");
	if (seg_read_names(body, names, &request.names_n, err) ||
	    read_request(body, &request, &files, err) || seg_keeper_attach(keeper, &request, err))
		return NULL;
	return seg_report_status(keeper, NULL, err);
}
