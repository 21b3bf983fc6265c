/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "text.h"

#define OPTIONS_MAX 32
#define LONG_FIRST  256 /* what getopt returns for row i is LONG_FIRST + i: no letter's value */
#define HELP_COLUMN 34

/* All tables flattened, with what getopt_long() wants to know of them. */
struct index {
	struct option longs[OPTIONS_MAX + 1];
	char letters[3 * OPTIONS_MAX + 3];
	const struct seg_option *row[OPTIONS_MAX];
	void *values[OPTIONS_MAX];
	int n;
};

static bool takes_argument(const struct seg_option *row)
{
	return row->kind == SEG_OPTION_TEXT || row->kind == SEG_OPTION_CHOICE ||
	       row->kind == SEG_OPTION_NUMBER;
}

/* An option for later may come with an argument or without: refused before that matters. */
static int argument_of(const struct seg_option *row)
{
	if (row->kind == SEG_OPTION_LATER || row->kind == SEG_OPTION_MAYBE)
		return optional_argument;
	return takes_argument(row) ? required_argument : no_argument;
}

/* As a letter says it: no, required, optional. */
static const char *const ARGUMENTS[] = {"", ":", "::"};

static void index_add(struct index *index, const struct seg_option *row, void *values)
{
	int i = index->n++;
	size_t letters = strlen(index->letters);

	index->row[i] = row;
	index->values[i] = values;
	index->longs[i] = (struct option){row->name, argument_of(row), NULL, LONG_FIRST + i};
	if (row->brief)
		snprintf(index->letters + letters, sizeof(index->letters) - letters, "%c%s",
			 row->brief, ARGUMENTS[argument_of(row)]);
}

static void index_make(struct index *index, const struct seg_option_set *sets, size_t n, bool first)
{
	*index = (struct index){.n = 0};
	snprintf(index->letters, sizeof(index->letters), "%s", first ? "+:" : ":");
	for (size_t i = 0; i < n; i++)
		for (const struct seg_option *row = sets[i].rows; row && row->name; row++)
			if (index->n < OPTIONS_MAX)
				index_add(index, row, sets[i].values);
}

/* Row of what getopt_long() returned or left in optopt, -1: none. */
static int index_find(const struct index *index, int found)
{
	if (found >= LONG_FIRST)
		return found - LONG_FIRST;
	for (int i = 0; i < index->n; i++)
		if (index->row[i]->brief && index->row[i]->brief == found)
			return i;
	return -1;
}

static bool choice_has(const char *choices, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = choices; *at; at += strcspn(at, "|"), at += *at == '|')
		if (len && strcspn(at, "|") == len && strncmp(at, word, len) == 0)
			return true;
	return false;
}

static int usage(struct seg_error *err)
{
	seg_error_exit(err, SEG_EXIT_USAGE);
	return -EINVAL;
}

static int set_number(const struct seg_option *row, uint32_t *value, struct seg_error *err)
{
	uint64_t number;

	if (seg_number_parse(optarg, strlen(optarg), row->max, &number) || !number) {
		seg_error_set(err, EINVAL, "--%s: '%s' is not a number from 1 to %u", row->name,
			      optarg, row->max);
		return usage(err);
	}
	*value = (uint32_t)number;
	return 0;
}

static int set_choice(const struct seg_option *row, const char **value, struct seg_error *err)
{
	if (!choice_has(row->argument, optarg)) {
		seg_error_set(err, EINVAL, "--%s: '%s' is none of %s", row->name, optarg,
			      row->argument);
		return usage(err);
	}
	*value = optarg;
	return 0;
}

/* getopt_long() gives an optional argument only behind '='; the next word is taken here. */
static void set_maybe(const char **value, int argc, char **argv)
{
	*value = optarg ? optarg : "";
	if (!optarg && optind < argc && *argv[optind] >= '0' && *argv[optind] <= '9')
		*value = argv[optind++];
}

static int set_value(const struct seg_option *row, void *values, int argc, char **argv,
		     struct seg_error *err)
{
	void *value = (char *)values + row->offset;

	switch (row->kind) {
	case SEG_OPTION_FLAG:
		*(bool *)value = true;
		return 0;
	case SEG_OPTION_TEXT:
		*(const char **)value = optarg;
		return 0;
	case SEG_OPTION_CHOICE:
		return set_choice(row, value, err);
	case SEG_OPTION_NUMBER:
		return set_number(row, value, err);
	case SEG_OPTION_MAYBE:
		set_maybe(value, argc, argv);
		return 0;
	case SEG_OPTION_LATER:
		break;
	}
	seg_error_set(err, EINVAL, "--%s is not supported yet", row->name);
	seg_error_mend(err, "%s", row->help);
	return usage(err);
}

static int report_unknown(const struct index *index, const char *word, struct seg_error *err)
{
	const char *name = word + strspn(word, "-");
	struct seg_nearest nearest = {.text = name, .len = strcspn(name, "=")};

	for (int i = 0; i < index->n; i++)
		seg_nearest_offer(&nearest, index->row[i]->name);
	seg_error_set(err, EINVAL, "unknown option '%s'", word);
	if (nearest.best)
		seg_error_mend(err, "did you mean '--%s'?", nearest.best);
	return usage(err);
}

/* getopt_long() returned '?' or ':'. A word of several letters is not to blame for one of them. */
static int report(const struct index *index, int found, char **argv, struct seg_error *err)
{
	int i = optopt ? index_find(index, optopt) : -1;
	char letter[] = {'-', (char)optopt, '\0'};

	if (i < 0)
		return report_unknown(index, optopt ? letter : argv[optind - 1], err);
	seg_error_set(err, EINVAL,
		      found == ':' ? "--%s needs an argument" : "--%s takes no argument",
		      index->row[i]->name);
	if (found == ':')
		seg_error_mend(err, "--%s %s", index->row[i]->name, index->row[i]->argument);
	return usage(err);
}

int seg_options_parse(const struct seg_option_set *sets, size_t sets_n, bool first_only, int argc,
		      char **argv, struct seg_error *err)
{
	struct index index;
	int found, r;

	index_make(&index, sets, sets_n, first_only);
	optind = 0; /* start anew: glibc's word for it */
	opterr = 0;
	while ((found = getopt_long(argc, argv, index.letters, index.longs, NULL)) != -1) {
		int i = found == '?' || found == ':' ? -1 : index_find(&index, found);

		r = i < 0 ? report(&index, found, argv, err)
			  : set_value(index.row[i], index.values[i], argc, argv, err);
		if (r)
			return r;
	}
	return optind;
}

void seg_options_print(const struct seg_option *rows, FILE *to)
{
	for (const struct seg_option *row = rows; row && row->name; row++) {
		bool maybe = row->kind == SEG_OPTION_MAYBE;
		char left[64];

		if (row->kind == SEG_OPTION_LATER)
			continue;
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s%s%s", row->brief ? '-' : ' ',
			 row->brief ? row->brief : ' ', row->brief ? "," : " ", row->name,
			 row->argument ? " " : "", maybe ? "[" : "",
			 row->argument ? row->argument : "", maybe ? "]" : "");
		fprintf(to, "  %-*s %s\n", HELP_COLUMN, left, row->help);
	}
}
