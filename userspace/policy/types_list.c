/* SPDX-License-Identifier: BSD-2-Clause */
/* types_list.c - lists of words, and files of them. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "address.h"
#include "types.h"

/* --- lists ------------------------------------------------------------------- */

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

/* --- files of addresses ------------------------------------------------------ */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int line_push(struct seg_parser *parser, const struct seg_source *source, uint32_t begin,
		     uint32_t end, struct seg_list *list)
{
	struct seg_word word;
	int r = seg_word_length_check(parser, end - begin, source->base + begin, source->name);

	for (uint32_t i = begin; !r && i < end; i++)
		if (blank(source->text[i]))
			r = seg_parser_error(parser, source->base + i, EINVAL,
					     "a line of a list is one address, prefix or range");
	if (!r)
		r = seg_word_store(parser, source->text + begin, end - begin, source->base + begin,
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

const struct seg_type SEG_TYPE_LIST_FILE = {.read = read_list_file,
					    .syntax = "a file: an address, prefix or range a line, "
						      "# comments"};

/* --- written ----------------------------------------------------------------- */

#define LINE_WORDS 64 /* of a list on one line */

/* The shortest form of an address, prefix or range; anything else is a name. */
static void address_write(const char *text, FILE *to)
{
	char canonical[SEG_RANGE_TEXT_MAX];
	struct seg_range range;

	if (!seg_range_parse(text, strlen(text), &range))
		text = seg_range_print(&range, canonical);
	seg_text_write(text, to);
}

uint32_t seg_words_count(const struct seg_model *model, const struct seg_list *list,
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
void seg_words_half_print(const struct seg_model *model, const struct seg_policy_key *key,
			  const struct seg_list *list, unsigned int negative, FILE *to)
{
	bool list_of = seg_words_count(model, list, negative) > 1;

	fputs(list_of ? "[" : "", to);
	words_write(model, key, list, negative, to);
	fputs(list_of ? "]" : "", to);
}

/* [a, b, not: c] */
static void print_words(const struct seg_model *model, const struct seg_policy_key *key,
			const void *value, FILE *to)
{
	const struct seg_list *list = value;
	uint32_t without = seg_words_count(model, list, SEG_WORD_NEGATIVE);

	if (!without) {
		seg_words_half_print(model, key, list, 0, to);
		return;
	}
	fputc('[', to);
	words_write(model, key, list, 0, to);
	fputs(without < list->n ? ", not: " : "not: ", to);
	seg_words_half_print(model, key, list, SEG_WORD_NEGATIVE, to);
	fputc(']', to);
}

/* --- all of them ------------------------------------------------------------- */

#define WORDS   .read = seg_words_read, .print = print_words, .size = sizeof(struct seg_list)
#define DIGITS  "(0x[0-9a-fA-F]+|[0-9]+)"
#define FLAGS   "(fin|syn|rst|psh|ack|urg|ece|cwr)"
#define FLAGSET FLAGS "(\\+" FLAGS ")*"

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
