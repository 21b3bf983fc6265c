/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - what a next life is to know of the policy: its texts, those before it, until when
 * it is on trial, what older rules counted. A file of the runtime folder, written whole; each
 * text is one beside it, written once, however often what is said of it changes.
 *
 * It is written just before a policy is in force: a daemon that died in between is followed by
 * one that puts it in force. Keeper's thread only.
 */
#ifndef SEG_RECORD_H
#define SEG_RECORD_H

#include <jansson.h>

#include "files.h"
#include "rulebook.h"
#include "runtime.h"

#define SEG_RECORD      "policy.json"
#define SEG_RECORD_TEXT "text-" /* and its hash: a file of the policy's, as long as it says so */

struct seg_record {
	struct seg_policy_files files;
	struct seg_policy_files before; /* n = 0: there was none */
	bool given, observe;
	uint32_t generation, revision;
	uint64_t trial_ends; /* ns, CLOCK_MONOTONIC; 0: nothing is on trial */
	struct seg_history *history;
	json_t *revisions; /* NULL: none are known */
};

/* Texts and history stay the caller's. 0 or -errno. */
int seg_record_save(const struct seg_runtime *runtime, const struct seg_record *record);

/* All of it is the caller's: seg_record_free(). -EBADMSG: it is not there, or broken. */
int seg_record_load(const struct seg_runtime *runtime, struct seg_record *record);
void seg_record_free(struct seg_record *record);

#define _cleanup_record_ _cleanup_(seg_record_free)

#endif
