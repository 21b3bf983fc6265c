/* SPDX-License-Identifier: BSD-2-Clause */
#include "session_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "service.h"
#include "text.h"
#include "words.h"

#define NOT "not"

/* --- values ----------------------------------------------------------------- */

static int read_range(const struct seg_filter_key *key, const char *text, size_t len,
		      struct seg_filter_value *to, const char **nearest)
{
	(void)key, (void)nearest;
	return seg_range_parse(text, len, &to->range);
}

static int read_ports(const struct seg_filter_key *key, const char *text, size_t len,
		      struct seg_filter_value *to, const char **nearest)
{
	uint16_t first, last;
	int r = seg_ports_parse(text, len, &first, &last);

	(void)key, (void)nearest;
	if (r)
		return r;
	to->first = first;
	to->last = last;
	return 0;
}

static int read_proto(const struct seg_filter_key *key, const char *text, size_t len,
		      struct seg_filter_value *to, const char **nearest)
{
	struct seg_nearest near = {.text = text, .len = len};
	struct seg_service service;

	(void)key;
	if (!seg_number_parse(text, len, UINT8_MAX, &to->first))
		return 0;
	if (!seg_service_parse(text, len, &service, &near) && !service.any &&
	    (!memchr(text, '/', len) || strncmp(text, "proto/", 6) == 0)) {
		to->first = service.proto;
		return 0;
	}
	*nearest = near.best;
	return -EINVAL;
}

static int read_text(const struct seg_filter_key *key, const char *text, size_t len,
		     struct seg_filter_value *to, const char **nearest)
{
	(void)key, (void)nearest;
	to->text = strndup(text, len);
	return to->text ? 0 : -ENOMEM;
}

static int read_choice(const struct seg_filter_key *key, const char *text, size_t len,
		       struct seg_filter_value *to, const char **nearest)
{
	struct seg_nearest near = {.text = text, .len = len};

	for (const char *const *choice = key->choices; *choice; choice++) {
		if (seg_text_is(text, len, *choice))
			return read_text(key, text, len, to, nearest);
		seg_nearest_offer(&near, *choice);
	}
	*nearest = near.best;
	return -EINVAL;
}

static int read_duration(const struct seg_filter_key *key, const char *text, size_t len,
			 struct seg_filter_value *to, const char **nearest)
{
	(void)key, (void)nearest;
	return seg_duration_parse(text, len, &to->first);
}

static int read_count(const struct seg_filter_key *key, const char *text, size_t len,
		      struct seg_filter_value *to, const char **nearest)
{
	(void)key, (void)nearest;
	return seg_count_parse(text, len, UINT64_MAX, &to->first);
}

static void value_close(struct seg_filter_value *value)
{
	free(value->text);
	value->text = NULL;
}

/* --- matching --------------------------------------------------------------- */

static bool in_range(const struct seg_range *range, const struct seg_address *address)
{
	return memcmp(address, &range->first, sizeof(*address)) >= 0 &&
	       memcmp(address, &range->last, sizeof(*address)) <= 0;
}

static bool in_ports(const struct seg_filter_value *value, uint16_t port)
{
	return port >= value->first && port <= value->last;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a + b;
}

/* A predicate of a value `v` and a session's facts `f`. */
#define MATCH(name, condition)                                                                     \
	static bool match_##name(const struct seg_filter_value *v,                                 \
				 const struct seg_session_facts *f)                                \
	{                                                                                          \
		return condition;                                                                  \
	}

MATCH(src, in_range(&v->range, &f->address[0]))
MATCH(dst, in_range(&v->range, &f->address[1]))
MATCH(host, match_src(v, f) || match_dst(v, f))
MATCH(sport, in_ports(v, f->port[0]))
MATCH(dport, in_ports(v, f->port[1]))
MATCH(port, match_sport(v, f) || match_dport(v, f))
MATCH(proto, f->proto == v->first)
MATCH(family, *v->text - '0' == f->family)
MATCH(state, strcmp(seg_state_word(f->l4), v->text) == 0)
MATCH(verdict, strcmp(seg_verdict_word(f->verdict), v->text) == 0)
MATCH(rule, strcmp(f->rule, v->text) == 0)
MATCH(iface, strcmp(f->iface, v->text) == 0)
MATCH(older, f->age_ns >= v->first)
MATCH(younger, f->age_ns < v->first)
MATCH(idle, f->idle_ns >= v->first)
MATCH(expires, f->expires_ns < v->first)
MATCH(packets, sum(f->count[0].packets, f->count[1].packets) >= v->first)
MATCH(bytes, sum(f->count[0].bytes, f->count[1].bytes) >= v->first)

/* --- keys ------------------------------------------------------------------- */

static const char *const FAMILIES[] = {"4", "6", NULL};
static const char *const STATES[] = {"new",       "opening", "established", "closing",
				     "time-wait", "closed",  NULL};
static const char *const VERDICTS[] = {"allow", "deny", "pending", NULL};

/* What a key takes, and an example. */
#define RANGES    "an address, a prefix or a range", "10.0.0.1, 2001:db8::/32, 10.0.0.5-10.0.0.9"
#define PORTS     "a port or a range of ports", "443, 1024-65535"
#define PROTOS    "a protocol", "tcp, udp, icmp, icmpv6, sctp, proto/47"
#define DURATIONS "a time", "500ms, 10s, 5m, 2h"
#define COUNTS    "a number", "200, 64k, 1M"

const struct seg_filter_key SEG_FILTER_KEYS[] = {
	{"src", "ADDRESS", NULL, "who began it", RANGES, read_range, match_src},
	{"dst", "ADDRESS", NULL, "with whom", RANGES, read_range, match_dst},
	{"host", "ADDRESS", NULL, "one of the two", RANGES, read_range, match_host},
	{"sport", "PORT", NULL, "of who began it", PORTS, read_ports, match_sport},
	{"dport", "PORT", NULL, "of the other", PORTS, read_ports, match_dport},
	{"port", "PORT", NULL, "of one of the two", PORTS, read_ports, match_port},
	{"proto", "PROTO", NULL, "its protocol", PROTOS, read_proto, match_proto},
	{"family", "FAMILY", FAMILIES, "IPv4 or IPv6", "4 or 6", NULL, read_choice, match_family},
	{"state", "STATE", STATES, "of the flow",
	 "new, opening, established, closing, time-wait or closed", NULL, read_choice, match_state},
	{"verdict", "VERDICT", VERDICTS, "what was decided", "allow, deny or pending", NULL,
	 read_choice, match_verdict},
	{"rule", "ID", NULL, "that decided; 'default', and '-': none", "a rule's id",
	 "web, default", read_text, match_rule},
	{"iface", "IFACE", NULL, "that it came by", "an interface's name", "eth0", read_text,
	 match_iface},
	{"older", "DURATION", NULL, "began this long ago, or before", DURATIONS, read_duration,
	 match_older},
	{"younger", "DURATION", NULL, "began since", DURATIONS, read_duration, match_younger},
	{"idle", "DURATION", NULL, "silent for this long, or longer", DURATIONS, read_duration,
	 match_idle},
	{"expires", "DURATION", NULL, "ends before, if it stays silent", DURATIONS, read_duration,
	 match_expires},
	{"packets", "N", NULL, "so many, both ways together, or more", COUNTS, read_count,
	 match_packets},
	{"bytes", "N", NULL, "so many, both ways together, or more", COUNTS, read_count,
	 match_bytes},
	{0},
};

const struct seg_filter_key *seg_filter_key_find(const char *name, size_t len,
						 struct seg_error *err)
{
	struct seg_nearest nearest = {.text = name, .len = len};

	for (const struct seg_filter_key *key = SEG_FILTER_KEYS; key->name; key++) {
		if (seg_text_is(name, len, key->name))
			return key;
		seg_nearest_offer(&nearest, key->name);
	}
	seg_error_set(err, EINVAL, "sessions have no '%.*s'", (int)len, name);
	if (nearest.best)
		seg_error_mend(err, "did you mean '%s'?", nearest.best);
	else
		seg_error_mend(err, "`xdpseg help sessions` lists what they have");
	seg_error_exit(err, SEG_EXIT_USAGE);
	return NULL;
}

/* --- one value -------------------------------------------------------------- */

static int value_fault(const struct seg_filter_key *key, const char *text, size_t len,
		       const char *nearest, struct seg_error *err)
{
	if (len)
		seg_error_set(err, EINVAL, "%s: '%.*s' is not %s", key->name, (int)len, text,
			      key->expects);
	else
		seg_error_set(err, EINVAL, "%s: %s is missing", key->name, key->expects);
	if (nearest)
		seg_error_mend(err, "did you mean '%s'?", nearest);
	else if (key->example)
		seg_error_mend(err, "like %s", key->example);
	seg_error_exit(err, SEG_EXIT_USAGE);
	return -EINVAL;
}

static int value_open(const struct seg_filter_key *key, const char *text, size_t len,
		      struct seg_filter_value *value, struct seg_error *err)
{
	const char *nearest = NULL;
	int r = len ? key->read(key, text, len, value, &nearest) : -EINVAL;

	if (r == -ENOMEM)
		return seg_error_set(err, ENOMEM, "out of memory");
	return r ? value_fault(key, text, len, nearest, err) : 0;
}

int seg_filter_value_check(const struct seg_filter_key *key, const char *text, size_t len,
			   struct seg_error *err)
{
	struct seg_filter_value value = {0};
	int r = value_open(key, text, len, &value, err);

	value_close(&value);
	return r;
}

/* --- from JSON -------------------------------------------------------------- */

static int fault(struct seg_error *err, const char *what, const char *name)
{
	seg_error_set(err, EINVAL, what, name);
	seg_error_mend(err, "write it like {\"port\": [\"80\", \"443\"], \"not\": {...}}");
	seg_error_exit(err, SEG_EXIT_USAGE);
	return -EINVAL;
}

/* Its place in filter->conditions is made before it is filled, so that it is freed either way. */
static int condition_open(struct seg_session_filter *filter, const char *name, const json_t *values,
			  bool negated, struct seg_error *err)
{
	struct seg_filter_condition *condition = &filter->conditions[filter->n];
	const json_t *value;
	size_t i;
	int r = 0;

	condition->key = seg_filter_key_find(name, strlen(name), err);
	if (!condition->key)
		return -EINVAL;
	if (!json_array_size(values))
		return fault(err, "filter: '%s' is no list of values", name);
	condition->values = calloc(json_array_size(values), sizeof(*condition->values));
	if (!condition->values)
		return seg_error_set(err, ENOMEM, "out of memory");
	condition->negated = negated;
	filter->n++;
	json_array_foreach (values, i, value) {
		const char *text = json_string_value(value);

		if (!text)
			return fault(err, "filter: a value of '%s' is no text", name);
		r = value_open(condition->key, text, strlen(text), &condition->values[i], err);
		if (r)
			return r;
		condition->values_n++;
	}
	return 0;
}

static int conditions_open(struct seg_session_filter *filter, const json_t *json, bool negated,
			   struct seg_error *err)
{
	const char *name;
	json_t *value;
	int r = 0;

	json_object_foreach ((json_t *)json, name, value) {
		if (!negated && strcmp(name, NOT) == 0)
			continue;
		r = condition_open(filter, name, value, negated, err);
		if (r)
			return r;
	}
	return 0;
}

int seg_session_filter_open(struct seg_session_filter *filter, const json_t *json,
			    struct seg_error *err)
{
	const json_t *contrary = json_object_get(json, NOT);
	int r;

	*filter = (struct seg_session_filter){0};
	if (!json || json_is_null(json))
		return 0;
	if (!json_is_object(json) || (contrary && !json_is_object(contrary)))
		return fault(err, "filter: %s is no object", contrary ? "'" NOT "'" : "it");
	filter->conditions = calloc(json_object_size(json) + json_object_size(contrary) + 1,
				    sizeof(*filter->conditions));
	if (!filter->conditions)
		return seg_error_set(err, ENOMEM, "out of memory");
	r = conditions_open(filter, json, false, err);
	return r ? r : conditions_open(filter, contrary, true, err);
}

void seg_session_filter_close(struct seg_session_filter *filter)
{
	for (size_t i = 0; i < filter->n; i++) {
		for (size_t j = 0; j < filter->conditions[i].values_n; j++)
			value_close(&filter->conditions[i].values[j]);
		free(filter->conditions[i].values);
	}
	free(filter->conditions);
	*filter = (struct seg_session_filter){0};
}

/* --- asked ------------------------------------------------------------------ */

static bool condition_matches(const struct seg_filter_condition *condition,
			      const struct seg_session_facts *facts)
{
	for (size_t i = 0; i < condition->values_n; i++)
		if (condition->key->matches(&condition->values[i], facts))
			return !condition->negated;
	return condition->negated;
}

bool seg_session_filter_matches(const struct seg_session_filter *filter,
				const struct seg_session_facts *facts)
{
	for (size_t i = 0; i < filter->n; i++)
		if (!condition_matches(&filter->conditions[i], facts))
			return false;
	return true;
}

/* --- order ------------------------------------------------------------------ */

#define SORT(name, value)                                                                          \
	static uint64_t sort_##name(const struct seg_session_facts *f)                             \
	{                                                                                          \
		return value;                                                                      \
	}

SORT(bytes, sum(f->count[0].bytes, f->count[1].bytes))
SORT(packets, sum(f->count[0].packets, f->count[1].packets))
SORT(age, f->age_ns)
SORT(idle, f->idle_ns)
SORT(expires, f->expires_ns)

seg_session_sort seg_session_sort_find(const char *name)
{
	static const struct {
		const char *name;
		seg_session_sort sort;
	} SORTS[] = {
		{"bytes", sort_bytes}, {"packets", sort_packets}, {"age", sort_age},
		{"idle", sort_idle},   {"expires", sort_expires},
	};

	for (size_t i = 0; name && i < SEG_ARRAY_SIZE(SORTS); i++)
		if (strcmp(name, SORTS[i].name) == 0)
			return SORTS[i].sort;
	return NULL;
}
