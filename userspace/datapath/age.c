/* SPDX-License-Identifier: BSD-2-Clause */
#include "age.h"

#include <netinet/in.h>

#include "clock.h"
#include "state.h"

static const enum seg_timeout tcp[SEG_L4_MAX] = {
	[SEG_L4_NEW] = SEG_TIMEOUT_TCP_SYN,
	[SEG_L4_OPENING] = SEG_TIMEOUT_TCP_SYN,
	[SEG_L4_ANSWERED] = SEG_TIMEOUT_TCP_SYN,
	[SEG_L4_ESTABLISHED] = SEG_TIMEOUT_TCP_ESTABLISHED,
	[SEG_L4_CLOSING] = SEG_TIMEOUT_TCP_FIN,
	[SEG_L4_CLOSING_BACK] = SEG_TIMEOUT_TCP_FIN,
	[SEG_L4_TIME_WAIT] = SEG_TIMEOUT_TCP_TIME_WAIT,
	[SEG_L4_CLOSED] = SEG_TIMEOUT_TCP_TIME_WAIT,
};

enum seg_timeout seg_age_timeout(uint8_t proto, uint64_t state)
{
	uint8_t l4 = seg_state_l4(state);

	switch (proto) {
	case IPPROTO_TCP:
		return l4 < SEG_L4_MAX ? tcp[l4] : SEG_TIMEOUT_TCP_SYN;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return l4 == SEG_L4_ESTABLISHED ? SEG_TIMEOUT_UDP_STREAM : SEG_TIMEOUT_UDP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return SEG_TIMEOUT_ICMP;
	default:
		return SEG_TIMEOUT_OTHER;
	}
}

uint64_t seg_age_left(const struct seg_defaults *policy, uint8_t proto, uint64_t state,
		      uint32_t now)
{
	uint64_t timeout = policy->timeout_ns[seg_age_timeout(proto, state)];
	uint64_t silent = seg_clock_since(seg_state_seen(state), now);

	return silent < timeout ? timeout - silent : 0;
}
