/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame.h"

#include <string.h>

#include "checksum.h"

/* The pseudo-header's sum in the field is what seg_checksum_complete() starts from. */
static void reset_sum(uint8_t *frame, const struct seg_packet *packet,
		      const struct seg_sum_rule *rule, struct seg_wire16 *field)
{
	const void *end = frame + packet->end;
	struct seg_sum_span span = seg_sum_span((const void *)(frame + packet->l4), packet);

	field->value = 0;
	if (rule->pseudo)
		field->value = seg_fold(seg_sum_pseudo(frame, end, packet, span.length));
}

void seg_frame_mend(uint8_t *frame, const struct seg_packet *packet)
{
	struct seg_sum_rule rule = {0};
	struct seg_wire16 *field;

	if (seg_sum_rule(packet->proto, &rule)) {
		field = seg_at(frame, frame + packet->end, packet->l4 + rule.field, sizeof(*field));
		if (!field || (packet->proto == IPPROTO_UDP && !field->value))
			return;
		reset_sum(frame, packet, &rule, field);
	}
	seg_checksum_complete(frame, frame + packet->end, packet);
}

static void mend_checksum(uint8_t *frame, uint32_t size)
{
	struct seg_packet packet;

	if (seg_packet_parse(frame, frame + size, 0, SEG_FEATURE_VLAN, 0, &packet) == SEG_PARSED)
		seg_frame_mend(frame, &packet);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t seg_frame_lay_out(uint8_t *to, const struct seg_capture_packet *packet)
{
	uint32_t size = least(packet->wire, SEG_REPLAY_FRAME_MAX);
	uint32_t kept = least(packet->length, size);

	memcpy(to, packet->frame, kept);
	if (kept < size) {
		memset(to + kept, 0, size - kept);
		mend_checksum(to, size);
	}
	return size;
}
