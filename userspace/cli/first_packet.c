/* SPDX-License-Identifier: BSD-2-Clause */
#include "first_packet.h"

#include <arpa/inet.h>
#include <string.h>

#include "checksum.h"
#include "frame_key.h"

#define HOPS_NEIGHBOUR 255 /* RFC 4861 7.1 */
#define BODY_MAX       24  /* neighbour solicitation */

/* --- flow to frame -------------------------------------------------------------- */

/* A frame as it grows. */
struct writer {
	uint8_t *at;
	const struct seg_flow *flow;
};

/* The next `size` bytes, zero. */
static void *put(struct writer *w, size_t size)
{
	void *here = w->at;

	memset(here, 0, size);
	w->at += size;
	return here;
}

/* Of what stands behind the first `tags` tags. */
static __be16 type_behind(const struct seg_flow *flow, unsigned int tags)
{
	if (tags < 2 && flow->vlan[tags])
		return htons(SEG_ETHERTYPE_VLAN);
	return htons(flow->family == 4 ? SEG_ETHERTYPE_IP4 : SEG_ETHERTYPE_IP6);
}

static void put_ethernet(struct writer *w)
{
	struct seg_eth *eth = put(w, sizeof(*eth));

	eth->dst[0] = eth->src[0] = 2; /* local addresses */
	eth->src[5] = 1;
	eth->type = type_behind(w->flow, 0);
	for (unsigned int i = 0; i < 2 && w->flow->vlan[i]; i++) {
		struct seg_tag *tag = put(w, sizeof(*tag));

		tag->tci = htons(w->flow->vlan[i] & 0xfff);
		tag->type = type_behind(w->flow, i + 1);
	}
}

static void put_ip4(struct writer *w, uint16_t payload)
{
	struct seg_ip4 *ip = put(w, sizeof(*ip));

	*ip = (struct seg_ip4){
		.version_ihl = SEG_IP4_PLAIN,
		.tos = (uint8_t)(w->flow->dscp << 2),
		.total = htons((uint16_t)(sizeof(*ip) + payload)),
		.ttl = 64,
		.proto = w->flow->proto,
		.src = w->flow->src[3],
		.dst = w->flow->dst[3],
	};
	ip->checksum = (uint16_t)~seg_fold(seg_ip4_sum(ip));
}

static void put_ip6(struct writer *w, uint16_t payload)
{
	struct seg_ip6 *ip = put(w, sizeof(*ip));

	ip->flow = htonl(6u << 28 | (uint32_t)w->flow->dscp << 22);
	ip->payload = htons(payload);
	ip->proto = w->flow->proto;
	ip->hops = HOPS_NEIGHBOUR;
	memcpy(&ip->src, w->flow->src, sizeof(ip->src));
	memcpy(&ip->dst, w->flow->dst, sizeof(ip->dst));
}

static void put_ip(struct writer *w, uint16_t payload)
{
	if (w->flow->family == 4)
		put_ip4(w, payload);
	else
		put_ip6(w, payload);
}

static bool is_error(const struct seg_flow *flow)
{
	if (flow->proto == IPPROTO_ICMPV6)
		return flow->icmp_type <= SEG_ICMP6_PARAMETER;
	return flow->proto == IPPROTO_ICMP && flow->icmp_type < 64 &&
	       SEG_ICMP_ERRORS >> flow->icmp_type & 1;
}

/* What an error quotes: a datagram that its receiver has sent. */
static void put_quote(struct writer *w)
{
	struct seg_flow quoted = {.family = w->flow->family, .proto = IPPROTO_UDP};
	struct writer quote = {w->at, &quoted};

	memcpy(quoted.src, w->flow->dst, sizeof(quoted.src));
	memcpy(quoted.dst, w->flow->src, sizeof(quoted.dst));
	put_ip(&quote, sizeof(struct seg_udp));
	put(&quote, sizeof(struct seg_udp));
	w->at = quote.at;
}

static size_t size_of_body(const struct seg_flow *flow)
{
	size_t ip = flow->family == 4 ? sizeof(struct seg_ip4) : sizeof(struct seg_ip6);

	return is_error(flow) ? sizeof(struct seg_icmp) + ip + sizeof(struct seg_udp) : BODY_MAX;
}

static void put_icmp(struct writer *w)
{
	struct seg_icmp *icmp = put(w, sizeof(*icmp));

	icmp->type = w->flow->icmp_type;
	icmp->code = w->flow->icmp_code;
	if (!is_error(w->flow)) {
		put(w, BODY_MAX - sizeof(*icmp));
		return;
	}
	icmp->mtu6 = htonl(1500); /* IPv4's is its lower half */
	put_quote(w);
}

static void put_body(struct writer *w)
{
	struct seg_tcp *tcp = put(w, BODY_MAX);
	struct seg_udp *udp = (void *)tcp;

	udp->sport = w->flow->sport; /* where all protocols have them */
	udp->dport = w->flow->dport;
	if (w->flow->proto == IPPROTO_TCP) {
		tcp->offset = sizeof(*tcp) / 4 << 4;
		tcp->flags = w->flow->tcp_flags;
	} else if (w->flow->proto == IPPROTO_UDP || w->flow->proto == IPPROTO_UDPLITE) {
		udp->length = htons(BODY_MAX);
	}
}

size_t seg_first_packet_make(const struct seg_flow *flow, uint8_t frame[SEG_FIRST_PACKET_MAX])
{
	struct writer w = {frame, flow};

	put_ethernet(&w);
	put_ip(&w, (uint16_t)size_of_body(flow));
	if (seg_is_icmp(flow->proto))
		put_icmp(&w);
	else
		put_body(&w);
	return (size_t)(w.at - frame);
}

/* --- frame to flow -------------------------------------------------------------- */

/* Tags of VID 0 carry priority only. */
static void copy_vlan(const struct seg_packet *packet, struct seg_flow *flow)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 2; i++)
		if (packet->vlan[i] & 0xfff)
			flow->vlan[n++] = packet->vlan[i];
}

static bool fill(const uint8_t *frame, size_t size, const struct seg_packet *packet,
		 struct seg_flow *flow)
{
	__be32 addr[2][4];

	if (!packet->family || !seg_packet_addresses(frame, frame + size, packet, addr))
		return false;
	memcpy(flow->src, addr[0], sizeof(flow->src));
	memcpy(flow->dst, addr[1], sizeof(flow->dst));
	flow->family = packet->family;
	flow->proto = packet->proto;
	flow->tcp_flags = packet->tcp_flags;
	flow->dscp = packet->tos >> 2;
	flow->icmp_type = packet->icmp_type;
	flow->icmp_code = packet->icmp_code;
	if (!seg_is_icmp(packet->proto)) {
		flow->sport = packet->sport;
		flow->dport = packet->dport;
	}
	copy_vlan(packet, flow);
	return true;
}

static bool is_answer(const struct seg_packet *packet)
{
	const uint8_t answer = SEG_TCP_SYN | SEG_TCP_ACK;

	return packet->flags & SEG_PACKET_ICMP_REPLY ||
	       (packet->proto == IPPROTO_TCP && (packet->tcp_flags & answer) == answer);
}

/* The flow that an answer answers. */
static void turn(struct seg_flow *flow)
{
	struct seg_flow answer = *flow;

	memcpy(flow->src, answer.dst, sizeof(flow->src));
	memcpy(flow->dst, answer.src, sizeof(flow->dst));
	flow->sport = answer.dport;
	flow->dport = answer.sport;
	if (seg_is_icmp(flow->proto)) {
		flow->icmp_type = flow->proto == IPPROTO_ICMP ? SEG_ICMP_ECHO : SEG_ICMP6_ECHO;
		flow->icmp_code = 0;
	}
}

/* TCP that does not open a flow. */
static bool is_midflow(const struct seg_packet *packet, const struct seg_first_packet_rules *rules)
{
	if (packet->proto != IPPROTO_TCP)
		return false;
	return !(packet->tcp_flags & SEG_TCP_SYN) || (rules->two_sided && is_answer(packet));
}

static void read_key(const uint8_t *frame, size_t size, const struct seg_packet *packet,
		     struct seg_first_packet *out)
{
	int direction = seg_frame_key(frame, frame + size, packet, &out->key);

	out->keyed = direction >= 0;
}

/* Of the flow that it quotes, whose answer it is in a way. */
static void read_error(const uint8_t *frame, size_t size, const struct seg_packet *packet,
		       struct seg_first_packet *out)
{
	struct seg_packet quote;

	out->error = true;
	out->reason = seg_quote_parse(frame, frame + size, packet, &quote);
	if (out->reason != SEG_PARSED)
		return;
	out->reason = SEG_REASON_ICMP_UNRELATED;
	read_key(frame, size, &quote, out);
}

/* A sum that is left to a device is no fault: captures are full of them. */
static bool has_good_sum(const uint8_t *frame, const struct seg_packet *packet)
{
	enum seg_checksum sum = seg_checksum_l4_verify(frame, frame + packet->end, packet);

	return sum == SEG_CHECKSUM_GOOD || sum == SEG_CHECKSUM_PARTIAL;
}

/* Why a packet that was parsed may not begin a flow, or SEG_PARSED. */
static int refusal(const uint8_t *frame, const struct seg_packet *packet,
		   const struct seg_first_packet_rules *rules)
{
	if (is_midflow(packet, rules) && !rules->pickup)
		return SEG_REASON_TCP_MIDFLOW;
	if (rules->checksums && !has_good_sum(frame, packet))
		return SEG_REASON_BAD_L4_CHECKSUM;
	if (rules->two_sided && packet->flags & SEG_PACKET_ICMP_REPLY)
		return SEG_REASON_ICMP_UNASKED;
	return SEG_PARSED;
}

static void read_parsed(const uint8_t *frame, size_t size, const struct seg_packet *packet,
			const struct seg_first_packet_rules *rules, struct seg_first_packet *out)
{
	read_key(frame, size, packet, out);
	out->reason = refusal(frame, packet, rules);
	out->judged = out->reason == SEG_PARSED;
	out->loose = out->judged && is_midflow(packet, rules);
	out->answer = out->judged && !rules->two_sided && is_answer(packet);
	if (out->answer)
		turn(&out->flow);
}

/* `reason`: the parser's. */
static void read_any(const uint8_t *frame, size_t size, const struct seg_packet *packet, int reason,
		     const struct seg_first_packet_rules *rules, struct seg_first_packet *out)
{
	*out = (struct seg_first_packet){.reason = reason, .parsed = reason == SEG_PARSED};
	if (!fill(frame, size, packet, &out->flow) || !out->parsed)
		return;
	if (packet->flags & SEG_PACKET_ICMP_ERROR)
		read_error(frame, size, packet, out);
	else
		read_parsed(frame, size, packet, rules, out);
}

void seg_first_packet_read(const uint8_t *frame, size_t size,
			   const struct seg_first_packet_rules *rules, struct seg_first_packet *out)
{
	struct seg_packet packet;
	int reason = seg_packet_parse(frame, frame + size, 0, rules->vlans ? SEG_FEATURE_VLAN : 0,
				      0, &packet);

	read_any(frame, size, &packet, reason, rules, out);
}

void seg_first_packet_read_whole(const uint8_t *datagram, size_t size, const uint16_t vlan[2],
				 const struct seg_first_packet_rules *rules,
				 struct seg_first_packet *out)
{
	struct seg_packet packet = {.vlan = {vlan[0], vlan[1]}};
	int reason = seg_packet_parse_whole(datagram, datagram + size, &packet);

	read_any(datagram, size, &packet, reason, rules, out);
}
