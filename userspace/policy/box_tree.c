/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box_tree.c - built from above: boxes are cut in two halves by one of their measures, thrice a
 * node. Which one: where the halves take least room together, weighed by how many are in each, as
 * the surface area heuristic has it (MacDonald and Booth 1990), but for volumes: what is looked for
 * is small. Wide boxes would widen every half; so sizes are measures too.
 */
#include "box_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "box_tree_nodes.h"
#include "key.h"
#include "vector.h"

/* --- numbers ---------------------------------------------------------------------- */

static seg_box_wide words_wide(const uint32_t *word, unsigned int n)
{
	seg_box_wide value = 0;

	for (unsigned int i = 0; i < n; i++)
		value = value << 32 | word[i];
	return value;
}

/* --- boxes while the tree is built -------------------------------------------------- */

struct item {
	uint32_t first[SEG_BOX_FIELDS], last[SEG_BOX_FIELDS];
	uint32_t from[SEG_BOX_FIELDS], to[SEG_BOX_FIELDS]; /* the same as ranks of all bounds */
	uint32_t box;
	uint32_t header;
};

struct making {
	const struct seg_image *image;
	const struct seg_finder *finder;
	uint8_t family;
	struct seg_box_tree *tree;
	struct item *item;
	uint32_t *key; /* of each item, while they are cut */
	uint32_t ranks[SEG_BOX_FIELDS];
};

static const struct seg_box *box_at(const struct making *m, uint32_t number)
{
	return seg_box_at(m->image, m->family == 6, number);
}

static void address_bounds(const struct making *m, const struct seg_box *box,
			   enum seg_box_field field, seg_box_wide *first, seg_box_wide *last)
{
	unsigned int words = seg_address_words(m->family);
	const uint32_t *bound = seg_box_bound(box) + (field == SEG_BOX_DST ? 2 * words : 0);

	*first = words_wide(bound, words);
	*last = words_wide(bound + words, words);
}

/* Of IPv6, what lies between the least and the greatest address that is not next to nothing. */
static struct scale scale_find(const struct making *m, enum seg_box_field field)
{
	seg_box_wide least = ~(seg_box_wide)0, most = 0, first, last;
	struct scale scale = {0};

	if (m->family == 4 || field < SEG_BOX_SRC)
		return scale;
	for (uint32_t i = m->finder->box_first; i < m->finder->box_end; i++) {
		address_bounds(m, box_at(m, i), field, &first, &last);
		if (seg_box_is_hole(box_at(m, i)) || (last - first) >> 120)
			continue;
		least = first < least ? first : least;
		most = last > most ? last : most;
	}
	scale.base = least < most ? least : 0;
	while (scale.shift < 96 && (most - scale.base) >> scale.shift > UINT32_MAX)
		scale.shift++;
	return scale;
}

static uint32_t header_of(const struct making *m, uint32_t number)
{
	const uint32_t *numbers =
		seg_section_items(m->image, SEG_SECTION_RESTS4 + (m->family == 6));
	const struct seg_rest *rests = seg_section_items(m->image, SEG_SECTION_RESTS);

	return rests[numbers[number]].mask[2];
}

static void item_fill(const struct making *m, uint32_t number, struct item *item)
{
	const struct seg_box *box = box_at(m, number);
	uint8_t proto = (uint8_t)((box->info & SEG_BOX_PROTO) >> SEG_BOX_PROTO_SHIFT);

	*item = (struct item){
		.first = {[SEG_BOX_SPORT] = box->sport_first, [SEG_BOX_DPORT] = box->dport_first},
		.last = {[SEG_BOX_SPORT] = box->sport_last, [SEG_BOX_DPORT] = box->dport_last},
		.box = number,
		.header = header_of(m, number)};
	if (!(box->info & SEG_BOX_ANY_PROTO) && seg_proto_is_number(m->family, proto))
		item->first[SEG_BOX_SPORT] = item->last[SEG_BOX_SPORT] = proto;
	for (enum seg_box_field f = SEG_BOX_SRC; f <= SEG_BOX_DST; f++) {
		seg_box_wide first, last;

		address_bounds(m, box, f, &first, &last);
		item->first[f] = scaled(&m->tree->scale[f], first);
		item->last[f] = scaled(&m->tree->scale[f], last);
	}
}

/* --- ranks --------------------------------------------------------------------------- */

/*
 * Addresses are not spread evenly, neither in rules nor in packets: what lies between two bounds is
 * counted in bounds of rules.
 */
static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint32_t rank_of(const uint32_t *sorted, uint32_t n, uint32_t value)
{
	uint32_t low = 0;

	while (low < n) {
		uint32_t middle = low + (n - low) / 2;

		if (sorted[middle] < value)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

static uint32_t sort_once(uint32_t *value, uint32_t n)
{
	uint32_t kept = 0;

	qsort(value, n, sizeof(*value), by_value);
	for (uint32_t i = 1; i < n; i++)
		if (value[i] != value[kept])
			value[++kept] = value[i];
	return kept + 1;
}

static void field_rank(struct making *m, uint32_t *value, uint32_t n, enum seg_box_field f)
{
	uint32_t ranks;

	for (uint32_t i = 0; i < n; i++) {
		value[2 * i] = m->item[i].first[f];
		value[2 * i + 1] = m->item[i].last[f];
	}
	ranks = sort_once(value, 2 * n);
	for (uint32_t i = 0; i < n; i++) {
		m->item[i].from[f] = rank_of(value, ranks, m->item[i].first[f]);
		m->item[i].to[f] = rank_of(value, ranks, m->item[i].last[f]);
	}
	m->ranks[f] = ranks;
}

static int ranks_make(struct making *m, uint32_t n)
{
	uint32_t *value = malloc(2 * (size_t)n * sizeof(*value));

	if (!value)
		return -ENOMEM;
	for (enum seg_box_field f = 0; f < SEG_BOX_FIELDS; f++)
		field_rank(m, value, n, f);
	free(value);
	return 0;
}

/* --- cuts ---------------------------------------------------------------------------- */

/* Where it is, how large, and which rule: */
enum measure { MEASURE_SIZE = SEG_BOX_FIELDS, MEASURE_ORDER = 2 * SEG_BOX_FIELDS, MEASURES };

static uint32_t measure_of(const struct item *item, unsigned int measure)
{
	unsigned int f = measure % SEG_BOX_FIELDS;

	if (measure == MEASURE_ORDER)
		return item->box;
	if (measure >= MEASURE_SIZE)
		return item->to[f] - item->from[f];
	return item->from[f] + item->to[f];
}

static void items_swap(struct making *m, uint32_t a, uint32_t b)
{
	struct item item = m->item[a];
	uint32_t key = m->key[a];

	m->item[a] = m->item[b];
	m->item[b] = item;
	m->key[a] = m->key[b];
	m->key[b] = key;
}

/* The least `middle - first` of them come first: Hoare's quickselect. */
static void items_select(struct making *m, uint32_t first, uint32_t end, uint32_t middle)
{
	while (end - first > 1) {
		uint32_t pivot = m->key[first + (end - first) / 2], low = first, high = end - 1;

		while (low <= high) {
			while (m->key[low] < pivot)
				low++;
			while (m->key[high] > pivot)
				high--;
			if (low > high)
				break;
			items_swap(m, low++, high);
			if (!high--)
				break;
		}
		if (middle <= high && high < end)
			end = high + 1;
		else if (middle >= low)
			first = low;
		else
			return;
	}
}

static void items_cut(struct making *m, uint32_t first, uint32_t end, uint32_t middle,
		      unsigned int measure)
{
	for (uint32_t i = first; i < end; i++)
		m->key[i] = measure_of(&m->item[i], measure);
	items_select(m, first, end, middle);
}

struct bounds {
	uint32_t first[SEG_BOX_FIELDS], last[SEG_BOX_FIELDS];
	uint32_t from[SEG_BOX_FIELDS], to[SEG_BOX_FIELDS];
	uint32_t least, header;
};

static struct bounds bounds_of(const struct item *item, uint32_t n)
{
	struct bounds b = {.first = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
			   .from = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
			   .least = UINT32_MAX};

	for (uint32_t i = 0; i < n; i++) {
		for (enum seg_box_field f = 0; f < SEG_BOX_FIELDS; f++) {
			b.first[f] = item[i].first[f] < b.first[f] ? item[i].first[f] : b.first[f];
			b.last[f] = item[i].last[f] > b.last[f] ? item[i].last[f] : b.last[f];
			b.from[f] = item[i].from[f] < b.from[f] ? item[i].from[f] : b.from[f];
			b.to[f] = item[i].to[f] > b.to[f] ? item[i].to[f] : b.to[f];
		}
		b.least = item[i].box < b.least ? item[i].box : b.least;
		b.header |= item[i].header;
	}
	return b;
}

/* How probable it is that it has to be looked into. */
static double room_of(const struct making *m, const struct bounds *b)
{
	const struct seg_finder *all = m->finder;
	double room = (double)(all->box_end - b->least) / (all->box_end - all->box_first);

	for (enum seg_box_field f = 0; f < SEG_BOX_FIELDS; f++)
		room *= (double)(b->to[f] - b->from[f] + 1) / m->ranks[f];
	return room;
}

static double cut_cost(struct making *m, uint32_t first, uint32_t end, uint32_t middle,
		       unsigned int measure)
{
	struct bounds low, high;

	items_cut(m, first, end, middle, measure);
	low = bounds_of(m->item + first, middle - first);
	high = bounds_of(m->item + middle, end - middle);
	return room_of(m, &low) * (middle - first) + room_of(m, &high) * (end - middle);
}

/* Cut first..end-1 at `middle` by what is best. */
static void cut(struct making *m, uint32_t first, uint32_t end, uint32_t middle)
{
	unsigned int best = 0;
	double least = 0;

	for (unsigned int measure = 0; measure < MEASURES; measure++) {
		double cost = cut_cost(m, first, end, middle, measure);

		if (measure && cost >= least)
			continue;
		least = cost;
		best = measure;
	}
	items_cut(m, first, end, middle, best);
}

/* --- nodes ---------------------------------------------------------------------------- */

static void child_put(struct node *node, unsigned int i, const struct bounds *b, uint32_t child)
{
	for (unsigned int f = 0; f < 2; f++) {
		node->first[f][i] = word_less(b->first[SEG_BOX_SRC + f]);
		node->last[f][i] = word_less(b->last[SEG_BOX_SRC + f]);
		node->port_first[f][i] = port_less(b->first[SEG_BOX_SPORT + f]);
		node->port_last[f][i] = port_less(b->last[SEG_BOX_SPORT + f]);
	}
	node->least[i] = (int32_t)b->least;
	node->child[i] = child | asks_of(b->header);
}

/* Children are as many items each as a full tree below has. */
static uint32_t child_size(uint32_t n)
{
	uint32_t size = 1;

	while (size * WIDTH < n)
		size *= WIDTH;
	return size;
}

/* Cut until each part is one child's. */
static void parts_make(struct making *m, uint32_t first, uint32_t end, uint32_t size)
{
	uint32_t parts = (end - first + size - 1) / size, middle;

	if (parts < 2)
		return;
	middle = first + parts / 2 * size;
	cut(m, first, end, middle);
	parts_make(m, first, middle, size);
	parts_make(m, middle, end, size);
}

static uint32_t node_begin(struct making *m)
{
	struct node *node = &m->tree->node[m->tree->n]; /* there is room for all */

	memset(node, 0, sizeof(*node));
	memset(node->least, 0x7f, sizeof(node->least)); /* behind all boxes that there are */
	return m->tree->n++;
}

static uint32_t node_make(struct making *m, uint32_t first, uint32_t end);

static void child_make(struct making *m, uint32_t number, unsigned int i, uint32_t first,
		       uint32_t n)
{
	struct bounds b = bounds_of(m->item + first, n);
	uint32_t child = n == 1 ? m->item[first].box | LEAF : node_make(m, first, first + n);

	child_put(&m->tree->node[number], i, &b, child);
}

static uint32_t node_make(struct making *m, uint32_t first, uint32_t end)
{
	uint32_t number = node_begin(m), size = child_size(end - first);

	parts_make(m, first, end, size);
	for (unsigned int i = 0; first < end; i++, first += size)
		child_make(m, number, i, first, end - first < size ? end - first : size);
	return number;
}

/* --- the root ------------------------------------------------------------------------- */

/*
 * What is wide in a field says nothing about where it is, and what is beside it in a node gets as
 * wide: a cut that parts them saves nothing at once, and much further down. So the root does.
 */
#define WIDE_SHARE 16

static unsigned int group_of(const struct making *m, const struct item *item)
{
	static const enum seg_box_field FIELDS[] = {SEG_BOX_SRC, SEG_BOX_DST, SEG_BOX_DPORT};
	unsigned int group = 0;

	for (unsigned int i = 0; i < 3; i++) {
		enum seg_box_field f = FIELDS[i];

		group |= (unsigned int)(item->to[f] - item->from[f] > m->ranks[f] / WIDE_SHARE)
			 << i;
	}
	return group;
}

/* Items of one group behind those of the one before; end[g]: where it ends. */
static void groups_sort(struct making *m, uint32_t n, uint32_t end[WIDTH])
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < n; i++)
		m->key[i] = group_of(m, &m->item[i]);
	for (unsigned int g = 0; g < WIDTH; g++) {
		for (uint32_t i = at; i < n; i++)
			if (m->key[i] == g)
				items_swap(m, i, at++);
		end[g] = at;
	}
}

static void root_make(struct making *m, uint32_t n)
{
	uint32_t end[WIDTH], number = node_begin(m);

	groups_sort(m, n, end);
	for (unsigned int g = 0, i = 0; g < WIDTH; g++) {
		uint32_t first = g ? end[g - 1] : 0;

		if (end[g] > first)
			child_make(m, number, i++, first, end[g] - first);
	}
}

static int tree_make(struct making *m, uint32_t n)
{
	int r;

	m->tree->room = n / 6 + 128; /* of each group all but the last of each level are full */
	m->tree->node = aligned_alloc(64, m->tree->room * sizeof(struct node));
	m->item = malloc(n * sizeof(*m->item));
	m->key = malloc(n * sizeof(*m->key));
	if (!m->tree->node || !m->item || !m->key)
		return -ENOMEM;
	for (enum seg_box_field f = 0; f < SEG_BOX_FIELDS; f++)
		m->tree->scale[f] = scale_find(m, f);
	for (uint32_t i = m->finder->box_first, at = 0; i < m->finder->box_end; i++)
		if (!seg_box_is_hole(box_at(m, i)))
			item_fill(m, i, &m->item[at++]);
	r = ranks_make(m, n);
	if (!r)
		root_make(m, n);
	return r;
}

static uint32_t boxes_count(const struct making *m)
{
	uint32_t n = 0;

	for (uint32_t i = m->finder->box_first; i < m->finder->box_end; i++)
		n += !seg_box_is_hole(box_at(m, i));
	return n;
}

int seg_box_tree_open(const struct seg_image *image, const struct seg_finder *finder,
		      uint8_t family, struct seg_box_tree **out)
{
	struct making m = {.image = image, .finder = finder, .family = family};
	uint32_t n = boxes_count(&m);
	int r;

	*out = NULL;
	if (!n)
		return 0;
	m.tree = calloc(1, sizeof(*m.tree));
	r = m.tree ? tree_make(&m, n) : -ENOMEM;
	free(m.item);
	free(m.key);
	if (r)
		seg_box_tree_close(m.tree);
	else
		*out = m.tree;
	return r;
}

void seg_box_tree_close(struct seg_box_tree *tree)
{
	if (!tree)
		return;
	free(tree->node);
	free(tree);
}
