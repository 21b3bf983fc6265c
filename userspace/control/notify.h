/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.h - what the service manager is told, where there is one: by sd_notify(3),
 * on the socket that it names in $NOTIFY_SOCKET. Without one nothing is said, no timer
 * runs, and so it is in a build without libsystemd.
 */
#ifndef SEG_NOTIFY_H
#define SEG_NOTIFY_H

#include "error.h"
#include "loop.h"

struct seg_notify {
	struct seg_watch timer; /* fd -1: no watchdog */
};

/*
 * Hear of a watchdog. One that is asked for ($WATCHDOG_USEC) is told at half of its time
 * that the loop turns: by a timer of the loop's own, so that one that hangs is noticed.
 */
int seg_notify_open(struct seg_notify *notify, struct seg_loop *loop, struct seg_error *err);

/*
 * A step of long work is done: what keeps the loop from turning is no hang as long as steps end.
 * A kernel may take ten seconds to check one program on a slow machine.
 */
void seg_notify_alive(void);

/* The daemon serves. */
void seg_notify_ready(void);

/* One line for people: what it does now. */
__attribute__((format(printf, 1, 2))) void seg_notify_status(const char *format, ...);

/* It ends: no watchdog from here on, detaching may take its time. */
void seg_notify_stopping(struct seg_notify *notify, struct seg_loop *loop);

#endif
