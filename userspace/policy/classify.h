/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * classify.h - which rule decides a flow. First match wins; where no rule
 * matches, the default of the flow's direction decides.
 *
 * A rule without a key matches whatever that key would restrict, but a rule
 * whose addresses are all IPv4 never matches IPv6, and the reverse. `icmp`
 * is ICMP in IPv4, `icmpv6` ICMPv6 in IPv6.
 *
 * VLANs: a rule without `vlan` matches untagged packets and every stack that
 * some rule of the policy names. A stack that none names is denied by the
 * default (SEG_DECISION_UNKNOWN_VLAN), whatever the default is: no packet of an
 * unknown VLAN is judged by rules that were not written for it. The caller
 * clears tags of VID 0: they carry priority only (IEEE 802.1Q).
 *
 * `tcp-flags` and `dscp` are judged as all else is: on the flow's first packet.
 * A rule of stage shadow decides nothing: it is passed over. The first that matches
 * before the rule that decides is told beside it.
 *
 * A reply, an ICMP error, a later fragment: not judged here; they belong to
 * the flow that they quote or continue.
 */
#ifndef SEG_CLASSIFY_H
#define SEG_CLASSIFY_H

#include <stdbool.h>

#include "image.h"

/* A flow's first packet, from who began to whom. All zero is a valid start to fill it. */
struct seg_flow {
	__be32 src[4]; /* as in seg_key: IPv4 is ::ffff:a.b.c.d */
	__be32 dst[4];
	__be16 sport; /* TCP, UDP, UDP-Lite, SCTP, DCCP; else 0 */
	__be16 dport;
	uint8_t family; /* 4 or 6 */
	uint8_t proto;
	uint8_t icmp_type; /* ICMP and ICMPv6 */
	uint8_t icmp_code;
	uint8_t tcp_flags; /* as in the TCP header; else 0 */
	uint8_t dscp;      /* 0 to 63 */
	uint8_t direction; /* enum seg_direction */
	uint8_t spare;
	uint16_t vlan[2]; /* as in seg_packet: SEG_VLAN_PRESENT | VID, outer then inner; 0: none */
	uint16_t iface;   /* seg_image_iface() of the interface that it came in by */
	uint16_t spare2;
};

enum seg_decision_flag {
	SEG_DECISION_LOG = SEG_VERDICT_LOG,
	SEG_DECISION_UNKNOWN_VLAN = 1 << 1,
};

struct seg_decision {
	uint32_t rule;   /* index, or SEG_RULE_DEFAULT */
	uint8_t verdict; /* SEG_VERDICT_ALLOW or _DENY */
	uint8_t flags;   /* enum seg_decision_flag */
	uint16_t spare;
	uint32_t shadow; /* the rule of stage shadow that would have decided; SEG_RULE_DEFAULT: none
			  */
};

#define SEG_CLASSIFY_MAX 64

/* Judge n flows, n <= SEG_CLASSIFY_MAX. Never fails, allocates or blocks; pure. */
void seg_image_classify(const struct seg_image *image, const struct seg_flow *flows,
			struct seg_decision *out, unsigned int n);

/* How a lookup is done: by what the CPU has. All give the same answers. */
enum seg_lookup_way { SEG_LOOKUP_SCALAR, SEG_LOOKUP_AVX2, SEG_LOOKUP_AVX512, SEG_LOOKUP_WAYS };

bool seg_lookup_runs(enum seg_lookup_way way); /* here */
enum seg_lookup_way seg_lookup_best(void);
const char *seg_lookup_name(enum seg_lookup_way way);

/* The same by a way that runs here, and by a scan of all rules: for tests and benchmarks. */
void seg_image_classify_by(enum seg_lookup_way way, const struct seg_image *image,
			   const struct seg_flow *flows, struct seg_decision *out, unsigned int n);
struct seg_decision seg_image_scan(const struct seg_image *image, const struct seg_flow *flow);

enum seg_region_any { SEG_REGION_ANY_TCP_FLAGS = 1 << 0, SEG_REGION_ANY_DSCP = 1 << 1 };

/*
 * Flows whose addresses and ports (of ICMP: type << 8 | code) lie between those of two corners,
 * each field for itself; all else is as in `first`, but for what may be anything.
 */
struct seg_region {
	struct seg_flow first, last;
	uint8_t any; /* enum seg_region_any */
};

/*
 * The flows around this one that are decided as it is: by the same rule, with the same shadow.
 * As wide as it gets, field by field: source port, destination port, source, destination, then
 * flags and DSCP; none of them can be widened further. Reads all rules before the one that
 * decides.
 */
void seg_image_region(const struct seg_image *image, const struct seg_flow *flow,
		      struct seg_region *out);

/*
 * Is every flow that goes this way allowed, without log or limit, and does its session's key
 * alone tell by which rule? Then nobody need be asked. May say no where a closer look would say
 * yes: a rule that denies may be one that no flow reaches.
 */
bool seg_image_allows_all(const struct seg_image *image, enum seg_direction direction);

/* Why a rule does not match a flow: the first key, in this order, that says no. */
enum seg_mismatch {
	SEG_MISMATCH_NONE, /* it does match */
	SEG_MISMATCH_DIRECTION,
	SEG_MISMATCH_IFACE,
	SEG_MISMATCH_VLAN,
	SEG_MISMATCH_SERVICE,
	SEG_MISMATCH_SOURCE_PORT,
	SEG_MISMATCH_TCP_FLAGS,
	SEG_MISMATCH_DSCP,
	SEG_MISMATCH_FROM,
	SEG_MISMATCH_TO,
	SEG_MISMATCH_MAX
};

/* For `why`: slow, looks at one rule only, of whichever stage. */
enum seg_mismatch seg_image_mismatch(const struct seg_image *image, uint32_t rule,
				     const struct seg_flow *flow);

/* The policy's key for it: "direction", "from"...; "" for SEG_MISMATCH_NONE. */
const char *seg_mismatch_key(enum seg_mismatch mismatch);

#define SEG_FAILSAFE_NONE 0xffffffffu

/* The first failsafe service that this flow may always reach, or SEG_FAILSAFE_NONE. One that
 * leaves is taken for what the service answers; one that is forwarded reaches none. */
uint32_t seg_image_failsafe(const struct seg_image *image, const struct seg_flow *flow);

/* All of them, as the programs have them; `hash` is left to whoever makes their map. */
void seg_image_failsafes(const struct seg_image *image, struct seg_failsafes *out);

/*
 * The addresses that they are for, cut into prefixes: the keys of their map. Returns how many,
 * at most `max` are written; `keys` may be NULL then.
 */
uint32_t seg_image_failsafe_keys(const struct seg_image *image, struct seg_failsafe_key *keys,
				 uint32_t max);

/* As the policy has it: "tcp/22 from admins"; "?" beyond the last. */
const char *seg_image_failsafe_name(const struct seg_image *image, uint32_t failsafe);

#endif
