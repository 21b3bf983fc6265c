/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reaper.h - sessions age, die and leave their counters to their rules.
 *
 * A round: kill by CAS what has been silent too long, move large counters out of
 * the rest, wait until nobody holds the dead any more, free them. Only the
 * keeper's thread frees (table_reap.h).
 *
 * Rounds are once a second while there are sessions; without any, nothing wakes
 * the keeper up.
 */
#ifndef SEG_REAPER_H
#define SEG_REAPER_H

#include <stdbool.h>
#include <stdint.h>

#include "account.h"
#include "rulebook.h"
#include "tables.h"

#define SEG_REAP_INTERVAL_NS 1000000000ull

/* Sessions looked at in a round: a table of millions is gone through in several. */
#define SEG_REAP_SLICE 262144

/* Dead ones freed in a round for one grace period. */
#define SEG_REAP_BATCH 65536

struct seg_reaper {
	struct seg_tables *tables;
	struct seg_account *account;
	const struct seg_rulebook *book; /* in force */
	int (*grace)(struct seg_tables *tables);
	uint32_t next; /* slot where the next round goes on */
	uint64_t killed;
	uint64_t freed;
};

/* One round at `now` (ns). Returns how many it freed, or -errno: the grace period failed, nothing
 * was freed. */
int64_t seg_reaper_round(struct seg_reaper *reaper, uint64_t now);

/* Free a slot now, if it is dead: for whom nobody else can hold it. */
void seg_reaper_free(struct seg_reaper *reaper, uint32_t slot);

/* Kill the live sessions that came by an interface: it is no longer attached. */
void seg_reaper_kill_iface(struct seg_reaper *reaper, uint32_t iface);

/* Something is left to age or to free. */
bool seg_reaper_needed(const struct seg_reaper *reaper);

/* The rule, as an entry of the book, that decides a live session now; false: none of this
 * generation does. */
bool seg_session_rule(struct seg_session *session, const struct seg_rulebook *book,
		      uint32_t *entry);

/*
 * Add what a session is to be credited with to `rules`, the book's own or a copy:
 * to the rule that decides it, and to the rule of stage shadow that would. What was
 * added, or zero: none of this generation decides it.
 */
struct seg_count seg_session_credit(const struct seg_account *account, struct seg_session *session,
				    uint32_t slot, const struct seg_rulebook *book,
				    struct seg_rule_count *rules);

/*
 * The policy `old` is no longer in force: what its rules counted, and the
 * sessions that they decided, goes to `history` by rule id. After workers and
 * programs have left it.
 */
void seg_reaper_retire(struct seg_reaper *reaper, const struct seg_rulebook *old,
		       struct seg_history **history);

#endif
