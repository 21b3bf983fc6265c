/* SPDX-License-Identifier: BSD-2-Clause */
#include "repeat.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "text.h"

#define NS_PER_S  1000000000ull
#define EVERY_MIN (NS_PER_S / 10)
#define EVERY_MAX (86400 * NS_PER_S)
#define HOME      "\033[H"
#define LINE_REST "\033[K\n" /* what was behind this line goes */
#define NO_WRAP   "\033[?7l" /* what is too wide is cut there, so that a line is a line */
#define WRAP      "\033[?7h"
#define BELOW     "\033[J"
#define CLEAR     HOME "\033[2J"

static int read_every(const char *text, uint64_t *ns, struct seg_error *err)
{
	char *end;
	double seconds = strtod(text, &end);

	*ns = NS_PER_S;
	if (!*text)
		return 0;
	if (!*end && seconds >= 0 && seconds <= 86400)
		*ns = (uint64_t)(seconds * (double)NS_PER_S);
	else if (seg_duration_parse(text, strlen(text), ns))
		*ns = 0;
	if (*ns >= EVERY_MIN && *ns <= EVERY_MAX)
		return 0;
	seg_error_set(err, EINVAL, "--watch: '%s' is no time from 0.1 s to a day", text);
	seg_error_mend(err, "like 1, 0.5, 500ms or 1m");
	seg_error_exit(err, SEG_EXIT_USAGE);
	return -EINVAL;
}

/* --- signals ----------------------------------------------------------------- */

static void leave(int signal)
{
	(void)signal;
	_exit(SEG_EXIT_OK);
}

/* Held back while something is written. */
static void hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(how, &set, NULL);
}

static void hear_signals(void)
{
	const struct sigaction action = {.sa_handler = leave};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* --- the screen -------------------------------------------------------------- */

/* As many lines as it has, the last one left empty; what does not fit is not shown. */
static void draw(const char *text)
{
	struct winsize size = {.ws_row = 24};
	size_t len;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	fputs(HOME NO_WRAP, stdout);
	for (unsigned int row = 1; *text && (row < size.ws_row || !size.ws_row); row++) {
		len = strcspn(text, "\n");
		printf("%.*s" LINE_REST, (int)len, text);
		text += len + (text[len] == '\n');
	}
	fputs(BELOW WRAP, stdout);
}

/* --- rounds ------------------------------------------------------------------- */

/* Nothing is shown before it is whole. */
static int do_round(const struct seg_cli *cli, seg_round round, void *data, struct seg_error *err)
{
	_cleanup_free_ char *text = NULL;
	struct seg_view view = seg_view_of(cli);
	size_t size;
	int r;

	view.to = open_memstream(&text, &size);
	if (!view.to)
		return seg_error_set(err, ENOMEM, "out of memory");
	r = round(cli, &view, data, err);
	fclose(view.to);
	if (r)
		return r;
	hold_signals(SIG_BLOCK);
	if (view.width && !cli->global.json)
		draw(text);
	else
		fputs(text, stdout);
	r = seg_cli_flush(err);
	hold_signals(SIG_UNBLOCK);
	return r;
}

/* Rounds begin at even distances; one that took too long is not made up for. */
static void await(struct timespec *next, uint64_t every)
{
	struct timespec now;
	uint64_t at = (uint64_t)next->tv_sec * NS_PER_S + (uint64_t)next->tv_nsec + every, is;

	clock_gettime(CLOCK_MONOTONIC, &now);
	is = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	if (at < is)
		at = is;
	*next = (struct timespec){.tv_sec = (time_t)(at / NS_PER_S),
				  .tv_nsec = (long)(at % NS_PER_S)};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR)
		;
}

int seg_repeat(const struct seg_cli *cli, const char *every, seg_round round, void *data,
	       struct seg_error *err)
{
	struct timespec next;
	uint64_t ns;
	int r = read_every(every, &ns, err);

	if (r)
		return r;
	hear_signals();
	clock_gettime(CLOCK_MONOTONIC, &next);
	if (seg_view_of(cli).width && !cli->global.json)
		fputs(CLEAR, stdout);
	while (!(r = do_round(cli, round, data, err)))
		await(&next, ns);
	return r;
}
