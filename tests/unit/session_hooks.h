/* SPDX-License-Identifier: BSD-2-Clause */
/* session_hooks.h - a session's named places, where a test lets another CPU come between, once. */
#ifndef SEG_SESSION_HOOKS_H
#define SEG_SESSION_HOOKS_H

enum seg_hook {
	SEG_HOOK_GATE_BEFORE_QUEUE,
	SEG_HOOK_GATE_BEFORE_CLOSE,
	SEG_HOOK_GATE_BEFORE_OPEN,
	SEG_HOOK_TOUCH_BEFORE_CAS,
	SEG_HOOK_ADVANCE_BEFORE_STORE,
	SEG_HOOK_MAX
};

static void (*on_hook[SEG_HOOK_MAX])(void);

static inline void seg_hook(enum seg_hook place)
{
	void (*call)(void) = on_hook[place];

	on_hook[place] = NULL;
	if (call)
		call();
}

#define SEG_HOOK(name, session) ((void)(session), seg_hook(SEG_HOOK_##name))

#endif
