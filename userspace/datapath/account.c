/* SPDX-License-Identifier: BSD-2-Clause */
#include "account.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "compat.h"
#include "session.h"

/*
 * A direction has 24 bits of packets and 40 of bytes. A sixteenth of the range
 * leaves room for 15 million packets, or 1 TB, until the next look.
 */
#define PACKETS_LARGE (1ull << 20)
#define BYTES_LARGE   (1ull << 36)

static struct seg_count unpack(uint64_t word)
{
	return (struct seg_count){seg_count_packets(word), seg_count_bytes(word)};
}

static void add(struct seg_count *to, const struct seg_count *from)
{
	to->packets += from->packets;
	to->bytes += from->bytes;
}

int seg_account_open(struct seg_account *account, uint32_t slots, struct seg_error *err)
{
	void *memory = mmap(NULL, slots * sizeof(*account->rows), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return seg_error_set(err, errno, "no memory for the accounts of %u sessions: %s",
				     slots, strerror(errno));
	*account = (struct seg_account){.rows = memory, .slots = slots};
	return 0;
}

void seg_account_close(struct seg_account *account)
{
	if (account->rows)
		munmap(account->rows, account->slots * sizeof(*account->rows));
	*account = (struct seg_account){0};
}

void seg_account_harvest(struct seg_account *account, struct seg_session *session, uint32_t slot)
{
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t word = seg_load(&session->count[i]);
		struct seg_count count = unpack(word);

		if (count.packets < PACKETS_LARGE && count.bytes < BYTES_LARGE)
			continue;
		__atomic_fetch_sub(&session->count[i], word, __ATOMIC_RELAXED);
		add(&account->rows[slot].moved[i], &count);
	}
}

struct seg_count seg_account_total(const struct seg_account *account,
				   const struct seg_session *session, uint32_t slot,
				   unsigned int direction)
{
	struct seg_count total = unpack(seg_load(&session->count[direction]));

	add(&total, &account->rows[slot].moved[direction]);
	return total;
}

struct seg_count seg_account_credit(const struct seg_account *account,
				    const struct seg_session *session, uint32_t slot)
{
	const struct seg_count *credited = &account->rows[slot].credited;
	struct seg_count credit = seg_account_total(account, session, slot, 0);
	struct seg_count reply = seg_account_total(account, session, slot, 1);

	add(&credit, &reply);
	credit.packets -= credited->packets;
	credit.bytes -= credited->bytes;
	return credit;
}

void seg_account_settle(struct seg_account *account, uint32_t slot, const struct seg_count *credit)
{
	add(&account->rows[slot].credited, credit);
}

/* A page that was never written stays so. */
void seg_account_clear(struct seg_account *account, uint32_t slot)
{
	static const struct seg_account_row empty;
	struct seg_account_row *row = &account->rows[slot];

	if (memcmp(row, &empty, sizeof(empty)) != 0)
		*row = empty;
}
