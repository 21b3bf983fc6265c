/* SPDX-License-Identifier: BSD-2-Clause */
/* verbs.c - the table of verbs and the options that all of them take. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "text.h"

const struct seg_verb *const SEG_VERBS[] = {
	&seg_verb_attach, &seg_verb_detach, &seg_verb_status,   &seg_verb_policy,
	&seg_verb_why,    &seg_verb_replay, &seg_verb_sessions, &seg_verb_stats,
	&seg_verb_demo,   &seg_verb_doctor, &seg_verb_help,     NULL,
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

const char *seg_verb_word(const struct seg_verb *verb)
{
	const char *space = strrchr(verb->name, ' ');

	return space ? space + 1 : verb->name;
}

static void list_verbs(const struct seg_verb *const *verbs, char *to, size_t size)
{
	size_t used = 0;

	for (; *verbs && used < size; verbs++)
		used += (size_t)snprintf(to + used, size - used, "%s%s", used ? ", " : "",
					 seg_verb_word(*verbs));
}

static void report_unknown(const struct seg_verb *of, const struct seg_verb *const *verbs,
			   const struct seg_nearest *nearest, struct seg_error *err)
{
	char known[256] = "";

	list_verbs(verbs, known, sizeof(known));
	seg_error_set(err, EINVAL, "unknown verb '%s%s%s'", of ? of->name : "", of ? " " : "",
		      nearest->text);
	seg_error_exit(err, SEG_EXIT_USAGE);
	if (nearest->best)
		seg_error_mend(err, "did you mean '%s'? The verbs are %s", nearest->best, known);
	else
		seg_error_mend(err, "the verbs are %s", known);
}

const struct seg_verb *seg_verb_find(const struct seg_verb *of, const char *word,
				     struct seg_error *err)
{
	const struct seg_verb *const *verbs = of ? of->verbs : SEG_VERBS;
	struct seg_nearest nearest = {.text = word, .len = strlen(word)};

	for (const struct seg_verb *const *verb = verbs; *verb; verb++) {
		if (strcmp(seg_verb_word(*verb), word) == 0)
			return *verb;
		seg_nearest_offer(&nearest, seg_verb_word(*verb));
	}
	report_unknown(of, verbs, &nearest, err);
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
	seg_error_mend(err, "xdpseg %s%s%s", verb->name, *verb->synopsis ? " " : "",
		       verb->synopsis);
	seg_error_exit(err, SEG_EXIT_USAGE);
	return -EINVAL;
}
