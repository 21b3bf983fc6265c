/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table_hooks.h - the session table's named places, where a unit test makes
 * "another CPU" come between: on_hook[place], called once.
 */
#ifndef SEG_TABLE_HOOKS_H
#define SEG_TABLE_HOOKS_H

#include "abi.h"

enum seg_hook {
	SEG_HOOK_TAG_PUT,
	SEG_HOOK_MATCH_TAG,
	SEG_HOOK_MATCH_STATE,
	SEG_HOOK_CLAIM_OWN,
	SEG_HOOK_CLAIM_RESCAN,
	SEG_HOOK_CLAIM_FILL,
	SEG_HOOK_PUBLISH,
	SEG_HOOK_KILL,
	SEG_HOOK_FREE,
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

#define SEG_HOOK(name, at) ((void)(at), seg_hook(SEG_HOOK_##name))

#endif
