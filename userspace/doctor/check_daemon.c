/* SPDX-License-Identifier: BSD-2-Clause */
/* check_daemon.c - the daemon that runs, or the one that died. */
#include <inttypes.h>
#include <string.h>

#include "doctor.h"
#include "version.h"

static void judge_version(const struct seg_daemon_facts *daemon, struct seg_findings *to)
{
	if (!strcmp(daemon->version, SEG_VERSION)) {
		seg_find(to, SEG_LEVEL_OK, "xdpsegd %s runs in %s", daemon->version,
			 daemon->runtime_dir);
		return;
	}
	seg_find(to, SEG_LEVEL_WARNING, "xdpsegd %s runs, this xdpseg is " SEG_VERSION,
		 daemon->version);
	seg_find_mend(to, "systemctl restart xdpsegd, or detach and attach again; either ends all "
			  "sessions");
}

static void check_daemon(const struct seg_facts *facts, struct seg_findings *to)
{
	const struct seg_daemon_facts *daemon = &facts->daemon;

	switch (daemon->state) {
	case SEG_DAEMON_NONE:
		seg_find(to, SEG_LEVEL_OK, "none runs in %s: nothing is attached",
			 daemon->runtime_dir);
		return;
	case SEG_DAEMON_RUNS:
		judge_version(daemon, to);
		return;
	case SEG_DAEMON_CLOSED:
		seg_find(to, SEG_LEVEL_NOTE, "what is in %s is not open to this user",
			 daemon->runtime_dir);
		seg_find_mend(to, "run xdpseg doctor as root");
		return;
	case SEG_DAEMON_SILENT:
		seg_find(to, SEG_LEVEL_ERROR, "the daemon in %s does not answer",
			 daemon->runtime_dir);
		seg_find_mend(to, "look at its log: journalctl -u xdpsegd");
	}
}

static void check_policy(const struct seg_facts *facts, struct seg_findings *to)
{
	const struct seg_daemon_facts *daemon = &facts->daemon;

	if (daemon->state != SEG_DAEMON_RUNS)
		return;
	if (*daemon->policy && !daemon->observes) {
		seg_find(to, SEG_LEVEL_OK, "policy %s is in force, revision %" PRIu64,
			 daemon->policy, daemon->revision);
		return;
	}
	seg_find(to, SEG_LEVEL_NOTE, "only observing: %s%s%s",
		 *daemon->policy ? "policy " : "there is no policy", daemon->policy,
		 *daemon->policy ? " counts and decides nothing" : "");
	seg_find_mend(to, *daemon->policy ? "detach, and attach without --observe"
					  : "xdpseg policy apply FILE");
}

/* Its program goes on with what it knew, and nobody renews it. */
static void check_leftover(const struct seg_facts *facts, struct seg_findings *to)
{
	const struct seg_daemon_facts *daemon = &facts->daemon;

	if (daemon->leftover <= 0)
		return;
	seg_find(to, SEG_LEVEL_ERROR,
		 "a daemon died in %s: what it attached still filters, and nobody looks after it",
		 daemon->runtime_dir);
	seg_find_mend(to, "xdpseg attach IFACE again: the new daemon removes what is left first");
}

const struct seg_check SEG_DAEMON_CHECKS[] = {
	{"daemon", check_daemon},
	{"policy", check_policy},
	{"leftover", check_leftover},
	{0},
};
