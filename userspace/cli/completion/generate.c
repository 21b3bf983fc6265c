/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generate.c - completion of `xdpseg` for a shell, at build time: a template, with the
 * tables of verbs, options and filters in the place of the line @TABLES@.
 *
 * Usage: generate-completion bash|zsh|fish TEMPLATE
 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "session_filter.h"

#define MARK "@TABLES@\n"

/* How a shell writes the tables down. */
struct shell {
	const char *name;
	/* `word`: of a verb below `path`. */
	void (*verb)(const char *path, const struct seg_verb *verb);
	void (*option)(const char *path, const struct seg_option *option);
	void (*operand)(const char *path, const char *operand);
	void (*filter)(const struct seg_filter_key *key);
};

/* --- text -------------------------------------------------------------------- */

/* In single quotes, as all three read it. */
static void put_quoted(const char *text)
{
	putchar('\'');
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	}
	putchar('\'');
}

/* Words that '|' separates, as words that blanks do. */
static void put_choices(const char *choices)
{
	for (; *choices; choices++)
		putchar(*choices == '|' ? ' ' : *choices);
}

/* What a word after the option is: a kind, "=" and choices, or nothing. */
static void put_argument(const struct seg_option *option)
{
	if (option->kind == SEG_OPTION_CHOICE) {
		putchar('=');
		put_choices(option->argument);
	} else if (option->kind == SEG_OPTION_TEXT || option->kind == SEG_OPTION_NUMBER) {
		fputs(option->argument, stdout);
	}
}

static void put_values(const struct seg_filter_key *key)
{
	if (!key->choices) {
		fputs(key->argument, stdout);
		return;
	}
	putchar('=');
	for (const char *const *choice = key->choices; *choice; choice++)
		printf("%s%s", choice == key->choices ? "" : " ", *choice);
}

/* --- bash and zsh: a line a row, in arrays ----------------------------------------- */

static void add_word(const char *table, const char *path, const char *word, const char *help)
{
	printf("_xdpseg_%s[%s/]+=", table, *path ? path : "");
	put_quoted(word);
	fputs("$'\\t'", stdout);
	put_quoted(help);
	puts("$'\\n'");
}

static void array_verb(const char *path, const struct seg_verb *verb)
{
	add_word("verbs", path, seg_verb_word(verb), verb->summary);
}

static void array_argument(const char *path, const char *dashes, const char *name,
			   const struct seg_option *option)
{
	printf("_xdpseg_arguments[%s/%s%s]='", path, dashes, name);
	put_argument(option);
	puts("'");
}

static void array_option(const char *path, const struct seg_option *option)
{
	const char brief[] = {option->brief, '\0'};
	char name[64];

	snprintf(name, sizeof(name), "--%s", option->name);
	add_word("options", path, name, option->help);
	array_argument(path, "--", option->name, option);
	if (option->brief)
		array_argument(path, "-", brief, option);
}

static void array_operand(const char *path, const char *operand)
{
	printf("_xdpseg_operands[%s/]=%s\n", path, operand);
}

static void array_filter(const struct seg_filter_key *key)
{
	add_word("filters", "", key->name, key->help);
	printf("_xdpseg_values[%s]='", key->name);
	put_values(key);
	puts("'");
}

/* --- fish: a command a row ----------------------------------------------------------- */

static void fish_begin(const char *condition, const char *path)
{
	fputs("complete -c xdpseg -n ", stdout);
	printf("'%s %s/'", condition, path);
}

static void fish_verb(const char *path, const struct seg_verb *verb)
{
	const char *word = seg_verb_word(verb);

	fish_begin("__xdpseg_first", path);
	printf(" -a %s -d ", word);
	put_quoted(verb->summary);
	printf("\nset -a __xdpseg_paths %s%s%s\n", path, *path ? "/" : "", word);
}

static void fish_argument(const struct seg_option *option)
{
	if (option->kind == SEG_OPTION_FLAG || option->kind == SEG_OPTION_MAYBE)
		return;
	fputs(" -x -a '(__xdpseg_kind ", stdout);
	put_argument(option);
	fputs(")'", stdout);
}

/* Options that take the next word, for whoever reads the words. */
static void fish_takes(const char *path, const struct seg_option *option)
{
	if (option->kind == SEG_OPTION_FLAG || option->kind == SEG_OPTION_MAYBE)
		return;
	printf("set -a __xdpseg_arguments %s/--%s", path, option->name);
	if (option->brief)
		printf(" %s/-%c", path, option->brief);
	putchar('\n');
}

static void fish_option(const char *path, const struct seg_option *option)
{
	fish_begin(*path ? "__xdpseg_at" : "true", path);
	printf(" -l %s", option->name);
	if (option->brief)
		printf(" -s %c", option->brief);
	fish_argument(option);
	fputs(" -d ", stdout);
	put_quoted(option->help);
	putchar('\n');
	fish_takes(path, option);
}

static void fish_operand(const char *path, const char *operand)
{
	fish_begin("__xdpseg_at", path);
	printf(" -a '(__xdpseg_kind %s)'\n", operand);
}

static void fish_filter(const struct seg_filter_key *key)
{
	printf("set -a __xdpseg_filters %s\\t", key->name);
	put_quoted(key->help);
	printf("\nset -g __xdpseg_values_%s '", key->name);
	put_values(key);
	puts("'");
}

/* --- the tables ----------------------------------------------------------------------- */

static const struct shell SHELLS[] = {
	{"bash", array_verb, array_option, array_operand, array_filter},
	{"zsh", array_verb, array_option, array_operand, array_filter},
	{"fish", fish_verb, fish_option, fish_operand, fish_filter},
};

static void put_options(const struct shell *shell, const char *path, const struct seg_option *rows)
{
	for (const struct seg_option *row = rows; row && row->name; row++)
		if (row->kind != SEG_OPTION_LATER)
			shell->option(path, row);
}

/* Verbs are named by their words, which '/' joins: "policy/check". */
static void path_of(const struct seg_verb *verb, char *to, size_t size)
{
	snprintf(to, size, "%s", verb->name);
	for (char *c = to; *c; c++)
		*c = *c == ' ' ? '/' : *c;
}

static void put_verbs(const struct shell *shell, const char *path,
		      const struct seg_verb *const *verbs)
{
	char below[64];

	for (; verbs && *verbs; verbs++) {
		path_of(*verbs, below, sizeof(below));
		shell->verb(path, *verbs);
		put_options(shell, below, (*verbs)->options);
		if ((*verbs)->operand)
			shell->operand(below, (*verbs)->operand);
		put_verbs(shell, below, (*verbs)->verbs);
	}
}

static void put_tables(const struct shell *shell)
{
	put_options(shell, "", SEG_GLOBAL_OPTIONS);
	put_verbs(shell, "", SEG_VERBS);
	for (const struct seg_filter_key *key = SEG_FILTER_KEYS; key->name; key++)
		shell->filter(key);
}

/* --- the script ------------------------------------------------------------------------- */

static const struct shell *shell_named(const char *name)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(SHELLS); i++)
		if (strcmp(SHELLS[i].name, name) == 0)
			return &SHELLS[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct shell *shell = argc == 3 ? shell_named(argv[1]) : NULL;
	FILE *from = shell ? fopen(argv[2], "r") : NULL;
	char line[1024];

	if (!from) {
		fputs("usage: generate-completion bash|zsh|fish TEMPLATE\n", stderr);
		return 2;
	}
	while (fgets(line, sizeof(line), from))
		if (strcmp(line, MARK) == 0)
			put_tables(shell);
		else
			fputs(line, stdout);
	fclose(from);
	return fflush(stdout) || ferror(stdout);
}
