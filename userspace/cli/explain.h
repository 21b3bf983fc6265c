/* SPDX-License-Identifier: BSD-2-Clause */
/* explain.h - what a policy says to a flow's first packet, and why, as `why --json` shows it. Pure.
 */
#ifndef SEG_EXPLAIN_H
#define SEG_EXPLAIN_H

#include <jansson.h>

#include "first_packet.h"
#include "policy.h"

/*
 * {"verdict","rule","stage","path","reason","flow","direction","considered":
 * [{"rule","matched","because"}...]}; with the deciding rule's "file" and "line",
 * and "notes" where there is something to say. The first packet's flow has its
 * direction and iface. `name`: of the policy's own file. The caller owns it.
 */
json_t *seg_explain(const struct seg_policy *policy, const char *name,
		    const struct seg_first_packet *first);

/* It is of a VLAN that no rule names: whatever else it may be, that refuses it. */
bool seg_explain_unknown_vlan(const struct seg_policy *policy,
			      const struct seg_first_packet *first);

/* Add to its "notes": `before` and then `text`. */
void seg_explain_note(json_t *why, const char *before, const char *text);

#endif
