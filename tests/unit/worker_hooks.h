/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker_hooks.h - every named place of the worker's code calls one function, so
 * that a test can end "the worker" between any two steps. Which place it is does
 * not matter: the test counts them.
 */
#ifndef SEG_WORKER_HOOKS_H
#define SEG_WORKER_HOOKS_H

extern void (*on_place)(const char *name);

#define SEG_HOOK(name, session) ((void)(session), on_place ? on_place(#name) : (void)0)

#endif
