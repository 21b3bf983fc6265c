/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pieces.c - rows to boxes. A row whose addresses are lists would be one box that is
 * mostly empty, and no hash could find it: it is cut into a box for each pair of
 * ranges, or, where these were too many, for each range of the longer list.
 */
#include "pieces.h"

#include <string.h>
#include <xxhash.h>

#define PAIRS_MAX  64
#define RANGES_MAX 65536
#define RESTS_MAX  (1u << 24)
#define PIECES_MAX (4u << 20) /* of a lane; behind them rows are left whole */

/* A range of addresses, most significant word first. */
struct range {
	uint32_t first[4], last[4];
};

struct ranges {
	SEG_VECTOR(struct range) all;
	uint32_t set; /* what must be asked beside them */
};

static void ranges_free(struct ranges *ranges)
{
	free(ranges->all.item);
}

static void words_put(uint8_t family, struct seg_wide address, uint32_t to[4])
{
	const uint32_t words[4] = {(uint32_t)(address.high >> 32), (uint32_t)address.high,
				   (uint32_t)(address.low >> 32), (uint32_t)address.low};

	memset(to, 0, sizeof(words));
	if (family == 4)
		to[0] = words[3];
	else
		memcpy(to, words, sizeof(words));
}

static struct range range_of(uint8_t family, struct seg_wide first, struct seg_wide last)
{
	struct range range = {0};

	words_put(family, first, range.first);
	words_put(family, last, range.last);
	return range;
}

/* Bounds as in a row. */
static struct range range_whole(uint8_t family, uint64_t first, uint64_t last)
{
	if (family == 4)
		return range_of(4, (struct seg_wide){0, first}, (struct seg_wide){0, last});
	return range_of(6, (struct seg_wide){first, 0}, (struct seg_wide){last, UINT64_MAX});
}

static int range_push(struct ranges *out, uint8_t family, struct seg_wide first,
		      struct seg_wide last)
{
	if (seg_wide_compare(first, last) > 0)
		return 0;
	return SEG_PUSH(&out->all, range_of(family, first, last));
}

static struct seg_wide least(struct seg_wide a, struct seg_wide b)
{
	return seg_wide_compare(a, b) < 0 ? a : b;
}

static struct seg_wide most(struct seg_wide a, struct seg_wide b)
{
	return seg_wide_compare(a, b) > 0 ? a : b;
}

/* IPv6 has addresses too where IPv4 lies on the line (RFC 4291 2.5.5.2: IPv4-mapped ones). They
 * belong to what is on both sides of them. */
static bool joins_hole(const struct ranges *out, const struct seg_interval *item,
		       struct seg_wide below, struct seg_wide above)
{
	uint32_t words[4];

	words_put(6, below, words);
	return out->all.n && seg_wide_compare(item->first, above) <= 0 &&
	       seg_wide_compare(item->last, above) >= 0 &&
	       !memcmp(out->all.item[out->all.n - 1].last, words, sizeof(words));
}

/* An interval's part that is the family's: IPv4 lies in the middle of IPv6's line. */
static int interval_cut(struct ranges *out, uint8_t family, const struct seg_interval *item)
{
	const struct seg_wide below = {0, SEG_INTERVAL_V4.first.low - 1};
	const struct seg_wide above = {0, SEG_INTERVAL_V4.last.low + 1};
	int r;

	if (family == 4)
		return range_push(out, 4, most(item->first, SEG_INTERVAL_V4.first),
				  least(item->last, SEG_INTERVAL_V4.last));
	r = range_push(out, 6, item->first, least(item->last, below));
	if (!r && joins_hole(out, item, below, above))
		words_put(6, item->last, out->all.item[out->all.n - 1].last);
	else if (!r)
		r = range_push(out, 6, most(item->first, above), item->last);
	return r;
}

static int set_cut(const struct seg_build *b, uint8_t family, uint32_t set, struct ranges *out)
{
	const struct seg_interval *item = b->intervals.item + b->sets.item[set].first;
	int r = 0;

	for (uint32_t i = 0; !r && i < b->sets.item[set].count; i++)
		r = interval_cut(out, family, &item[i]);
	return r;
}

static bool set_cuts(const struct seg_build *b, uint32_t set)
{
	return set != SEG_SET_NONE && b->sets.item[set].count <= RANGES_MAX;
}

static int ranges_make(const struct seg_build *b, uint8_t family, uint32_t set, bool cut,
		       struct range whole, struct ranges *out)
{
	out->set = cut ? SEG_SET_NONE : set;
	return cut ? set_cut(b, family, set, out) : SEG_PUSH(&out->all, whole);
}

/* How many boxes a side gives if it is cut. */
static uint64_t side_count(const struct seg_build *b, uint32_t set)
{
	return set == SEG_SET_NONE ? 1 : b->sets.item[set].count;
}

static int row_cut(const struct seg_build *b, const struct seg_pieces *pieces,
		   const struct seg_row *row, struct ranges *src, struct ranges *dst)
{
	uint64_t from = side_count(b, row->src_set), to = side_count(b, row->dst_set);
	bool room = pieces->n < PIECES_MAX, both = from * to <= PAIRS_MAX;
	bool cut_src = room && set_cuts(b, row->src_set) && (both || from >= to);
	bool cut_dst = room && set_cuts(b, row->dst_set) && (both || !cut_src);
	uint8_t family = pieces->family;
	int r = ranges_make(b, family, row->src_set, cut_src,
			    range_whole(family, row->src_first, row->src_last), src);

	return r ? r
		 : ranges_make(b, family, row->dst_set, cut_dst,
			       range_whole(family, row->dst_first, row->dst_last), dst);
}

/* --- what else a row asks ------------------------------------------------------ */

/* A row goes one way, or every way. */
static bool one_way(const struct seg_row *row)
{
	return row->directions != SEG_DIRECTIONS_ANY;
}

static struct seg_rest rest_of(const struct seg_row *row, uint32_t src_set, uint32_t dst_set)
{
	uint8_t way = one_way(row) ? (uint8_t)__builtin_ctz(row->directions) : 0;
	bool dscp = row->flags & SEG_ROW_DSCP;

	return (struct seg_rest){
		.src_set = src_set,
		.dst_set = dst_set,
		.value = {seg_key_vlan(row->vlan), seg_key_where(row->iface, way),
			  seg_key_header(row->tcp_value, dscp ? row->dscp : 0)},
		.mask = {row->vlan[0] ? UINT32_MAX : 0,
			 seg_key_where(row->iface ? UINT16_MAX : 0, one_way(row) ? UINT16_MAX : 0),
			 seg_key_header(row->tcp_mask, dscp ? UINT8_MAX : 0)},
	};
}

static bool rest_same(const void *array, uint32_t item, const void *key)
{
	return !memcmp((const struct seg_rest *)array + item, key, sizeof(struct seg_rest));
}

/* Most rows ask nothing: that is the first. */
static int rest_add(struct seg_build *b, const struct seg_rest *rest, uint32_t *out)
{
	uint64_t hash;
	uint32_t found;

	if (rest_same(b->rests.item, 0, rest)) {
		*out = 0;
		return 0;
	}
	hash = XXH3_64bits(rest, sizeof(*rest));
	found = seg_index_find(&b->rest_index, hash, rest_same, b->rests.item, rest);
	if (found == SEG_INDEX_NONE) {
		found = b->rests.n;
		if (found == RESTS_MAX)
			return seg_build_error(b, 0, E2BIG, "the rules ask too many things");
		if (SEG_PUSH(&b->rests, *rest) || seg_index_add(&b->rest_index, hash, found))
			return -ENOMEM;
	}
	*out = found;
	return 0;
}

/* --- keys -------------------------------------------------------------------- */

/* The bits above the highest in which two words differ. */
static uint32_t common(uint32_t first, uint32_t last)
{
	return first == last ? UINT32_MAX : ~(UINT32_MAX >> __builtin_clz(first ^ last));
}

static void range_key(const struct range *range, unsigned int words, uint32_t *value,
		      uint32_t *known)
{
	uint32_t above = UINT32_MAX; /* all words above are known */

	for (unsigned int w = 0; w < words; w++) {
		value[w] = range->first[w];
		known[w] = above & common(range->first[w], range->last[w]);
		above = known[w] == UINT32_MAX ? above : 0;
	}
}

/* Of a protocol without ports its number is known, where that is not the lane's. */
static bool number_known(const struct seg_pieces *pieces, const struct seg_row *row)
{
	return pieces->other && !(row->flags & SEG_ROW_ANY_PROTO) &&
	       !seg_proto_has_ports(row->proto);
}

static uint32_t ports_value(const struct seg_pieces *pieces, const struct seg_row *row)
{
	uint16_t sport = number_known(pieces, row) ? row->proto : row->sport_first;

	return seg_key_ports(sport, row->dport_first);
}

static uint32_t ports_known(const struct seg_pieces *pieces, const struct seg_row *row)
{
	uint32_t sport = common(row->sport_first, row->sport_last) & UINT16_MAX;
	uint32_t dport = common(row->dport_first, row->dport_last) & UINT16_MAX;

	return seg_key_ports(number_known(pieces, row) ? UINT16_MAX : (uint16_t)sport,
			     (uint16_t)dport);
}

static bool shape_same(const void *array, uint32_t item, const void *key)
{
	const struct seg_shape *shapes = array;

	return !memcmp(shapes[item].known, key, sizeof(shapes->known));
}

static int shape_add(struct seg_pieces *pieces, const uint32_t known[SEG_KEY_WORDS_MAX])
{
	uint64_t hash = XXH3_64bits(known, sizeof(pieces->shapes.item->known));
	uint32_t found =
		seg_index_find(&pieces->shape_index, hash, shape_same, pieces->shapes.item, known);

	if (found == SEG_INDEX_NONE) {
		struct seg_shape shape = {.pieces = 0};

		memcpy(shape.known, known, sizeof(shape.known));
		found = pieces->shapes.n;
		if (SEG_PUSH(&pieces->shapes, shape) ||
		    seg_index_add(&pieces->shape_index, hash, found))
			return -ENOMEM;
	}
	pieces->shapes.item[found].pieces++;
	return SEG_PUSH(&pieces->shape, found);
}

/* --- pieces ------------------------------------------------------------------ */

/* Ports, addresses, and what they lead to. */
static int box_push(struct seg_build *b, const struct seg_pieces *pieces, const struct seg_box *box,
		    const struct range *src, const struct range *dst)
{
	seg_bytes_of *boxes = &b->boxes[pieces->family == 6];
	size_t size = seg_box_size(pieces->family);
	size_t bytes = sizeof(uint32_t) * seg_address_words(pieces->family);
	char *to;

	if (SEG_ROOM(boxes, (uint32_t)size))
		return -ENOMEM;
	to = boxes->item + boxes->n;
	boxes->n += (uint32_t)size;
	memcpy(to, box, sizeof(*box));
	to += sizeof(*box);
	memcpy(to, src->first, bytes);
	memcpy(to + bytes, src->last, bytes);
	memcpy(to + 2 * bytes, dst->first, bytes);
	memcpy(to + 3 * bytes, dst->last, bytes);
	return 0;
}

static int key_push(struct seg_pieces *pieces, const struct seg_row *row,
		    const struct seg_rest *rest, const struct range *src, const struct range *dst)
{
	uint32_t value[SEG_KEY_WORDS_MAX] = {0}, known[SEG_KEY_WORDS_MAX] = {0};
	unsigned int words = seg_address_words(pieces->family), base = seg_key_words(words);
	uint32_t *behind = value + 2 * words, *behind_known = known + 2 * words;

	range_key(src, words, value, known);
	range_key(dst, words, value + words, known + words);
	behind[SEG_KEY_PORTS] = ports_value(pieces, row);
	behind_known[SEG_KEY_PORTS] = ports_known(pieces, row);
	memcpy(behind + SEG_KEY_VLAN, rest->value, sizeof(rest->value));
	memcpy(behind_known + SEG_KEY_VLAN, rest->mask, sizeof(rest->mask));
	if (rest->mask[0] | rest->mask[1] | rest->mask[2])
		pieces->words = base + SEG_KEY_EXTRAS;
	for (unsigned int w = 0; w < base + SEG_KEY_EXTRAS; w++)
		if (SEG_PUSH(&pieces->value[w], value[w]))
			return -ENOMEM;
	pieces->n++;
	return shape_add(pieces, known);
}

static uint32_t info_of(const struct seg_rule *rule, const struct seg_row *row, uint8_t family,
			uint32_t rest)
{
	bool any = row->flags & SEG_ROW_ANY_PROTO;
	bool asks = !any && seg_lane_of(family, row->proto) == SEG_LANE_OTHER;

	return row->rule | (any ? SEG_BOX_ANY_PROTO : (uint32_t)row->proto << SEG_BOX_PROTO_SHIFT) |
	       (uint32_t)rule->verdict << SEG_BOX_VERDICT_SHIFT |
	       (rule->flags & SEG_VERDICT_LOG ? SEG_BOX_LOG : 0) | (rest ? SEG_BOX_REST : 0) |
	       (asks ? SEG_BOX_ASKS_PROTO : 0);
}

/* A box, the number of its rest, and its key. */
static int piece_push(struct seg_build *b, struct seg_pieces *pieces, const struct seg_row *row,
		      const struct seg_rest *rest, const struct range *src, const struct range *dst)
{
	seg_words_of *rests = &b->box_rests[pieces->family == 6];
	struct seg_box box = {.sport_first = row->sport_first,
			      .sport_last = row->sport_last,
			      .dport_first = row->dport_first,
			      .dport_last = row->dport_last};
	uint32_t number = 0;
	int r = rest_add(b, rest, &number);

	if (r)
		return r;
	if (rests->n >= SEG_BOXES_MAX)
		return seg_build_error(b, 0, E2BIG, "the rules unfold to over %u boxes",
				       SEG_BOXES_MAX);
	box.info = info_of(&b->rules.item[row->rule], row, pieces->family, number);
	r = box_push(b, pieces, &box, src, dst);
	if (!r)
		r = SEG_PUSH(rests, number);
	return r ? r : key_push(pieces, row, rest, src, dst);
}

static int row_push(struct seg_build *b, struct seg_pieces *pieces, const struct seg_row *row)
{
	_cleanup_(ranges_free) struct ranges src = {0}, dst = {0};
	int r = row_cut(b, pieces, row, &src, &dst);
	struct seg_rest rest = rest_of(row, src.set, dst.set);

	for (uint32_t i = 0; !r && i < src.all.n; i++)
		for (uint32_t j = 0; !r && j < dst.all.n; j++)
			r = piece_push(b, pieces, row, &rest, &src.all.item[i], &dst.all.item[j]);
	return r;
}

int seg_pieces_make(struct seg_build *b, unsigned int section, enum seg_stage stage,
		    struct seg_pieces *out)
{
	int r = 0;

	out->family = section < SEG_LANE_MAX ? 4 : 6;
	out->other = section % SEG_LANE_MAX == SEG_LANE_OTHER;
	out->words = seg_key_words(seg_address_words(out->family));
	out->first = b->box_rests[out->family == 6].n;
	for (uint32_t i = 0; !r && i < b->lanes[section].n; i++) {
		const struct seg_row *row = &b->lanes[section].item[i];

		if (!(row->flags & SEG_ROW_SHADOW) == (stage == SEG_STAGE_ENFORCE))
			r = row_push(b, out, row);
	}
	return r;
}

void seg_pieces_free(struct seg_pieces *pieces)
{
	for (unsigned int w = 0; w < SEG_KEY_WORDS_MAX; w++)
		free(pieces->value[w].item);
	free(pieces->shape.item);
	free(pieces->shapes.item);
	seg_index_free(&pieces->shape_index);
}
