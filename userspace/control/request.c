/* SPDX-License-Identifier: BSD-2-Clause */
/* request.c - what requests of several verbs have in common. */
#include <errno.h>
#include <string.h>

#include "keeper.h"
#include "policy_json.h"
#include "server.h"

int seg_request_usage(const char *verb, const char *what, struct seg_error *err)
{
	seg_error_set(err, EINVAL, "%s: %s", verb, what);
	seg_error_exit(err, SEG_EXIT_USAGE);
	return -EINVAL;
}

int seg_request_keys(const json_t *body, const char *verb, const char *const *known,
		     struct seg_error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)body, key, value) {
		const char *const *name = known;

		while (*name && strcmp(*name, key) != 0)
			name++;
		if (!*name && json_is_true(value))
			return seg_error_set(err, EOPNOTSUPP,
					     "%s: '%s' is not supported by this version", verb,
					     key);
	}
	return 0;
}

int seg_request_policy(const json_t *body, const char *verb, struct seg_policy_files *files,
		       struct seg_error *err)
{
	const json_t *policy = json_object_get(body, "policy");
	int r = !policy || json_is_null(policy) ? 0 : seg_policy_from_json(policy, files);

	if (r == -ENOMEM)
		return seg_error_set(err, ENOMEM, "no memory for the policy");
	return r ? seg_request_usage(verb, "'policy' has a 'name', a 'text' and 'files'", err) : 0;
}
