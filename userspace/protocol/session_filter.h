/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session_filter.h - which sessions are meant: conditions that all have to hold.
 * One table of keys; the words of `xdpseg sessions`, its help, its completion and
 * what the daemon is asked follow from it. Pure.
 *
 * As JSON: {"src": ["10.0.0.0/8"], "port": ["80", "443"], "not": {"rule": ["web"]}}.
 * Of the values of a key one has to fit, of those under "not" none.
 */
#ifndef SEG_SESSION_FILTER_H
#define SEG_SESSION_FILTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "address.h"
#include "error.h"

/* What is known of a session. [0]: of who began, or sent by it; [1]: of the other. */
struct seg_session_facts {
	struct seg_address address[2];
	uint16_t port[2]; /* host order */
	uint8_t proto;
	uint8_t family;   /* 4 or 6 */
	uint8_t verdict;  /* enum seg_verdict */
	uint8_t l4;       /* enum seg_l4_state */
	const char *rule; /* "-": none decides */
	const char *iface;
	uint64_t age_ns;     /* since it began */
	uint64_t idle_ns;    /* since its last packet */
	uint64_t expires_ns; /* until it ends if it stays silent */
	struct seg_count count[2];
};

/* A value as it is compared. */
struct seg_filter_value {
	struct seg_range range;
	uint64_t first, last;
	char *text;
};

/* A row of the table of keys. */
struct seg_filter_key {
	const char *name;
	const char *argument;       /* as help shows it */
	const char *const *choices; /* the words that it takes, then NULL; NULL: other values */
	const char *help;
	const char *expects; /* what it takes, for whoever wrote something else */
	const char *example; /* NULL: `expects` says it all */
	int (*read)(const struct seg_filter_key *key, const char *text, size_t len,
		    struct seg_filter_value *to, const char **nearest);
	bool (*matches)(const struct seg_filter_value *value,
			const struct seg_session_facts *facts);
};

/* All keys; the last row has no name. */
extern const struct seg_filter_key SEG_FILTER_KEYS[];

/* NULL with err filled: there is none; the nearest is named. */
const struct seg_filter_key *seg_filter_key_find(const char *name, size_t len,
						 struct seg_error *err);

struct seg_filter_condition {
	const struct seg_filter_key *key;
	bool negated;
	struct seg_filter_value *values;
	size_t values_n;
};

struct seg_session_filter {
	struct seg_filter_condition *conditions;
	size_t n; /* 0: every session is meant */
};

/* One value of a key is well-formed. -EINVAL, err filled. */
int seg_filter_value_check(const struct seg_filter_key *key, const char *text, size_t len,
			   struct seg_error *err);

/*
 * From JSON as above; NULL or null: every session. -EINVAL, -ENOMEM, err filled.
 * The filter is the caller's either way.
 */
int seg_session_filter_open(struct seg_session_filter *filter, const json_t *json,
			    struct seg_error *err);
void seg_session_filter_close(struct seg_session_filter *filter);

#define _cleanup_session_filter_ __attribute__((cleanup(seg_session_filter_close)))

bool seg_session_filter_matches(const struct seg_session_filter *filter,
				const struct seg_session_facts *facts);

/* --- order ------------------------------------------------------------------ */

/* What sessions are sorted by, the largest first; words that '|' separates. */
#define SEG_SESSION_SORTS "bytes|packets|age|idle|expires"

typedef uint64_t (*seg_session_sort)(const struct seg_session_facts *facts);

/* NULL: no such order. */
seg_session_sort seg_session_sort_find(const char *name);

#endif
