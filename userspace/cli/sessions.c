/* SPDX-License-Identifier: BSD-2-Clause */
/* sessions.c - `xdpseg sessions`: who talks to whom, and who allowed it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "client.h"
#include "repeat.h"
#include "session_filter.h"
#include "session_table.h"
#include "session_words.h"
#include "view.h"

#define BATCH    1024  /* rows of one table: what is held at a time */
#define READABLE 1000  /* rows that a terminal is shown unasked */
#define OUTPUT   65536 /* bytes: what a pipe holds */

struct list_options {
	const char *sort;
	uint32_t limit;
	bool count;
	const char *watch; /* NULL: once */
};

#define LIST(member) offsetof(struct list_options, member)

static const struct seg_option OPTIONS[] = {
	{"sort", 's', SEG_OPTION_CHOICE, LIST(sort), SEG_SESSION_SORTS, "the largest first", 0},
	{"limit", 'n', SEG_OPTION_NUMBER, LIST(limit), "N", "this many at most", UINT32_MAX},
	{"count", 'c', SEG_OPTION_FLAG, LIST(count), NULL, "print how many there are", 0},
	{"watch", 'w', SEG_OPTION_MAYBE, LIST(watch), "SECONDS",
	 "again and again, every second or every SECONDS", 0},
	{0},
};

/* --- as they arrive -------------------------------------------------------------- */

static int cannot_print(struct seg_error *err, int r)
{
	return seg_error_set(err, -r, "cannot print: %s", strerror(-r));
}

static int cannot_take(struct seg_error *err, int r)
{
	if (r == -ENOMEM)
		return seg_error_set(err, ENOMEM, "out of memory");
	seg_error_mend(err, "they are of different versions: restart xdpsegd, sessions stay");
	return seg_error_set(err, -r,
			     "the daemon lists sessions in a form that xdpseg does not know");
}

struct listing {
	struct seg_view view;
	struct seg_error *err;
	struct seg_session_lines rows; /* not shown yet */
	uint64_t printed;              /* rows */
	struct seg_session_widths widths;
};

static int print_batch(struct listing *listing)
{
	int r = seg_view_session_rows(&listing->view, &listing->rows, &listing->widths);

	listing->printed += listing->rows.n;
	seg_session_lines_clear(&listing->rows);
	return r ? cannot_print(listing->err, r) : 0;
}

/* An empty line says that the daemon is at work. */
static int take_row(void *data, char *line, size_t len)
{
	struct listing *listing = data;
	int r = len ? seg_session_lines_add(&listing->rows, line, len) : 0;

	if (r)
		return cannot_take(listing->err, r);
	return listing->rows.n < BATCH ? 0 : print_batch(listing);
}

static int print_rest(struct listing *listing)
{
	int r;

	if (listing->rows.n)
		return print_batch(listing);
	r = listing->printed ? 0 : seg_view_sessions(&listing->view, &listing->rows);
	return r ? cannot_print(listing->err, r) : 0;
}

static int list_table(const struct seg_cli *cli, const struct seg_view *view, json_t *request,
		      uint64_t *printed, struct seg_error *err)
{
	struct listing listing = {.view = *view, .err = err};
	int r = json_object_set_new(request, "form", json_string("tabbed"));

	if (r)
		return cannot_take(err, -ENOMEM);
	r = seg_client_stream(cli->global.runtime_dir, "/v1/sessions", request, take_row, &listing,
			      err);
	r = r ? r : print_rest(&listing);
	seg_session_lines_free(&listing.rows);
	*printed = listing.printed;
	return r;
}

static int count_all(const struct seg_cli *cli, const json_t *request, uint64_t *count,
		     struct seg_error *err)
{
	json_auto_t *filter = json_pack("{s:O}", "filter", json_object_get(request, "filter"));
	json_auto_t *reply = NULL;
	int r = seg_client_call(cli->global.runtime_dir, "/v1/sessions/count", filter, &reply, err);

	if (!r)
		*count = seg_view_number(reply, "count");
	return r;
}

/* `request` has a limit: what a person reads. Says how many more there are. */
static int list_some(const struct seg_cli *cli, const struct seg_view *view, json_t *request,
		     struct seg_error *err)
{
	uint64_t printed = 0, all = 0;
	int r;

	r = list_table(cli, view, request, &printed, err);
	if (r || printed < READABLE)
		return r;
	r = count_all(cli, request, &all, err);
	if (!r && all > printed && !cli->global.quiet)
		fprintf(stderr,
			"... and %" PRIu64 " more: a filter means some, --limit shows more\n",
			all - printed);
	return r;
}

/* --- as JSON: as it comes -------------------------------------------------------- */

static int copy_line(void *data, char *line, size_t len)
{
	struct seg_error *err = data;

	line[len] = '\n';
	if (!len || fwrite(line, 1, len + 1, stdout) == len + 1)
		return 0;
	return cannot_print(err, -EIO);
}

static int list_json(const struct seg_cli *cli, const json_t *request, struct seg_error *err)
{
	return seg_client_stream(cli->global.runtime_dir, "/v1/sessions", request, copy_line, err,
				 err);
}

/* --- again and again --------------------------------------------------------------- */

static int join_line(void *data, char *line, size_t len)
{
	const struct listing *listing = data;

	return fwrite(line, 1, len, listing->view.to) == len ? 0 : cannot_print(listing->err, -EIO);
}

/* The lines of a list, as one. */
static int json_round(const struct seg_cli *cli, const struct seg_view *view, json_t *request,
		      struct seg_error *err)
{
	struct listing listing = {.view = *view, .err = err};
	int r;

	fputs("{\"sessions\":", view->to);
	r = seg_client_stream(cli->global.runtime_dir, "/v1/sessions", request, join_line, &listing,
			      err);
	if (!r && fputs("}\n", view->to) == EOF)
		r = cannot_print(err, -EIO);
	return r;
}

static int table_round(const struct seg_cli *cli, const struct seg_view *view, json_t *request,
		       struct seg_error *err)
{
	uint64_t printed = 0;
	int r = list_table(cli, view, request, &printed, err);

	if (!r && !view->width)
		fputc('\n', view->to);
	return r;
}

/* data: the request. */
static int round_of_sessions(const struct seg_cli *cli, const struct seg_view *view, void *data,
			     struct seg_error *err)
{
	return cli->global.json ? json_round(cli, view, data, err)
				: table_round(cli, view, data, err);
}

/* --- asked ------------------------------------------------------------------------ */

static int print_count(const struct seg_view *view, const json_t *reply)
{
	fprintf(view->to, "%" PRIu64 "\n", seg_view_number(reply, "count"));
	return 0;
}

int seg_view_deleted(const struct seg_view *view, const json_t *reply)
{
	uint64_t deleted = seg_view_number(reply, "deleted");

	fprintf(view->to, "%" PRIu64 " session%s deleted\n", deleted, deleted == 1 ? "" : "s");
	return 0;
}

static int ask(const struct seg_cli *cli, const char *path, const json_t *request, seg_print print,
	       struct seg_error *err)
{
	json_auto_t *reply = NULL;
	int r = seg_client_call(cli->global.runtime_dir, path, request, &reply, err);

	if (r || (cli->global.quiet && print == seg_view_deleted && !cli->global.json))
		return r;
	return seg_show_reply(cli, reply, print, err);
}

/* What all of them begin with: {"filter"}. NULL with err filled. */
static json_t *request_new(const struct seg_cli *cli, struct seg_error *err)
{
	json_t *filter, *request;

	if (seg_session_words(cli->operands, cli->operands_n, &filter, err))
		return NULL;
	request = json_pack("{s:o}", "filter", filter);
	if (!request)
		seg_error_set(err, ENOMEM, "out of memory");
	return request;
}

static int run_list(const struct seg_cli *cli, struct seg_error *err)
{
	const struct list_options *options = cli->values;
	bool some = !options->limit && !cli->global.json && isatty(STDOUT_FILENO);
	const struct seg_view view = seg_view_of(cli);
	json_auto_t *request = request_new(cli, err);
	uint64_t printed = 0;

	if (!request)
		return -EINVAL;
	if (options->count && (options->sort || options->limit || options->watch))
		return seg_usage(
			err, &seg_verb_sessions,
			"--count is about all that are meant: no --sort, --limit or --watch");
	if (options->count)
		return ask(cli, "/v1/sessions/count", request, print_count, err);
	if (options->sort)
		json_object_set_new(request, "sort", json_string(options->sort));
	if (options->limit)
		json_object_set_new(request, "limit", json_integer(options->limit));
	if (some)
		json_object_set_new(request, "limit", json_integer(READABLE));
	if (options->watch)
		return seg_repeat(cli, options->watch, round_of_sessions, request, err);
	if (!some)
		setvbuf(stdout, NULL, _IOFBF, OUTPUT);
	if (cli->global.json)
		return list_json(cli, request, err);
	return some ? list_some(cli, &view, request, err)
		    : list_table(cli, &view, request, &printed, err);
}

static int run_delete(const struct seg_cli *cli, struct seg_error *err)
{
	json_auto_t *request = NULL;

	if (!cli->operands_n) {
		seg_error_set(err, EINVAL, "sessions delete: which?");
		seg_error_mend(err, "xdpseg sessions delete FILTER...; `xdpseg sessions flush` "
				    "ends all of them");
		seg_error_exit(err, SEG_EXIT_USAGE);
		return -EINVAL;
	}
	request = request_new(cli, err);
	if (!request)
		return -EINVAL;
	return ask(cli, "/v1/sessions/delete", request, seg_view_deleted, err);
}

static int run_flush(const struct seg_cli *cli, struct seg_error *err)
{
	json_auto_t *request = json_object();

	if (cli->operands_n) {
		seg_error_set(err, EINVAL, "sessions flush takes no filter: it ends all of them");
		seg_error_mend(err, "`xdpseg sessions delete FILTER` ends some");
		seg_error_exit(err, SEG_EXIT_USAGE);
		return -EINVAL;
	}
	return ask(cli, "/v1/sessions/flush", request, seg_view_deleted, err);
}

/* --- help ------------------------------------------------------------------------- */

static void print_choices(const struct seg_filter_key *key, FILE *to)
{
	for (const char *const *choice = key->choices; *choice; choice++)
		fprintf(to, "%s%s", choice == key->choices ? ", " : "|", *choice);
}

static void print_filters(FILE *to)
{
	fputs("\nfilters, all of which have to hold; several values are joined by commas:\n", to);
	for (const struct seg_filter_key *key = SEG_FILTER_KEYS; key->name; key++) {
		fprintf(to, "  %-8s %-9s %s", key->name, key->argument, key->help);
		if (key->choices)
			print_choices(key, to);
		fputc('\n', to);
	}
	fputs("  not      FILTER    the contrary\n"
	      "  PROTO [SOURCE > DESTINATION]\n"
	      "                     a protocol, or a flow: 'tcp 10.0.0.1:4321 > 10.0.0.2:22'\n",
	      to);
}

const struct seg_verb seg_verb_sessions_list = {
	.name = "sessions list",
	.synopsis = "[OPTION]... [FILTER]...",
	.operand = "FILTER",
	.summary = "list the sessions that are known",
	.details = "SOURCE is who began. SENT counts what came from there, REPLIED what went back.",
	.explain = print_filters,
	.options = OPTIONS,
	.values_size = sizeof(struct list_options),
	.run = run_list,
};

const struct seg_verb seg_verb_sessions_delete = {
	.name = "sessions delete",
	.synopsis = "FILTER...",
	.operand = "FILTER",
	.summary = "end sessions; their next packets begin new ones",
	.details = "What they counted stays with their rules.",
	.explain = print_filters,
	.run = run_delete,
};

const struct seg_verb seg_verb_sessions_flush = {
	.name = "sessions flush",
	.synopsis = "",
	.summary = "end all sessions; their next packets begin new ones",
	.details = "What they counted stays with their rules.",
	.run = run_flush,
};

static const struct seg_verb *const SUBVERBS[] = {
	&seg_verb_sessions_list,
	&seg_verb_sessions_delete,
	&seg_verb_sessions_flush,
	NULL,
};

const struct seg_verb seg_verb_sessions = {
	.name = "sessions",
	.synopsis = "[list|delete|flush] [OPTION]... [FILTER]...",
	.operand = "FILTER",
	.summary = "list the sessions that are known, or end them",
	.details = "SOURCE is who began. SENT counts what came from there, REPLIED what went back.",
	.explain = print_filters,
	.options = OPTIONS,
	.values_size = sizeof(struct list_options),
	.run = run_list,
	.verbs = SUBVERBS,
};
