/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_many.c - many captures under one policy, each as if it were the only
 * one, without loading the program again: replay-many [--local PREFIX,...] POLICY [CAPTURE]...
 * (captures from standard input, a path a line, where none is named).
 *
 * Prints {"capture": path}, the lines of `replay --packets --json`, its summary, and
 * {"end": path, "error": what, or null}.
 */
#include <string.h>

#include "packet_lines.h"
#include "policy_file.h"
#include "tally.h"

#define SESSIONS_MAX 200000
#define LOCAL_MAX    64

struct many {
	struct seg_policy_files files;
	struct seg_policy *policy;
	struct seg_replay *replay;
	struct seg_range local[LOCAL_MAX];
	size_t local_n;
};

static void read_local(struct many *many, const char *text)
{
	while (*text && many->local_n < LOCAL_MAX) {
		size_t len = strcspn(text, ",");

		if (!seg_range_parse(text, len, &many->local[many->local_n]))
			many->local_n++;
		text += len + (text[len] == ',');
	}
}

static void print_json(json_t *json)
{
	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(json);
}

static void tell(struct many *many, struct seg_tally *tally)
{
	struct seg_replayed result;

	while (seg_replay_next(many->replay, &result)) {
		struct seg_packet_line line = {.n = tally->packets + 1,
					       .image = seg_policy_image(many->policy),
					       .packet = &result};

		seg_tally_add(tally, &result);
		seg_packet_line_json(&line, stdout);
	}
}

/* 0; < 0: the program could not be run. A broken capture is an answer like others. */
static int judge_packets(struct many *many, struct seg_capture *capture, struct seg_tally *tally,
			 struct seg_error *bad, struct seg_error *err)
{
	struct seg_capture_packet packet;
	int r = 0;

	while (!r && seg_capture_next(capture, &packet, bad) > 0) {
		r = seg_replay_packet(many->replay, &packet, err);
		tell(many, tally);
	}
	seg_replay_end(many->replay);
	tell(many, tally);
	return r;
}

static int judge_capture(struct many *many, struct seg_capture *capture, struct seg_error *bad,
			 struct seg_error *err)
{
	struct seg_tally tally;
	int r;

	if (seg_tally_open(&tally, seg_policy_image(many->policy)))
		return seg_error_set(err, 12, "out of memory");
	r = judge_packets(many, capture, &tally, bad, err);
	print_json(json_pack("{s:o}", "summary", seg_tally_json(&tally)));
	seg_tally_close(&tally);
	return r;
}

static int judge_one(struct many *many, const char *path, struct seg_error *err)
{
	_cleanup_capture_ struct seg_capture *capture = NULL;
	struct seg_error bad = {0};
	int r = 0;

	print_json(json_pack("{s:s}", "capture", path));
	seg_replay_reset(many->replay);
	if (!seg_capture_open(path, &capture, &bad))
		r = judge_capture(many, capture, &bad, err);
	print_json(json_pack("{s:s, s:s?}", "end", path, "error", *bad.what ? bad.what : NULL));
	return r;
}

static int judge_listed(struct many *many, struct seg_error *err)
{
	char path[4096];
	int r = 0;

	while (!r && fgets(path, sizeof(path), stdin)) {
		path[strcspn(path, "\n")] = '\0';
		r = judge_one(many, path, err);
		fflush(stdout);
	}
	return r;
}

static int judge_all(struct many *many, char **captures, struct seg_error *err)
{
	int r = 0;

	if (!*captures)
		return judge_listed(many, err);
	for (; !r && *captures; captures++)
		r = judge_one(many, *captures, err);
	return r;
}

int main(int argc, char **argv)
{
	struct many many = {.local_n = 0};
	struct seg_replay_options options = {.local = many.local, .packets_max = SESSIONS_MAX};
	struct seg_error err = {0};
	int r;

	argv++;
	if (argc > 2 && !strcmp(*argv, "--local")) {
		read_local(&many, argv[1]);
		argv += 2;
	}
	if (!*argv)
		return 2;
	options.local_n = many.local_n;
	r = seg_policy_file_open(*argv, &many.files, &many.policy, &err);
	if (!r)
		r = seg_replay_open(seg_policy_image(many.policy), &options, &many.replay, &err);
	if (!r)
		r = judge_all(&many, argv + 1, &err);
	if (r)
		seg_error_print(&err, stderr, 0);
	seg_replay_close(many.replay);
	seg_policy_free(many.policy);
	seg_policy_files_free(&many.files);
	return r ? 1 : 0;
}
