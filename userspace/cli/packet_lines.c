/* SPDX-License-Identifier: BSD-2-Clause */
#include "packet_lines.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "columns.h"
#include "humanise.h"
#include "text.h"
#include "words.h"

/* A rule of stage shadow would have decided. */
static bool has_shadow(const struct seg_replayed *packet)
{
	return packet->shadow != SEG_RULE_NONE;
}

static const char *rule_of(const struct seg_image *image, const struct seg_replayed *packet)
{
	return packet->rule == SEG_RULE_NONE ? "-" : seg_image_rule_id(image, packet->rule);
}

/* --- JSON: names and addresses hold nothing that would need an escape ---------- */

static void print_flow_json(const struct seg_replayed *packet, FILE *to)
{
	char proto[SEG_PROTO_WORD_MAX], src[SEG_ADDRESS_TEXT_MAX], dst[SEG_ADDRESS_TEXT_MAX];

	if (!packet->family) {
		fputs("\"proto\":\"-\",\"src\":\"-\",\"sport\":0,\"dst\":\"-\",\"dport\":0", to);
		return;
	}
	fprintf(to, "\"proto\":\"%s\",\"src\":\"%s\",\"sport\":%u,\"dst\":\"%s\",\"dport\":%u",
		seg_proto_word(packet->proto, proto), seg_address_print(&packet->src, src),
		packet->sport, seg_address_print(&packet->dst, dst), packet->dport);
}

void seg_packet_line_json(const struct seg_packet_line *line, FILE *to)
{
	const struct seg_replayed *packet = line->packet;

	fprintf(to,
		"{\"n\":%" PRIu64 ",\"verdict\":\"%s\",\"rule\":\"%s\",\"path\":\"%s\","
		"\"reason\":\"%s\",",
		line->n, seg_verdict_word(packet->verdict), rule_of(line->image, packet),
		seg_path_word(packet->path), SEG_REASON_ROWS[packet->reason].name);
	print_flow_json(packet, to);
	fprintf(to, ",\"state\":\"%s\",\"direction\":\"%s\"", seg_state_word(packet->state),
		seg_direction_word(packet->direction));
	if (packet->opened)
		fprintf(to, ",\"opened\":true");
	if (has_shadow(packet))
		fprintf(to, ",\"shadow\":\"%s\"", seg_image_rule_id(line->image, packet->shadow));
	if (line->against)
		fprintf(to, ",\"against\":{\"verdict\":\"%s\",\"rule\":\"%s\"}",
			seg_verdict_word(line->against->verdict),
			rule_of(line->other, line->against));
	fputs("}\n", to);
}

/* --- for people ------------------------------------------------------------------ */

static void print_flow(const struct seg_replayed *packet, FILE *to)
{
	char proto[SEG_PROTO_WORD_MAX], src[SEG_ENDPOINT_TEXT_MAX], dst[SEG_ENDPOINT_TEXT_MAX];

	if (!packet->family)
		return;
	fprintf(to, "  %s ", seg_proto_word(packet->proto, proto));
	if (packet->sport || packet->dport)
		fprintf(to, "%s > %s", seg_endpoint_print(&packet->src, packet->sport, src),
			seg_endpoint_print(&packet->dst, packet->dport, dst));
	else
		fprintf(to, "%s > %s", seg_address_print(&packet->src, src),
			seg_address_print(&packet->dst, dst));
}

void seg_packet_line_print(const struct seg_packet_line *line, FILE *to)
{
	const struct seg_replayed *packet = line->packet;

	fprintf(to, "%8" PRIu64 "  %-5s  %-7s  %-19s  %s", line->n,
		seg_verdict_word(packet->verdict), seg_path_word(packet->path),
		SEG_REASON_ROWS[packet->reason].name, rule_of(line->image, packet));
	print_flow(packet, to);
	if (packet->state < SEG_L4_MAX)
		fprintf(to, "  %s", seg_state_word(packet->state));
	if (has_shadow(packet))
		fprintf(to, "  shadow: %s", seg_image_rule_id(line->image, packet->shadow));
	if (line->against)
		fprintf(to, "  against: %s by %s", seg_verdict_word(line->against->verdict),
			rule_of(line->other, line->against));
	fputc('\n', to);
}

/* --- the summary --------------------------------------------------------------------- */

static void add_counts(struct libscols_table *table, const char *group, json_t *counts,
		       uint64_t all)
{
	const char *name;
	json_t *count;

	json_object_foreach (counts, name, count) {
		uint64_t packets = (uint64_t)json_integer_value(count);
		struct libscols_line *row;
		char text[SEG_HUMAN_MAX];

		if (!packets)
			continue;
		row = seg_columns_row(table, seg_view_colour(name));
		seg_columns_set(row, 0, "%s", group);
		seg_columns_set(row, 1, "%s", name);
		seg_columns_set(row, 2, "%s", seg_human_count(packets, text));
		seg_columns_set(row, 3, "%.1f %%", 100.0 * (double)packets / (double)all);
		group = "";
	}
}

static int print_counts(const struct seg_view *view, const json_t *summary)
{
	static const struct seg_column COLUMNS[] = {
		{"BY", false}, {"", false}, {"PACKETS", true}, {"SHARE", true}};
	uint64_t all = seg_view_number(summary, "packets");
	struct libscols_table *table =
		seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);

	add_counts(table, "verdict", json_object_get(summary, "verdicts"), all);
	add_counts(table, "path", json_object_get(summary, "paths"), all);
	add_counts(table, "reason", json_object_get(summary, "reasons"), all);
	return seg_columns_print(table);
}

/* Rules that decided nothing are counted, not listed, unless all are asked for. */
static int print_rules(const struct seg_view *view, json_t *rules)
{
	static const struct seg_column COLUMNS[] = {
		{"RULE", false}, {"PACKETS", true}, {"BYTES", true}, {"SESSIONS", true}};
	static const char *const KEYS[] = {"packets", "bytes", "sessions"};
	struct libscols_table *table =
		seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);
	unsigned int idle = 0;
	const char *id;
	json_t *rule;
	int r;

	json_object_foreach (rules, id, rule) {
		struct libscols_line *row;
		char text[SEG_HUMAN_MAX];

		if (json_object_get(rule, "would"))
			continue;
		if (!seg_view_number(rule, "packets") && !view->all) {
			idle++;
			continue;
		}
		row = seg_columns_row(table, NULL);
		seg_columns_set(row, 0, "%s", id);
		for (size_t i = 0; i < SEG_ARRAY_SIZE(KEYS); i++)
			seg_columns_set(row, i + 1, "%s",
					seg_human_count(seg_view_number(rule, KEYS[i]), text));
	}
	r = seg_columns_print(table);
	if (!r && idle)
		fprintf(view->to, "%u rule%s decided nothing; -v shows %s\n", idle,
			idle == 1 ? "" : "s", idle == 1 ? "it" : "them");
	return r;
}

/* Rules of stage shadow: they decided nothing. None, no table. */
static int print_shadows(const struct seg_view *view, json_t *rules)
{
	static const struct seg_column COLUMNS[] = {
		{"SHADOW", false}, {"PACKETS", true}, {"WOULD HAVE BEEN", false}};
	struct libscols_table *table =
		seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);
	unsigned int n = 0;
	const char *id;
	json_t *rule;

	json_object_foreach (rules, id, rule) {
		const char *would = seg_view_text(rule, "would");
		struct libscols_line *row;
		char text[SEG_HUMAN_MAX];

		if (!json_object_get(rule, "would"))
			continue;
		if (!n++)
			fputc('\n', view->to);
		row = seg_columns_row(table, NULL);
		seg_columns_set(row, 0, "%s", id);
		seg_columns_set(row, 1, "%s",
				seg_human_count(seg_view_number(rule, "shadow"), text));
		seg_columns_set(row, 2, "%s", strcmp(would, "deny") == 0 ? "denied" : "allowed");
	}
	return seg_columns_print(table);
}

static void add_times(struct libscols_table *table, const char *name, const json_t *times)
{
	static const char *const KEYS[] = {"p50", "p95", "p99"};
	struct libscols_line *row = seg_columns_row(table, NULL);
	char text[SEG_HUMAN_MAX];

	seg_columns_set(row, 0, "%s", name);
	for (size_t i = 0; i < SEG_ARRAY_SIZE(KEYS); i++)
		seg_columns_set(row, i + 1, "%s",
				seg_human_ns(seg_view_number(times, KEYS[i]), text));
	seg_columns_set(
		row, 4, "%s",
		seg_human_ns((uint64_t)json_number_value(json_object_get(times, "mean")), text));
}

static int print_times(const struct seg_view *view, const json_t *times)
{
	static const struct seg_column COLUMNS[] = {{"TIME A PACKET", false},
						    {"P50", true},
						    {"P95", true},
						    {"P99", true},
						    {"MEAN", true}};
	struct libscols_table *table =
		seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);
	json_t *paths = json_object_get(times, "paths"), *path;
	const char *name;

	json_object_foreach (paths, name, path)
		add_times(table, name, path);
	add_times(table, "all", times);
	return seg_columns_print(table);
}

static void print_against(const struct seg_view *view, const json_t *against)
{
	fprintf(view->to, "\n%" PRIu64 " packets would get another verdict from ",
		seg_view_number(against, "packets"));
	seg_text_print(seg_view_text(against, "policy"), view->to);
	fputc('\n', view->to);
}

int seg_view_replay(const struct seg_view *view, const json_t *reply)
{
	const json_t *summary = json_object_get(reply, "summary");
	const json_t *against = json_object_get(summary, "against");
	char packets[SEG_HUMAN_MAX], bytes[SEG_HUMAN_MAX], sessions[SEG_HUMAN_MAX];
	int r;

	fprintf(view->to, "%s packets, %s bytes, %s sessions\n",
		seg_human_count(seg_view_number(summary, "packets"), packets),
		seg_human_count(seg_view_number(summary, "bytes"), bytes),
		seg_human_count(seg_view_number(summary, "sessions"), sessions));
	if (!seg_view_number(summary, "packets"))
		return 0;
	fputc('\n', view->to);
	r = print_counts(view, summary);
	fputc('\n', view->to);
	if (!r)
		r = print_rules(view, json_object_get(summary, "rules"));
	if (!r)
		r = print_shadows(view, json_object_get(summary, "rules"));
	fputc('\n', view->to);
	if (!r)
		r = print_times(view, json_object_get(summary, "ns_per_packet"));
	if (against)
		print_against(view, against);
	return r;
}
