/* SPDX-License-Identifier: BSD-2-Clause */
/* why.c - `xdpseg why`: which rule decides a flow, and why no other does. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "columns.h"
#include "explain.h"
#include "flow_text.h"
#include "policy_file.h"
#include "policy_open.h"
#include "view.h"
#include "why.h"
#include "words.h"

struct why_options {
	const char *policy;
	const char *iface;
	bool in, out, forward;
};

#define WHY(member) offsetof(struct why_options, member)

static const struct seg_option OPTIONS[] = {
	{"policy", 'p', SEG_OPTION_TEXT, WHY(policy), "FILE",
	 "ask this policy ('-': standard input), not the one in force", 0},
	{"in", 0, SEG_OPTION_FLAG, WHY(in), NULL, "the flow comes to this host (the default)", 0},
	{"out", 0, SEG_OPTION_FLAG, WHY(out), NULL, "the flow starts at this host", 0},
	{"forward", 0, SEG_OPTION_FLAG, WHY(forward), NULL, "the flow goes through this host", 0},
	{"iface", 'i', SEG_OPTION_TEXT, WHY(iface), "IFACE", "the interface that it comes by", 0},
	{0},
};

/* --- shown --------------------------------------------------------------------- */

static const struct seg_column COLUMNS[] = {
	{"", true}, {"RULE", false}, {"MATCHES", false}, {"BECAUSE", false}};

static void add_considered(struct libscols_table *table, size_t n, const json_t *rule)
{
	bool matched = json_is_true(json_object_get(rule, "matched"));
	bool shadow = strcmp(seg_view_text(rule, "stage"), "shadow") == 0;
	const char *verdict = seg_view_text(rule, "verdict");
	struct libscols_line *row =
		seg_columns_row(table, matched && !shadow ? seg_view_colour(verdict) : NULL);

	seg_columns_set(row, 0, "%zu", n);
	seg_columns_set(row, 1, "%s", seg_view_text(rule, "rule"));
	seg_columns_set(row, 2, "%s", matched ? "yes" : "no");
	if (!matched)
		seg_columns_set(row, 3, "%s", seg_view_text(rule, "because"));
	else if (shadow)
		seg_columns_set(row, 3, "shadow: it would %s", verdict);
	else
		seg_columns_set(row, 3, "%s", verdict);
}

static int print_considered(const struct seg_view *view, const json_t *considered)
{
	struct libscols_table *table;
	const json_t *rule;
	size_t i;

	if (!json_array_size(considered))
		return 0;
	table = seg_columns_new(COLUMNS, SEG_ARRAY_SIZE(COLUMNS), view->to, view->colour);
	json_array_foreach (considered, i, rule)
		add_considered(table, i + 1, rule);
	fputc('\n', view->to);
	return seg_columns_print(table);
}

static const char *meaning_of(const char *reason)
{
	for (size_t i = 0; i < SEG_REASON_MAX; i++)
		if (strcmp(SEG_REASON_ROWS[i].name, reason) == 0)
			return SEG_REASON_ROWS[i].text;
	return strcmp(reason, "failsafe") == 0 ? "never cut off, whatever the rules say" : "-";
}

/* Who decided. */
static void print_decision(const struct seg_view *view, const json_t *why)
{
	const char *rule = seg_view_text(why, "rule"), *reason = seg_view_text(why, "reason");

	fprintf(view->to, "%s: ", seg_view_text(why, "verdict"));
	if (strcmp(rule, "-") == 0)
		fprintf(view->to, "no rule is asked, %s: %s\n", reason, meaning_of(reason));
	else if (json_object_get(why, "file"))
		fprintf(view->to, "rule %s, %s:%" PRIu64 "\n", rule, seg_view_text(why, "file"),
			seg_view_number(why, "line"));
	else
		fprintf(view->to, "no rule matches, the default for %s\n",
			seg_view_text(why, "direction"));
}

/* Who answers the first packet, and who the next ones. */
static const char *path_text(const char *path)
{
	if (strcmp(path, "slow") == 0)
		return "slow for the first packet, session for the next ones";
	if (strcmp(path, "wildcard") == 0)
		return "wildcard for the first packet: all that leaves is allowed; session for the "
		       "next ones";
	return path;
}

int seg_view_why(const struct seg_view *view, const json_t *why)
{
	const json_t *note;
	size_t i;

	print_decision(view, why);
	fprintf(view->to, "flow: %s, %s\n", seg_view_text(why, "flow"),
		seg_view_text(why, "direction"));
	fprintf(view->to, "path: %s\n", path_text(seg_view_text(why, "path")));
	json_array_foreach (json_object_get(why, "notes"), i, note)
		fprintf(view->to, "note: %s\n", json_string_value(note));
	return print_considered(view, json_object_get(why, "considered"));
}

/* --- one flow ------------------------------------------------------------------- */

static uint8_t other_way(uint8_t direction)
{
	static const uint8_t other[] = {[SEG_INGRESS] = SEG_EGRESS,
					[SEG_EGRESS] = SEG_INGRESS,
					[SEG_FORWARD] = SEG_FORWARD};

	return other[direction];
}

static void set_way(const struct seg_question *q, struct seg_first_packet *first)
{
	first->flow.direction = first->answer ? other_way(q->direction) : q->direction;
	first->flow.iface = q->iface;
}

void seg_question_read(const struct seg_question *q, const uint8_t *frame, size_t size,
		       struct seg_first_packet *first)
{
	seg_first_packet_read(frame, size, &q->rules, first);
	set_way(q, first);
}

void seg_question_read_whole(const struct seg_question *q, const uint8_t *datagram, size_t size,
			     const uint16_t vlan[2], struct seg_first_packet *first)
{
	seg_first_packet_read_whole(datagram, size, vlan, &q->rules, first);
	set_way(q, first);
}

static const struct {
	unsigned int assumed;
	const char *what;
} ASSUMED[] = {
	{SEG_ASSUMED_SOURCE_PORT, "the source port"},
	{SEG_ASSUMED_ICMP_TYPE, "an echo request"},
};

static void note_assumed(json_t *why, unsigned int assumed)
{
	for (size_t i = 0; i < SEG_ARRAY_SIZE(ASSUMED); i++)
		if (assumed & ASSUMED[i].assumed)
			seg_explain_note(why, "assumed: ", ASSUMED[i].what);
}

static int why_flow(const struct seg_question *q, const char *text, struct seg_error *err)
{
	uint8_t frame[SEG_FIRST_PACKET_MAX];
	struct seg_first_packet first;
	json_auto_t *why = NULL;
	unsigned int assumed;
	struct seg_flow flow;
	size_t size;
	int r = seg_flow_parse(text, &flow, &assumed, err);

	if (r)
		return r;
	size = seg_first_packet_make(&flow, frame);
	seg_question_read(q, frame, size, &first);
	why = seg_explain(q->policy, q->name, &first);
	note_assumed(why, assumed);
	if (q->observed)
		seg_explain_note(why, "only observed: it passes, whatever is said here", "");
	return seg_show_reply(q->cli, why, seg_view_why, err);
}

/* --- the verb ----------------------------------------------------------------- */

static int direction_of(const struct why_options *options, uint8_t *direction,
			struct seg_error *err)
{
	if (options->in + options->out + options->forward > 1)
		return seg_usage(err, &seg_verb_why, "a flow has one direction");
	*direction = options->out ? SEG_EGRESS : options->forward ? SEG_FORWARD : SEG_INGRESS;
	return 0;
}

/* The operands as one text; the caller frees it. */
static char *join(const struct seg_cli *cli)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	for (size_t i = 0; to && i < cli->operands_n; i++)
		fprintf(to, "%s%s", i ? " " : "", cli->operands[i]);
	if (to)
		fclose(to);
	return text;
}

/* One word without what parts an address from the next. */
static bool is_capture(const struct seg_cli *cli)
{
	return cli->operands_n == 1 && !strpbrk(cli->operands[0], "> ");
}

static int why_capture(struct seg_question *q, struct seg_error *err)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;
	const char *name = q->cli->operands[0];
	int r;

	if (strcmp(name, "-") && faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW) &&
	    errno == ENOENT) {
		seg_error_set(err, ENOENT, "this is no flow, and there is no such capture");
		seg_error_place(err, name, 0, 0, NULL);
		seg_error_mend(err,
			       "write a flow like 'tcp 10.0.0.1:4321 > 10.0.0.2:22', or name a "
			       "pcap or pcapng file");
		return -ENOENT;
	}
	r = seg_capture_open(name, &capture, err);
	return r ? r : seg_why_capture(q, capture, err);
}

static int ask(struct seg_question *q, const char *text, struct seg_error *err)
{
	const struct why_options *options = q->cli->values;
	const struct seg_image *image = seg_policy_image(q->policy);
	const struct seg_vlan *vlans;

	q->rules.vlans = seg_image_vlans(image, &vlans) > 0;
	q->pickup_ns = seg_image_defaults(image)->pickup_ns;
	q->rules.pickup = q->pickup_ns == SEG_PICKUP_ALWAYS;
	q->iface = options->iface ? seg_image_iface(image, options->iface) : SEG_IFACE_NONE;
	return is_capture(q->cli) ? why_capture(q, err) : why_flow(q, text, err);
}

/* The one that is named, or the one in force. */
static int open_policy(struct seg_question *q, struct seg_policy_files *files,
		       struct seg_policy **policy, struct seg_error *err)
{
	const struct why_options *options = q->cli->values;
	json_auto_t *about = NULL;
	int r;

	if (options->policy)
		return seg_policy_file_open(options->policy, files, policy, err);
	r = seg_policy_in_force(q->cli, &about, files, policy, err);
	q->observed = json_is_true(json_object_get(about, "observe"));
	return r;
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	const struct why_options *options = cli->values;
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	_cleanup_policy_ struct seg_policy *policy = NULL;
	_cleanup_free_ char *text = join(cli);
	struct seg_question q = {.cli = cli};
	int r = direction_of(options, &q.direction, err);

	if (r)
		return r;
	if (!cli->operands_n)
		return seg_usage(err, &seg_verb_why, "why needs a flow");
	r = open_policy(&q, &files, &policy, err);
	if (r)
		return r;
	seg_policy_warn(cli, &files, policy, true);
	q.policy = policy;
	q.name = files.item[0].name;
	return ask(&q, text, err);
}

const struct seg_verb seg_verb_why = {
	.name = "why",
	.synopsis = "[--policy FILE] FLOW|CAPTURE [OPTION]...",
	.operand = "FLOW",
	.summary = "say which rule decides a flow, and why no other does",
	.details = "FLOW is the flow's first packet:\n"
		   "  'tcp 10.0.0.1:4321 > 10.0.0.2:22'\n"
		   "  'udp [2001:db8::1]:4321 > [2001:db8::2]:53 vlan 100'\n"
		   "  'icmp 10.0.0.1 > 10.0.0.2 echo-request'\n"
		   "  'proto/47 10.0.0.1 > 10.0.0.2 dscp af11'\n"
		   "or a capture (pcap, pcapng), of which every flow's first packet is explained.\n"
		   "Without --policy the one in force is asked.",
	.options = OPTIONS,
	.values_size = sizeof(struct why_options),
	.run = run,
};
