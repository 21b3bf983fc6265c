/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.c - the normal form: the keys in their tables' order, each rule and each
 * setting on a line of its own, what nobody needs to write left out. What was
 * included or listed in files stands in place.
 */
#include <errno.h>
#include <string.h>

#include "language.h"

static bool absent(const struct seg_policy_key *key, const void *value, const void *base);

static bool map_absent(const struct seg_keys *table, const char *target, const char *base)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct seg_policy_key *key = &table->keys[i];

		if (!absent(key, target + key->offset, base + key->offset))
			return false;
	}
	return true;
}

static bool absent(const struct seg_policy_key *key, const void *value, const void *base)
{
	if (key->flags & SEG_KEY_REQUIRED)
		return false;
	if (key->type == &SEG_TYPE_MAP)
		return map_absent(key->table, value, base);
	return memcmp(value, base, key->type->size) == 0;
}

static void value_print(const struct seg_model *model, const struct seg_policy_key *key,
			const void *value, const void *base, FILE *to)
{
	fprintf(to, key->type->lines ? "%s:" : "%s: ", key->name);
	if (key->type == &SEG_TYPE_MAP)
		seg_map_print(model, key->table, value, base, to);
	else
		key->type->print(model, key, value, to);
}

void seg_map_print(const struct seg_model *model, const struct seg_keys *table, const void *target,
		   const void *base, FILE *to)
{
	const char *comma = "";

	fputc('{', to);
	for (size_t i = 0; i < table->n; i++) {
		const struct seg_policy_key *key = &table->keys[i];
		const void *value = (const char *)target + key->offset;
		const void *unsaid = (const char *)base + key->offset;

		if (absent(key, value, unsaid))
			continue;
		fputs(comma, to);
		value_print(model, key, value, unsaid, to);
		comma = ", ";
	}
	fputc('}', to);
}

/* A map at the top: a key a line. */
static void lines_print(const struct seg_model *model, const struct seg_keys *table,
			const char *target, const char *base, const char *indent, FILE *to)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct seg_policy_key *key = &table->keys[i];
		const char *value = target + key->offset, *unsaid = base + key->offset;

		if (absent(key, value, unsaid))
			continue;
		fputs(indent, to);
		if (key->type == &SEG_TYPE_MAP && !*indent) {
			fprintf(to, "%s:\n", key->name);
			lines_print(model, key->table, value, unsaid, "  ", to);
			continue;
		}
		value_print(model, key, value, unsaid, to);
		fputc('\n', to);
	}
}

int seg_model_print(const struct seg_model *model, FILE *to)
{
	lines_print(model, &SEG_POLICY_TABLE, (const char *)&model->whole,
		    (const char *)&SEG_EMPTY_PART, "", to);
	return fflush(to) || ferror(to) ? -EIO : 0;
}
