/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli.h - what a verb is and what it is given. One verb a file, one table of
 * verbs (verbs.c). A verb returns 0, or -errno with err filled; main.c prints.
 */
#ifndef SEG_CLI_H
#define SEG_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "error.h"
#include "options.h"

/* Options of every verb. */
struct seg_global {
	bool json;
	bool quiet;
	bool verbose;
	bool help;
	bool version;
	const char *color;
	const char *runtime_dir;
};

/* One invocation. */
struct seg_cli {
	struct seg_global global;
	const void *values; /* of the verb's options */
	char *const *operands;
	size_t operands_n;
	bool colour; /* on stdout */
};

/*
 * A row of a table of verbs. One with `verbs` of its own is only their folder, unless it can
 * `run` too: then that is what it does where none of them is named.
 */
struct seg_verb {
	const char *name;          /* the words that call it: "attach", "policy check" */
	const char *synopsis;      /* after "xdpseg NAME" */
	const char *operand;       /* what completion offers: IFACE, FILE, FLOW, FILTER, VERB; NULL:
				      nothing */
	const char *summary;       /* one line, lower case */
	const char *details;       /* paragraphs for `help NAME`; NULL: none */
	void (*explain)(FILE *to); /* what else `help NAME` has to say; NULL: nothing */
	const struct seg_option *options;
	size_t values_size; /* of the struct that the options are bound to */
	int (*run)(const struct seg_cli *cli, struct seg_error *err);
	const struct seg_verb *const *verbs; /* subverbs, then NULL */
};

extern const struct seg_verb seg_verb_attach, seg_verb_demo, seg_verb_detach, seg_verb_doctor,
	seg_verb_help, seg_verb_policy, seg_verb_policy_apply, seg_verb_policy_check,
	seg_verb_policy_confirm, seg_verb_policy_diff, seg_verb_policy_history,
	seg_verb_policy_patch, seg_verb_policy_rollback, seg_verb_policy_show, seg_verb_replay,
	seg_verb_sessions, seg_verb_sessions_delete, seg_verb_sessions_flush,
	seg_verb_sessions_list, seg_verb_stats, seg_verb_status, seg_verb_why;

/* verbs.c: all of them, in help's order, then NULL; and the options of every verb. */
extern const struct seg_verb *const SEG_VERBS[];
extern const struct seg_option SEG_GLOBAL_OPTIONS[];

/* The word that tells a verb from its neighbours: "check" of "policy check". */
const char *seg_verb_word(const struct seg_verb *verb);

/*
 * The verb that `word` calls below `of`, or at the top if that is NULL. NULL with
 * err filled: the known ones and the nearest.
 */
const struct seg_verb *seg_verb_find(const struct seg_verb *of, const char *word,
				     struct seg_error *err);

/* help.c: what `xdpseg help` and `xdpseg help VERB` show. */
void seg_help_overview(FILE *to);
void seg_help_verb(const struct seg_verb *verb, FILE *to);

/* show.c: ask for `path` and print the answer: as JSON, or by `print`. */
struct seg_view;
typedef int (*seg_print)(const struct seg_view *view, const json_t *reply);
int seg_show(const struct seg_cli *cli, const char *path, seg_print print, struct seg_error *err);

/* The same for a reply that is there already. */
int seg_show_reply(const struct seg_cli *cli, const json_t *reply, seg_print print,
		   struct seg_error *err);

/* policy_apply.c: ask the daemon for a change of the policy and print what came of it. Takes the
 * request; NULL: an empty one. */
int seg_policy_change(const struct seg_cli *cli, const char *path, json_t *request, seg_print print,
		      struct seg_error *err);

/* Colours on this stream? */
bool seg_cli_colour(const struct seg_global *global, FILE *to);

/* Print an error now, where a verb goes on after it. */
void seg_cli_report(const struct seg_cli *cli, const struct seg_error *err);

/* report.c: what was printed is where it belongs, or the error says why not: -EIO. */
int seg_cli_flush(struct seg_error *err);

/* A usage error; the mend says how to ask for help. Returns -EINVAL. */
int seg_usage(struct seg_error *err, const struct seg_verb *verb, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
