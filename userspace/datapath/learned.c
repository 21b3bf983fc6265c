/* SPDX-License-Identifier: BSD-2-Clause */
#include "learned.h"

#include <string.h>

#include "classify.h"
#include "packet.h"
#include "session.h"
#include "session_key.h"

static void set_ports(struct seg_flow *flow, const struct seg_session *session, uint32_t from)
{
	if (seg_is_icmp(flow->proto)) { /* of ICMP only echoes are learned */
		flow->icmp_type = flow->proto == IPPROTO_ICMP ? SEG_ICMP_ECHO : SEG_ICMP6_ECHO;
		return;
	}
	flow->sport = session->key.port[from];
	flow->dport = session->key.port[!from];
}

static uint32_t rule_of(struct seg_session *session, const struct seg_image *image)
{
	uint32_t from = seg_state_originator(seg_load(&session->state));
	struct seg_flow flow = {
		.family = session->key.family,
		.proto = session->key.proto,
		.direction = SEG_EGRESS,
	};
	struct seg_decision decision;

	memcpy(flow.src, session->key.addr[from], sizeof(flow.src));
	memcpy(flow.dst, session->key.addr[!from], sizeof(flow.dst));
	set_ports(&flow, session, from);
	seg_image_classify(image, &flow, &decision, 1);
	return decision.verdict == SEG_VERDICT_ALLOW ? decision.rule : SEG_RULE_DEFAULT;
}

uint64_t seg_learned_verdict(struct seg_session *session, const struct seg_image *image,
			     uint64_t verdict)
{
	uint32_t generation = seg_verdict_generation(verdict);
	uint64_t whole;

	if (!(seg_verdict_flags(verdict) & SEG_VERDICT_LEARNED))
		return verdict;
	whole = seg_verdict_make(seg_verdict_action(verdict), 0, generation,
				 rule_of(session, image));
	seg_cas(seg_verdict_slot(session, generation), verdict, whole);
	return whole;
}
