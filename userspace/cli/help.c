/* SPDX-License-Identifier: BSD-2-Clause */
/* help.c - `xdpseg help [VERB]`, made from the tables alone. */
#include <errno.h>

#include "cli.h"

static void print_verbs(const struct seg_verb *const *verbs, FILE *to)
{
	fputs("\nverbs:\n", to);
	for (; *verbs; verbs++)
		fprintf(to, "  %-10s %s\n", seg_verb_word(*verbs), (*verbs)->summary);
}

static void print_global_options(FILE *to)
{
	fputs("\noptions of every verb:\n", to);
	seg_options_print(SEG_GLOBAL_OPTIONS, to);
}

/* One at least that is not for later. */
static bool has_options(const struct seg_option *rows)
{
	for (const struct seg_option *row = rows; row && row->name; row++)
		if (row->kind != SEG_OPTION_LATER)
			return true;
	return false;
}

void seg_help_overview(FILE *to)
{
	fputs("xdpseg - a stateful packet filter at the driver hook\n\n"
	      "usage: xdpseg VERB [OPTION]... [OPERAND]...\n",
	      to);
	print_verbs(SEG_VERBS, to);
	print_global_options(to);
	fputs("\nto begin with:\n"
	      "  xdpseg demo                                    what it does, in a lab of its own\n"
	      "  xdpseg doctor eth0                             would it do that here?\n"
	      "  xdpseg attach eth0 --observe --policy FILE     count what FILE would decide\n",
	      to);
	fputs("\nexit status: 0 ok, 1 failed, 2 usage, 3 not attached, 4 no privilege, "
	      "5 refused to protect you\n",
	      to);
}

void seg_help_verb(const struct seg_verb *verb, FILE *to)
{
	fprintf(to, "xdpseg %s - %s\n\nusage: xdpseg %s%s%s\n", verb->name, verb->summary,
		verb->name, *verb->synopsis ? " " : "", verb->synopsis);
	if (verb->details)
		fprintf(to, "\n%s\n", verb->details);
	if (verb->explain)
		verb->explain(to);
	if (verb->verbs)
		print_verbs(verb->verbs, to);
	if (has_options(verb->options))
		fputs("\noptions:\n", to);
	seg_options_print(verb->options, to);
	print_global_options(to);
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	const struct seg_verb *verb = NULL;

	if (!cli->operands_n) {
		seg_help_overview(stdout);
		return 0;
	}
	for (size_t i = 0; i < cli->operands_n; i++) {
		if (i && !verb->verbs)
			return seg_usage(err, &seg_verb_help, "help is about one verb at a time");
		verb = seg_verb_find(verb, cli->operands[i], err);
		if (!verb)
			return -EINVAL;
	}
	seg_help_verb(verb, stdout);
	return 0;
}

const struct seg_verb seg_verb_help = {
	.name = "help",
	.synopsis = "[VERB]",
	.operand = "VERB",
	.summary = "say how to use xdpseg, or one verb",
	.run = run,
};
