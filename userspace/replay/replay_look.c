/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay_look.h"

#include <string.h>

#include "age.h"
#include "clock.h"
#include "frame.h"
#include "frame_key.h"
#include "session.h"

static bool is_local(const struct seg_replay *replay, const struct seg_address *address)
{
	for (size_t i = 0; i < replay->options.local_n; i++) {
		const struct seg_range *range = &replay->options.local[i];

		if (memcmp(address, &range->first, sizeof(*address)) >= 0 &&
		    memcmp(address, &range->last, sizeof(*address)) <= 0)
			return true;
	}
	return false;
}

/* Multicast and broadcast arrive wherever they are heard. */
static bool is_for_all(const struct seg_address *address, uint8_t family)
{
	if (family == 6)
		return address->byte[0] == 0xff;
	return address->byte[12] >> 4 == 14 ||
	       memcmp(address->byte + 12, "\xff\xff\xff\xff", 4) == 0;
}

static uint8_t direction_of(const struct seg_replay *replay, const struct seg_replayed *packet)
{
	bool from, to;

	if (!replay->options.local_n || !packet->family)
		return SEG_INGRESS;
	from = is_local(replay, &packet->src);
	to = is_local(replay, &packet->dst);
	if (from)
		return to ? SEG_INGRESS : SEG_EGRESS;
	return to || is_for_all(&packet->dst, packet->family) ? SEG_INGRESS : SEG_FORWARD;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == SEG_IPPROTO_UDPLITE ||
	       proto == SEG_IPPROTO_SCTP || proto == SEG_IPPROTO_DCCP;
}

/* A frame that is cut before its addresses has none to show. */
static void describe(const struct seg_replay *replay, const struct seg_look *look,
		     struct seg_replayed *out)
{
	const struct seg_packet *packet = &look->packet;
	__be32 address[2][4];

	if ((packet->family != 4 && packet->family != 6) ||
	    !seg_packet_addresses(replay->frame, replay->frame + replay->size, packet, address))
		return;
	out->family = packet->family;
	out->proto = packet->proto;
	memcpy(&out->src, address[0], sizeof(out->src));
	memcpy(&out->dst, address[1], sizeof(out->dst));
	if (!has_ports(packet->proto))
		return;
	out->sport = SEG_BE16(packet->sport);
	out->dport = SEG_BE16(packet->dport);
}

/* The session that answers for this packet: its own, or that of the packet it quotes. */
static void find_key(const struct seg_replay *replay, const uint8_t *frame, const uint8_t *end,
		     struct seg_look *look)
{
	struct seg_packet quote, *packet = &look->packet;

	if (look->reason != SEG_PARSED)
		return;
	if (packet->flags & SEG_PACKET_ICMP_ERROR) {
		if (seg_quote_parse(frame, end, packet, &quote) != SEG_PARSED)
			return;
		packet = &quote;
	}
	look->has_key = seg_frame_key(frame, end, packet, &look->key) >= 0;
	if (look->has_key)
		look->hash = seg_hash_key(&look->key, replay->constants);
}

static struct seg_session *find(const struct seg_replay *replay, const struct seg_look *look,
				uint32_t *slot)
{
	return look->has_key ? seg_table_find(&replay->tables.table, &look->key, &look->hash, slot)
			     : NULL;
}

struct seg_session *seg_look_session(const struct seg_replay *replay, const struct seg_look *look)
{
	uint32_t slot;

	return find(replay, look, &slot);
}

/* The session of this packet has been silent for too long: it is gone before the packet comes. */
static void expire(struct seg_replay *replay, const struct seg_look *look)
{
	uint32_t slot, now = seg_clock_tick(replay->now);
	struct seg_session *session = find(replay, look, &slot);
	uint64_t state = session ? seg_load(&session->state) : 0;

	if (!session ||
	    seg_age_left(seg_image_defaults(replay->image), session->key.proto, state, now))
		return;
	seg_table_kill(session, state);
	seg_reaper_free(&replay->reaper, slot);
}

static void parse(const struct seg_replay *replay, struct seg_look *look, struct seg_replayed *out)
{
	look->reason = seg_judge_parse(&replay->judge, replay->frame, replay->size, &look->packet);
	describe(replay, look, out);
}

void seg_look_at(struct seg_replay *replay, struct seg_look *look, struct seg_replayed *out)
{
	look->has_key = false;
	parse(replay, look, out);
	out->direction = direction_of(replay, out);
	replay->judge.constants = &replay->constants[out->direction];
	if (look->packet.flags & SEG_PACKET_FRAGMENT) /* the way that it goes may tell more of it */
		parse(replay, look, out);
	find_key(replay, replay->frame, replay->frame + replay->size, look);
	expire(replay, look);
}

struct seg_replay_kept *seg_replay_kept_of(const uint8_t *frame)
{
	return (struct seg_replay_kept *)(frame -
					  __builtin_offsetof(struct seg_replay_kept, frame));
}

void seg_look_at_whole(void *data, const struct seg_piece *pieces, uint32_t count,
		       uint8_t *datagram, const struct seg_packet *packet)
{
	struct seg_look look = {.packet = *packet, .reason = SEG_PARSED};
	struct seg_replay *replay = data;
	bool cut = false;

	for (uint32_t i = 0; i < count; i++)
		cut |= seg_replay_kept_of(pieces[i].frame)->cut;
	if (cut)
		seg_frame_mend(datagram, packet);
	find_key(replay, datagram, datagram + packet->end, &look);
	expire(replay, &look);
}
