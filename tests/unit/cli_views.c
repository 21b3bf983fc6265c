/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Views: golden/cli/NAME.json in, NAME.txt out. UPDATE_GOLDEN=1 writes the
 * texts anew: read the difference before it is committed.
 */
#include <stdlib.h>

#include "check.h"
#include "cleanup.h"
#include "cli.h"
#include "error_json.h"
#include "view.h"

static void golden_path(const char *name, const char *extension, char *path, size_t size)
{
	snprintf(path, size, SEG_GOLDEN_DIR "/cli/%s.%s", name, extension);
}

/* What the golden file says, empty where there is none. */
static char *golden_text(const char *name)
{
	char path[512], *text = calloc(1, 65536);
	FILE *from;

	golden_path(name, "txt", path, sizeof(path));
	from = fopen(path, "r");
	if (from) {
		text[fread(text, 1, 65535, from)] = '\0';
		fclose(from);
	}
	return text;
}

static void golden_update(const char *name, const char *text)
{
	char path[512];
	FILE *to;

	golden_path(name, "txt", path, sizeof(path));
	to = fopen(path, "w");
	check(to != NULL);
	fputs(text, to);
	fclose(to);
}

static void check_golden(const char *name, const char *text)
{
	_cleanup_free_ char *expected = NULL;

	if (getenv("UPDATE_GOLDEN"))
		golden_update(name, text);
	expected = golden_text(name);
	check_str_eq(text, expected);
}

static void check_view(const char *input, const char *output, seg_print print, bool all)
{
	_cleanup_free_ char *text = NULL;
	struct seg_view view = {.all = all};
	char path[512];
	json_auto_t *json = NULL;
	size_t size;

	golden_path(input, "json", path, sizeof(path));
	json = json_load_file(path, 0, NULL);
	check_that(json != NULL, "%s is not JSON", path);
	view.to = open_memstream(&text, &size);
	check_eq(print(&view, json), 0);
	fclose(view.to);
	check_golden(output, text);
}

TEST(views, status)
{
	check_view("status", "status", seg_view_status, false);
	check_view("status-observe", "status-observe", seg_view_status, false);
}

TEST(views, sessions)
{
	check_view("sessions", "sessions", seg_view_sessions, false);
	check_view("empty", "sessions-none", seg_view_sessions, false);
}

TEST(views, stats)
{
	check_view("stats", "stats", seg_view_stats, false);
	check_view("stats", "stats-all", seg_view_stats, true);
	check_view("empty", "stats-none", seg_view_stats, false);
}

TEST(views, policy)
{
	check_view("check", "check", seg_view_check, false);
	check_view("applied", "applied", seg_view_applied, false);
	check_view("applied-again", "applied-again", seg_view_applied, false);
}

TEST(views, why)
{
	check_view("why", "why", seg_view_why, false);
	check_view("why-default", "why-default", seg_view_why, false);
	check_view("why-guard", "why-guard", seg_view_why, false);
	check_view("empty", "why-none", seg_view_why, false);
}

static void print_help_below(const struct seg_verb *const *verbs, FILE *to)
{
	for (const struct seg_verb *const *verb = verbs; *verb; verb++) {
		if ((*verb)->later)
			continue;
		fputs("----\n", to);
		seg_help_verb(*verb, to);
		if ((*verb)->verbs)
			print_help_below((*verb)->verbs, to);
	}
}

TEST(views, help)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	seg_help_overview(to);
	print_help_below(SEG_VERBS, to);
	fclose(to);
	check_golden("help", text);
}

TEST(errors, survive_json)
{
	struct seg_error there = {.exit = SEG_EXIT_PROTECTED,
				  .what = "unknown key 'form'",
				  .mend = "did you mean 'from'?",
				  .file = "edge.yaml",
				  .line = 12,
				  .column = 9,
				  .source = "  - {form: admins}"},
			 back = {0};
	_cleanup_free_ char *text = NULL;
	json_auto_t *json = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	seg_error_print_json(&there, to);
	fclose(to);
	json = json_loads(text, 0, NULL);
	check_eq(seg_error_from_json(json, &back), 0);
	check(memcmp(&there, &back, sizeof(back)) == 0);
}
