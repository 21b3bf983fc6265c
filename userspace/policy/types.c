/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types.c - the kinds of values that a policy's keys have: how each is read, and
 * how the normal form writes it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "address.h"
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
	{.name = "not",
	 .type = &SEG_TYPE_ADDRESSES,
	 .flags = SEG_KEY_REQUIRED | SEG_KEY_NEGATIVE,
	 .help = "all but these"},
};
const struct seg_keys SEG_NOT_TABLE = {
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
		return seg_map_read(parser, &SEG_NOT_TABLE, list);
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
	uint32_t source = 0, had = list->n;
	struct seg_word file = {0};
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
	struct seg_word word = {0};
	uint64_t type = 0;
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
	struct seg_rule_text rule = SEG_EMPTY_RULE;
	int r;

	if (parser->reader.node != SEG_NODE_MAP)
		return seg_parser_error(parser, parser->reader.at, EINVAL,
					"a rule must be a map: {from: ..., action: allow}");
	if (rules->n == SEG_RULES_MAX)
		return seg_parser_error(parser, parser->reader.at, E2BIG, "over %u rules",
					SEG_RULES_MAX);
	rule.at = parser->reader.at;
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

/* --- written ----------------------------------------------------------------- */

#define LINE_WORDS 64 /* of a list on one line */

static bool plain(const char *text)
{
	static const char SOUND[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_./+-";
	size_t len = strlen(text), sound = strspn(text, SOUND);

	/* "tcp/22 from admins" */
	while (sound && text[sound] == ' ' && strchr(SOUND, text[sound + 1]) && text[sound + 1])
		sound += 1 + strspn(text + sound + 1, SOUND);
	return sound == len && !strchr("./+-", text[0]);
}

/* The reader lets no word have ' beside " or \, so one of the quotes always does. */
void seg_text_write(const char *text, FILE *to)
{
	const char *quote = plain(text) ? "" : strchr(text, '\'') ? "\"" : "'";

	fprintf(to, "%s%s%s", quote, text, quote);
}

/* The shortest form of an address, prefix or range; anything else is a name. */
static void address_write(const char *text, FILE *to)
{
	char canonical[SEG_RANGE_TEXT_MAX];
	struct seg_range range;

	if (!seg_range_parse(text, strlen(text), &range))
		text = seg_range_print(&range, canonical);
	seg_text_write(text, to);
}

static uint32_t words_count(const struct seg_model *model, const struct seg_list *list,
			    unsigned int negative)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < list->n; i++)
		n += (model->words.item[list->first + i].flags & SEG_WORD_NEGATIVE) == negative;
	return n;
}

/* The words that are (not) negative, commas between them; after many of them a new line. */
static void words_write(const struct seg_model *model, const struct seg_policy_key *key,
			const struct seg_list *list, unsigned int negative, FILE *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct seg_word *word = &model->words.item[list->first + i];

		if ((word->flags & SEG_WORD_NEGATIVE) != negative)
			continue;
		if (n)
			fputs(n % LINE_WORDS ? ", " : ",\n      ", to);
		key->type->word(seg_word_text(model, word), to);
		n++;
	}
}

/* One word stands alone. */
static void half_print(const struct seg_model *model, const struct seg_policy_key *key,
		       const struct seg_list *list, unsigned int negative, FILE *to)
{
	bool list_of = words_count(model, list, negative) > 1;

	fputs(list_of ? "[" : "", to);
	words_write(model, key, list, negative, to);
	fputs(list_of ? "]" : "", to);
}

/* [a, b, not: c] */
static void print_words(const struct seg_model *model, const struct seg_policy_key *key,
			const void *value, FILE *to)
{
	const struct seg_list *list = value;
	uint32_t without = words_count(model, list, SEG_WORD_NEGATIVE);

	if (!without) {
		half_print(model, key, list, 0, to);
		return;
	}
	fputc('[', to);
	words_write(model, key, list, 0, to);
	fputs(without < list->n ? ", not: " : "not: ", to);
	half_print(model, key, list, SEG_WORD_NEGATIVE, to);
	fputc(']', to);
}

/* The table's first key is the plain form; one of its keys takes away. */
static void named_print(const struct seg_model *model, const struct seg_keys *table,
			const struct seg_list *list, FILE *to)
{
	const struct seg_policy_key *with = &table->keys[0], *without = with;
	uint32_t negative = words_count(model, list, SEG_WORD_NEGATIVE);

	while (negative && !(without->flags & SEG_KEY_NEGATIVE))
		without++;
	if (negative && negative < list->n)
		fprintf(to, "{%s: ", with->name);
	if (negative < list->n)
		half_print(model, with, list, 0, to);
	if (!negative)
		return;
	fprintf(to, negative < list->n ? ", %s: " : "{%s: ", without->name);
	half_print(model, without, list, SEG_WORD_NEGATIVE, to);
	fputc('}', to);
}

static void print_names(const struct seg_model *model, const struct seg_policy_key *key,
			const void *value, FILE *to)
{
	const seg_names *names = value;

	for (uint32_t i = 0; i < names->n; i++) {
		fputs("\n  ", to);
		seg_text_write(seg_word_text(model, &names->item[i].name), to);
		fputs(": ", to);
		named_print(model, key->table, &names->item[i].words, to);
	}
}

static void print_rules(const struct seg_model *model, const struct seg_policy_key *key,
			const void *value, FILE *to)
{
	const seg_rule_texts *rules = value;

	for (uint32_t i = 0; i < rules->n; i++) {
		fputs("\n  - ", to);
		seg_map_print(model, key->table, &rules->item[i], &SEG_EMPTY_RULE, to);
	}
}

static void print_name(const struct seg_model *model, const struct seg_policy_key *key,
		       const void *value, FILE *to)
{
	(void)key;
	seg_text_write(seg_word_text(model, value), to);
}

static void print_choice(const struct seg_model *model, const struct seg_policy_key *key,
			 const void *value, FILE *to)
{
	(void)model;
	fputs(seg_choice_of_value(key, *(const uint8_t *)value)->name, to);
}

static void print_count(const struct seg_model *model, const struct seg_policy_key *key,
			const void *value, FILE *to)
{
	char text[SEG_COUNT_TEXT_MAX];

	(void)model;
	(void)key;
	fputs(seg_count_print(*(const uint32_t *)value, text), to);
}

static void print_rate(const struct seg_model *model, const struct seg_policy_key *key,
		       const void *value, FILE *to)
{
	print_count(model, key, value, to);
	fputs("/s", to);
}

static void print_duration(const struct seg_model *model, const struct seg_policy_key *key,
			   const void *value, FILE *to)
{
	uint64_t ns = *(const uint64_t *)value;
	const struct seg_choice *choice = seg_choice_of_value(key, ns);
	char text[SEG_DURATION_TEXT_MAX];

	(void)model;
	fputs(choice ? choice->name : seg_duration_print(ns, text), to);
}

static void print_version(const struct seg_model *model, const struct seg_policy_key *key,
			  const void *value, FILE *to)
{
	(void)model;
	(void)key;
	fprintf(to, "%" PRIu64, *(const uint64_t *)value);
}

static void ethertype_write(uint16_t type, FILE *to)
{
	size_t i = 0;

	while (i < SEG_ARRAY_SIZE(ETHERTYPES) && ETHERTYPES[i].type != type)
		i++;
	if (i < SEG_ARRAY_SIZE(ETHERTYPES))
		fputs(ETHERTYPES[i].name, to);
	else
		fprintf(to, "0x%04x", type);
}

static void print_ethertypes(const struct seg_model *model, const struct seg_policy_key *key,
			     const void *value, FILE *to)
{
	const uint16_t *types = value;

	(void)model;
	(void)key;
	fputc('[', to);
	for (size_t i = 0; i < SEG_ETHERTYPES_MAX && types[i]; i++) {
		fputs(i ? ", " : "", to);
		ethertype_write(types[i], to);
	}
	fputc(']', to);
}

/* --- all of them ------------------------------------------------------------- */

#define DIGITS  "(0x[0-9a-fA-F]+|[0-9]+)"
#define FLAGS   "(fin|syn|rst|psh|ack|urg|ece|cwr)"
#define FLAGSET FLAGS "(\\+" FLAGS ")*"

const struct seg_type SEG_TYPE_NAME = {.read = read_name,
				       .print = print_name,
				       .size = sizeof(struct seg_word),
				       .syntax = "letters, digits, '_', '-', '.'",
				       .pattern = "^[A-Za-z0-9_.-]{1,63}$"};
const struct seg_type SEG_TYPE_CHOICE = {
	.read = read_choice, .print = print_choice, .size = sizeof(uint8_t)};
const struct seg_type SEG_TYPE_COUNT = {.read = read_count,
					.print = print_count,
					.size = sizeof(uint32_t),
					.syntax = "a count: 200, 64k or 1M",
					.pattern = "^[0-9]+[kMG]?$"};
const struct seg_type SEG_TYPE_RATE = {.read = read_rate,
				       .print = print_rate,
				       .size = sizeof(uint32_t),
				       .syntax = "a count a second: 1000/s or 64k/s",
				       .pattern = "^[0-9]+[kMG]?/s$",
				       .unit = true};
const struct seg_type SEG_TYPE_DURATION = {.read = read_duration,
					   .print = print_duration,
					   .size = sizeof(uint64_t),
					   .syntax = "a duration: 100ms, 5s, 10m or 2h",
					   .pattern = "^(0|[0-9]+(d|h|m|s|ms|us|ns))$",
					   .unit = true};
const struct seg_type SEG_TYPE_VERSION = {
	.read = read_version, .print = print_version, .size = sizeof(uint64_t), .syntax = "1"};
const struct seg_type SEG_TYPE_ETHERTYPES = {.read = read_ethertypes,
					     .print = print_ethertypes,
					     .size = sizeof(uint16_t[SEG_ETHERTYPES_MAX]),
					     .syntax = "names as in ethertype(5), or 0x0600 to "
						       "0xffff",
					     .pattern = "^(" DIGITS "|[a-z][a-z-]+)$"};
const struct seg_type SEG_TYPE_LIST_FILE = {.read = read_list_file,
					    .syntax = "a file: an address, prefix or range a line, "
						      "# comments"};
const struct seg_type SEG_TYPE_MAP = {.read = read_table};
const struct seg_type SEG_TYPE_NAMES = {
	.read = read_names, .print = print_names, .size = sizeof(seg_names), .lines = true};
const struct seg_type SEG_TYPE_RULES = {
	.read = read_rules, .print = print_rules, .size = sizeof(seg_rule_texts), .lines = true};

#define WORDS .read = seg_words_read, .print = print_words, .size = sizeof(struct seg_list)

const struct seg_type SEG_TYPE_ADDRESSES = {WORDS, .word = address_write,
					    .syntax = "addresses, prefixes, ranges, groups; any",
					    .pattern = "^[A-Za-z0-9_.:/-]+$"};
const struct seg_type SEG_TYPE_SERVICES = {
	WORDS, .word = seg_text_write,
	.syntax = "tcp/80, udp/137-139, icmp/echo-request, icmpv6/128, proto/47, any; names",
	.pattern = "^[A-Za-z0-9_./-]+$"};
const struct seg_type SEG_TYPE_PORTS = {WORDS, .word = seg_text_write, .syntax = "53 or 1024-65535",
					.pattern = "^" DIGITS "(-" DIGITS ")?$"};
const struct seg_type SEG_TYPE_TCP_FLAGS = {
	WORDS, .word = seg_text_write, .syntax = "flags that are set / of these: syn/syn+ack; rst",
	.pattern = "^" FLAGSET "(/" FLAGSET ")?$"};
const struct seg_type SEG_TYPE_DSCPS = {
	WORDS, .word = seg_text_write, .syntax = "0 to 63, cs0-cs7, af11-af43, ef, be, va, le",
	.pattern = "^(" DIGITS "|cs[0-7]|af[1-4][1-3]|ef|be|df|va|voice-admit|le|lephb)$"};
const struct seg_type SEG_TYPE_VLANS = {WORDS, .word = seg_text_write,
					.syntax = "1 to 4094, or outer/inner: 100/200",
					.pattern = "^" DIGITS "(/" DIGITS ")?$"};
const struct seg_type SEG_TYPE_IFACES = {WORDS, .word = seg_text_write,
					 .syntax = "names of interfaces",
					 .pattern = "^[^/:\\s]{1,15}$"};
const struct seg_type SEG_TYPE_FAILSAFES = {WORDS, .word = seg_text_write,
					    .syntax = "SERVICE, or SERVICE from GROUP",
					    .pattern = "^\\s*\\S+(\\s+from\\s+\\S+)?\\s*$"};
const struct seg_type SEG_TYPE_FILES = {WORDS, .word = seg_text_write,
					.syntax = "files, relative to this one"};
