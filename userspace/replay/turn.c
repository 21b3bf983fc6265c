/* SPDX-License-Identifier: BSD-2-Clause */
#include "turn.h"

#include <errno.h>
#include <stdlib.h>

#define SIZE_MIN 64

struct seg_turn_place {
	struct seg_replayed result;
	bool settled;
};

static struct seg_turn_place *place_of(const struct seg_turn *turn, uint64_t number)
{
	return &turn->place[number & (turn->size - 1)];
}

void seg_turn_close(struct seg_turn *turn)
{
	free(turn->place);
	*turn = (struct seg_turn){0};
}

static int grow(struct seg_turn *turn)
{
	struct seg_turn larger = {.size = turn->size ? 2 * turn->size : SIZE_MIN};

	larger.place = calloc(larger.size, sizeof(*larger.place));
	if (!larger.place)
		return -ENOMEM;
	for (uint64_t n = turn->first; n != turn->last; n++)
		*place_of(&larger, n) = *place_of(turn, n);
	free(turn->place);
	turn->place = larger.place;
	turn->size = larger.size;
	return 0;
}

int seg_turn_add(struct seg_turn *turn, uint64_t *number)
{
	if (turn->last - turn->first == turn->size && grow(turn))
		return -ENOMEM;
	*number = turn->last++;
	*place_of(turn, *number) = (struct seg_turn_place){.settled = false};
	return 0;
}

struct seg_replayed *seg_turn_at(struct seg_turn *turn, uint64_t number)
{
	return &place_of(turn, number)->result;
}

void seg_turn_settle(struct seg_turn *turn, uint64_t number)
{
	place_of(turn, number)->settled = true;
}

bool seg_turn_has_next(const struct seg_turn *turn)
{
	return turn->first != turn->last && place_of(turn, turn->first)->settled;
}

bool seg_turn_next(struct seg_turn *turn, struct seg_replayed *out)
{
	if (!seg_turn_has_next(turn))
		return false;
	*out = place_of(turn, turn->first++)->result;
	return true;
}
