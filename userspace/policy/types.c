/* SPDX-License-Identifier: BSD-2-Clause */
/* types.c - the kinds of values that a policy's keys have. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "language.h"

/* --- words --------------------------------------------------------------- */

static int word_store(struct seg_parser *parser, const char *text, uint32_t len, uint32_t at,
		      struct seg_word *out)
{
	struct seg_model *model = &parser->model;

	if (SEG_ROOM(&model->text, len + 1))
		return -ENOMEM;
	*out = (struct seg_word){model->text.n, at, (uint16_t)len, 0};
	memcpy(model->text.item + model->text.n, text, len);
	model->text.n += len;
	model->text.item[model->text.n++] = '\0';
	return 0;
}

static int length_check(struct seg_parser *parser, uint32_t len, uint32_t at, const char *where)
{
	if (len <= SEG_WORD_MAX)
		return 0;
	return seg_parser_error(parser, at, EINVAL, "a word of over %d characters in '%s'",
				SEG_WORD_MAX, where);
}

int seg_word_take(struct seg_parser *parser, const char *key, struct seg_word *out)
{
	const struct seg_reader *reader = &parser->reader;
	int r;

	if (reader->node != SEG_NODE_SCALAR || !reader->len)
		return seg_parser_error(parser, reader->at, EINVAL, "'%s' needs a value here", key);
	r = length_check(parser, reader->len, reader->at, key);
	return r ? r : word_store(parser, reader->word, reader->len, reader->at, out);
}

int seg_name_check(struct seg_parser *parser, const struct seg_word *word, const char *what)
{
	const char *text = seg_word_text(&parser->model, word);
	size_t sound =
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	if (word->len >= SEG_NAME_MAX)
		return seg_parser_error(parser, word->at, EINVAL,
					"%s's name has over %d characters", what, SEG_NAME_MAX - 1);
	if (sound == word->len)
		return 0;
	seg_parser_mend(parser, "a name is made of letters, digits, '_', '-' and '.'");
	return seg_parser_error(parser, word->at, EINVAL, "'%s' is no name for %s", text, what);
}

/* --- kinds of values ----------------------------------------------------- */

static int read_name(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	struct seg_word word = {0};
	int r = seg_word_take(parser, key->name, &word);

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
		seg_parser_mend(parser, "did you mean '%s'?", nearest.best);
		return;
	}
	for (const struct seg_choice *c = key->choices; c->name && n < sizeof(list); c++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", c->name);
	seg_parser_mend(parser, "write one of: %s", list);
}

static const struct seg_choice *choice_of(const struct seg_policy_key *key, const char *word,
					  size_t len)
{
	const struct seg_choice *choice = key->choices;

	while (choice && choice->name && !seg_text_is(word, len, choice->name))
		choice++;
	return choice && choice->name ? choice : NULL;
}

const struct seg_choice *seg_choice_of_value(const struct seg_policy_key *key, uint64_t value)
{
	const struct seg_choice *choice = key->choices;

	while (choice && choice->name && choice->value != value)
		choice++;
	return choice && choice->name ? choice : NULL;
}

/* The word here, and which of the key's choices it is, if any. */
static int value_take(struct seg_parser *parser, const struct seg_policy_key *key,
		      const struct seg_choice **choice)
{
	struct seg_word word;
	int r = seg_word_take(parser, key->name, &word);

	if (!r)
		*choice = choice_of(key, parser->reader.word, parser->reader.len);
	return r;
}

static int value_error(struct seg_parser *parser, const struct seg_policy_key *key)
{
	struct seg_reader *reader = &parser->reader;

	return seg_parser_error(parser, reader->at, EINVAL, "'%.*s' is no value of '%s'",
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

static int parse_rate(const char *text, size_t len, uint64_t *out)
{
	return seg_rate_parse(text, len, UINT64_MAX, out);
}

static const struct measure RATE = {parse_rate, "200/s, 64k/s or 1M/s"};
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
		seg_parser_mend(parser, "write it as %s", measure->example);
		return value_error(parser, key);
	}
	if (r || *out < key->min || *out > key->max)
		return seg_parser_error(parser, reader->at, EINVAL, "'%s: %.*s' is out of range",
					key->name, (int)reader->len, reader->word);
	return 0;
}

static int measure_read(struct seg_parser *parser, const struct seg_policy_key *key,
			const struct measure *measure, const char *unit, void *target)
{
	uint64_t value;
	int r = measure_take(parser, key, measure, &value);

	if (r == -EINVAL)
		seg_parser_mend(parser, "from %llu%s to %llu%s", (unsigned long long)key->min, unit,
				(unsigned long long)key->max, unit);
	if (!r)
		*(uint32_t *)target = (uint32_t)value;
	return r;
}

static int read_count(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	return measure_read(parser, key, &COUNT, "", target);
}

static int read_rate(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	return measure_read(parser, key, &RATE, "/s", target);
}

static int read_duration(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	char min[SEG_DURATION_TEXT_MAX], max[SEG_DURATION_TEXT_MAX];
	uint64_t value;
	int r = measure_take(parser, key, &DURATION, &value);

	if (r == -EINVAL)
		seg_parser_mend(parser, "from %s to %s", seg_duration_print(key->min, min),
				seg_duration_print(key->max, max));
	if (!r)
		*(uint64_t *)target = value;
	return r;
}

static int read_version(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	int r = measure_take(parser, key, &NUMBER, target);

	if (r == -EINVAL)
		seg_parser_mend(parser, "this version reads 'version: 1'");
	return r;
}

/* --- lists of words -------------------------------------------------------- */

static const struct seg_policy_key NOT_KEYS[] = {
	{.name = "not", .type = &SEG_TYPE_WORDS, .flags = SEG_KEY_REQUIRED | SEG_KEY_NEGATIVE},
};
static const struct seg_keys NOT_TABLE = {
	.what = "a list", .keys = NOT_KEYS, .n = SEG_ARRAY_SIZE(NOT_KEYS)};

static int list_push(struct seg_parser *parser, struct seg_list *list, struct seg_word word)
{
	if (!list->n)
		list->first = parser->model.words.n;
	list->n++;
	return SEG_PUSH(&parser->model.words, word);
}

static int read_item(struct seg_parser *parser, const struct seg_policy_key *key,
		     struct seg_list *list)
{
	struct seg_word word;
	int r;

	if (parser->reader.node == SEG_NODE_MAP && (key->flags & SEG_KEY_NOT))
		return seg_map_read(parser, &NOT_TABLE, list);
	r = seg_word_take(parser, key->name, &word);
	if (r)
		return r;
	word.flags = key->flags & SEG_KEY_NEGATIVE ? SEG_WORD_NEGATIVE : 0;
	return list_push(parser, list, word);
}

int seg_words_read(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
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
		return seg_parser_error(parser, at, EINVAL, "'%s' is empty%s", key->name,
					key->flags & SEG_KEY_BARE ? ""
								  : ": it would match nothing");
	return r;
}

/* --- files of addresses -------------------------------------------------- */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int line_push(struct seg_parser *parser, const struct seg_source *source, uint32_t begin,
		     uint32_t end, struct seg_list *list)
{
	struct seg_word word;
	int r = length_check(parser, end - begin, source->base + begin, source->name);

	for (uint32_t i = begin; !r && i < end; i++)
		if (blank(source->text[i]))
			r = seg_parser_error(parser, source->base + i, EINVAL,
					     "a line of a list is one address, prefix or range");
	if (!r)
		r = word_store(parser, source->text + begin, end - begin, source->base + begin,
			       &word);
	if (r)
		return r;
	word.flags = SEG_WORD_LISTED;
	return list_push(parser, list, word);
}

/* The line without its comment and the blanks around it. */
static int line_read(struct seg_parser *parser, const struct seg_source *source, uint32_t begin,
		     uint32_t end, struct seg_list *list)
{
	const char *comment = memchr(source->text + begin, '#', end - begin);

	if (comment)
		end = (uint32_t)(comment - source->text);
	while (begin < end && blank(source->text[begin]))
		begin++;
	while (begin < end && blank(source->text[end - 1]))
		end--;
	return begin < end ? line_push(parser, source, begin, end, list) : 0;
}

static int lines_read(struct seg_parser *parser, const struct seg_source *source,
		      struct seg_list *list)
{
	uint32_t begin = 0, end;
	int r = 0;

	for (; !r && begin < source->len; begin = end + 1) {
		const char *newline = memchr(source->text + begin, '\n', source->len - begin);

		end = newline ? (uint32_t)(newline - source->text) : source->len;
		r = line_read(parser, source, begin, end, list);
	}
	return r;
}

static int read_list_file(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	struct seg_list *list = target;
	uint32_t source, had = list->n;
	struct seg_word file;
	int r = seg_word_take(parser, key->name, &file);

	if (!r)
		r = seg_parser_load(parser, &file, &source);
	if (!r)
		r = lines_read(parser, &parser->sources.item[source], list);
	if (!r && list->n == had)
		return seg_parser_error(parser, file.at, EINVAL,
					"'%s' has no address: it would match nothing",
					seg_word_text(&parser->model, &file));
	return r;
}

/* --- ethertypes ---------------------------------------------------------- */

/* Names as in ethertype(5) and nftables. */
static const struct {
	const char *name;
	uint16_t type;
} ETHERTYPES[] = {
	{"arp", 0x0806},
	{"rarp", 0x8035},
	{"wol", 0x0842},
	{"lldp", 0x88cc},
	{"pppoe-discovery", 0x8863},
	{"pppoe-session", 0x8864},
	{"lacp", 0x8809},
	{"eapol", 0x888e},
	{"mpls", 0x8847},
	{"ptp", 0x88f7},
	{"mpls-multicast", 0x8848},
	{"macsec", 0x88e5},
	{"cfm", 0x8902},
	{"profinet", 0x8892},
	{"ethercat", 0x88a4},
	{"aoe", 0x88a2},
	{"fcoe", 0x8906},
	{"fip", 0x8914},
};

/* What the parser looks into: IP, and the tags before it. */
static const uint16_t PARSED[] = {0x0800, 0x86dd, 0x8100, 0x88a8};

static int ethertype_find(struct seg_parser *parser, uint64_t *out)
{
	const struct seg_reader *reader = &parser->reader;
	struct seg_nearest nearest = {.text = reader->word, .len = reader->len};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(ETHERTYPES); i++) {
		seg_nearest_offer(&nearest, ETHERTYPES[i].name);
		if (!seg_text_is(reader->word, reader->len, ETHERTYPES[i].name))
			continue;
		*out = ETHERTYPES[i].type;
		return 0;
	}
	if (nearest.best)
		seg_parser_mend(parser, "did you mean '%s'?", nearest.best);
	return -EINVAL;
}

static int ethertype_parse(struct seg_parser *parser, const char *text, uint64_t *out)
{
	const struct seg_reader *reader = &parser->reader;
	int r = seg_number_parse(reader->word, reader->len, UINT16_MAX, out);

	if (r == -EINVAL)
		r = ethertype_find(parser, out);
	if (!r && *out < 0x0600)
		r = -ERANGE;
	if (r) {
		seg_parser_mend(parser, "an ethertype is arp, lldp... or 0x0600 to 0xffff");
		return seg_parser_error(parser, reader->at, EINVAL, "'%s' is no ethertype", text);
	}
	for (size_t i = 0; i < SEG_ARRAY_SIZE(PARSED); i++)
		if (PARSED[i] == *out)
			return seg_parser_error(parser, reader->at, EINVAL,
						"'%s' is for the rules to judge", text);
	return 0;
}

/* Sorted, each once, zeros behind. */
static int ethertype_insert(struct seg_parser *parser, uint16_t type, uint16_t *to)
{
	unsigned int at = 0;

	while (at < SEG_ETHERTYPES_MAX && to[at] && to[at] < type)
		at++;
	if (at < SEG_ETHERTYPES_MAX && to[at] == type)
		return 0;
	if (to[SEG_ETHERTYPES_MAX - 1])
		return seg_parser_error(parser, parser->reader.at, E2BIG, "over %d ethertypes",
					SEG_ETHERTYPES_MAX);
	memmove(to + at + 1, to + at, (SEG_ETHERTYPES_MAX - 1 - at) * sizeof(*to));
	to[at] = type;
	return 0;
}

static int ethertype_read(struct seg_parser *parser, const struct seg_policy_key *key, uint16_t *to)
{
	struct seg_word word;
	uint64_t type;
	int r = seg_word_take(parser, key->name, &word);

	if (!r)
		r = ethertype_parse(parser, seg_word_text(&parser->model, &word), &type);
	return r ? r : ethertype_insert(parser, (uint16_t)type, to);
}

/* The list may be empty: nothing but IP. */
static int read_ethertypes(struct seg_parser *parser, const struct seg_policy_key *key,
			   void *target)
{
	uint16_t types[SEG_ETHERTYPES_MAX] = {0};
	int r = 0;

	if (parser->reader.node != SEG_NODE_LIST)
		r = ethertype_read(parser, key, types);
	else
		while (!r && !(r = seg_reader_next(&parser->reader)) &&
		       parser->reader.node != SEG_NODE_LIST_END)
			r = ethertype_read(parser, key, types);
	if (!r)
		memcpy(target, types, sizeof(types));
	return r;
}

/* --- maps ------------------------------------------------------------------ */

static int read_table(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	if (parser->reader.node == SEG_NODE_MAP)
		return seg_map_read(parser, key->table, target);
	return seg_parser_error(parser, parser->reader.at, EINVAL,
				"'%s' must be a map: keys with values", key->name);
}

/* --- groups, services ---------------------------------------------------- */

/* `name: word` or `name: [word, ...]`, as the table's first key would be read. */
static int read_plain(struct seg_parser *parser, const struct seg_keys *table,
		      struct seg_named *named)
{
	struct seg_policy_key key = table->keys[0];
	char name[SEG_NAME_MAX];

	snprintf(name, sizeof(name), "%s", seg_word_text(&parser->model, &named->name));
	key.name = name;
	return seg_words_read(parser, &key, &named->words);
}

static int read_named(struct seg_parser *parser, const struct seg_policy_key *key, seg_names *names)
{
	struct seg_named named = {0};
	int r = seg_word_take(parser, key->name, &named.name);

	if (!r)
		r = seg_name_check(parser, &named.name, key->table->what);
	if (!r)
		r = seg_reader_next(&parser->reader);
	if (r)
		return r;
	if (parser->reader.node == SEG_NODE_MAP && key->table->n > 1)
		r = seg_map_read(parser, key->table, &named.words);
	else
		r = read_plain(parser, key->table, &named);
	return r ? r : SEG_PUSH(names, named);
}

static int read_names(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	int r;

	if (parser->reader.node != SEG_NODE_MAP)
		return seg_parser_error(parser, parser->reader.at, EINVAL,
					"'%s' must be a map: names with lists", key->name);
	while (!(r = seg_reader_next(&parser->reader)) && parser->reader.node != SEG_NODE_MAP_END) {
		r = read_named(parser, key, target);
		if (r)
			return r;
	}
	return r;
}

/* --- rules --------------------------------------------------------------- */

static int read_rule(struct seg_parser *parser, const struct seg_policy_key *key,
		     seg_rule_texts *rules)
{
	struct seg_rule_text rule = {.at = parser->reader.at, .directions = SEG_DIRECTIONS_ANY};
	int r;

	if (parser->reader.node != SEG_NODE_MAP)
		return seg_parser_error(parser, parser->reader.at, EINVAL,
					"a rule must be a map: {from: ..., action: allow}");
	if (rules->n == SEG_RULES_MAX)
		return seg_parser_error(parser, parser->reader.at, E2BIG, "over %u rules",
					SEG_RULES_MAX);
	r = seg_map_read(parser, key->table, &rule);
	return r ? r : SEG_PUSH(rules, rule);
}

static int read_rules(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	int r;

	if (parser->reader.node != SEG_NODE_LIST)
		return seg_parser_error(parser, parser->reader.at, EINVAL,
					"'%s' must be a list of rules", key->name);
	while (!(r = seg_reader_next(&parser->reader)) &&
	       parser->reader.node != SEG_NODE_LIST_END) {
		r = read_rule(parser, key, target);
		if (r)
			return r;
	}
	return r;
}

/* --- all of them ------------------------------------------------------------- */

const struct seg_type SEG_TYPE_NAME = {read_name, sizeof(struct seg_word)};
const struct seg_type SEG_TYPE_CHOICE = {read_choice, sizeof(uint8_t)};
const struct seg_type SEG_TYPE_COUNT = {read_count, sizeof(uint32_t)};
const struct seg_type SEG_TYPE_RATE = {read_rate, sizeof(uint32_t)};
const struct seg_type SEG_TYPE_DURATION = {read_duration, sizeof(uint64_t)};
const struct seg_type SEG_TYPE_VERSION = {read_version, sizeof(uint64_t)};
const struct seg_type SEG_TYPE_WORDS = {seg_words_read, sizeof(struct seg_list)};
const struct seg_type SEG_TYPE_ETHERTYPES = {read_ethertypes, sizeof(uint16_t[SEG_ETHERTYPES_MAX])};
const struct seg_type SEG_TYPE_LIST_FILE = {read_list_file, sizeof(struct seg_list)};
const struct seg_type SEG_TYPE_MAP = {read_table, 0};
const struct seg_type SEG_TYPE_NAMES = {read_names, sizeof(seg_names)};
const struct seg_type SEG_TYPE_RULES = {read_rules, sizeof(seg_rule_texts)};
