/* SPDX-License-Identifier: BSD-2-Clause */
/* sessions.h - the live sessions of the table, as they are shown and chosen. */
#ifndef SEG_SESSIONS_H
#define SEG_SESSIONS_H

#include "keeper.h"
#include "session_filter.h"

/* What is known of the session in a slot at `now` (ticks). False: none lives there. */
bool seg_sessions_look(const struct seg_keeper *keeper, uint32_t slot, uint32_t now,
		       struct seg_session_facts *facts);

/*
 * Member "filter" of a request's body. -EINVAL, err filled: it is none, or names a rule
 * or an interface that is not there. The filter is the caller's either way.
 */
int seg_sessions_filter(const struct seg_keeper *keeper, const json_t *body,
			struct seg_session_filter *filter, struct seg_error *err);

/* How many live sessions are meant. */
uint64_t seg_sessions_count(const struct seg_keeper *keeper,
			    const struct seg_session_filter *filter);

/* End them; each one's next packet begins a flow. Their counters go to their rules. How many. */
uint64_t seg_sessions_delete(struct seg_keeper *keeper, const struct seg_session_filter *filter);

#endif
