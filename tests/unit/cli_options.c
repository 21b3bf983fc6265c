/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options: every kind is bound to its member, what is wrong is named, and the
 * nearest known word is offered.
 */
#include "check.h"
#include "cli.h"
#include "options.h"

struct values {
	bool flag;
	const char *text;
	const char *choice;
	uint32_t number;
	const char *maybe;
};

#define VALUE(member) offsetof(struct values, member)

static const struct seg_option ROWS[] = {
	{"flag", 'f', SEG_OPTION_FLAG, VALUE(flag), NULL, "", 0},
	{"text", 't', SEG_OPTION_TEXT, VALUE(text), "TEXT", "", 0},
	{"choice", 0, SEG_OPTION_CHOICE, VALUE(choice), "one|two|three", "", 0},
	{"number", 'n', SEG_OPTION_NUMBER, VALUE(number), "N", "", 256},
	{"maybe", 'm', SEG_OPTION_MAYBE, VALUE(maybe), "N", "", 0},
	{"later", 0, SEG_OPTION_LATER, 0, NULL, "wait for it", 0},
	{0},
};

#define WORDS_MAX 8

/* Parses the words of a line; returns the index of the first operand. */
static int parse(char *line, struct values *values, struct seg_error *err)
{
	const struct seg_option_set set = {ROWS, values};
	char program[] = "xdpseg";
	char *argv[WORDS_MAX + 1] = {program};
	int argc = 1;

	*values = (struct values){0};
	*err = (struct seg_error){0};
	for (char *word = strtok(line, " "); word && argc < WORDS_MAX; word = strtok(NULL, " "))
		argv[argc++] = word;
	return seg_options_parse(&set, 1, false, argc, argv, err);
}

TEST(options, every_kind_is_bound)
{
	char line[] = "eth0 -f --text hello --choice=two -n256 eth1";
	struct values values;
	struct seg_error err;

	check_eq(parse(line, &values, &err), 6);
	check(values.flag);
	check_str_eq(values.text, "hello");
	check_str_eq(values.choice, "two");
	check_eq(values.number, 256);
}

/* The next word is the argument only if it begins with a digit. */
TEST(options, maybe_an_argument)
{
	static const struct {
		const char *line, *value;
		int operands;
	} ROWS_MAYBE[] = {
		{"--maybe", "", 0},         {"--maybe eth0", "", 1},    {"--maybe 2 eth0", "2", 1},
		{"eth0 --maybe 2", "2", 1}, {"--maybe=x eth0", "x", 1}, {"-m 0.5", "0.5", 0},
		{"-m2 3", "2", 1},          {"--maybe -f", "", 0},
	};

	for (size_t i = 0; i < sizeof(ROWS_MAYBE) / sizeof(*ROWS_MAYBE); i++) {
		char line[64];
		struct values values;
		struct seg_error err;
		int words = 1, first;

		snprintf(line, sizeof(line), "%s", ROWS_MAYBE[i].line);
		for (const char *c = line; *c; c++)
			words += *c == ' ';
		first = parse(line, &values, &err);
		check_str_eq(values.maybe, ROWS_MAYBE[i].value);
		check_eq(words + 1 - first, ROWS_MAYBE[i].operands);
	}
}

static void check_refused(const char *given, const char *what, const char *mend)
{
	char line[64];
	struct values values;
	struct seg_error err;

	snprintf(line, sizeof(line), "%s", given);
	check(parse(line, &values, &err) < 0);
	check_str_eq(err.what, what);
	check_str_eq(err.mend, mend);
	check_eq(err.exit, SEG_EXIT_USAGE);
}

TEST(options, what_is_wrong_is_named)
{
	check_refused("--txet x", "unknown option '--txet'", "did you mean '--text'?");
	check_refused("--choise=one", "unknown option '--choise=one'", "did you mean '--choice'?");
	check_refused("-x", "unknown option '-x'", "");
	check_refused("-fx", "unknown option '-x'", "");
	check_refused("--flag=1", "--flag takes no argument", "");
	check_refused("--text", "--text needs an argument", "--text TEXT");
	check_refused("-t", "--text needs an argument", "--text TEXT");
	check_refused("--choice on", "--choice: 'on' is none of one|two|three", "");
	check_refused("--choice one|two", "--choice: 'one|two' is none of one|two|three", "");
	check_refused("--number 0", "--number: '0' is not a number from 1 to 256", "");
	check_refused("--number 257", "--number: '257' is not a number from 1 to 256", "");
	check_refused("--number 1x", "--number: '1x' is not a number from 1 to 256", "");
	check_refused("--later", "--later is not supported yet", "wait for it");
	check_refused("--later=5s", "--later is not supported yet", "wait for it");
}

TEST(options, globals_stop_at_the_verb)
{
	struct seg_global global = {0};
	const struct seg_option_set set = {SEG_GLOBAL_OPTIONS, &global};
	char words[][8] = {"xdpseg", "-j", "attach", "--mode"};
	char *argv[] = {words[0], words[1], words[2], words[3], NULL};
	struct seg_error err = {0};

	check_eq(seg_options_parse(&set, 1, true, 4, argv, &err), 2);
	check(global.json);
}

TEST(verbs, nearest_is_offered_and_all_are_listed)
{
	struct seg_error err = {0};

	check(seg_verb_find(NULL, "attach", &err) == &seg_verb_attach);
	check(!seg_verb_find(NULL, "sesions", &err));
	check_eq(err.exit, SEG_EXIT_USAGE);
	check(strstr(err.mend, "did you mean 'sessions'?") != NULL);
	for (const struct seg_verb *const *verb = SEG_VERBS; *verb; verb++)
		check(strstr(err.mend, (*verb)->name) != NULL);
}

TEST(verbs, below_a_verb_there_are_its_own)
{
	struct seg_error err = {0};

	check(seg_verb_find(&seg_verb_policy, "apply", &err) == &seg_verb_policy_apply);
	check(!seg_verb_find(NULL, "apply", NULL));
	check(!seg_verb_find(&seg_verb_policy, "aply", &err));
	check_str_eq(err.what, "unknown verb 'policy aply'");
	check(strstr(err.mend, "did you mean 'apply'?") != NULL);
}
