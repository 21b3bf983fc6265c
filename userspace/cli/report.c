/* SPDX-License-Identifier: BSD-2-Clause */
/* report.c - the one place that prints an error, and whether in colour. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "error_json.h"

bool seg_cli_colour(const struct seg_global *global, FILE *to)
{
	const char *no_color = getenv("NO_COLOR");

	if (strcmp(global->color, "auto") != 0)
		return strcmp(global->color, "always") == 0;
	return !(no_color && *no_color) && isatty(fileno(to));
}

int seg_cli_flush(struct seg_error *err)
{
	int r = fflush(stdout), errnum = errno;

	if (!r && !ferror(stdout))
		return 0;
	seg_error_set(err, EIO, "cannot write to standard output: %s",
		      r ? strerror(errnum) : "a write before this one failed");
	seg_error_mend(err, "make room where it goes, or send it elsewhere");
	return -EIO;
}

void seg_cli_report(const struct seg_cli *cli, const struct seg_error *err)
{
	if (cli->global.json)
		seg_error_print_json(err, stderr);
	else
		seg_error_print(err, stderr, seg_cli_colour(&cli->global, stderr));
}
