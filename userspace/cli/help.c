/* SPDX-License-Identifier: BSD-2-Clause */
/* help.c - `xdpseg help [VERB]`, made from the tables alone. */
#include "cli.h"

void seg_help_overview(FILE *to)
{
	fputs("xdpseg - a stateful packet filter at the driver hook\n\n"
	      "usage: xdpseg VERB [OPTION]... [OPERAND]...\n\nverbs:\n",
	      to);
	for (const struct seg_verb *const *verb = SEG_VERBS; *verb; verb++)
		fprintf(to, "  %-10s %s\n", (*verb)->name, (*verb)->summary);
	fputs("\noptions of every verb:\n", to);
	seg_options_print(SEG_GLOBAL_OPTIONS, to);
	fputs("\nexit status: 0 ok, 1 failed, 2 usage, 3 not attached, 4 no privilege, "
	      "5 refused to protect you\n",
	      to);
}

void seg_help_verb(const struct seg_verb *verb, FILE *to)
{
	fprintf(to, "xdpseg %s - %s\n\nusage: xdpseg %s %s\n", verb->name, verb->summary,
		verb->name, verb->synopsis);
	if (verb->details)
		fprintf(to, "\n%s\n", verb->details);
	if (verb->options)
		fputs("\noptions:\n", to);
	seg_options_print(verb->options, to);
	fputs("\noptions of every verb:\n", to);
	seg_options_print(SEG_GLOBAL_OPTIONS, to);
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	const struct seg_verb *verb;

	if (cli->operands_n > 1)
		return seg_usage(err, &seg_verb_help, "help is about one verb at a time");
	if (!cli->operands_n) {
		seg_help_overview(stdout);
		return 0;
	}
	verb = seg_verb_find(cli->operands[0], err);
	if (!verb)
		return -1;
	seg_help_verb(verb, stdout);
	return 0;
}

const struct seg_verb seg_verb_help = {
	.name = "help",
	.synopsis = "[VERB]",
	.summary = "say how to use xdpseg, or one verb",
	.run = run,
};
