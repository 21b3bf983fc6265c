/* SPDX-License-Identifier: BSD-2-Clause */
#include "account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
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

/* --- which rows were written ------------------------------------------------------ */

static const struct seg_account_row EMPTY;

static uint32_t chunks_of(uint32_t slots)
{
	return slots / SEG_ACCOUNT_CHUNK + 1;
}

static uint64_t *word_of(const struct seg_account *account, uint32_t slot)
{
	return &account->written[slot / SEG_ACCOUNT_CHUNK / 64];
}

static uint64_t bit_of(uint32_t slot)
{
	return 1ull << slot / SEG_ACCOUNT_CHUNK % 64;
}

static const struct seg_account_row *look(const struct seg_account *account, uint32_t slot)
{
	return *word_of(account, slot) & bit_of(slot) ? &account->rows[slot] : &EMPTY;
}

static struct seg_account_row *row_to_write(struct seg_account *account, uint32_t slot)
{
	*word_of(account, slot) |= bit_of(slot);
	return &account->rows[slot];
}

static void note_written(struct seg_account *account, off_t from, off_t to)
{
	const off_t size = SEG_ACCOUNT_CHUNK * (off_t)sizeof(*account->rows);

	for (off_t chunk = from / size; chunk * size < to; chunk++)
		row_to_write(account, (uint32_t)chunk * SEG_ACCOUNT_CHUNK);
}

/* What a predecessor has written: everything but the file's holes. */
static void find_written(struct seg_account *account, int file)
{
	off_t data = 0, hole;

	while ((data = lseek(file, data, SEEK_DATA)) >= 0) {
		hole = lseek(file, data, SEEK_HOLE);
		if (hole <= data)
			break;
		note_written(account, data, hole);
		data = hole;
	}
}

/* --- the rows ---------------------------------------------------------------------- */

int seg_account_open(struct seg_account *account, int file, uint32_t slots, struct seg_error *err)
{
	const size_t size = slots * sizeof(*account->rows);
	const int flags = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	_cleanup_free_ uint64_t *written = calloc(chunks_of(slots) / 64 + 1, sizeof(*written));
	void *memory = MAP_FAILED;

	if (!written)
		return seg_error_set(err, ENOMEM, "out of memory");
	if (file < 0 || !ftruncate(file, (off_t)size))
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, file, 0);
	if (memory == MAP_FAILED)
		return seg_error_set(err, errno, "no memory for the accounts of %u sessions: %s",
				     slots, strerror(errno));
	*account = (struct seg_account){.rows = memory, .written = TAKE(written), .slots = slots};
	if (file >= 0)
		find_written(account, file);
	return 0;
}

void seg_account_close(struct seg_account *account)
{
	if (account->rows)
		munmap(account->rows, account->slots * sizeof(*account->rows));
	free(account->written);
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
		add(&row_to_write(account, slot)->moved[i], &count);
	}
}

struct seg_count seg_account_total(const struct seg_account *account,
				   const struct seg_session *session, uint32_t slot,
				   unsigned int direction)
{
	struct seg_count total = unpack(seg_load(&session->count[direction]));

	add(&total, &look(account, slot)->moved[direction]);
	return total;
}

struct seg_count seg_account_credit(const struct seg_account *account,
				    const struct seg_session *session, uint32_t slot)
{
	const struct seg_count *credited = &look(account, slot)->credited;
	struct seg_count credit = seg_account_total(account, session, slot, 0);
	struct seg_count reply = seg_account_total(account, session, slot, 1);

	add(&credit, &reply);
	credit.packets -= credited->packets;
	credit.bytes -= credited->bytes;
	return credit;
}

void seg_account_settle(struct seg_account *account, uint32_t slot, const struct seg_count *credit)
{
	if (credit->packets)
		add(&row_to_write(account, slot)->credited, credit);
}

void seg_account_clear(struct seg_account *account, uint32_t slot)
{
	if (memcmp(look(account, slot), &EMPTY, sizeof(EMPTY)) != 0)
		*row_to_write(account, slot) = EMPTY;
}
