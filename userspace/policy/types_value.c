/* SPDX-License-Identifier: BSD-2-Clause */
/* types_value.c - one word, one number: names, choices, counts, rates, durations. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "types.h"

/* --- words ------------------------------------------------------------------- */

int seg_word_store(struct seg_parser *parser, const char *text, uint32_t len, uint32_t at,
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

int seg_word_length_check(struct seg_parser *parser, uint32_t len, uint32_t at, const char *where)
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
	r = seg_word_length_check(parser, reader->len, reader->at, key);
	return r ? r : seg_word_store(parser, reader->word, reader->len, reader->at, out);
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

/* --- names ------------------------------------------------------------------- */

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

static void print_name(const struct seg_model *model, const struct seg_policy_key *key,
		       const void *value, FILE *to)
{
	(void)key;
	seg_text_write(seg_word_text(model, value), to);
}

const struct seg_type SEG_TYPE_NAME = {.read = read_name,
				       .print = print_name,
				       .size = sizeof(struct seg_word),
				       .syntax = "letters, digits, '_', '-', '.'",
				       .pattern = "^[A-Za-z0-9_.-]{1,63}$"};

/* --- choices ----------------------------------------------------------------- */

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

static void print_choice(const struct seg_model *model, const struct seg_policy_key *key,
			 const void *value, FILE *to)
{
	(void)model;
	fputs(seg_choice_of_value(key, *(const uint8_t *)value)->name, to);
}

const struct seg_type SEG_TYPE_CHOICE = {
	.read = read_choice, .print = print_choice, .size = sizeof(uint8_t)};

/* --- numbers ----------------------------------------------------------------- */

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
