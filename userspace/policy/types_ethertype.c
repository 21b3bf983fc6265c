/* SPDX-License-Identifier: BSD-2-Clause */
/* types_ethertype.c - ethertypes: by number, or by name as in ethertype(5). */
#include <errno.h>
#include <string.h>

#include "types.h"

/* Names as in ethertype(5) and nftables. */
static const struct {
	const char *name;
	uint16_t type;
} ETHERTYPES[] = {
	{"arp", 0x0806},
	{"rarp", 0x8035},
	{"wol", 0x0842},
	{"lldp", 0x88cc},
	{"pppoe-discovery", 0x8863},
	{"pppoe-session", 0x8864},
	{"lacp", 0x8809},
	{"eapol", 0x888e},
	{"mpls", 0x8847},
	{"ptp", 0x88f7},
	{"mpls-multicast", 0x8848},
	{"macsec", 0x88e5},
	{"cfm", 0x8902},
	{"profinet", 0x8892},
	{"ethercat", 0x88a4},
	{"aoe", 0x88a2},
	{"fcoe", 0x8906},
	{"fip", 0x8914},
};

/* What the parser looks into: IP, and the tags before it. */
static const uint16_t PARSED[] = {0x0800, 0x86dd, 0x8100, 0x88a8};

static int ethertype_find(struct seg_parser *parser, uint64_t *out)
{
	const struct seg_reader *reader = &parser->reader;
	struct seg_nearest nearest = {.text = reader->word, .len = reader->len};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(ETHERTYPES); i++) {
		seg_nearest_offer(&nearest, ETHERTYPES[i].name);
		if (!seg_text_is(reader->word, reader->len, ETHERTYPES[i].name))
			continue;
		*out = ETHERTYPES[i].type;
		return 0;
	}
	if (nearest.best)
		seg_parser_mend(parser, "did you mean '%s'?", nearest.best);
	return -EINVAL;
}

static int ethertype_parse(struct seg_parser *parser, const char *text, uint64_t *out)
{
	const struct seg_reader *reader = &parser->reader;
	int r = seg_number_parse(reader->word, reader->len, UINT16_MAX, out);

	if (r == -EINVAL)
		r = ethertype_find(parser, out);
	if (!r && *out < 0x0600)
		r = -ERANGE;
	if (r) {
		seg_parser_mend(parser, "an ethertype is arp, lldp... or 0x0600 to 0xffff");
		return seg_parser_error(parser, reader->at, EINVAL, "'%s' is no ethertype", text);
	}
	for (size_t i = 0; i < SEG_ARRAY_SIZE(PARSED); i++)
		if (PARSED[i] == *out)
			return seg_parser_error(parser, reader->at, EINVAL,
						"'%s' is for the rules to judge", text);
	return 0;
}

/* Sorted, each once, zeros behind. */
static int ethertype_insert(struct seg_parser *parser, uint16_t type, uint16_t *to)
{
	unsigned int at = 0;

	while (at < SEG_ETHERTYPES_MAX && to[at] && to[at] < type)
		at++;
	if (at < SEG_ETHERTYPES_MAX && to[at] == type)
		return 0;
	if (to[SEG_ETHERTYPES_MAX - 1])
		return seg_parser_error(parser, parser->reader.at, E2BIG, "over %d ethertypes",
					SEG_ETHERTYPES_MAX);
	memmove(to + at + 1, to + at, (SEG_ETHERTYPES_MAX - 1 - at) * sizeof(*to));
	to[at] = type;
	return 0;
}

static int ethertype_read(struct seg_parser *parser, const struct seg_policy_key *key, uint16_t *to)
{
	struct seg_word word = {0};
	uint64_t type = 0;
	int r = seg_word_take(parser, key->name, &word);

	if (!r)
		r = ethertype_parse(parser, seg_word_text(&parser->model, &word), &type);
	return r ? r : ethertype_insert(parser, (uint16_t)type, to);
}

/* The list may be empty: nothing but IP. */
static int read_ethertypes(struct seg_parser *parser, const struct seg_policy_key *key,
			   void *target)
{
	uint16_t types[SEG_ETHERTYPES_MAX] = {0};
	int r = 0;

	if (parser->reader.node != SEG_NODE_LIST)
		r = ethertype_read(parser, key, types);
	else
		while (!r && !(r = seg_reader_next(&parser->reader)) &&
		       parser->reader.node != SEG_NODE_LIST_END)
			r = ethertype_read(parser, key, types);
	if (!r)
		memcpy(target, types, sizeof(types));
	return r;
}

static void ethertype_write(uint16_t type, FILE *to)
{
	size_t i = 0;

	while (i < SEG_ARRAY_SIZE(ETHERTYPES) && ETHERTYPES[i].type != type)
		i++;
	if (i < SEG_ARRAY_SIZE(ETHERTYPES))
		fputs(ETHERTYPES[i].name, to);
	else
		fprintf(to, "0x%04x", type);
}

static void print_ethertypes(const struct seg_model *model, const struct seg_policy_key *key,
			     const void *value, FILE *to)
{
	const uint16_t *types = value;

	(void)model;
	(void)key;
	fputc('[', to);
	for (size_t i = 0; i < SEG_ETHERTYPES_MAX && types[i]; i++) {
		fputs(i ? ", " : "", to);
		ethertype_write(types[i], to);
	}
	fputc(']', to);
}

const struct seg_type SEG_TYPE_ETHERTYPES = {.read = read_ethertypes,
					     .print = print_ethertypes,
					     .size = sizeof(uint16_t[SEG_ETHERTYPES_MAX]),
					     .syntax = "names as in ethertype(5), or 0x0600 to "
						       "0xffff",
					     .pattern = "^((0x[0-9a-fA-F]+|[0-9]+)|[a-z][a-z-]+)$"};
