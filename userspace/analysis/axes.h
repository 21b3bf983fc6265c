/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * axes.h - the fields of a packet as number lines. On each, the values that no policy tells apart
 * are one number: addresses from one end of an interval to the next, TCP flags that every rule
 * takes alike. So IPv6 costs what IPv4 does, and a part of a field is a list of spans.
 */
#ifndef SEG_AXES_H
#define SEG_AXES_H

#include "hash_index.h"
#include "pattern.h"
#include "vector.h"

enum seg_axis {
	SEG_AXIS_PROTO,
	SEG_AXIS_DIRECTION,
	SEG_AXIS_VLAN,
	SEG_AXIS_IFACE,
	SEG_AXIS_FLAGS,
	SEG_AXIS_DSCP,
	SEG_AXIS_SRC,
	SEG_AXIS_DST,
	SEG_AXIS_SPORT,
	SEG_AXIS_DPORT, /* ICMP: type << 8 | code */
	SEG_AXES
};

/* Eight packets' worlds that share no rule's pattern: a family's TCP, UDP, ICMP and all else. */
#define SEG_LANES (2 * SEG_LANE_MAX)

static inline uint8_t seg_lane_family(unsigned int lane)
{
	return lane < SEG_LANE_MAX ? 4 : 6;
}

struct seg_span {
	uint32_t first, last;
};

typedef SEG_VECTOR(struct seg_span) seg_spans;

/* Part of an axis. */
struct seg_slice {
	uint32_t first, last;
	uint32_t set; /* SEG_SLICE_WHOLE: all from first to last; else spans of seg_axes.sets */
};

#define SEG_SLICE_WHOLE 0xffffffffu

struct seg_tcp_pair {
	uint8_t mask, value;
};

struct seg_axes {
	SEG_VECTOR(struct seg_wide) start[2];  /* IPv4, IPv6: where each class begins */
	SEG_VECTOR(struct seg_vlan) vlans;     /* class - 1 */
	SEG_VECTOR(const char *) ifaces;       /* class - 1; the images' strings */
	SEG_VECTOR(struct seg_tcp_pair) flags; /* what is asked of TCP flags */
	uint16_t flag_class[256];
	uint32_t flag_classes;
	uint8_t protos[2][256]; /* of the lane of all else */
	uint32_t protos_n[2];
	struct {
		struct seg_index index;
		SEG_VECTOR(struct seg_span) at; /* first and last of `spans` */
	} sets;
	seg_spans spans;
};

/* The lines that tell apart what the images, which have to outlive them, and the guards do.
 * -ENOMEM. */
int seg_axes_open(struct seg_axes *axes, const struct seg_image *const *images, uint32_t n);
void seg_axes_close(struct seg_axes *axes);

/* All of an axis in a lane. */
struct seg_span seg_axes_all(const struct seg_axes *axes, unsigned int lane, enum seg_axis axis);

/* Addresses, whatever their family: those of `family`, as spans behind what *out has. -ENOMEM. */
int seg_axes_addresses(const struct seg_axes *axes, uint8_t family,
		       const struct seg_interval *interval, uint32_t n, seg_spans *out);
int seg_axes_flags(const struct seg_axes *axes, struct seg_tcp_pair pair, seg_spans *out);
uint32_t seg_axes_vlan(const struct seg_axes *axes, const struct seg_vlan *vlan);
uint32_t seg_axes_iface(const struct seg_axes *axes, const char *name);
uint32_t seg_axes_proto(const struct seg_axes *axes, uint8_t family, uint8_t proto);

/* Sorted spans, at least one, as a slice: the same for the same spans. -ENOMEM. */
int seg_axes_slice(struct seg_axes *axes, const seg_spans *spans, struct seg_slice *out);

/* The spans of a slice, *n of them. */
const struct seg_span *seg_axes_spans(const struct seg_axes *axes, const struct seg_slice *slice,
				      struct seg_span *room, uint32_t *n);

/* The addresses of a span. */
struct seg_interval seg_axes_interval(const struct seg_axes *axes, uint8_t family,
				      struct seg_span span);

#endif
