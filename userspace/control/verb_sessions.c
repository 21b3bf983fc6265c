/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_sessions.c - POST /v1/sessions/count, delete and flush: how many, and an end to them. */
#include "server.h"
#include "sessions.h"

static const char *const FILTERED[] = {"filter", NULL};
static const char *const PLAIN[] = {NULL};

json_t *seg_verb_sessions_count(struct seg_keeper *keeper, const json_t *body,
				struct seg_error *err)
{
	_cleanup_session_filter_ struct seg_session_filter filter = {0};

	if (seg_request_keys(body, "sessions list", FILTERED, err) ||
	    seg_sessions_filter(keeper, body, &filter, err))
		return NULL;
	return json_pack("{s:I}", "count", (json_int_t)seg_sessions_count(keeper, &filter));
}

static json_t *end_sessions(struct seg_keeper *keeper, const struct seg_session_filter *filter)
{
	return json_pack("{s:I}", "deleted", (json_int_t)seg_sessions_delete(keeper, filter));
}

json_t *seg_verb_sessions_delete(struct seg_keeper *keeper, const json_t *body,
				 struct seg_error *err)
{
	_cleanup_session_filter_ struct seg_session_filter filter = {0};

	if (seg_request_keys(body, "sessions delete", FILTERED, err) ||
	    seg_sessions_filter(keeper, body, &filter, err))
		return NULL;
	if (!filter.n) {
		seg_request_usage("sessions delete", "it needs a filter", err);
		seg_error_mend(err, "`xdpseg sessions flush` ends all of them");
		return NULL;
	}
	return end_sessions(keeper, &filter);
}

json_t *seg_verb_sessions_flush(struct seg_keeper *keeper, const json_t *body,
				struct seg_error *err)
{
	const struct seg_session_filter all = {0};

	return seg_request_keys(body, "sessions flush", PLAIN, err) ? NULL
								    : end_sessions(keeper, &all);
}
