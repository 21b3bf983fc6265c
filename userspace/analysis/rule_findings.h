/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rule_findings.h - what an engineer would find in a policy: exact, over all fields. The words are
 * those of Al-Shaer and Hamed (2004), but for sets of rules, not pairs: a rule is shadowed by all
 * that come before it together.
 */
#ifndef SEG_RULE_FINDINGS_H
#define SEG_RULE_FINDINGS_H

#include <stdbool.h>

#include "image.h"
#include "vector.h"

/* id, name, level */
#define SEG_FINDINGS(X)                                                                            \
	X(NEVER, "never-matches", "warning")                                                       \
	X(SHADOWED, "shadowed", "warning")                                                         \
	X(REDUNDANT, "redundant", "warning")                                                       \
	X(FAILSAFE, "failsafe", "warning")                                                         \
	X(CONFLICT, "conflict", "note")

enum seg_finding_kind {
#define X(id, name, level) SEG_FINDING_##id,
	SEG_FINDINGS(X)
#undef X
		SEG_FINDING_KINDS
};

/* Who is to blame. */
struct seg_finding_other {
	uint8_t kind; /* enum seg_owner_kind */
	uint32_t index;
};

#define SEG_FINDING_OTHERS 8

struct seg_finding {
	uint8_t kind;  /* enum seg_finding_kind */
	bool before;   /* redundant: earlier rules have it all; else later ones say the same */
	bool harmless; /* never-matches: failsafe allows it too, so that the rule may stay */
	uint32_t rule;
	bool more; /* others than those */
	uint32_t others_n;
	struct seg_finding_other other[SEG_FINDING_OTHERS];
};

typedef SEG_VECTOR(struct seg_finding) seg_findings;

/*
 * All findings of a policy, by rule:
 *   never-matches  what it names is answered before any rule: others are guards and failsafes
 *   shadowed       earlier rules take all of it, some of it to another end
 *   redundant      without it nothing changes: earlier rules take all of it to the same end, or
 *                  what it takes meets the same end behind it. All that are found may go together
 *   failsafe       it denies, as far as it decides, what failsafe always lets in
 *   conflict       an earlier rule decides otherwise on some of it; neither holds the other whole
 * The caller frees out->item. -ENOMEM.
 */
int seg_policy_findings(const struct seg_image *image, seg_findings *out);

const char *seg_finding_name(enum seg_finding_kind kind);
/* "warning" or "note". */
const char *seg_finding_level(const struct seg_finding *finding);

#endif
