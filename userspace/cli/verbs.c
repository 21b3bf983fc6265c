/* SPDX-License-Identifier: BSD-2-Clause */
/* verbs.c - the table of verbs and the options that all of them take. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "text.h"

const struct seg_verb *const SEG_VERBS[] = {
	&seg_verb_attach,
	&seg_verb_detach,
	&seg_verb_status,
	&seg_verb_sessions,
	&seg_verb_stats,
	&seg_verb_help,
	NULL,
};

#define GLOBAL(member) offsetof(struct seg_global, member)

const struct seg_option SEG_GLOBAL_OPTIONS[] = {
	{"json", 'j', SEG_OPTION_FLAG, GLOBAL(json), NULL, "print JSON", 0},
	{"color", 0, SEG_OPTION_CHOICE, GLOBAL(color), "auto|always|never",
	 "auto: on terminals, unless NO_COLOR is set", 0},
	{"quiet", 'q', SEG_OPTION_FLAG, GLOBAL(quiet), NULL, "print errors only", 0},
	{"verbose", 'v', SEG_OPTION_FLAG, GLOBAL(verbose), NULL, "print more", 0},
	{"runtime-dir", 0, SEG_OPTION_TEXT, GLOBAL(runtime_dir), "DIR",
	 "one instance's socket and state (/run/xdpseg)", 0},
	{"help", 'h', SEG_OPTION_FLAG, GLOBAL(help), NULL, "how to use it", 0},
	{"version", 0, SEG_OPTION_FLAG, GLOBAL(version), NULL, "print the version", 0},
	{0},
};

static void list_verbs(char *to, size_t size)
{
	size_t used = 0;

	for (const struct seg_verb *const *verb = SEG_VERBS; *verb && used < size; verb++)
		used += (size_t)snprintf(to + used, size - used, "%s%s", used ? ", " : "",
					 (*verb)->name);
}

const struct seg_verb *seg_verb_find(const char *name, struct seg_error *err)
{
	struct seg_nearest nearest = {.text = name, .len = strlen(name)};
	char known[256];

	for (const struct seg_verb *const *verb = SEG_VERBS; *verb; verb++) {
		if (strcmp((*verb)->name, name) == 0)
			return *verb;
		seg_nearest_offer(&nearest, (*verb)->name);
	}
	list_verbs(known, sizeof(known));
	seg_error_set(err, EINVAL, "unknown verb '%s'", name);
	seg_error_exit(err, SEG_EXIT_USAGE);
	if (nearest.best)
		seg_error_mend(err, "did you mean '%s'? The verbs are %s", nearest.best, known);
	else
		seg_error_mend(err, "the verbs are %s", known);
	return NULL;
}

int seg_usage(struct seg_error *err, const struct seg_verb *verb, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&what, format, args) < 0)
		what = NULL;
	va_end(args);
	seg_error_set(err, EINVAL, "%s", what ? what : "out of memory");
	seg_error_mend(err, "xdpseg %s %s", verb->name, verb->synopsis);
	seg_error_exit(err, SEG_EXIT_USAGE);
	return -EINVAL;
}
