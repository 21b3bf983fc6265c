/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_policy.c - /v1/policy: POST puts one in force, or changes a rule of it, GET says which is,
 * whole; and the ways back. */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "keeper.h"
#include "policy_json.h"
#include "server.h"

/* Seconds until the one before comes back, begun ones too. */
static json_int_t trial_left(const struct seg_trial *trial)
{
	uint64_t now = seg_clock_now();

	return trial->ends > now ? (json_int_t)((trial->ends - now) / SEG_NS_PER_S + 1) : 0;
}

json_t *seg_policy_status(const struct seg_keeper *keeper)
{
	const struct seg_rulebook *book = &keeper->book;
	json_t *policy;

	if (!keeper->open || !book->given)
		return json_null();
	policy = json_pack("{s:s, s:i, s:s, s:b, s:i}", "name", seg_image_name(book->image),
			   "revision", (int)book->revision, "hash", seg_image_hash(book->image),
			   "observe", book->observe, "generation", (int)book->generation);
	if (keeper->trial.ends)
		json_object_set_new(policy, "confirm_s", json_integer(trial_left(&keeper->trial)));
	return policy;
}

json_t *seg_report_policy(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	json_t *policy = seg_policy_status(keeper);

	(void)body, (void)err;
	if (json_is_object(policy))
		json_object_set_new(policy, "source", seg_policy_to_json(&keeper->book.files));
	return json_pack("{s:o}", "policy", policy);
}

static int read_trial(const json_t *body, uint64_t *ns, struct seg_error *err)
{
	const json_t *number = json_object_get(body, "confirm_ns");
	json_int_t value = json_integer_value(number);

	if (!number || json_is_null(number))
		return 0;
	if (value < 1 || value > (json_int_t)SEG_TRIAL_MAX_NS)
		return seg_request_usage("policy apply", "'confirm_ns' is a time of up to a day",
					 err);
	*ns = (uint64_t)value;
	return 0;
}

/* Who changes a part of the policy says which policy that was. */
static int still_in_force(const struct seg_keeper *keeper, const json_t *body,
			  struct seg_error *err)
{
	const char *hash = json_string_value(json_object_get(body, "replaces"));

	if (!hash || !keeper->open || !strcmp(hash, seg_image_hash(keeper->book.image)))
		return 0;
	seg_error_set(err, EAGAIN, "another policy was put in force meanwhile");
	seg_error_mend(err, "look at `xdpseg policy history`, and say it again");
	return -EAGAIN;
}

/* For the history: the client's own words, or the file's name. */
static void say_what(struct seg_keeper *keeper, const json_t *body,
		     const struct seg_policy_files *files)
{
	const char *what = json_string_value(json_object_get(body, "what"));

	if (what)
		seg_cause_what(&keeper->cause, "%s", what);
	else
		seg_cause_what(&keeper->cause, "apply %s", files->item[0].name);
}

static int apply(struct seg_keeper *keeper, const json_t *body, bool *changes,
		 struct seg_error *err)
{
	static const char *const known[] = {"policy", "confirm_ns", "what", "replaces", NULL};
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	uint64_t trial_ns = 0;
	int r = seg_request_keys(body, "policy apply", known, err);

	if (!r)
		r = read_trial(body, &trial_ns, err);
	if (!r)
		r = seg_request_policy(body, "policy apply", &files, err);
	if (!r && !files.n)
		r = seg_request_usage("policy apply", "it needs a policy", err);
	if (!r)
		r = still_in_force(keeper, body, err);
	if (r)
		return r;
	say_what(keeper, body, &files);
	return seg_keeper_apply(keeper, &files, trial_ns, changes, err);
}

/* The reply is what status says of it, "rules", and whether that is new. */
static json_t *report(const struct seg_keeper *keeper, bool changes)
{
	json_t *policy = seg_policy_status(keeper);

	json_object_set_new(policy, "rules", json_integer(seg_image_rules(keeper->book.image)));
	json_object_set_new(policy, "changed", json_boolean(changes));
	return policy;
}

json_t *seg_report_revisions(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	(void)body, (void)err;
	return json_pack("{s:o}", "revisions",
			 keeper->revisions ? json_incref(keeper->revisions) : json_array());
}

json_t *seg_verb_apply(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	bool changes;

	return apply(keeper, body, &changes, err) ? NULL : report(keeper, changes);
}

/* One rule of what is in force, by its text. The reply is apply's, or {"patched": false}: then the
 * client patches the text itself, and applies that. */
json_t *seg_verb_patch(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	static const char *const known[] = {"rule",  "remove",     "before",
					    "after", "confirm_ns", NULL};
	const struct seg_patch patch = {
		.rule = json_string_value(json_object_get(body, "rule")),
		.removed = json_string_value(json_object_get(body, "remove")),
		.before = json_string_value(json_object_get(body, "before")),
		.after = json_string_value(json_object_get(body, "after"))};
	uint64_t trial_ns = 0;
	bool changes;
	int r = seg_request_keys(body, "policy patch", known, err);

	if (!r)
		r = read_trial(body, &trial_ns, err);
	if (!r && !patch.rule == !patch.removed)
		r = seg_request_usage("policy patch", "it needs a 'rule', or one to 'remove'", err);
	if (!r)
		r = seg_keeper_patch(keeper, &patch, trial_ns, &changes, err);
	if (r == -EAGAIN)
		return json_pack("{s:b}", "patched", false);
	return r ? NULL : report(keeper, changes);
}

json_t *seg_verb_confirm(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	(void)body;
	return seg_trial_confirm(keeper, err) ? NULL : report(keeper, false);
}

json_t *seg_verb_rollback(struct seg_keeper *keeper, const json_t *body, struct seg_error *err)
{
	(void)body;
	seg_cause_what(&keeper->cause, "rollback");
	return seg_trial_rollback(keeper, err) ? NULL : report(keeper, true);
}
