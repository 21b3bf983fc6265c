/* SPDX-License-Identifier: BSD-2-Clause */
/* check_setup.c - who asks, and what this host and this installation have. */
#include <inttypes.h>

#include "doctor.h"
#include "version.h"

static void check_privilege(const struct seg_facts *facts, struct seg_findings *to)
{
	const struct seg_setup *setup = &facts->setup;

	if (*setup->lacks) {
		seg_find(to, SEG_LEVEL_NOTE, "this user cannot attach: it lacks %s", setup->lacks);
		seg_find_mend(to, "attach as root");
	} else {
		seg_find(to, SEG_LEVEL_OK, "this user has the capabilities that attaching needs");
	}
	if (setup->sees_all)
		return;
	seg_find(to, SEG_LEVEL_NOTE,
		 "not looked at, which needs root: what the kernel lets load, "
		 "the JIT, names of programs, programs at tcx, the limits of who attaches");
	seg_find_mend(to, "run xdpseg doctor as root");
}

static void check_bpffs(const struct seg_facts *facts, struct seg_findings *to)
{
	if (facts->kernel.bpffs) {
		seg_find(to, SEG_LEVEL_OK, "a bpf file system is mounted at /sys/fs/bpf");
		return;
	}
	seg_find(to, SEG_LEVEL_NOTE, "no bpf file system at /sys/fs/bpf: xdpsegd mounts one");
	seg_find_mend(to, "mount -t bpf bpf /sys/fs/bpf");
}

/* Memory for BPF is not counted against RLIMIT_MEMLOCK since 5.11; CAP_IPC_LOCK does for AF_XDP's.
 */
static void check_limits(const struct seg_facts *facts, struct seg_findings *to)
{
	const struct seg_setup *setup = &facts->setup;

	if (*setup->lacks) /* whoever attaches has others */
		return;
	if (setup->files >= setup->files_needed || setup->raises) {
		seg_find(to, SEG_LEVEL_OK,
			 "limits of open files and locked memory are no obstacle");
		return;
	}
	seg_find(to, SEG_LEVEL_ERROR, "%" PRIu64 " open files at most: xdpsegd wants %" PRIu64,
		 setup->files, setup->files_needed);
	seg_find_mend(to, "ulimit -Hn %" PRIu64 ", before it is started", setup->files_needed);
}

static void check_user(const struct seg_facts *facts, struct seg_findings *to)
{
	if (facts->setup.worker_user) {
		seg_find(to, SEG_LEVEL_OK, "workers run as the user " SEG_WORKER_USER);
		return;
	}
	seg_find(to, SEG_LEVEL_NOTE,
		 "there is no user " SEG_WORKER_USER ": workers run as a number without a name");
	seg_find_mend(to, "systemd-sysusers, or useradd --system --no-create-home "
			  "--shell /usr/sbin/nologin " SEG_WORKER_USER);
}

static void check_programs(const struct seg_facts *facts, struct seg_findings *to)
{
	const struct seg_setup *setup = &facts->setup;

	if (setup->has_daemon && setup->has_worker) {
		seg_find(to, SEG_LEVEL_OK, "xdpsegd and xdpseg-worker are there");
		return;
	}
	seg_find(to, SEG_LEVEL_ERROR, "%s is not there: this installation is not whole",
		 setup->has_daemon ? "xdpseg-worker" : "xdpsegd");
	seg_find_mend(to, "reinstall xdpseg");
}

const struct seg_check SEG_SETUP_CHECKS[] = {
	{"privilege", check_privilege}, {"bpffs", check_bpffs},       {"limits", check_limits},
	{"worker-user", check_user},    {"programs", check_programs}, {0},
};
