/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "keeper.h"

#define AGAIN_NS SEG_NS_PER_S /* when going back failed */

/* 0: it stands. */
static void set_timer(struct seg_trial *trial, uint64_t ns)
{
	const struct itimerspec when = {.it_value = {.tv_sec = (time_t)(ns / SEG_NS_PER_S),
						     .tv_nsec = (long)(ns % SEG_NS_PER_S)}};

	timerfd_settime(trial->timer.fd, 0, &when, NULL);
	trial->ends = ns ? seg_clock_now() + ns : 0;
}

static void expired(struct seg_watch *watch, uint32_t events)
{
	struct seg_trial *trial = (void *)((char *)watch - offsetof(struct seg_trial, timer));
	struct seg_keeper *keeper = (void *)((char *)trial - offsetof(struct seg_keeper, trial));
	struct seg_error err = {0};
	uint64_t expirations;

	(void)events;
	if (read(watch->fd, &expirations, sizeof(expirations)) < 0 || !trial->ends)
		return;
	keeper->cause = (struct seg_cause){.what = "not confirmed"};
	fprintf(stderr, "xdpsegd: policy %s was not confirmed: going back\n",
		seg_image_name(keeper->book.image));
	if (!seg_trial_rollback(keeper, &err))
		return;
	seg_error_print(&err, stderr, 0);
	set_timer(trial, AGAIN_NS);
}

int seg_trial_open(struct seg_keeper *keeper, struct seg_error *err)
{
	struct seg_trial *trial = &keeper->trial;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	trial->timer = (struct seg_watch){fd, expired};
	if (fd < 0 || seg_loop_add(&keeper->loop, &trial->timer, EPOLLIN))
		return seg_error_set(err, errno, "cannot make a timer: %s", strerror(errno));
	return 0;
}

const struct seg_policy_files *seg_trial_next(const struct seg_keeper *keeper, uint64_t ns)
{
	static const struct seg_policy_files none;
	const struct seg_trial *trial = &keeper->trial;

	if (ns && trial->ends)
		return &trial->before;
	return keeper->book.given ? &keeper->book.files : &none;
}

void seg_trial_resume(struct seg_keeper *keeper)
{
	uint64_t now = seg_clock_now(), ends = keeper->trial.ends;

	if (ends)
		set_timer(&keeper->trial, ends > now ? ends - now : 1);
}

void seg_trial_forget(struct seg_keeper *keeper)
{
	set_timer(&keeper->trial, 0);
	seg_policy_files_free(&keeper->trial.before);
	keeper->trial.before = (struct seg_policy_files){0};
}

void seg_trial_close(struct seg_keeper *keeper)
{
	seg_policy_files_free(&keeper->trial.before);
	seg_closep(&keeper->trial.timer.fd);
}

void seg_trial_changed(struct seg_keeper *keeper, struct seg_policy_files *before, uint64_t ns)
{
	struct seg_trial *trial = &keeper->trial;

	if (!ns || !trial->ends) {
		seg_policy_files_free(&trial->before);
		trial->before = *before;
		*before = (struct seg_policy_files){0};
	}
	set_timer(trial, ns);
}

int seg_trial_confirm(struct seg_keeper *keeper, struct seg_error *err)
{
	if (!keeper->trial.ends) {
		seg_error_set(err, ENOENT, "no policy waits to be confirmed");
		seg_error_mend(err, "`xdpseg policy apply FILE --confirm 1m` puts one on trial");
		return -ENOENT;
	}
	set_timer(&keeper->trial, 0);
	return seg_keeper_record(keeper, err);
}

int seg_trial_rollback(struct seg_keeper *keeper, struct seg_error *err)
{
	_cleanup_policy_files_ struct seg_policy_files files = {0};
	bool changes;

	if (!keeper->trial.before.n) {
		seg_error_set(err, ENOENT, "no policy was in force before this one");
		seg_error_mend(err, "`xdpseg policy apply FILE` puts another in force");
		return -ENOENT;
	}
	if (seg_policy_files_copy(&files, &keeper->trial.before))
		return seg_error_set(err, ENOMEM, "no memory for the policy");
	return seg_keeper_apply(keeper, &files, 0, &changes, err);
}
