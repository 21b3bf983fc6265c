/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schema.c - the language as a JSON Schema (draft-07), for editors. A policy that
 * the parser takes is valid under it; what only a compiler can see (names, ranges,
 * what goes together) is not said.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "language.h"
#include "policy.h"

static json_t *map_schema(const struct seg_keys *table);

/* A scalar that YAML takes for a number, or that is written as a word. */
static json_t *word_schema(const struct seg_policy_key *key)
{
	const char *pattern = key->type->pattern;

	return json_pack("{s:[ss], s:s*}", "type", "string", "number", "pattern", pattern);
}

static json_t *version_schema(const struct seg_policy_key *key)
{
	return json_pack("{s:[i, s]}", "enum", (int)key->max, key->type->syntax);
}

static json_t *choice_schema(const struct seg_policy_key *key)
{
	json_t *names = json_array();

	for (const struct seg_choice *choice = key->choices; choice->name; choice++)
		if (!strcmp(choice->name, "true") || !strcmp(choice->name, "false"))
			json_array_append_new(names, json_boolean(choice->name[0] == 't'));
		else
			json_array_append_new(names, json_string(choice->name));
	return json_pack("{s:o}", "enum", names);
}

/* A number with its unit, or one of the words that stand for one; 0 needs no unit. */
static json_t *measure_schema(const struct seg_policy_key *key)
{
	json_t *any = json_array();

	if (key->type->unit)
		json_array_append_new(any, json_pack("{s:s, s:s}", "type", "string", "pattern",
						     key->type->pattern));
	else
		json_array_append_new(any, word_schema(key));
	if (key->type->unit && !key->min)
		json_array_append_new(any, json_pack("{s:i}", "const", 0));
	if (key->choices)
		json_array_append_new(any, choice_schema(key));
	return json_pack("{s:o}", "anyOf", any);
}

static json_t *item_schema(const struct seg_policy_key *key)
{
	if (!(key->flags & SEG_KEY_NOT))
		return word_schema(key);
	return json_pack("{s:[o, o]}", "anyOf", word_schema(key), map_schema(&SEG_NOT_TABLE));
}

static json_t *list_schema(const struct seg_policy_key *key)
{
	json_t *list = json_pack("{s:s, s:o}", "type", "array", "items", item_schema(key));

	if (key->type->word)
		json_object_set_new(list, "minItems", json_integer(1));
	return json_pack("{s:[o, o]}", "anyOf", item_schema(key), list);
}

/* The plain form, which is the first key's, or the map. */
static json_t *named_schema(const struct seg_keys *table)
{
	json_t *map;

	if (table->n == 1)
		return list_schema(&table->keys[0]);
	map = map_schema(table);
	json_object_set_new(map, "minProperties", json_integer(1));
	return json_pack("{s:[o, o]}", "anyOf", list_schema(&table->keys[0]), map);
}

static json_t *names_schema(const struct seg_policy_key *key)
{
	return json_pack("{s:s, s:{s:s}, s:o}", "type", "object", "propertyNames", "pattern",
			 SEG_TYPE_NAME.pattern, "additionalProperties", named_schema(key->table));
}

static json_t *rules_schema(const struct seg_policy_key *key)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", map_schema(key->table));
}

static json_t *table_schema(const struct seg_policy_key *key)
{
	return map_schema(key->table);
}

static const struct {
	const struct seg_type *type;
	json_t *(*schema)(const struct seg_policy_key *key);
} SHAPES[] = {
	{&SEG_TYPE_MAP, table_schema},       {&SEG_TYPE_NAMES, names_schema},
	{&SEG_TYPE_RULES, rules_schema},     {&SEG_TYPE_CHOICE, choice_schema},
	{&SEG_TYPE_COUNT, measure_schema},   {&SEG_TYPE_DURATION, measure_schema},
	{&SEG_TYPE_RATE, measure_schema},    {&SEG_TYPE_NAME, word_schema},
	{&SEG_TYPE_VERSION, version_schema}, {&SEG_TYPE_LIST_FILE, word_schema},
};

/* Whatever has no shape of its own is one word or a list of them. */
static json_t *key_schema(const struct seg_policy_key *key)
{
	json_t *schema;
	size_t i = 0;

	while (i < SEG_ARRAY_SIZE(SHAPES) && SHAPES[i].type != key->type)
		i++;
	schema = i < SEG_ARRAY_SIZE(SHAPES) ? SHAPES[i].schema(key) : list_schema(key);
	json_object_set_new(schema, "description", json_string(key->help));
	return schema;
}

static json_t *map_schema(const struct seg_keys *table)
{
	json_t *keys = json_object(), *required = json_array();

	for (size_t i = 0; i < table->n; i++) {
		const struct seg_policy_key *key = &table->keys[i];

		json_object_set_new(keys, key->name, key_schema(key));
		if (key->flags & SEG_KEY_REQUIRED)
			json_array_append_new(required, json_string(key->name));
	}
	return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", keys, "required",
			 required, "additionalProperties", 0);
}

int seg_policy_schema(FILE *to)
{
	json_t *schema = map_schema(&SEG_POLICY_TABLE);
	int r;

	if (!schema)
		return -ENOMEM;
	json_object_set_new(schema, "$schema",
			    json_string("http://json-schema.org/draft-07/schema#"));
	json_object_set_new(schema, "title", json_string("xdpseg policy"));
	r = json_dumpf(schema, to, JSON_INDENT(2));
	json_decref(schema);
	fputc('\n', to);
	return r || fflush(to) ? -EIO : 0;
}
