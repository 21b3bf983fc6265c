/* SPDX-License-Identifier: BSD-2-Clause */
#include "words.h"

#include <netinet/in.h>
#include <stdio.h>

const struct seg_reason_row SEG_REASON_ROWS[SEG_REASON_MAX] = {
#define X(id, name, verdict, path, text)                                                           \
	[SEG_REASON_##id] = {name, SEG_VERDICT_##verdict, SEG_PATH_##path, text},
	SEG_REASONS(X)
#undef X
};

const char *seg_verdict_word(uint8_t verdict)
{
	static const char *const WORDS[] = {
		[SEG_VERDICT_NONE] = "pending", [SEG_VERDICT_ALLOW] = "allow",
		[SEG_VERDICT_DENY] = "deny",    [SEG_VERDICT_LOSS] = "loss",
		[SEG_VERDICT_UP] = "pending",
	};

	return verdict <= SEG_VERDICT_UP ? WORDS[verdict] : "-";
}

const char *seg_path_word(enum seg_path path)
{
	static const char *const WORDS[SEG_PATH_MAX] = {
		[SEG_PATH_GUARD] = "guard",
		[SEG_PATH_SESSION] = "session",
		[SEG_PATH_WILDCARD] = "wildcard",
		[SEG_PATH_SLOW] = "slow",
	};

	return path < SEG_PATH_MAX ? WORDS[path] : "-";
}

const char *seg_state_word(uint8_t l4_state)
{
	static const char *const WORDS[SEG_L4_MAX] = {
		[SEG_L4_NEW] = "new",
		[SEG_L4_OPENING] = "opening",
		[SEG_L4_ANSWERED] = "opening",
		[SEG_L4_ESTABLISHED] = "established",
		[SEG_L4_CLOSING] = "closing",
		[SEG_L4_CLOSING_BACK] = "closing",
		[SEG_L4_TIME_WAIT] = "time-wait",
		[SEG_L4_CLOSED] = "closed",
	};

	return l4_state < SEG_L4_MAX ? WORDS[l4_state] : "-";
}

const char *seg_direction_word(uint8_t direction)
{
	static const char *const WORDS[SEG_DIRECTION_MAX] = {
		[SEG_INGRESS] = "ingress",
		[SEG_EGRESS] = "egress",
		[SEG_FORWARD] = "forward",
	};

	return direction < SEG_DIRECTION_MAX ? WORDS[direction] : "-";
}

const char *seg_proto_word(uint8_t proto, char *to)
{
	static const struct {
		uint8_t proto;
		const char *word;
	} WORDS[] = {
		{IPPROTO_TCP, "tcp"},         {IPPROTO_UDP, "udp"},       {IPPROTO_ICMP, "icmp"},
		{IPPROTO_SCTP, "sctp"},       {IPPROTO_ICMPV6, "icmpv6"}, {IPPROTO_DCCP, "dccp"},
		{IPPROTO_UDPLITE, "udplite"},
	};

	for (unsigned int i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++)
		if (WORDS[i].proto == proto)
			return WORDS[i].word;
	snprintf(to, SEG_PROTO_WORD_MAX, "proto/%u", proto);
	return to;
}
