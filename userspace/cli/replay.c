/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c - `xdpseg replay`: what a policy would have done to a capture, by the
 * real program and the worker's code.
 */
#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "packet_lines.h"
#include "policy_file.h"
#include "policy_open.h"
#include "tally.h"
#include "text.h"

#define REPEAT_MAX 1000000
#define LOCAL_MAX  256

/* The least that a packet takes in a capture, in bytes: its header in a pcap file. */
#define RECORD_MIN 16

/* Between two passes of --repeat: the first packet comes this long after the last. */
#define PASS_GAP_NS 1000000ull

#define PROGRESS_PACKETS 65536

struct replay_options {
	const char *policy;
	const char *against;
	const char *local;
	const char *iface;
	uint32_t repeat;
	bool packets;
};

#define REPLAY(member) offsetof(struct replay_options, member)

static const struct seg_option OPTIONS[] = {
	{"policy", 'p', SEG_OPTION_TEXT, REPLAY(policy), "FILE", "judge by this policy", 0},
	{"against", 0, SEG_OPTION_TEXT, REPLAY(against), "FILE",
	 "and by this one: show what differs", 0},
	{"local", 0, SEG_OPTION_TEXT, REPLAY(local), "PREFIX,...",
	 "this host's addresses: what they send is egress", 0},
	{"iface", 0, SEG_OPTION_TEXT, REPLAY(iface), "NAME",
	 "the interface that rules with `iface` are asked for", 0},
	{"packets", 0, SEG_OPTION_FLAG, REPLAY(packets), NULL, "print a line for every packet", 0},
	{"repeat", 0, SEG_OPTION_NUMBER, REPLAY(repeat), "N", "go through the captures N times (1)",
	 REPEAT_MAX},
	{0},
};

/* One policy, and what it made of the packets. */
struct judge {
	const char *path;
	struct seg_policy_files files;
	struct seg_policy *policy;
	const struct seg_image *image;
	struct seg_replay *replay;
	struct seg_tally tally;
	struct seg_replayed last;
};

/* One run of the verb. */
struct job {
	const struct seg_cli *cli;
	const struct replay_options *options;
	struct seg_range local[LOCAL_MAX];
	size_t local_n;
	struct judge main, other; /* other.path NULL: no --against */
	uint64_t n;               /* packets so far... */
	uint64_t told;            /* ...and those of which it is known what became of them */
	uint64_t differ;          /* verdicts */
	uint64_t first, last;     /* ns: of this pass */
	uint64_t shift;           /* ns: this pass is so much later than the capture says */
	bool progress;
	struct seg_error bad; /* the last capture that could not be read to its end */
	unsigned int bad_n;
};

/* --- options ------------------------------------------------------------------ */

static int add_local(struct job *job, const char *text, size_t len, struct seg_error *err)
{
	int r;

	if (job->local_n == LOCAL_MAX)
		return seg_usage(err, &seg_verb_replay, "--local: over %d prefixes", LOCAL_MAX);
	r = seg_range_parse(text, len, &job->local[job->local_n]);
	if (r == -ERANGE && memchr(text, '/', len))
		return seg_usage(err, &seg_verb_replay,
				 "--local: '%.*s' has bits set behind the prefix, or the prefix is "
				 "too long",
				 (int)len, text);
	if (r)
		return seg_usage(err, &seg_verb_replay,
				 "--local: '%.*s' is no address, prefix or range", (int)len, text);
	job->local_n++;
	return 0;
}

static int read_local(struct job *job, struct seg_error *err)
{
	const char *text = job->options->local;
	int r = 0;

	while (!r && text) {
		size_t len = strcspn(text, ",");

		r = add_local(job, text, len, err);
		text = text[len] ? text + len + 1 : NULL;
	}
	return r;
}

static bool is_stdin(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

/* It comes but once. */
static int check_stdin(const struct job *job, struct seg_error *err)
{
	unsigned int captures = 0, all;

	for (size_t i = 0; i < job->cli->operands_n; i++)
		captures += is_stdin(job->cli->operands[i]);
	all = captures + is_stdin(job->options->policy) + is_stdin(job->options->against);
	if (all > 1)
		return seg_usage(err, &seg_verb_replay, "standard input, '-', is named twice");
	if (captures && job->options->repeat > 1)
		return seg_usage(err, &seg_verb_replay, "standard input cannot be read again");
	return 0;
}

/* --- open ---------------------------------------------------------------------- */

static int judge_open(struct job *job, struct judge *judge, uint64_t packets_max,
		      struct seg_error *err)
{
	const struct seg_replay_options options = {.local = job->local,
						   .local_n = job->local_n,
						   .iface = job->options->iface,
						   .packets_max = packets_max};
	int r = seg_policy_file_open(judge->path, &judge->files, &judge->policy, err);

	if (r)
		return r;
	seg_policy_warn(job->cli, &judge->files, judge->policy, true);
	judge->image = seg_policy_image(judge->policy);
	if (seg_tally_open(&judge->tally, judge->image))
		return seg_error_set(err, ENOMEM, "out of memory");
	return seg_replay_open(judge->image, &options, &judge->replay, err);
}

static void judge_close(struct judge *judge)
{
	seg_replay_close(judge->replay);
	seg_tally_close(&judge->tally);
	seg_policy_free(judge->policy);
	seg_policy_files_free(&judge->files);
}

static void job_close(struct job *job)
{
	judge_close(&job->main);
	judge_close(&job->other);
}

/* Bytes; 0: it is no capture. Why not is said in its turn. */
static uint64_t size_of(const char *path)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;

	return seg_capture_open(path, &capture, NULL) ? 0 : seg_capture_size(capture);
}

/* More sessions than packets there are not: room for what the files can hold. 0: not known. */
static uint64_t packets_max(const struct job *job)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < job->cli->operands_n; i++) {
		if (is_stdin(job->cli->operands[i]))
			return 0;
		bytes += size_of(job->cli->operands[i]);
	}
	return bytes / RECORD_MIN + 1;
}

static int job_open(struct job *job, struct seg_error *err)
{
	uint64_t most = packets_max(job);
	int r = check_stdin(job, err);

	job->main.path = job->options->policy;
	job->other.path = job->options->against;
	if (!r)
		r = read_local(job, err);
	if (!r)
		r = judge_open(job, &job->main, most, err);
	if (!r && job->other.path)
		r = judge_open(job, &job->other, most, err);
	return r;
}

/* --- packets ---------------------------------------------------------------------- */

static void print_line(const struct job *job, bool differs)
{
	const struct seg_packet_line line = {
		.n = job->told,
		.image = job->main.image,
		.packet = &job->main.last,
		.other = differs ? job->other.image : NULL,
		.against = differs ? &job->other.last : NULL,
	};

	if (!job->options->packets && !differs)
		return;
	if (job->cli->global.json)
		seg_packet_line_json(&line, stdout);
	else if (!job->cli->global.quiet)
		seg_packet_line_print(&line, stdout);
}

static void show_progress(const struct job *job, const struct seg_capture *capture)
{
	uint64_t size = seg_capture_size(capture);

	if (!job->progress || job->n % PROGRESS_PACKETS)
		return;
	if (size)
		fprintf(stderr, "\rreplay: %" PRIu64 " packets, %" PRIu64 " %% of this capture ",
			job->n, seg_capture_position(capture) * 100 / size);
	else
		fprintf(stderr, "\rreplay: %" PRIu64 " packets ", job->n);
}

static void take(struct judge *judge)
{
	seg_replay_next(judge->replay, &judge->last);
	seg_tally_add(&judge->tally, &judge->last);
}

/* Of what packets became, whatever both policies know by now; fragments wait for each other. */
static void tell(struct job *job)
{
	const struct judge *main = &job->main, *other = &job->other;

	while (seg_replay_has_next(main->replay) &&
	       (!other->path || seg_replay_has_next(other->replay))) {
		bool differs = false;

		job->told++;
		take(&job->main);
		if (other->path) {
			take(&job->other);
			differs = main->last.verdict != other->last.verdict;
		}
		job->differ += differs;
		print_line(job, differs);
	}
}

static int judge_packet(struct job *job, struct seg_capture_packet *packet, struct seg_error *err)
{
	int r;

	job->n++;
	job->first = job->first ? job->first : packet->time;
	job->last = packet->time > job->last ? packet->time : job->last;
	packet->time += job->shift;
	r = seg_replay_packet(job->main.replay, packet, err);
	if (!r && job->other.path)
		r = seg_replay_packet(job->other.replay, packet, err);
	if (r)
		return r;
	tell(job);
	return ferror(stdout) ? seg_cli_flush(err) : 0;
}

static int last_ones(struct job *job, struct seg_error *err)
{
	seg_replay_end(job->main.replay);
	if (job->other.path)
		seg_replay_end(job->other.replay);
	tell(job);
	return ferror(stdout) ? seg_cli_flush(err) : 0;
}

/* All packets of one capture. 0; > 0: the capture is broken, all before was judged; < 0: give up.
 */
static int judge_capture(struct job *job, const char *path, struct seg_error *bad,
			 struct seg_error *err)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;
	struct seg_capture_packet packet;
	int r = seg_capture_open(path, &capture, bad);

	if (r)
		return 1;
	while ((r = seg_capture_next(capture, &packet, bad)) > 0) {
		r = judge_packet(job, &packet, err);
		if (r)
			return r;
		show_progress(job, capture);
	}
	return r ? 1 : 0;
}

static void clear_progress(const struct job *job)
{
	if (job->progress)
		fputs("\r\033[K", stderr);
}

/* The one before is said now; the last one is what the verb ends with. */
static void note_bad(struct job *job, const struct seg_error *bad)
{
	clear_progress(job);
	if (job->bad_n)
		seg_cli_report(job->cli, &job->bad);
	job->bad = *bad;
	job->bad_n++;
}

static int pass(struct job *job, bool first, struct seg_error *err)
{
	for (size_t i = 0; i < job->cli->operands_n; i++) {
		struct seg_error bad = {0};
		int r = judge_capture(job, job->cli->operands[i], &bad, err);

		if (r < 0)
			return r;
		if (r && first)
			note_bad(job, &bad);
	}
	return 0;
}

static int all_passes(struct job *job, struct seg_error *err)
{
	uint32_t repeat = job->options->repeat ? job->options->repeat : 1;
	int r = 0;

	for (uint32_t i = 0; !r && i < repeat && (!i || job->n); i++) {
		r = pass(job, i == 0, err);
		job->shift += job->last - job->first + PASS_GAP_NS;
	}
	clear_progress(job);
	return r ? r : last_ones(job, err);
}

/* --- the end ------------------------------------------------------------------------ */

/* What the policy asks for and nothing does yet, limits above all, is said beside the sums. */
static json_t *sums_of(const struct judge *judge)
{
	json_t *sums = seg_tally_json(&judge->tally);
	json_t *refused = seg_policy_refused(&judge->files, judge->policy);

	if (json_array_size(refused))
		json_object_set(sums, "refused", refused);
	json_decref(refused);
	return sums;
}

static json_t *summary_of(const struct job *job)
{
	json_t *summary = sums_of(&job->main);

	if (summary && job->other.path)
		json_object_set_new(summary, "against",
				    json_pack("{s:s, s:I, s:o}", "policy", job->other.path,
					      "packets", (json_int_t)job->differ, "summary",
					      sums_of(&job->other)));
	return json_pack("{s:o}", "summary", summary);
}

static int finish(const struct job *job, struct seg_error *err)
{
	json_auto_t *reply = summary_of(job);
	int r = 0;

	if (!reply)
		return seg_error_set(err, ENOMEM, "out of memory");
	if (job->cli->global.json)
		r = json_dumpf(reply, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12)) ||
				    putchar('\n') == EOF
			    ? -EIO
			    : 0;
	else if (!job->cli->global.quiet)
		r = seg_show_reply(job->cli, reply, seg_view_replay, err);
	if (r || !job->bad_n)
		return r;
	*err = job->bad;
	return -EINVAL;
}

/* On a terminal, but not among the lines of packets. */
static bool wants_progress(const struct seg_cli *cli)
{
	const struct replay_options *options = cli->values;
	bool lines = (options->packets || options->against) && isatty(STDOUT_FILENO);

	return isatty(STDERR_FILENO) && !cli->global.quiet && !lines;
}

static int run(const struct seg_cli *cli, struct seg_error *err)
{
	_cleanup_(job_close) struct job job = {
		.cli = cli,
		.options = cli->values,
		.progress = wants_progress(cli),
	};
	int r;

	if (!cli->operands_n)
		return seg_usage(err, &seg_verb_replay, "replay needs a capture");
	if (!job.options->policy)
		return seg_usage(err, &seg_verb_replay, "replay needs --policy FILE");
	r = job_open(&job, err);
	if (!r)
		r = all_passes(&job, err);
	return r ? r : finish(&job, err);
}

const struct seg_verb seg_verb_replay = {
	.name = "replay",
	.synopsis = "PCAP... --policy FILE [OPTION]...",
	.operand = "FILE",
	.summary = "judge the packets of captures by a policy, as the filter would",
	.details =
		"The captures (pcap, pcapng; '-': standard input) are one stream, and their time "
		"is "
		"the\nfilter's. Without --local every packet is one that arrives. With it, what a "
		"local\naddress sends to another is egress, what passes between two others is "
		"forwarded.\nNo interface is touched and no daemon needed; root is, as the real "
		"program runs.",
	.options = OPTIONS,
	.values_size = sizeof(struct replay_options),
	.run = run,
};
