/* SPDX-License-Identifier: BSD-2-Clause */
#include "confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/close_range.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

/* Before 5.9 there is no close_range(): the spawner marks all others close-on-exec as well. */
static int close_others(unsigned int fd_end)
{
	return syscall(SYS_close_range, fd_end, ~0u, 0) && errno != ENOSYS ? -errno : 0;
}

/* The bounding set can only be emptied by who may; without capabilities to inherit it gives
 * nothing. */
static int drop_capabilities(void)
{
	capng_select_t which = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;

	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		which |= CAPNG_SELECT_BOUNDS;
	capng_clear(which);
	if (capng_apply(which))
		return -EPERM;
	if (capng_get_caps_process() || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return -EPERM;
	return 0;
}

/* A system call: any, or only with this argument. */
#define ANY(name)                                                                                  \
	{                                                                                          \
		SCMP_SYS(name), 0,                                                                 \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define ONLY(name, index, value)                                                                   \
	{                                                                                          \
		SCMP_SYS(name), 1, SCMP_CMP(index, SCMP_CMP_EQ, value)                             \
	}
#define WITHOUT(name, index, bits)                                                                 \
	{                                                                                          \
		SCMP_SYS(name), 1, SCMP_CMP(index, SCMP_CMP_MASKED_EQ, bits, 0)                    \
	}

/* What the loop calls, and what the C library calls for it. */
static const struct {
	int number;
	unsigned int conditions;
	struct scmp_arg_cmp condition;
} allowed[] = {
	ANY(poll),
	ANY(ppoll),
	ANY(sendto),
	ANY(recvfrom),
	ANY(recvmsg),
	ONLY(bpf, 0, BPF_PROG_TEST_RUN),
	/* a new policy */
	ANY(fstat),
	ANY(newfstatat),
	ONLY(fcntl, 1, F_GET_SEALS),
	WITHOUT(mmap, 2, PROT_EXEC),
	ANY(munmap),
	ANY(brk),
	ANY(close),
	/* time, where the vDSO has none; the last words */
	ANY(clock_gettime),
	ONLY(write, 0, STDERR_FILENO),
	ANY(restart_syscall),
	ANY(rt_sigreturn),
	ANY(exit),
	ANY(exit_group),
};

static void release(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int filter_calls(void)
{
	_cleanup_(release) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = 0;

	if (!filter)
		return -ENOMEM;
	for (size_t i = 0; i < SEG_ARRAY_SIZE(allowed) && !r; i++)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i].number,
					   allowed[i].conditions, &allowed[i].condition);
	return r ? r : seccomp_load(filter);
}

int seg_confine(unsigned int fd_end, struct seg_error *err)
{
	int r = close_others(fd_end);

	if (r)
		return seg_error_set(err, -r, "descriptors cannot be closed: %m");
	r = drop_capabilities();
	if (r)
		return seg_error_set(err, -r, "capabilities cannot be given up");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return seg_error_set(err, errno, "new privileges cannot be refused: %m");
	r = filter_calls();
	if (r)
		return seg_error_set(err, -r, "the system call filter cannot be loaded");
	return 0;
}
