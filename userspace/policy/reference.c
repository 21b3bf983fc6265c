/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reference.c - the language as tables of a manual page, in scdoc's markup: a
 * section a map, a row a key.
 */
#include <errno.h>
#include <string.h>

#include "language.h"
#include "policy.h"

/* What scdoc would take for markup. */
static void text_put(const char *text, FILE *to)
{
	for (; *text; text++) {
		if (strchr("\\*_#[]|<>", *text))
			fputc('\\', to);
		fputc(*text, to);
	}
}

static void choices_put(const struct seg_policy_key *key, FILE *to)
{
	const char *comma = "";

	for (const struct seg_choice *c = key->choices; c && c->name; c++) {
		fprintf(to, "%s*", comma);
		text_put(c->name, to);
		fputc('*', to);
		comma = ", ";
	}
}

/* A map of names with nothing but lists needs no table. */
static bool one_row(const struct seg_policy_key *key)
{
	return key->type == &SEG_TYPE_NAMES && key->table->n == 1;
}

static void value_put(const struct seg_policy_key *key, FILE *to)
{
	choices_put(key, to);
	if (key->choices && key->type->syntax)
		fputs("; ", to);
	if (key->type->syntax)
		text_put(key->type->syntax, to);
	if (one_row(key))
		text_put(key->table->keys[0].type->syntax, to);
	else if (key->table && key->type != &SEG_TYPE_NAME)
		fputs("see below", to);
}

/* What holds where the key is absent, if that can be said in a word. */
static void default_put(const struct seg_policy_key *key, const void *base, FILE *to)
{
	static const struct seg_model NOTHING;
	char text[128] = "";
	FILE *f;

	if ((key->flags & SEG_KEY_REQUIRED) || !key->type->size || key->type->word ||
	    key->type->lines || key->type == &SEG_TYPE_NAME) {
		fputs(key->flags & SEG_KEY_REQUIRED ? "required" : "-", to);
		return;
	}
	f = fmemopen(text, sizeof(text), "w");
	if (!f)
		return;
	key->type->print(&NOTHING, key, (const char *)base + key->offset, f);
	fclose(f);
	text_put(strcmp(text, "0") && strcmp(text, "0/s") ? text : "none", to);
}

/* What this version reads and does not do. */
static void limits_put(const struct seg_policy_key *key, FILE *to)
{
	const char *lead = "; not enforced by this version: ";

	if (key->mend)
		fputs("; not enforced by this version", to);
	for (const struct seg_choice *c = key->choices; c && c->name; c++) {
		if (!c->mend)
			continue;
		fprintf(to, "%s*%s*", lead, c->name);
		lead = ", ";
	}
}

static void row_put(const struct seg_policy_key *key, const void *base, FILE *to)
{
	fputs("|  *", to);
	text_put(key->name, to);
	fputs("*\n:  ", to);
	value_put(key, to);
	fputs("\n:  ", to);
	default_put(key, base, to);
	fputs("\n:  ", to);
	text_put(key->help, to);
	limits_put(key, to);
	fputc('\n', to);
}

static void table_put(const struct seg_keys *table, const char *path, const void *base, FILE *to);

/* The tables that this one's rows name, each with the way to it. */
static void tables_put(const struct seg_keys *table, const char *path, const void *base, FILE *to)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct seg_policy_key *key = &table->keys[i];
		const void *below = (const char *)base + key->offset;
		char way[128];

		if (!key->table || key->type == &SEG_TYPE_NAME || one_row(key))
			continue;
		if (key->type == &SEG_TYPE_RULES)
			below = &SEG_EMPTY_RULE;
		snprintf(way, sizeof(way), "%s%s%s", path, *path ? ": " : "", key->name);
		table_put(key->table, way, below, to);
	}
}

static void table_put(const struct seg_keys *table, const char *path, const void *base, FILE *to)
{
	fputs("## ", to);
	text_put(*path ? path : "the file", to);
	fputs("\n\n[[ *key*\n:[ *value*\n:[ *default*\n:[ *what it does*\n", to);
	for (size_t i = 0; i < table->n; i++)
		row_put(&table->keys[i], base, to);
	fputc('\n', to);
	tables_put(table, path, base, to);
}

int seg_policy_reference(FILE *to)
{
	table_put(&SEG_POLICY_TABLE, "", &SEG_EMPTY_PART, to);
	return fflush(to) || ferror(to) ? -EIO : 0;
}
