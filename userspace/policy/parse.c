/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.c - texts to a model: maps by their tables, files with what they
 * include. Included files come first, in order, so that what includes them has the
 * last word on settings.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "language.h"

/* --- maps ---------------------------------------------------------------- */

static int unknown_key(struct seg_parser *parser, const struct seg_keys *table)
{
	struct seg_reader *reader = &parser->reader;
	struct seg_nearest nearest = {.text = reader->word, .len = reader->len};
	int len = (int)(reader->len > 64 ? 64 : reader->len);

	for (size_t i = 0; i < table->n; i++)
		seg_nearest_offer(&nearest, table->keys[i].name);
	if (nearest.best)
		seg_parser_mend(parser, "did you mean '%s'?", nearest.best);
	return seg_parser_error(parser, reader->at, EINVAL, "unknown key '%.*s' in %s", len,
				reader->word, table->what);
}

/* The row of the key that the reader looks at; unknown and double ones are errors. */
static int key_find(struct seg_parser *parser, const struct seg_keys *table, uint64_t *seen,
		    const struct seg_policy_key **out)
{
	struct seg_reader *reader = &parser->reader;
	size_t i = 0;

	if (reader->node != SEG_NODE_SCALAR)
		return seg_parser_error(parser, reader->at, EINVAL, "a key of %s must be a word",
					table->what);
	while (i < table->n && !seg_text_is(reader->word, reader->len, table->keys[i].name))
		i++;
	if (i == table->n)
		return unknown_key(parser, table);
	if (*seen >> i & 1)
		return seg_parser_error(parser, reader->at, EINVAL, "'%s' stands twice in %s",
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
			return seg_parser_error(parser, at, EINVAL, "'%s' is missing in %s",
						table->keys[i].name, table->what);
	return 0;
}

/* Keep what apply will have to refuse. */
static int wish_add(struct seg_parser *parser, const struct seg_policy_key *key,
		    struct seg_wish wish, const void *target)
{
	if (key->type == &SEG_TYPE_CHOICE) {
		wish.choice = seg_choice_of_value(key, *(const uint8_t *)target);
		wish.at = wish.value;
	}
	if (!key->mend && !(wish.choice && wish.choice->mend))
		return 0;
	return SEG_PUSH(&parser->model.wishes, wish);
}

static int read_pair(struct seg_parser *parser, const struct seg_keys *table, uint64_t *seen,
		     void *target)
{
	const struct seg_policy_key *key = NULL;
	struct seg_wish wish = {.at = parser->reader.at, .setting = table->settings};
	int r = key_find(parser, table, seen, &key);

	if (r || !key)
		return r;
	r = seg_reader_next(&parser->reader);
	if (r)
		return r;
	wish.key = key;
	wish.value = parser->reader.at;
	r = key->type->read(parser, key, (char *)target + key->offset);
	if (r)
		return r;
	if (table->settings && key->type->size)
		parser->part->given[key->offset] = wish.value + 1;
	return wish_add(parser, key, wish, (char *)target + key->offset);
}

int seg_map_read(struct seg_parser *parser, const struct seg_keys *table, void *target)
{
	uint32_t at = parser->reader.at;
	uint64_t seen = 0;
	int r;

	while (!(r = seg_reader_next(&parser->reader)) && parser->reader.node != SEG_NODE_MAP_END) {
		r = read_pair(parser, table, &seen, target);
		if (r)
			return r;
	}
	if (!r)
		r = required_check(parser, table, seen, at);
	return r || !table->check ? r : table->check(parser, target, at);
}

/* --- files named ------------------------------------------------------------- */

/* "a.yaml > b.yaml > a.yaml", from the policy itself on. */
static void chain_print(const struct seg_parser *parser, uint32_t source, FILE *to)
{
	const struct seg_source *item = &parser->sources.item[source];

	if (item->by != source)
		chain_print(parser, item->by, to);
	fprintf(to, "%s > ", item->name);
}

static int loop_error(struct seg_parser *parser, const struct seg_word *word, const char *name)
{
	char chain[400] = "";
	FILE *to = fmemopen(chain, sizeof(chain), "w");

	if (!to)
		return -ENOMEM;
	chain_print(parser, parser->source, to);
	fputs(name, to);
	fclose(to);
	return seg_parser_error(parser, word->at, EINVAL, "this includes itself: %s", chain);
}

/* No file is named by itself, or by what it names. */
static int loop_check(struct seg_parser *parser, const struct seg_word *word, const char *name)
{
	const struct seg_source *items = parser->sources.item;
	uint32_t source = parser->source;

	while (strcmp(items[source].name, name) != 0) {
		if (items[source].by == source)
			return 0;
		source = items[source].by;
	}
	return loop_error(parser, word, name);
}

static int load_error(struct seg_parser *parser, const struct seg_word *word, int r)
{
	seg_error_set(parser->sources.err, -r, "'%s' cannot be had",
		      seg_word_text(&parser->model, word));
	seg_source_mark(&parser->sources, word->at);
	return r;
}

int seg_parser_load(struct seg_parser *parser, const struct seg_word *word, uint32_t *source)
{
	const struct seg_policy_loader *loader = parser->loader;
	const char *name = seg_word_text(&parser->model, word);
	struct seg_policy_file file = {0};
	int r;

	if (!loader)
		return seg_parser_error(parser, word->at, EINVAL,
					"'%s' is another file: only one text was given", name);
	r = loader->load(loader->context, parser->sources.item[parser->source].name, name, &file,
			 parser->sources.err);
	if (r)
		return load_error(parser, word, r);
	r = loop_check(parser, word, file.name);
	if (!r)
		r = seg_source_add(&parser->sources, &file, parser->source);
	if (r)
		return r == -E2BIG ? load_error(parser, word, r) : r;
	*source = parser->sources.n - 1;
	return 0;
}

/* --- files that include ------------------------------------------------------ */

static int part_parse(struct seg_parser *parser, struct seg_part *part)
{
	struct seg_reader *reader = &parser->reader;
	int r = seg_reader_open(reader, &parser->sources, parser->source);

	if (!r && reader->node != SEG_NODE_MAP)
		r = seg_parser_error(parser, reader->at, EINVAL,
				     "a policy must be a map that begins with 'version: 1'");
	parser->part = part;
	if (!r)
		r = seg_map_read(parser, &SEG_POLICY_TABLE, part);
	if (!r)
		r = seg_reader_next(reader);
	seg_reader_close(reader);
	return r;
}

static void settings_merge(const struct seg_keys *table, struct seg_part *to,
			   const struct seg_part *from)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct seg_policy_key *key = &table->keys[i];

		if (key->table)
			settings_merge(key->table, to, from);
		else if (from->given[key->offset]) {
			memcpy((char *)&to->defaults + key->offset,
			       (const char *)&from->defaults + key->offset, key->type->size);
			to->given[key->offset] = from->given[key->offset];
		}
	}
}

/* Both lists once more, side by side. */
static int failsafes_merge(struct seg_parser *parser, struct seg_list *to,
			   const struct seg_list *from)
{
	struct seg_model *model = &parser->model;
	struct seg_list both = {model->words.n, to->n + from->n, to->at};

	if (both.n > SEG_FAILSAFES_MAX)
		return seg_parser_error(parser, from->at, E2BIG, "over %d services in 'failsafe'",
					SEG_FAILSAFES_MAX);
	if (!to->n || !from->n) {
		*to = to->n ? *to : *from;
		return 0;
	}
	if (SEG_ROOM(&model->words, both.n))
		return -ENOMEM;
	for (uint32_t i = 0; i < both.n; i++)
		model->words.item[model->words.n++] =
			model->words.item[i < to->n ? to->first + i : from->first + i - to->n];
	*to = both;
	return 0;
}

/* Move all of `from` behind `to`. */
#define VECTOR_MERGE(to, from)                                                                     \
	({                                                                                         \
		int _m = 0;                                                                        \
		if (!(to)->n) {                                                                    \
			__typeof__(*(to)) _swap = *(to);                                           \
			*(to) = *(from);                                                           \
			*(from) = _swap;                                                           \
		} else {                                                                           \
			_m = SEG_ROOM(to, (from)->n);                                              \
			if (!_m && (from)->n) {                                                    \
				memcpy((to)->item + (to)->n, (from)->item,                         \
				       (from)->n * sizeof(*(from)->item));                         \
				(to)->n += (from)->n;                                              \
			}                                                                          \
		}                                                                                  \
		_m;                                                                                \
	})

/* `part` has the last word, and its lists come last. */
static int part_merge(struct seg_parser *parser, struct seg_part *part)
{
	struct seg_part *whole = &parser->model.whole;
	int r;

	whole->version = part->version;
	whole->name = part->name;
	settings_merge(&SEG_DEFAULT_TABLE, whole, part);
	r = failsafes_merge(parser, &whole->failsafe, &part->failsafe);
	if (r)
		return r;
	if (VECTOR_MERGE(&whole->groups, &part->groups) ||
	    VECTOR_MERGE(&whole->services, &part->services) ||
	    VECTOR_MERGE(&whole->rules, &part->rules))
		return -ENOMEM;
	if (whole->rules.n > SEG_RULES_MAX)
		return seg_parser_error(parser, whole->rules.item[SEG_RULES_MAX].at, E2BIG,
					"over %u rules", SEG_RULES_MAX);
	return 0;
}

static int file_parse(struct seg_parser *parser, uint32_t source);

static int include(struct seg_parser *parser, uint32_t by, const struct seg_word *word)
{
	uint32_t source = 0;
	int r;

	parser->source = by;
	if (parser->depth == SEG_POLICY_DEPTH_MAX)
		return seg_parser_error(parser, word->at, EINVAL,
					"files include files over %d deep", SEG_POLICY_DEPTH_MAX);
	r = seg_parser_load(parser, word, &source);
	if (r)
		return r;
	parser->depth++;
	r = file_parse(parser, source);
	parser->depth--;
	return r;
}

/* The file's own part waits until what it includes is in the model. */
static int file_parse(struct seg_parser *parser, uint32_t source)
{
	_cleanup_(seg_part_free) struct seg_part part = {0};
	int r;

	parser->source = source;
	r = part_parse(parser, &part);
	for (uint32_t i = 0; !r && i < part.include.n; i++) {
		struct seg_word word = parser->model.words.item[part.include.first + i];

		r = include(parser, source, &word);
	}
	return r ? r : part_merge(parser, &part);
}

int seg_parser_run(struct seg_parser *parser, const struct seg_policy_file *file)
{
	int r = seg_source_add(&parser->sources, file, 0);

	parser->model.whole = SEG_EMPTY_PART;
	return r ? r : file_parse(parser, 0);
}
