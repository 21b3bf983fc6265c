/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - xdpseg, the client: global options, the verb and its options.
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "version.h"

/* Words ended before a verb was named: `xdpseg --help`, `xdpseg --version`, `xdpseg policy`. */
static int run_without_verb(const struct seg_cli *cli, const struct seg_verb *of,
			    struct seg_error *err)
{
	if (cli->global.version) {
		puts("xdpseg " SEG_VERSION);
		return 0;
	}
	if (cli->global.help && of) {
		seg_help_verb(of, stdout);
		return 0;
	}
	if (cli->global.help) {
		seg_help_overview(stdout);
		return 0;
	}
	if (of)
		return seg_usage(err, of, "%s: no verb", of->name);
	seg_error_set(err, EINVAL, "no verb");
	seg_error_mend(err, "`xdpseg help` lists them; `xdpseg demo` shows what they do");
	seg_error_exit(err, SEG_EXIT_USAGE);
	return -EINVAL;
}

/* Unless there is a better one. Returns r. */
static int mend_option(const struct seg_verb *of, int r, struct seg_error *err)
{
	seg_error_mend(err, "`xdpseg help%s%s` lists the options", of ? " " : "",
		       of ? of->name : "");
	return r;
}

/* argv[0] is the verb's name. */
static int run_verb(struct seg_cli *cli, const struct seg_verb *verb, int argc, char **argv,
		    struct seg_error *err)
{
	_cleanup_free_ void *values = calloc(1, verb->values_size + 1);
	const struct seg_option_set sets[] = {
		{verb->options, values},
		{SEG_GLOBAL_OPTIONS, &cli->global},
	};
	int first;

	if (!values)
		return seg_error_set(err, ENOMEM, "out of memory");
	first = seg_options_parse(sets, SEG_ARRAY_SIZE(sets), false, argc, argv, err);
	if (first < 0)
		return mend_option(verb, first, err);
	if (cli->global.help) {
		seg_help_verb(verb, stdout);
		return 0;
	}
	cli->values = values;
	cli->operands = argv + first;
	cli->operands_n = (size_t)(argc - first);
	cli->colour = seg_cli_colour(&cli->global, stdout);
	return cli->global.version ? run_without_verb(cli, verb, err) : verb->run(cli, err);
}

/*
 * The subverb of a verb that can do without, if the first operand names one: it is moved to the
 * front, since options may stand before it. Else the verb itself.
 */
static const struct seg_verb *pick_verb(const struct seg_verb *verb, int argc, char **argv)
{
	_cleanup_free_ void *values = calloc(1, verb->values_size + 1);
	struct seg_global global;
	const struct seg_option_set sets[] = {{verb->options, values},
					      {SEG_GLOBAL_OPTIONS, &global}};
	struct seg_error ignored = {0};
	int at = values ? seg_options_parse(sets, 2, true, argc, argv, &ignored) : -ENOMEM;

	for (const struct seg_verb *const *below = verb->verbs; at > 0 && at < argc && *below;
	     below++) {
		char *word = argv[at];

		if (strcmp(seg_verb_word(*below), word) != 0)
			continue;
		memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(*argv));
		argv[1] = word;
		return *below;
	}
	return verb;
}

/* argv[0] is the verb's name; those below it are asked first. */
static int run_or_below(struct seg_cli *cli, const struct seg_verb *verb, int argc, char **argv,
			struct seg_error *err)
{
	const struct seg_verb *picked = verb->verbs ? pick_verb(verb, argc, argv) : verb;
	int moved = picked != verb;

	return run_verb(cli, picked, argc - moved, argv + moved, err);
}

/* argv[0] is what calls the verbs below `of` (NULL: all), argv[1..] options and one of them. */
static int run_below(struct seg_cli *cli, const struct seg_verb *of, int argc, char **argv,
		     struct seg_error *err)
{
	const struct seg_option_set globals = {SEG_GLOBAL_OPTIONS, &cli->global};
	int first = seg_options_parse(&globals, 1, true, argc, argv, err);
	const struct seg_verb *verb;

	if (first < 0)
		return mend_option(of, first, err);
	if (first == argc || cli->global.version)
		return run_without_verb(cli, of, err);
	verb = seg_verb_find(of, argv[first], err);
	if (!verb)
		return -EINVAL;
	if (verb->verbs && !verb->run)
		return run_below(cli, verb, argc - first, argv + first, err);
	return run_or_below(cli, verb, argc - first, argv + first, err);
}

/* Whoever asks for JSON gets errors as JSON, also one that stands before the word. */
static bool asks_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-j") == 0 || strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

static int report(struct seg_cli *cli, int argc, char **argv, const struct seg_error *err)
{
	cli->global.json = cli->global.json || asks_json(argc, argv);
	seg_cli_report(cli, err);
	return err->exit ? (int)err->exit : SEG_EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct seg_cli cli = {.global = {.color = "auto", .runtime_dir = "/run/xdpseg"}};
	struct seg_error err = {0};

	if (run_below(&cli, NULL, argc, argv, &err) || seg_cli_flush(&err))
		return report(&cli, argc, argv, &err);
	return SEG_EXIT_OK;
}
