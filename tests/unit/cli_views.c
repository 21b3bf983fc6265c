/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Views: golden/cli/NAME.json in, NAME.txt out. UPDATE_GOLDEN=1 writes the
 * texts anew: read the difference before it is committed.
 */
#include <stdlib.h>

#include "check.h"
#include "cleanup.h"
#include "cli.h"
#include "compiled.h"
#include "error_json.h"
#include "packet_lines.h"
#include "rates.h"
#include "session_row.h"
#include "session_table.h"
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

static json_t *golden_json(const char *name)
{
	char path[512];
	json_t *json;

	golden_path(name, "json", path, sizeof(path));
	json = json_load_file(path, 0, NULL);
	check_that(json != NULL, "%s is not JSON", path);
	return json;
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
	check_view("status-shared", "status-shared", seg_view_status, false);
}

/* The sessions of the golden file. */
static struct seg_session_lines golden_sessions(void)
{
	_cleanup_fclose_ FILE *from = NULL;
	_cleanup_free_ char *line = NULL;
	struct seg_session_lines lines = {0};
	char path[512];
	size_t size = 0;
	ssize_t n;

	golden_path("sessions", "tsv", path, sizeof(path));
	from = fopen(path, "r");
	check_that(from != NULL, "no %s", path);
	while ((n = getline(&line, &size, from)) > 0) {
		line[n - 1] = '\0';
		check_eq(seg_session_lines_add(&lines, line, (size_t)n - 1), 0);
	}
	return lines;
}

TEST(views, sessions)
{
	_cleanup_session_lines_ struct seg_session_lines lines = golden_sessions();
	const struct seg_session_lines none = {0};
	_cleanup_free_ char *text = NULL, *nothing = NULL;
	struct seg_view view = {0};
	size_t size;

	view.to = open_memstream(&text, &size);
	check_eq(seg_view_sessions(&view, &lines), 0);
	fclose(view.to);
	check_golden("sessions", text);
	view.to = open_memstream(&nothing, &size);
	check_eq(seg_view_sessions(&view, &none), 0);
	fclose(view.to);
	check_golden("sessions-none", nothing);
}

/* Row by row: only the first goes through the library, and the columns are hers. */
TEST(views, sessions_in_pieces)
{
	_cleanup_session_lines_ struct seg_session_lines all = golden_sessions(), piece = {0};
	struct seg_session_widths widths = {0};
	_cleanup_free_ char *text = NULL;
	struct seg_view view = {0};
	const char *field[SEG_ROW_FIELDS], *next = all.text.item;
	size_t size;

	view.to = open_memstream(&text, &size);
	for (uint32_t i = 0; i < all.n; i++) {
		const char *row = next;

		next = seg_row_fields(row, field);
		piece = (struct seg_session_lines){{(char *)row, (uint32_t)(next - row), 0}, 1};
		check_eq(seg_view_session_rows(&view, &piece, &widths), 0);
	}
	piece = (struct seg_session_lines){0};
	fclose(view.to);
	check_golden("sessions-pieces", text);
}

TEST(views, what_is_no_session_is_not_taken)
{
	_cleanup_session_lines_ struct seg_session_lines lines = {0};
	char few[] = "tcp\t192.0.2.1",
	     many[] = "1\t2\t3\t4\t5\t6\t7\t8\t9\t10\t11\t12\t13\t14\t15\t16\t17";

	check_eq(seg_session_lines_add(&lines, few, strlen(few)), -EPROTO);
	check_eq(seg_session_lines_add(&lines, many, strlen(many)), -EPROTO);
	check_str_eq(few, "tcp\t192.0.2.1");
	check_eq(lines.n, 0);
}

TEST(views, stats)
{
	check_view("stats", "stats", seg_view_stats, false);
	check_view("stats", "stats-all", seg_view_stats, true);
	check_view("empty", "stats-none", seg_view_stats, false);
}

/* Between the two 2.5 s passed; rule "gone" went back, eth1 is new: they have no rate. */
TEST(views, stats_rates)
{
	json_auto_t *before = golden_json("stats-before"), *after = golden_json("stats-after");
	_cleanup_free_ char *text = NULL, *line = NULL;
	struct seg_view view = {0};
	json_t *rates;
	size_t size;

	seg_rates_add(after, NULL);
	check(!json_object_get(after, "rates"));
	seg_rates_add(after, before);
	check(json_real_value(json_object_get(after, "interval_s")) == 2.5);
	rates = json_object_get(json_object_get(json_object_get(after, "rates"), "rules"), "web");
	check(json_real_value(json_object_get(rates, "packets")) == 999.6);
	view.to = open_memstream(&text, &size);
	check_eq(seg_view_stats(&view, after), 0);
	fclose(view.to);
	check_golden("stats-rates", text);
	view.to = open_memstream(&line, &size);
	check_eq(seg_view_json_line(after, view.to), 0);
	fclose(view.to);
	check(strchr(line, '\n') == line + strlen(line) - 1);
}

TEST(views, policy)
{
	check_view("check", "check", seg_view_check, false);
	check_view("applied", "applied", seg_view_applied, false);
	check_view("applied-again", "applied-again", seg_view_applied, false);
	check_view("applied-again", "confirmed", seg_view_confirmed, false);
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

/* --- replay -------------------------------------------------------------------- */

TEST(views, replay)
{
	check_view("replay", "replay", seg_view_replay, false);
	check_view("replay", "replay-all", seg_view_replay, true);
	check_view("replay-none", "replay-none", seg_view_replay, false);
}

static const char POLICY[] = "version: 1\nrules: [{id: web, service: tcp/80, action: allow}]\n";

/* One packet as a line: of JSON, and for people. */
static void check_line(const struct seg_packet_line *line, const char *json, const char *plain)
{
	_cleanup_free_ char *text = NULL, *object = NULL;
	size_t size;
	FILE *to = open_memstream(&object, &size);

	seg_packet_line_json(line, to);
	fclose(to);
	check_str_eq(object, json);
	to = open_memstream(&text, &size);
	seg_packet_line_print(line, to);
	fclose(to);
	check_str_eq(text, plain);
}

TEST(lines, packet)
{
	_cleanup_image_ struct seg_image *image = compiled(POLICY);
	struct seg_replayed packet = {
		.verdict = SEG_VERDICT_ALLOW,
		.path = SEG_PATH_SLOW,
		.reason = SEG_REASON_RULE_ALLOW,
		.family = 4,
		.proto = 6,
		.sport = 4321,
		.dport = 80,
		.shadow = SEG_RULE_NONE,
		.state = SEG_L4_OPENING,
	};
	struct seg_replayed other = {
		.verdict = SEG_VERDICT_DENY, .rule = SEG_RULE_DEFAULT, .shadow = SEG_RULE_NONE};
	struct seg_packet_line line = {.n = 7, .image = image, .packet = &packet};

	check_eq(seg_address_parse("10.0.0.1", 8, &packet.src), 0);
	check_eq(seg_address_parse("192.0.2.1", 9, &packet.dst), 0);
	check_line(
		&line,
		"{\"n\":7,\"verdict\":\"allow\",\"rule\":\"web\",\"path\":\"slow\","
		"\"reason\":\"rule-allow\",\"proto\":\"tcp\",\"src\":\"10.0.0.1\",\"sport\":4321,"
		"\"dst\":\"192.0.2.1\",\"dport\":80,\"state\":\"opening\",\"direction\":"
		"\"ingress\"}\n",
		"       7  allow  slow     rule-allow           web  tcp 10.0.0.1:4321 > "
		"192.0.2.1:80  opening\n");
	line.other = image;
	line.against = &other;
	packet = (struct seg_replayed){.verdict = SEG_VERDICT_ALLOW,
				       .reason = SEG_REASON_ARP,
				       .rule = SEG_RULE_NONE,
				       .shadow = 0,
				       .state = SEG_L4_MAX};
	check_line(
		&line,
		"{\"n\":7,\"verdict\":\"allow\",\"rule\":\"-\",\"path\":\"guard\","
		"\"reason\":\"arp\",\"proto\":\"-\",\"src\":\"-\",\"sport\":0,\"dst\":\"-\","
		"\"dport\":0,\"state\":\"-\",\"direction\":\"ingress\",\"shadow\":\"web\","
		"\"against\":{\"verdict\":"
		"\"deny\",\"rule\":"
		"\"default\"}}\n",
		"       7  allow  guard    arp                  -  shadow: web  against: deny by "
		"default\n");
}
