/* SPDX-License-Identifier: BSD-2-Clause */
/* types_tree.c - what holds others: maps, groups, services, rules. */
#include <errno.h>

#include "types.h"

/* --- maps -------------------------------------------------------------------- */

static int read_table(struct seg_parser *parser, const struct seg_policy_key *key, void *target)
{
	if (parser->reader.node == SEG_NODE_MAP)
		return seg_map_read(parser, key->table, target);
	return seg_parser_error(parser, parser->reader.at, EINVAL,
				"'%s' must be a map: keys with values", key->name);
}

const struct seg_type SEG_TYPE_MAP = {.read = read_table};

/* --- groups, services -------------------------------------------------------- */

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

/* The table's first key is the plain form; one of its keys takes away. */
static void named_print(const struct seg_model *model, const struct seg_keys *table,
			const struct seg_list *list, FILE *to)
{
	const struct seg_policy_key *with = &table->keys[0], *without = with;
	uint32_t negative = seg_words_count(model, list, SEG_WORD_NEGATIVE);

	while (negative && !(without->flags & SEG_KEY_NEGATIVE))
		without++;
	if (negative && negative < list->n)
		fprintf(to, "{%s: ", with->name);
	if (negative < list->n)
		seg_words_half_print(model, with, list, 0, to);
	if (!negative)
		return;
	fprintf(to, negative < list->n ? ", %s: " : "{%s: ", without->name);
	seg_words_half_print(model, without, list, SEG_WORD_NEGATIVE, to);
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

const struct seg_type SEG_TYPE_NAMES = {
	.read = read_names, .print = print_names, .size = sizeof(seg_names), .lines = true};

/* --- rules ------------------------------------------------------------------- */

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

static void print_rules(const struct seg_model *model, const struct seg_policy_key *key,
			const void *value, FILE *to)
{
	const seg_rule_texts *rules = value;

	for (uint32_t i = 0; i < rules->n; i++) {
		fputs("\n  - ", to);
		seg_map_print(model, key->table, &rules->item[i], &SEG_EMPTY_RULE, to);
	}
}

const struct seg_type SEG_TYPE_RULES = {
	.read = read_rules, .print = print_rules, .size = sizeof(seg_rule_texts), .lines = true};
