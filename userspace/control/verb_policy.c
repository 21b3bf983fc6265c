/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_policy.c - /v1/policy: POST puts one in force, GET says which is, whole. */
#include "keeper.h"
#include "policy_json.h"
#include "server.h"

json_t *seg_policy_status(const struct seg_keeper *keeper)
{
	const struct seg_rulebook *book = &keeper->book;

	if (!keeper->open || !book->given)
		return json_null();
	return json_pack("{s:s, s:i, s:s, s:b, s:i}", "name", seg_image_name(book->image),
			 "revision", (int)book->revision, "hash", seg_image_hash(book->image),
			 "observe", book->observe, "generation", (int)book->generation);
}

json_t *seg_report_policy(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	json_t *policy = seg_policy_status(keeper);

	(void)body, (void)err;
	if (json_is_object(policy))
		json_object_set_new(policy, "source", seg_policy_to_json(&keeper->book.files));
	return json_pack("{s:o}", "policy", policy);
}

static int apply(struct seg_keeper *keeper, const json_t *body, bool *changes,
		 struct seg_error *err)
{
	static const char *const known[] = {"policy", NULL};
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	int r = seg_request_keys(body, "policy apply", known, err);

	if (!r)
		r = seg_request_policy(body, "policy apply", &files, err);
	if (!r && !files.n)
		r = seg_request_usage("policy apply", "it needs a policy", err);
	return r ? r : seg_keeper_apply(keeper, &files, changes, err);
}

/* The reply is what status says of it, "rules", and whether that is new. */
json_t *seg_verb_apply(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	json_t *policy;
	bool changes;

	if (apply(keeper, body, &changes, err))
		return NULL;
	policy = seg_policy_status(keeper);
	json_object_set_new(policy, "rules", json_integer(seg_image_rules(keeper->book.image)));
	json_object_set_new(policy, "changed", json_boolean(changes));
	return policy;
}
