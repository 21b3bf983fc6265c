/* SPDX-License-Identifier: BSD-2-Clause */
/* policy_findings.h - what was found in a policy, for people and for programs. */
#ifndef SEG_POLICY_FINDINGS_H
#define SEG_POLICY_FINDINGS_H

#include <jansson.h>

#include "cli.h"
#include "files.h"

/*
 * [{"kind","level","rule","file","line","others":[...],"more","message"}...], by rule; of the
 * others, a rule has "rule", "file", "line", and what answers before or behind the rules
 * "failsafe", "guard" or "default". NULL: out of memory.
 */
json_t *seg_policy_findings_json(const struct seg_policy_files *files,
				 const struct seg_policy *policy);

/* As compilers write it, a line each, on stderr; of each level only the first ones, and how many
 * more there are of what kind, unless verbose. */
void seg_policy_findings_print(const struct seg_cli *cli, const json_t *findings);

/* How many have a level. */
unsigned int seg_policy_findings_count(const json_t *findings, const char *level);

/* A rule as it is referred to: {"rule","file","line"}. */
json_t *seg_policy_rule_json(const struct seg_policy_files *files, const struct seg_image *image,
			     uint32_t rule);

#endif
