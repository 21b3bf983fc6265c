/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xdpsegd: the daemon. The client starts it; it serves its runtime folder's
 * control socket until the last interface is detached (a service manager's: longer),
 * or until SIGTERM or SIGINT, which detach all of them first. At SIGUSR2 it ends and leaves them
 * to the daemon that is started next.
 */
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper.h"
#include "life.h"
#include "text.h"
#include "version.h"

#define HANDS_OVER 75 /* EX_TEMPFAIL: start it again */

static const char usage[] =
	"usage: xdpsegd [--runtime-dir DIR] [--foreground] [--shared] [--worker FILE]\n"
	"               [--ready-fd N]\n"
	"  --runtime-dir DIR  control socket and state (" SEG_RUNTIME_DEFAULT ")\n"
	"  --foreground       serve until SIGTERM or SIGINT, without an interface too\n"
	"  --shared           may share interfaces: a process keeps CAP_SYS_ADMIN for that\n"
	"  --worker FILE      the program xdpseg-worker\n"
	"  --ready-fd N       write a byte there when it serves\n"
	"  --version\n";

static const struct option options[] = {
	{"runtime-dir", required_argument, NULL, 'd'},
	{"foreground", no_argument, NULL, 'f'},
	{"shared", no_argument, NULL, 's'},
	{"worker", required_argument, NULL, 'w'},
	{"ready-fd", required_argument, NULL, 'r'},
	{"version", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static int parse(int argc, char **argv, struct seg_keeper_options *out)
{
	uint64_t number;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (option) {
		case 'd':
			out->runtime_dir = optarg;
			break;
		case 'f':
			out->foreground = true;
			break;
		case 's':
			out->shared = true;
			break;
		case 'w':
			out->worker = optarg;
			break;
		case 'r':
			if (seg_number_parse(optarg, strlen(optarg), INT_MAX, &number))
				return -1;
			out->ready_fd = (int)number;
			break;
		case 'v':
			puts("xdpsegd " SEG_VERSION);
			exit(SEG_EXIT_OK);
		case 'h':
			fputs(usage, stdout);
			exit(SEG_EXIT_OK);
		default:
			return -1;
		}
	}
	return optind == argc ? 0 : -1;
}

/* Who waits for us to be ready gets the last words too. */
static void report(const struct seg_error *err, int ready_fd)
{
	seg_error_print(err, stderr, 0);
	if (ready_fd >= 0)
		dprintf(ready_fd, "%s\n%s\n", err->what, err->mend);
}

int main(int argc, char **argv)
{
	struct seg_keeper_options keeper = {
		.runtime_dir = SEG_RUNTIME_DEFAULT,
		.ready_fd = -1,
		.worker_code = seg_worker_live,
	};
	struct seg_error err = {0};

	int r;

	if (parse(argc, argv, &keeper)) {
		fputs(usage, stderr);
		return SEG_EXIT_USAGE;
	}
	r = seg_keeper_run(&keeper, &err);
	if (r >= 0)
		return r == SEG_KEEPER_HANDS_OVER ? HANDS_OVER : SEG_EXIT_OK;
	report(&err, keeper.ready_fd);
	return err.exit ? (int)err.exit : SEG_EXIT_FAILED;
}
