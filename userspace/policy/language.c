/* SPDX-License-Identifier: BSD-2-Clause */
#include "language.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "text.h"

static int read_map(struct seg_parser *parser, const struct seg_keys *table, void *target);

/* --- words --------------------------------------------------------------- */

static int word_take(struct seg_parser *parser, const char *key, struct seg_word *out)
{
	struct seg_reader *reader = &parser->reader;
	struct seg_model *model = &parser->model;

	if (reader->node != SEG_NODE_SCALAR || !reader->len)
		return seg_reader_error(reader, reader->at, EINVAL, "'%s' needs a value here", key);
	if (reader->len > SEG_WORD_MAX)
		return seg_reader_error(reader, reader->at, EINVAL,
					"a word of over %d characters in '%s'", SEG_WORD_MAX, key);
	if (SEG_ROOM(&model->text, reader->len + 1))
		return -ENOMEM;
	*out = (struct seg_word){model->text.n, reader->at, (uint16_t)reader->len, 0};
	memcpy(model->text.item + model->text.n, reader->word, reader->len);
	model->text.n += reader->len;
	model->text.item[model->text.n++] = '\0';
	return 0;
}

int seg_name_check(struct seg_parser *parser, const struct seg_word *word, const char *what)
{
	const char *text = seg_word_text(&parser->model, word);
	size_t sound =
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	if (word->len >= SEG_NAME_MAX)
		return seg_reader_error(&parser->reader, word->at, EINVAL,
					"%s's name has over %d characters", what, SEG_NAME_MAX - 1);
	if (sound == word->len)
		return 0;
	seg_error_mend(parser->reader.err, "a name is made of letters, digits, '_', '-' and '.'");
	return seg_reader_error(&parser->reader, word->at, EINVAL, "'%s' is no name for %s", text,
				what);
}

/* --- kinds of values ----------------------------------------------------- */

static int read_name(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	struct seg_word word = {0};
	int r = word_take(parser, key->name, &word);

	if (!r)
		r = seg_name_check(parser, &word, key->table->what);
	if (!r)
		*(struct seg_word *)target = word;
	return r;
}

static void offer_choices(const struct seg_choice *choices, struct seg_nearest *nearest)
{
	for (; choices->name; choices++)
		seg_nearest_offer(nearest, choices->name);
}

static void mend_choice(struct seg_parser *parser, const struct seg_policy_key *key)
{
	struct seg_nearest nearest = {.text = parser->reader.word, .len = parser->reader.len};
	char list[256] = "";
	size_t n = 0;

	offer_choices(key->choices, &nearest);
	if (nearest.best) {
		seg_error_mend(parser->reader.err, "did you mean '%s'?", nearest.best);
		return;
	}
	for (const struct seg_choice *c = key->choices; c->name && n < sizeof(list); c++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", c->name);
	seg_error_mend(parser->reader.err, "write one of: %s", list);
}

static const struct seg_choice *choice_of(const struct seg_policy_key *key, const char *word,
					  size_t len)
{
	const struct seg_choice *choice = key->choices;

	while (choice && choice->name && !seg_text_is(word, len, choice->name))
		choice++;
	return choice && choice->name ? choice : NULL;
}

/* A refusal's way out is always the same. */
static void mend_refused(struct seg_parser *parser)
{
	seg_error_mend(parser->reader.err, "remove it: what it asks for would not be done");
}

static int choice_refuse(struct seg_parser *parser, const struct seg_policy_key *key,
			 const struct seg_choice *choice)
{
	mend_refused(parser);
	return seg_reader_error(&parser->reader, parser->reader.at, EOPNOTSUPP,
				"'%s: %s' is not enforced by this version", key->name,
				choice->name);
}

/* The word here, and which of the key's choices it is, if any. */
static int value_take(struct seg_parser *parser, const struct seg_policy_key *key,
		      const struct seg_choice **choice)
{
	struct seg_word word;
	int r = word_take(parser, key->name, &word);

	if (!r)
		*choice = choice_of(key, parser->reader.word, parser->reader.len);
	return r;
}

static int value_error(struct seg_parser *parser, const struct seg_policy_key *key)
{
	struct seg_reader *reader = &parser->reader;

	return seg_reader_error(reader, reader->at, EINVAL, "'%.*s' is no value of '%s'",
				(int)reader->len, reader->word, key->name);
}

static int read_choice(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	const struct seg_choice *choice = NULL;
	int r = value_take(parser, key, &choice);

	if (r)
		return r;
	if (!choice) {
		mend_choice(parser, key);
		return value_error(parser, key);
	}
	if (choice->state == SEG_REFUSED)
		return choice_refuse(parser, key, choice);
	if (choice->state == SEG_REFUSED_AT_ATTACH &&
	    SEG_PUSH(&parser->model.wishes,
		     (struct seg_wish){key->name, choice->name, parser->reader.at}))
		return -ENOMEM;
	*(uint8_t *)target = (uint8_t)choice->value;
	return 0;
}

/* A number in words: what parses it, how it is written. */
struct measure {
	int (*parse)(const char *text, size_t len, uint64_t *out);
	const char *example;
};

static int parse_count(const char *text, size_t len, uint64_t *out)
{
	return seg_count_parse(text, len, UINT64_MAX, out);
}

static int parse_number(const char *text, size_t len, uint64_t *out)
{
	return seg_number_parse(text, len, UINT64_MAX, out);
}

static const struct measure COUNT = {parse_count, "200, 64k or 1M"};
static const struct measure DURATION = {seg_duration_parse, "100ms, 5s, 10m or 2h"};
static const struct measure NUMBER = {parse_number, "1"};

static int measure_take(struct seg_parser *parser, const struct seg_policy_key *key,
			const struct measure *measure, uint64_t *out)
{
	struct seg_reader *reader = &parser->reader;
	const struct seg_choice *choice = NULL;
	int r = value_take(parser, key, &choice);

	if (r)
		return r;
	if (choice) {
		*out = choice->value;
		return 0;
	}
	r = measure->parse(reader->word, reader->len, out);
	if (r == -EINVAL) {
		seg_error_mend(reader->err, "write it as %s", measure->example);
		return value_error(parser, key);
	}
	if (r || *out < key->min || *out > key->max)
		return seg_reader_error(reader, reader->at, EINVAL, "'%s: %.*s' is out of range",
					key->name, (int)reader->len, reader->word);
	return 0;
}

static void mend_count(struct seg_parser *parser, const struct seg_policy_key *key)
{
	seg_error_mend(parser->reader.err, "from %llu to %llu", (unsigned long long)key->min,
		       (unsigned long long)key->max);
}

static int read_count(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	uint64_t value;
	int r = measure_take(parser, key, &COUNT, &value);

	if (r == -EINVAL)
		mend_count(parser, key);
	if (!r)
		*(uint32_t *)target = (uint32_t)value;
	return r;
}

static int read_duration(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	char min[SEG_DURATION_TEXT_MAX], max[SEG_DURATION_TEXT_MAX];
	uint64_t value;
	int r = measure_take(parser, key, &DURATION, &value);

	if (r == -EINVAL)
		seg_error_mend(parser->reader.err, "from %s to %s",
			       seg_duration_print(key->min, min),
			       seg_duration_print(key->max, max));
	if (!r)
		*(uint64_t *)target = value;
	return r;
}

static int read_version(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	int r = measure_take(parser, key, &NUMBER, target);

	if (r == -EINVAL)
		seg_error_mend(parser->reader.err, "this version reads 'version: 1'");
	return r;
}

static int read_words(struct seg_parser *parser, const struct seg_policy_key *key, void *target);

static const struct seg_type NAME = {"name", read_name}, CHOICE = {"choice", read_choice};
static const struct seg_type COUNT_TYPE = {"count", read_count};
static const struct seg_type DURATION_TYPE = {"duration", read_duration};
static const struct seg_type VERSION = {"number", read_version};
static const struct seg_type WORDS = {"words", read_words};

static const struct seg_policy_key NOT_KEYS[] = {
	{.name = "not", .type = &WORDS, .flags = SEG_KEY_REQUIRED | SEG_KEY_NEGATIVE},
};
static const struct seg_keys NOT_TABLE = {"a list", NOT_KEYS, SEG_ARRAY_SIZE(NOT_KEYS)};

static int read_item(struct seg_parser *parser, const struct seg_policy_key *key,
		     struct seg_list *list)
{
	struct seg_word word;
	int r;

	if (parser->reader.node == SEG_NODE_MAP && (key->flags & SEG_KEY_NOT))
		return read_map(parser, &NOT_TABLE, list);
	r = word_take(parser, key->name, &word);
	if (r)
		return r;
	word.negative = (key->flags & SEG_KEY_NEGATIVE) != 0;
	if (!list->n)
		list->first = parser->model.words.n;
	list->n++;
	return SEG_PUSH(&parser->model.words, word);
}

/* One word or a list of them. */
static int read_words(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	struct seg_reader *reader = &parser->reader;
	struct seg_list *list = target;
	uint32_t at = reader->at, had = list->n;
	int r;

	if (!list->n)
		list->at = at;
	if (reader->node != SEG_NODE_LIST)
		return read_item(parser, key, list);
	while (!(r = seg_reader_next(reader)) && reader->node != SEG_NODE_LIST_END) {
		r = read_item(parser, key, list);
		if (r)
			return r;
	}
	if (!r && list->n == had)
		return seg_reader_error(reader, at, EINVAL, "'%s' is empty: it would match nothing",
					key->name);
	return r;
}

static int read_table(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	if (parser->reader.node == SEG_NODE_MAP)
		return read_map(parser, key->table, target);
	return seg_reader_error(&parser->reader, parser->reader.at, EINVAL,
				"'%s' must be a map: keys with values", key->name);
}

static const struct seg_type TABLE = {"map", read_table};

/* --- groups, services ---------------------------------------------------- */

/* `name: word` or `name: [word, ...]`, as the table's first key would be read. */
static int read_plain(struct seg_parser *parser, const struct seg_keys *table,
		      struct seg_named *named)
{
	struct seg_policy_key key = table->keys[0];
	char name[SEG_NAME_MAX];

	snprintf(name, sizeof(name), "%s", seg_word_text(&parser->model, &named->name));
	key.name = name;
	return read_words(parser, &key, &named->words);
}

static int read_named(struct seg_parser *parser, const struct seg_policy_key *key, seg_names *names)
{
	struct seg_named named = {0};
	int r = word_take(parser, key->name, &named.name);

	if (!r)
		r = seg_name_check(parser, &named.name, key->table->what);
	if (!r)
		r = seg_reader_next(&parser->reader);
	if (r)
		return r;
	if (parser->reader.node == SEG_NODE_MAP && key->table->n > 1)
		r = read_map(parser, key->table, &named.words);
	else
		r = read_plain(parser, key->table, &named);
	return r ? r : SEG_PUSH(names, named);
}

static int read_names(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	int r;

	if (parser->reader.node != SEG_NODE_MAP)
		return seg_reader_error(&parser->reader, parser->reader.at, EINVAL,
					"'%s' must be a map: names with lists", key->name);
	while (!(r = seg_reader_next(&parser->reader)) && parser->reader.node != SEG_NODE_MAP_END) {
		r = read_named(parser, key, target);
		if (r)
			return r;
	}
	return r;
}

static const struct seg_type NAMES = {"names", read_names};

/* --- rules --------------------------------------------------------------- */

extern const struct seg_keys SEG_RULE_TABLE;

static int read_rule(struct seg_parser *parser, const struct seg_policy_key *key)
{
	struct seg_rule_text rule = {.at = parser->reader.at, .directions = 7};
	int r;

	if (parser->reader.node != SEG_NODE_MAP)
		return seg_reader_error(&parser->reader, parser->reader.at, EINVAL,
					"a rule must be a map: {from: ..., action: allow}");
	if (parser->model.rules.n == SEG_RULES_MAX)
		return seg_reader_error(&parser->reader, parser->reader.at, E2BIG, "over %u rules",
					SEG_RULES_MAX);
	r = read_map(parser, key->table, &rule);
	return r ? r : SEG_PUSH(&parser->model.rules, rule);
}

static int read_rules(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	int r;

	(void)target;
	if (parser->reader.node != SEG_NODE_LIST)
		return seg_reader_error(&parser->reader, parser->reader.at, EINVAL,
					"'%s' must be a list of rules", key->name);
	while (!(r = seg_reader_next(&parser->reader)) &&
	       parser->reader.node != SEG_NODE_LIST_END) {
		r = read_rule(parser, key);
		if (r)
			return r;
	}
	return r;
}

static const struct seg_type RULES = {"rules", read_rules};

/* --- the tables ---------------------------------------------------------- */

#define NS_PER_S 1000000000ull
#define DAY_NS   (86400 * NS_PER_S)

static const struct seg_choice VERDICTS[] = {
	{"allow", SEG_VERDICT_ALLOW, SEG_ENFORCED}, {"deny", SEG_VERDICT_DENY, SEG_ENFORCED}, {0}};

static const struct seg_choice EGRESS_VERDICTS[] = {
	{"allow", SEG_VERDICT_ALLOW, SEG_ENFORCED},
	{"deny", SEG_VERDICT_DENY, SEG_REFUSED_AT_ATTACH},
	{0}};

static const struct seg_choice DIRECTIONS[] = {
	{"ingress", 1 << SEG_INGRESS, SEG_ENFORCED},
	{"egress", 1 << SEG_EGRESS, SEG_REFUSED_AT_ATTACH},
	{"forward", 1 << SEG_FORWARD, SEG_ENFORCED},
	{"any", 1 << SEG_INGRESS | 1 << SEG_EGRESS | 1 << SEG_FORWARD, SEG_ENFORCED},
	{0}};

static const struct seg_choice ON_LOSS[] = {{"sessions", SEG_ON_LOSS_SESSIONS, SEG_ENFORCED},
					    {"pass", SEG_ON_LOSS_PASS, SEG_ENFORCED},
					    {"drop", SEG_ON_LOSS_DROP, SEG_ENFORCED},
					    {0}};

static const struct seg_choice STAGES[] = {
	{"enforce", 0, SEG_ENFORCED}, {"shadow", 1, SEG_REFUSED}, {0}};

static const struct seg_choice BOOLEANS[] = {
	{"true", 1, SEG_ENFORCED}, {"false", 0, SEG_ENFORCED}, {0}};

static const struct seg_choice PICKUP[] = {{"loose", SEG_PICKUP_ALWAYS, SEG_ENFORCED}, {0}};

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct seg_policy_key TIMEOUT_KEYS[] = {
#define X(id, key, seconds)                                                                        \
	{.name = key,                                                                              \
	 .type = &DURATION_TYPE,                                                                   \
	 AT(seg_defaults, timeout_ns[SEG_TIMEOUT_##id]),                                           \
	 .min = NS_PER_S,                                                                          \
	 .max = 20 * DAY_NS},
	SEG_TIMEOUTS(X)
#undef X
};
static const struct seg_keys TIMEOUT_TABLE = {"'timeouts'", TIMEOUT_KEYS,
					      SEG_ARRAY_SIZE(TIMEOUT_KEYS)};

#define LIMIT(key, member)                                                                         \
	{                                                                                          \
		.name = key, .type = &COUNT_TYPE, AT(seg_defaults, member), .min = 1,              \
		.max = 1 << 26                                                                     \
	}

static const struct seg_policy_key LIMIT_KEYS[] = {
	LIMIT("sessions", sessions_max), LIMIT("half-open", half_open_max),
	LIMIT("denied", denied_max),     {.name = "masks"},
	{.name = "slow-path"},
};
static const struct seg_keys LIMIT_TABLE = {"'limits'", LIMIT_KEYS, SEG_ARRAY_SIZE(LIMIT_KEYS)};

static const struct seg_policy_key DEFAULT_KEYS[] = {
	{.name = "ingress",
	 .type = &CHOICE,
	 AT(seg_defaults, verdict[SEG_INGRESS]),
	 .choices = VERDICTS},
	{.name = "egress",
	 .type = &CHOICE,
	 AT(seg_defaults, verdict[SEG_EGRESS]),
	 .choices = EGRESS_VERDICTS},
	{.name = "forward",
	 .type = &CHOICE,
	 AT(seg_defaults, verdict[SEG_FORWARD]),
	 .choices = VERDICTS},
	{.name = "on-worker-loss", .type = &CHOICE, AT(seg_defaults, on_loss), .choices = ON_LOSS},
	{.name = "pickup",
	 .type = &DURATION_TYPE,
	 AT(seg_defaults, pickup_ns),
	 .max = DAY_NS,
	 .choices = PICKUP},
	{.name = "attach-learn",
	 .type = &DURATION_TYPE,
	 AT(seg_defaults, attach_learn_ns),
	 .max = DAY_NS},
	{.name = "timeouts", .type = &TABLE, .table = &TIMEOUT_TABLE},
	{.name = "limits", .type = &TABLE, .table = &LIMIT_TABLE},
	{.name = "on-change"},
	{.name = "syn-protect"},
	{.name = "unmatched"},
	{.name = "ethertypes"},
};
static const struct seg_keys DEFAULT_TABLE = {"'defaults'", DEFAULT_KEYS,
					      SEG_ARRAY_SIZE(DEFAULT_KEYS)};

/* The first row is also the plain form: a word or a list. */
static const struct seg_policy_key GROUP_KEYS[] = {
	{.name = "include", .type = &WORDS, .flags = SEG_KEY_NOT},
	{.name = "except", .type = &WORDS, .flags = SEG_KEY_NEGATIVE},
	{.name = "file"},
};
static const struct seg_keys GROUP_TABLE = {"a group", GROUP_KEYS, SEG_ARRAY_SIZE(GROUP_KEYS)};

static const struct seg_policy_key SERVICE_KEYS[] = {
	{.name = "services", .type = &WORDS},
};
static const struct seg_keys SERVICE_TABLE = {"a service", SERVICE_KEYS,
					      SEG_ARRAY_SIZE(SERVICE_KEYS)};

static const struct seg_policy_key RULE_KEYS[] = {
	{.name = "id", .type = &NAME, AT(seg_rule_text, id), .table = &SEG_RULE_TABLE},
	{.name = "direction",
	 .type = &CHOICE,
	 AT(seg_rule_text, directions),
	 .choices = DIRECTIONS},
	{.name = "from", .type = &WORDS, AT(seg_rule_text, from), .flags = SEG_KEY_NOT},
	{.name = "to", .type = &WORDS, AT(seg_rule_text, to), .flags = SEG_KEY_NOT},
	{.name = "service", .type = &WORDS, AT(seg_rule_text, service)},
	{.name = "source-port", .type = &WORDS, AT(seg_rule_text, source_port)},
	{.name = "vlan", .type = &WORDS, AT(seg_rule_text, vlan)},
	{.name = "iface", .type = &WORDS, AT(seg_rule_text, iface)},
	{.name = "action",
	 .type = &CHOICE,
	 AT(seg_rule_text, verdict),
	 .flags = SEG_KEY_REQUIRED,
	 .choices = VERDICTS},
	{.name = "log", .type = &CHOICE, AT(seg_rule_text, log), .choices = BOOLEANS},
	{.name = "stage", .type = &CHOICE, AT(seg_rule_text, stage), .choices = STAGES},
	{.name = "limit"},
	{.name = "tcp-flags"},
	{.name = "dscp"},
};
const struct seg_keys SEG_RULE_TABLE = {"a rule", RULE_KEYS, SEG_ARRAY_SIZE(RULE_KEYS)};

static const struct seg_policy_key POLICY_KEYS[] = {
	{.name = "version",
	 .type = &VERSION,
	 AT(seg_model, version),
	 .flags = SEG_KEY_REQUIRED,
	 .min = 1,
	 .max = 1},
	{.name = "name", .type = &NAME, AT(seg_model, name), .table = &SEG_POLICY_TABLE},
	{.name = "defaults", .type = &TABLE, AT(seg_model, defaults), .table = &DEFAULT_TABLE},
	{.name = "groups", .type = &NAMES, AT(seg_model, groups), .table = &GROUP_TABLE},
	{.name = "services", .type = &NAMES, AT(seg_model, services), .table = &SERVICE_TABLE},
	{.name = "rules", .type = &RULES, .table = &SEG_RULE_TABLE},
	{.name = "failsafe"},
	{.name = "include"},
};
const struct seg_keys SEG_POLICY_TABLE = {"a policy", POLICY_KEYS, SEG_ARRAY_SIZE(POLICY_KEYS)};

/* --- maps ---------------------------------------------------------------- */

static int unknown_key(struct seg_parser *parser, const struct seg_keys *table)
{
	struct seg_reader *reader = &parser->reader;
	struct seg_nearest nearest = {.text = reader->word, .len = reader->len};
	int len = (int)(reader->len > 64 ? 64 : reader->len);

	for (size_t i = 0; i < table->n; i++)
		seg_nearest_offer(&nearest, table->keys[i].name);
	if (nearest.best)
		seg_error_mend(reader->err, "did you mean '%s'?", nearest.best);
	return seg_reader_error(reader, reader->at, EINVAL, "unknown key '%.*s' in %s", len,
				reader->word, table->what);
}

static int key_refuse(struct seg_parser *parser, const struct seg_policy_key *key)
{
	mend_refused(parser);
	return seg_reader_error(&parser->reader, parser->reader.at, EOPNOTSUPP,
				"'%s' is not enforced by this version", key->name);
}

/* The row of the key that the reader looks at; refused, unknown and double ones are errors. */
static int key_find(struct seg_parser *parser, const struct seg_keys *table, uint64_t *seen,
		    const struct seg_policy_key **out)
{
	struct seg_reader *reader = &parser->reader;
	size_t i = 0;

	if (reader->node != SEG_NODE_SCALAR)
		return seg_reader_error(reader, reader->at, EINVAL, "a key of %s must be a word",
					table->what);
	while (i < table->n && !seg_text_is(reader->word, reader->len, table->keys[i].name))
		i++;
	if (i == table->n)
		return unknown_key(parser, table);
	if (!table->keys[i].type)
		return key_refuse(parser, &table->keys[i]);
	if (*seen >> i & 1)
		return seg_reader_error(reader, reader->at, EINVAL, "'%s' stands twice in %s",
					table->keys[i].name, table->what);
	*seen |= 1ull << i;
	*out = &table->keys[i];
	return 0;
}

static int required_check(struct seg_parser *parser, const struct seg_keys *table, uint64_t seen,
			  uint32_t at)
{
	for (size_t i = 0; i < table->n; i++)
		if ((table->keys[i].flags & SEG_KEY_REQUIRED) && !(seen >> i & 1))
			return seg_reader_error(&parser->reader, at, EINVAL,
						"'%s' is missing in %s", table->keys[i].name,
						table->what);
	return 0;
}

static int read_pair(struct seg_parser *parser, const struct seg_keys *table, uint64_t *seen,
		     void *target)
{
	const struct seg_policy_key *key = NULL;
	int r = key_find(parser, table, seen, &key);

	if (r || !key)
		return r;
	r = seg_reader_next(&parser->reader);
	return r ? r : key->type->read(parser, key, (char *)target + key->offset);
}

static int read_map(struct seg_parser *parser, const struct seg_keys *table, void *target)
{
	uint32_t at = parser->reader.at;
	uint64_t seen = 0;
	int r;

	while (!(r = seg_reader_next(&parser->reader)) && parser->reader.node != SEG_NODE_MAP_END) {
		r = read_pair(parser, table, &seen, target);
		if (r)
			return r;
	}
	return r ? r : required_check(parser, table, seen, at);
}

static const struct seg_defaults DEFAULTS = {
	.timeout_ns =
		{
#define X(id, key, seconds) [SEG_TIMEOUT_##id] = seconds * NS_PER_S,
			SEG_TIMEOUTS(X)
#undef X
		},
	.pickup_ns = 5 * NS_PER_S,
	.attach_learn_ns = 5 * NS_PER_S,
	.sessions_max = 1000000,
	.half_open_max = 64000,
	.denied_max = 64000,
	.verdict = {[SEG_INGRESS] = SEG_VERDICT_DENY,
		    [SEG_EGRESS] = SEG_VERDICT_ALLOW,
		    [SEG_FORWARD] = SEG_VERDICT_DENY},
	.on_loss = SEG_ON_LOSS_SESSIONS,
};

int seg_parser_run(struct seg_parser *parser, const char *name, const char *text, size_t len,
		   struct seg_error *err)
{
	int r;

	*parser = (struct seg_parser){.model.defaults = DEFAULTS};
	r = seg_reader_open(&parser->reader, name, text, len, err);
	if (r)
		return r;
	if (parser->reader.node != SEG_NODE_MAP)
		return seg_reader_error(&parser->reader, parser->reader.at, EINVAL,
					"a policy must be a map that begins with 'version: 1'");
	r = read_map(parser, &SEG_POLICY_TABLE, &parser->model);
	if (!r)
		r = seg_reader_next(&parser->reader);
	return r;
}
