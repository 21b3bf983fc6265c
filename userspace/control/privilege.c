/* SPDX-License-Identifier: BSD-2-Clause */
#include "privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#include "cleanup.h"
#include "handover.h"

#define BPFFS "/sys/fs/bpf"

struct capability {
	unsigned int number;
	const char *name;
};

static const struct capability kept[] = {
	{CAP_BPF, "CAP_BPF"},
	{CAP_PERFMON, "CAP_PERFMON"},
	{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{CAP_NET_RAW, "CAP_NET_RAW"},
	{CAP_IPC_LOCK, "CAP_IPC_LOCK"},
};

static const struct capability to_share[] = {
	{CAP_BPF, "CAP_BPF"},
	{CAP_PERFMON, "CAP_PERFMON"},
	{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
};

#define MISSING_MAX 192

/* Their names, after those that are there. */
static void name_missing(const struct capability *needed, size_t n, char missing[MISSING_MAX])
{
	size_t used = strlen(missing);

	for (size_t i = 0; i < n; i++) {
		if (capng_have_capability(CAPNG_EFFECTIVE, needed[i].number) ||
		    strstr(missing, needed[i].name))
			continue;
		used += (size_t)snprintf(missing + used, MISSING_MAX - used, "%s%s",
					 used ? ", " : "", needed[i].name);
	}
}

int seg_privilege_check(bool shares, struct seg_error *err)
{
	char missing[MISSING_MAX] = "";

	capng_get_caps_process();
	name_missing(kept, SEG_ARRAY_SIZE(kept), missing);
	if (shares)
		name_missing(to_share, SEG_ARRAY_SIZE(to_share), missing);
	if (!*missing)
		return 0;
	seg_error_set(err, EPERM, "no privilege: xdpsegd lacks %s", missing);
	seg_error_mend(err, "run it as root");
	return -EPERM;
}

int seg_privilege_mount_bpffs(struct seg_error *err)
{
	struct statfs fs;
	int r;

	if (!statfs(BPFFS, &fs) && fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (!mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return 0;
	r = seg_error_set(err, errno, "cannot mount a bpf file system at " BPFFS ": %s",
			  strerror(errno));
	seg_error_mend(err, "mount -t bpf bpf " BPFFS);
	return r;
}

int seg_privilege_raise_limits(struct seg_error *err)
{
	const rlim_t needed = SEG_QUEUES_MAX * SEG_FD_MAX + 1024;
	struct rlimit limit;
	int r;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	if (limit.rlim_cur >= needed)
		return 0;
	limit.rlim_cur = needed;
	if (limit.rlim_max < needed)
		limit.rlim_max = needed;
	if (!setrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	r = seg_error_set(err, errno, "cannot have %lu open files: %s", (unsigned long)needed,
			  strerror(errno));
	seg_error_mend(err, "raise the hard limit: ulimit -Hn %lu", (unsigned long)needed);
	return r;
}

static int keep_only(const struct capability *wanted, size_t n, struct seg_error *err)
{
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, wanted[i].number);
	if (capng_apply(CAPNG_SELECT_CAPS) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return seg_error_set(err, EPERM, "cannot give up privileges");
	return 0;
}

int seg_privilege_drop(struct seg_error *err)
{
	return keep_only(kept, SEG_ARRAY_SIZE(kept), err);
}

int seg_privilege_drop_to_share(struct seg_error *err)
{
	return keep_only(to_share, SEG_ARRAY_SIZE(to_share), err);
}
