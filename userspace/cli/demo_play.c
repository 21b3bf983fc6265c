/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo_play.c - plays the story of `xdpseg demo`: runs its commands as a user would,
 * this very program in a process of its own, and tells what came of each step.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "cleanup.h"
#include "demo.h"
#include "view.h"

#define ANSWER_MS  10000 /* an answer that must come; a SYN goes out again meanwhile */
#define SILENCE_MS 400   /* that no answer comes; less than until a SYN goes out again */
#define AWAIT_MS   30000
#define AGAIN_MS   250
#define GONE_MS    30000
#define WORDS_MAX  16

#define BOLD  "\033[1m"
#define DIM   "\033[2m"
#define GREEN "\033[32m"
#define RED   "\033[1;31m"
#define OFF   "\033[0m"

struct play {
	const struct seg_cli *cli;
	struct seg_demo_shared *shared;
	struct seg_lab lab;
	struct seg_talk talk[SEG_DEMO_SLOTS];
	const char *section;
	json_t *steps; /* NULL unless --json */
	bool keep;
	char width[32]; /* of the terminal, for what runs */
};

/* --- telling --------------------------------------------------------------------------------- */

static const char *colour(const struct play *play, const char *code)
{
	return play->cli->colour ? code : "";
}

static bool tells(const struct play *play)
{
	return !play->cli->global.quiet && !play->cli->global.json;
}

__attribute__((format(printf, 2, 3))) static void tell(const struct play *play, const char *format,
						       ...)
{
	va_list args;

	if (!tells(play))
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

/* A text of some lines, two columns in. */
static void tell_lines(const struct play *play, const char *text)
{
	for (size_t len; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		tell(play, "  %.*s\n", (int)len, text);
	}
}

/* A step that could come out otherwise; `as_told` says whether it did not. Takes `more`. */
static void note(struct play *play, const char *what, bool as_told, json_t *more)
{
	json_t *row = json_pack("{s:s, s:s, s:b}", "section", play->section, "step", what,
				"as_told", as_told);

	play->shared->steps++;
	play->shared->surprises += !as_told;
	if (row && more)
		json_object_update(row, more);
	json_decref(more);
	if (!play->steps)
		json_decref(row);
	else
		json_array_append_new(play->steps, row);
}

/* --- commands -------------------------------------------------------------------------------- */

/* Words as a shell makes them of blanks and single quotes; `text` is cut into them. */
static void split(char *text, char *words[WORDS_MAX])
{
	size_t n = 0;

	while (*text && n < WORDS_MAX - 1) {
		const char *end = *text == '\'' ? "'" : " ";

		text += *text == '\'';
		words[n++] = text;
		text += strcspn(text, end);
		if (*text)
			*text++ = '\0';
		text += *text == ' ';
	}
	words[n] = NULL;
}

/* Ctrl-C is for the one outside; all else is as in any other process. */
static void execute(char *const *words, int output)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_SETMASK, &signals, NULL);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execv("/proc/self/exe", words);
	dprintf(STDERR_FILENO, "xdpseg: cannot run itself: %s\n", strerror(errno));
	_exit(SEG_EXIT_FAILED);
}

/* `xdpseg`, and that its output goes on to a terminal through here; then what the user typed. */
static void put_words(const struct play *play, char *command, char *words[WORDS_MAX + 2])
{
	char *typed[WORDS_MAX] = {NULL};
	size_t n = 0;

	split(command, typed);
	words[n++] = typed[0];
	words[n++] = (char *)"--color";
	words[n++] = (char *)(play->cli->colour && tells(play) ? "always" : "never");
	for (size_t i = 1; typed[i]; i++)
		words[n++] = typed[i];
	words[n] = NULL;
}

static pid_t start(const struct play *play, const char *typed, int *output)
{
	_cleanup_free_ char *command = strdup(typed);
	char *words[WORDS_MAX + 2];
	int pipe[2];
	pid_t pid;

	if (!command || pipe2(pipe, O_CLOEXEC))
		return -errno;
	put_words(play, command, words);
	fflush(stdout);
	pid = fork();
	if (!pid)
		execute(words, pipe[1]);
	close(pipe[1]);
	*output = pipe[0];
	return pid < 0 ? -errno : pid;
}

/* What it prints, as it comes; also to the one who watches. */
static void follow(const struct play *play, int output, FILE *all)
{
	char text[4096];
	ssize_t n;

	while ((n = read(output, text, sizeof(text))) > 0) {
		fwrite(text, 1, (size_t)n, all);
		tell(play, "%.*s", (int)n, text);
		fflush(stdout);
	}
}

/* Its exit code, -1: none; *said is the caller's. */
static int run(const struct play *play, const char *typed, char **said)
{
	_cleanup_close_ int output = -1;
	size_t size;
	FILE *all = open_memstream(said, &size);
	pid_t pid = all ? start(play, typed, &output) : -1;
	int status = -1;

	if (pid > 0)
		follow(play, output, all);
	if (pid > 0 && waitpid(pid, &status, 0) < 0)
		status = -1;
	if (all)
		fclose(all);
	return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What follows a command that failed would only be puzzling. */
static int stop(struct play *play, const char *command)
{
	seg_error_set(&play->shared->err, EIO, "`%s` failed in the lab", command);
	seg_error_mend(&play->shared->err, "%s",
		       tells(play) ? "what it says above" : "`xdpseg demo` shows what it says");
	return -EIO;
}

/* One empty line below a command, unless it printed one itself. */
static void tell_end(const struct play *play, const char *said)
{
	size_t len = said ? strlen(said) : 0;

	if (len < 2 || strcmp(said + len - 2, "\n\n") != 0)
		tell(play, "\n");
}

static int do_run(struct play *play, const struct seg_demo_step *step)
{
	_cleanup_free_ char *said = NULL;
	bool as_told;
	int code;

	tell(play, "%s$ %s%s\n", colour(play, BOLD), step->command, colour(play, OFF));
	code = run(play, step->command, &said);
	as_told = code == 0 && (!step->text || strstr(said, step->text));
	if (code)
		tell(play, "  %sUNEXPECTED: exit status %d%s\n", colour(play, RED), code,
		     colour(play, OFF));
	else if (!as_told)
		tell(play, "  %sUNEXPECTED: nothing of '%s' in it%s\n", colour(play, RED),
		     step->text, colour(play, OFF));
	tell_end(play, said);
	note(play, step->command, as_told,
	     json_pack("{s:i, s:s}", "exit", code, "output", said ? said : ""));
	return code ? stop(play, step->command) : 0;
}

/* --- traffic --------------------------------------------------------------------------------- */

static const char *answer(bool answered)
{
	return answered ? "answered" : "no answer";
}

/* r: as traffic.h says. What failed otherwise is a surprise too, and has its reason. */
static void judge(struct play *play, const struct seg_demo_step *step, int r)
{
	bool as_told = step->silent ? r == -ETIMEDOUT : r == 0;
	const char *got = r && r != -ETIMEDOUT ? strerror(-r) : answer(r == 0);

	tell(play, "  %-46s %s%-10s%s", step->text, colour(play, as_told ? GREEN : RED), got,
	     colour(play, OFF));
	if (as_told)
		tell(play, " as told\n");
	else
		tell(play, " %sUNEXPECTED: should be '%s'%s\n", colour(play, RED),
		     answer(!step->silent), colour(play, OFF));
	note(play, step->text, as_told,
	     json_pack("{s:s, s:s}", "expected", answer(!step->silent), "got", got));
}

static int call(struct play *play, const struct seg_demo_step *step)
{
	struct seg_talk *talk = &play->talk[step->slot];

	seg_talk_close(talk);
	return step->by(&play->lab, &step->call, step->silent ? SILENCE_MS : ANSWER_MS, talk);
}

static int do_try(struct play *play, const struct seg_demo_step *step)
{
	judge(play, step, call(play, step));
	seg_talk_close(&play->talk[0]);
	return 0;
}

static int do_again(struct play *play, const struct seg_demo_step *step)
{
	judge(play, step,
	      seg_traffic_again(&play->talk[step->slot], step->silent ? SILENCE_MS : ANSWER_MS));
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int do_await(struct play *play, const struct seg_demo_step *step)
{
	int64_t end = now_ms() + AWAIT_MS;
	int r = call(play, step);

	while ((r == -ETIMEDOUT) != step->silent && now_ms() < end) {
		poll(NULL, 0, AGAIN_MS);
		r = call(play, step);
	}
	judge(play, step, r);
	seg_talk_close(&play->talk[0]);
	return 0;
}

static int do_gone(struct play *play, const struct seg_demo_step *step)
{
	int64_t end = now_ms() + GONE_MS;
	const char *left = seg_lab_leftover();

	while (left && now_ms() < end) {
		poll(NULL, 0, AGAIN_MS / 10);
		left = seg_lab_leftover();
	}
	tell(play, "  %-46s %s%-10s%s", step->text, colour(play, left ? RED : GREEN),
	     left ? left : "is left", colour(play, OFF));
	tell(play, left ? " UNEXPECTED\n" : " as told\n");
	note(play, step->text, !left, json_pack("{s:s?}", "left", left));
	return 0;
}

/* --- the rest of a story --------------------------------------------------------------------- */

static int do_head(struct play *play, const struct seg_demo_step *step)
{
	play->section = step->text;
	tell(play, "\n%s%s%s\n", colour(play, BOLD), step->text, colour(play, OFF));
	return 0;
}

static int do_say(struct play *play, const struct seg_demo_step *step)
{
	tell(play, "%s\n", step->text);
	return 0;
}

static int do_file(struct play *play, const struct seg_demo_step *step)
{
	_cleanup_fclose_ FILE *file = fopen(step->file, "we");

	if (!file || fputs(step->content, file) == EOF || fflush(file))
		return seg_error_set(&play->shared->err, errno, "cannot write %s/%s: %s",
				     SEG_LAB_FOLDER, step->file, strerror(errno));
	if (!step->shown)
		tell(play, "%s:\n", step->file);
	tell(play, "%s", colour(play, DIM));
	tell_lines(play, step->shown ? step->shown : step->content);
	tell(play, "%s\n", colour(play, OFF));
	return 0;
}

static void tell_way_in(const struct play *play)
{
	char exe[4096] = "xdpseg";
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n > 0)
		exe[n] = '\0';
	printf("\n%sThe lab stays.%s A shell on its host, from another terminal:\n"
	       "  nsenter --target %d --mount --net --pid\n"
	       "and there, for example:\n"
	       "  %s status\n"
	       "  %s policy apply " SEG_LAB_FOLDER "/policy.yaml\n"
	       "Enter, or Ctrl-C, ends it.\n",
	       colour(play, BOLD), colour(play, OFF), (int)play->shared->pid, exe, exe);
	fflush(stdout);
}

__attribute__((noreturn)) static void stay(void)
{
	for (;;)
		pause();
}

/* Until there is a line; a standard input that ends says nothing: only a signal ends it then. */
static int do_pause(struct play *play, const struct seg_demo_step *step)
{
	char text[256];
	ssize_t n;

	(void)step;
	if (!play->keep)
		return 0;
	play->shared->keeping = true;
	tell_way_in(play);
	do {
		n = read(STDIN_FILENO, text, sizeof(text));
	} while ((n > 0 && text[n - 1] != '\n') || (n < 0 && errno == EINTR));
	if (n <= 0)
		stay();
	play->shared->keeping = false;
	return 0;
}

static int (*const ACTS[])(struct play *, const struct seg_demo_step *) = {
	[SEG_DEMO_HEAD] = do_head,   [SEG_DEMO_SAY] = do_say,   [SEG_DEMO_FILE] = do_file,
	[SEG_DEMO_RUN] = do_run,     [SEG_DEMO_TRY] = do_try,   [SEG_DEMO_AWAIT] = do_await,
	[SEG_DEMO_AGAIN] = do_again, [SEG_DEMO_GONE] = do_gone, [SEG_DEMO_PAUSE] = do_pause,
};

static int play_all(struct play *play)
{
	int r = 0;

	for (size_t i = 0; !r && i < SEG_DEMO_STEPS; i++) {
		r = ACTS[SEG_DEMO_STORY[i].act](play, &SEG_DEMO_STORY[i]);
		if (!r)
			r = seg_cli_flush(&play->shared->err);
	}
	return r;
}

void seg_demo_sum_up(const struct seg_cli *cli, const struct seg_demo_shared *shared)
{
	bool brief = cli->global.quiet;

	if (cli->global.json)
		return;
	printf("%sAll %u steps came out as told; nothing of the lab is left.\n", brief ? "" : "\n",
	       shared->steps);
	if (!brief)
		puts("Next: `xdpseg attach IFACE --observe --policy FILE` only counts what a "
		     "policy "
		     "would decide;\n`xdpseg help` and xdpseg(1) say the rest.");
}

static int print_json(const struct play *play)
{
	json_auto_t *all =
		json_pack("{s:O, s:i, s:b}", "steps", play->steps, "surprises",
			  (int)play->shared->surprises, "as_told", !play->shared->surprises);

	return all ? seg_view_json(all, stdout) : -ENOMEM;
}

/* Tables are as wide as the terminal that they end up on. */
static void pass_width(struct play *play)
{
	struct seg_view view = seg_view_of(play->cli);

	snprintf(play->width, sizeof(play->width), "%u", view.width);
	if (view.width)
		setenv(SEG_VIEW_WIDTH, play->width, 1);
}

/*
 * The caller's SSH session is outside, and its addresses mean nothing here. It is forgotten in
 * place: the guard also asks the environment that a parent began with.
 */
static void forget_session(void)
{
	char *text = getenv("SSH_CONNECTION");

	if (text)
		memset(text, 0, strlen(text));
}

int seg_demo_play(const struct seg_cli *cli, bool keep, struct seg_demo_shared *shared)
{
	json_auto_t *steps = cli->global.json ? json_array() : NULL;
	struct play play = {
		.cli = cli, .shared = shared, .steps = steps, .section = "", .keep = keep};
	int r = seg_lab_open(&play.lab, &shared->err);

	for (size_t i = 0; i < SEG_DEMO_SLOTS; i++)
		play.talk[i] = (struct seg_talk)SEG_TALK_NONE;
	pass_width(&play);
	forget_session();
	if (!r)
		r = play_all(&play);
	if (steps)
		print_json(&play);
	return r;
}
