/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * account.h - what sessions counted beyond their own words: a session packs
 * packets and bytes of a direction into 64 bits, and long before either half can
 * wrap, the keeper moves them here. Also which part of it rules of earlier
 * generations have been credited with.
 *
 * One row a slot, of the slot's present tenant; what was never written costs nothing, and is
 * not read either, as a page that is looked at is a page in the file system of /run. Keeper
 * only; in a file, so that its successor goes on with it.
 */
#ifndef SEG_ACCOUNT_H
#define SEG_ACCOUNT_H

#include <stdint.h>

#include "abi.h"
#include "error.h"

struct seg_account_row {
	struct seg_count moved[2]; /* by direction */
	struct seg_count credited;
};

struct seg_account {
	struct seg_account_row *rows;
	uint64_t *written; /* a bit for each SEG_ACCOUNT_CHUNK rows: else they are all zero */
	uint32_t slots;
};

#define SEG_ACCOUNT_CHUNK 256 /* rows: three pages of 4 KiB */

/* `file`: a file that is to outlive this process, as it is or empty; -1: memory. It stays the
 * caller's, who may close it. */
int seg_account_open(struct seg_account *account, int file, uint32_t slots, struct seg_error *err);
void seg_account_close(struct seg_account *account);

/* Move what has become large. */
void seg_account_harvest(struct seg_account *account, struct seg_session *session, uint32_t slot);

/* All that a session counted in a direction. */
struct seg_count seg_account_total(const struct seg_account *account,
				   const struct seg_session *session, uint32_t slot,
				   unsigned int direction);

/* What its present rule is to be credited with: both directions, less what earlier ones were. */
struct seg_count seg_account_credit(const struct seg_account *account,
				    const struct seg_session *session, uint32_t slot);

/* Credited now: the next credit starts from here. */
void seg_account_settle(struct seg_account *account, uint32_t slot, const struct seg_count *credit);

/* The slot's tenant is gone. */
void seg_account_clear(struct seg_account *account, uint32_t slot);

#endif
