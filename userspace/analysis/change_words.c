/* SPDX-License-Identifier: BSD-2-Clause */
/* change_words.c - a region in the words of the policy language, as far as that has words. */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "policy_diff.h"
#include "service.h"
#include "words.h"

#define WORD_MAX 128

struct writer {
	const struct seg_space *space;
	const struct seg_change *region;
	void (*word)(void *context, const char *key, const char *word);
	void *context;
};

static void say(const struct writer *w, const char *key, const char *word)
{
	w->word(w->context, key, word);
}

/* The spans of an axis; none for all of it. */
static const struct seg_span *spans_of(const struct writer *w, enum seg_axis axis,
				       struct seg_span *room, uint32_t *n)
{
	const struct seg_slice *slice = &w->region->on[axis];

	*n = 0;
	return seg_slice_is_any(slice) ? room : seg_axes_spans(&w->space->axes, slice, room, n);
}

static void say_range(const struct writer *w, const char *key, const char *lead, uint32_t first,
		      uint32_t last)
{
	char word[WORD_MAX];

	if (first == last)
		snprintf(word, sizeof(word), "%s%u", lead, first);
	else
		snprintf(word, sizeof(word), "%s%u-%u", lead, first, last);
	say(w, key, word);
}

/* --- addresses --------------------------------------------------------------------------- */

static struct seg_address address_of(struct seg_wide wide)
{
	uint64_t half[2] = {htobe64(wide.high), htobe64(wide.low)};
	struct seg_address address = {0};

	memcpy(address.byte, half, sizeof(address.byte));
	return address;
}

static void say_addresses(const struct writer *w, const char *key, enum seg_axis axis)
{
	uint8_t family = w->region->families == 1 ? 4 : 6;
	const struct seg_span *span;
	struct seg_span room;
	uint32_t n;

	span = spans_of(w, axis, &room, &n);
	for (uint32_t i = 0; i < n; i++) {
		struct seg_interval part = seg_axes_interval(&w->space->axes, family, span[i]);
		struct seg_range range = {address_of(part.first), address_of(part.last), family};
		char text[SEG_RANGE_TEXT_MAX];

		say(w, key, seg_range_print(&range, text));
	}
}

/* Where no address tells the family, one of all does. */
static void say_from(const struct writer *w)
{
	bool any = seg_slice_is_any(&w->region->on[SEG_AXIS_SRC]) &&
		   seg_slice_is_any(&w->region->on[SEG_AXIS_DST]);

	if (any && w->region->families != 3)
		say(w, "from", w->region->families == 1 ? "0.0.0.0/0" : "::/0");
	say_addresses(w, "from", SEG_AXIS_SRC);
}

static void say_to(const struct writer *w)
{
	say_addresses(w, "to", SEG_AXIS_DST);
}

/* --- services ----------------------------------------------------------------------------- */

static bool has_kind(const struct writer *w, enum seg_lane kind)
{
	return w->region->kinds >> kind & 1;
}

static void say_ports(const struct writer *w, const char *protocol)
{
	const struct seg_span *span;
	struct seg_span room;
	char lead[WORD_MAX];
	uint32_t n;

	span = spans_of(w, SEG_AXIS_DPORT, &room, &n);
	if (!n)
		say(w, "service", protocol);
	snprintf(lead, sizeof(lead), "%s/", protocol);
	for (uint32_t i = 0; i < n; i++)
		say_range(w, "service", lead, span[i].first, span[i].last);
}

/* Types as far as whole ones go; what is left of others by code. */
static void say_icmp_span(const struct writer *w, const char *name, struct seg_span span)
{
	char lead[WORD_MAX];
	uint32_t last;

	for (; span.first <= span.last; span.first = last + 1) {
		bool whole = !(span.first & 0xff) && span.last - span.first >= 0xff;

		last = whole ? ((span.last + 1) & ~0xffu) - 1 : (span.first | 0xff);
		last = last < span.last ? last : span.last;
		if (whole) {
			snprintf(lead, sizeof(lead), "%s/", name);
			say_range(w, "service", lead, span.first >> 8, last >> 8);
		} else {
			snprintf(lead, sizeof(lead), "%s/%u/", name, span.first >> 8);
			say_range(w, "service", lead, span.first & 0xff, last & 0xff);
		}
	}
}

static void say_icmp(const struct writer *w, const char *name)
{
	const struct seg_span *span;
	struct seg_span room;
	uint32_t n;

	span = spans_of(w, SEG_AXIS_DPORT, &room, &n);
	if (!n)
		say(w, "service", name);
	for (uint32_t i = 0; i < n; i++)
		say_icmp_span(w, name, span[i]);
}

static bool has_ports(uint8_t proto)
{
	const uint8_t *protos;
	size_t n = seg_port_protocols(&protos);

	return memchr(protos, proto, n) != NULL;
}

static void say_proto(const struct writer *w, uint8_t first, uint8_t last)
{
	char word[WORD_MAX];

	snprintf(word, sizeof(word), "proto/%u", first);
	if (first != last)
		say_range(w, "service", "proto/", first, last);
	else if (has_ports(first))
		say_ports(w, word);
	else
		say(w, "service", word);
}

static void say_others(const struct writer *w)
{
	const uint8_t *proto = w->space->axes.protos[w->region->families == 2];
	const struct seg_span *span;
	struct seg_span room;
	uint32_t n;

	span = spans_of(w, SEG_AXIS_PROTO, &room, &n);
	if (!n)
		say_ports(w, "other");
	for (uint32_t i = 0; i < n; i++)
		say_proto(w, proto[span[i].first], proto[span[i].last]);
}

static void say_service(const struct writer *w)
{
	bool all = w->region->kinds == (1u << SEG_LANE_MAX) - 1 &&
		   seg_slice_is_any(&w->region->on[SEG_AXIS_DPORT]);

	if (all)
		return;
	if (has_kind(w, SEG_LANE_TCP))
		say_ports(w, "tcp");
	if (has_kind(w, SEG_LANE_UDP))
		say_ports(w, "udp");
	if (has_kind(w, SEG_LANE_ICMP) && w->region->families & 1)
		say_icmp(w, "icmp");
	if (has_kind(w, SEG_LANE_ICMP) && w->region->families & 2)
		say_icmp(w, "icmpv6");
	if (has_kind(w, SEG_LANE_OTHER))
		say_others(w);
}

static void say_source_port(const struct writer *w)
{
	const struct seg_span *span;
	struct seg_span room;
	uint32_t n;

	span = spans_of(w, SEG_AXIS_SPORT, &room, &n);
	for (uint32_t i = 0; i < n; i++)
		say_range(w, "source-port", "", span[i].first, span[i].last);
}

/* --- TCP flags ------------------------------------------------------------------------------ */

struct flag_set {
	bool has[256];
};

/* All flags that fit are of the set, and one of them is still to be said. */
static bool fits(const struct flag_set *set, const struct flag_set *left, uint8_t mask,
		 uint8_t value)
{
	bool some = false;

	for (unsigned int i = 0; i < 256; i++) {
		if ((i & mask) != value)
			continue;
		if (!set->has[i])
			return false;
		some |= left->has[i];
	}
	return some;
}

static void flags_print(uint8_t flags, FILE *to)
{
	static const char *const NAMES[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};
	const char *between = "";

	for (unsigned int i = 0; i < 8; i++) {
		if (!(flags >> i & 1))
			continue;
		fprintf(to, "%s%s", between, NAMES[i]);
		between = "+";
	}
	if (!flags)
		fputs("none", to);
}

static void say_flags_pair(const struct writer *w, uint8_t mask, uint8_t value)
{
	char word[WORD_MAX] = "";
	FILE *to = fmemopen(word, sizeof(word), "w");

	if (!to)
		return;
	flags_print(value, to);
	fputc('/', to);
	flags_print(mask, to);
	fclose(to);
	say(w, "tcp-flags", word);
}

/* The widest pairs first, until all is said: masks by how few flags they ask for. */
static void say_flag_set(const struct writer *w, const struct flag_set *set)
{
	struct flag_set left = *set;

	for (int ask = 1; ask <= 8; ask++)
		for (unsigned int pair = 0; pair < 65536; pair++) {
			uint8_t mask = (uint8_t)(pair >> 8), value = (uint8_t)pair;

			if (__builtin_popcount(mask) != ask || value & ~mask ||
			    !fits(set, &left, mask, value))
				continue;
			say_flags_pair(w, mask, value);
			for (unsigned int i = 0; i < 256; i++)
				left.has[i] &= (i & mask) != value;
		}
}

static void say_flags(const struct writer *w)
{
	struct flag_set set = {0};
	const struct seg_span *span;
	struct seg_span room;
	uint32_t n;

	span = spans_of(w, SEG_AXIS_FLAGS, &room, &n);
	for (uint32_t i = 0; i < n; i++)
		for (unsigned int j = 0; j < 256; j++)
			set.has[j] |= w->space->axes.flag_class[j] >= span[i].first &&
				      w->space->axes.flag_class[j] <= span[i].last;
	if (n)
		say_flag_set(w, &set);
}

/* --- the others --------------------------------------------------------------------------------
 */

/* Each number of an axis has a word of its own. */
static void say_each(const struct writer *w, const char *key, enum seg_axis axis,
		     void (*name)(const struct writer *w, uint32_t number, char word[WORD_MAX]))
{
	const struct seg_span *span;
	struct seg_span room;
	char word[WORD_MAX];
	uint32_t n;

	span = spans_of(w, axis, &room, &n);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = span[i].first; j <= span[i].last; j++) {
			name(w, j, word);
			say(w, key, word);
		}
}

static void direction_name(const struct writer *w, uint32_t number, char word[WORD_MAX])
{
	(void)w;
	snprintf(word, WORD_MAX, "%s", seg_direction_word((uint8_t)number));
}

static void vlan_name(const struct writer *w, uint32_t number, char word[WORD_MAX])
{
	const struct seg_vlan *vlan = number ? &w->space->axes.vlans.item[number - 1] : NULL;

	if (!vlan)
		snprintf(word, WORD_MAX, "none");
	else if (vlan->tag[1])
		snprintf(word, WORD_MAX, "%u/%u", vlan->tag[0] & 0xfffu, vlan->tag[1] & 0xfffu);
	else
		snprintf(word, WORD_MAX, "%u", vlan->tag[0] & 0xfffu);
}

static void iface_name(const struct writer *w, uint32_t number, char word[WORD_MAX])
{
	snprintf(word, WORD_MAX, "%s", number ? w->space->axes.ifaces.item[number - 1] : "other");
}

static void say_dscp(const struct writer *w)
{
	const struct seg_span *span;
	struct seg_span room;
	uint32_t n;

	span = spans_of(w, SEG_AXIS_DSCP, &room, &n);
	for (uint32_t i = 0; i < n; i++)
		say_range(w, "dscp", "", span[i].first, span[i].last);
}

void seg_change_words(const struct seg_space *space, const struct seg_change *region,
		      void (*word)(void *context, const char *key, const char *word), void *context)
{
	struct writer w = {space, region, word, context};

	say_each(&w, "direction", SEG_AXIS_DIRECTION, direction_name);
	say_from(&w);
	say_to(&w);
	say_service(&w);
	say_source_port(&w);
	say_flags(&w);
	say_dscp(&w);
	say_each(&w, "vlan", SEG_AXIS_VLAN, vlan_name);
	say_each(&w, "iface", SEG_AXIS_IFACE, iface_name);
}
