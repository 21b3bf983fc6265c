/* SPDX-License-Identifier: BSD-2-Clause */
/* replay_look.h - a packet before it is judged: what is written in it, and whose session it is. */
#ifndef SEG_REPLAY_LOOK_H
#define SEG_REPLAY_LOOK_H

#include "replay_state.h"

/* What is known of a packet before it is judged. */
struct seg_look {
	struct seg_packet packet;
	int reason; /* the parser's */
	struct seg_key key;
	struct seg_hash hash;
	bool has_key; /* of the packet's session, or of the one that it quotes */
};

/* Read the packet in replay->frame: what can be said of it goes to `out`. The judge is set to its
 * direction; a session that is out of time is dead behind this. */
void seg_look_at(struct seg_replay *replay, struct seg_look *look, struct seg_replayed *out);

/* Its session, or NULL. */
struct seg_session *seg_look_session(const struct seg_replay *replay, const struct seg_look *look);

/* The same of a datagram that is whole; as seg_hold.look, `data` is the replay. */
void seg_look_at_whole(void *data, const struct seg_piece *pieces, uint32_t count,
		       uint8_t *datagram, const struct seg_packet *packet);

struct seg_replay_kept *seg_replay_kept_of(const uint8_t *frame);

#endif
