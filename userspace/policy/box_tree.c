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
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "key.h"
#include "vector.h"

#define WIDTH 8

/* What every CPU has as a vector. Signed: some compare nothing else. */
typedef int32_t four __attribute__((vector_size(16)));
typedef int16_t eight __attribute__((vector_size(16)));

/* Four cache lines. */
struct node {
	int32_t first[2][WIDTH], last[2][WIDTH];           /* of addresses, less 2^31 */
	int16_t port_first[2][WIDTH], port_last[2][WIDTH]; /* less 2^15 */
	int32_t least[WIDTH];                              /* of the boxes below, the first */
	uint32_t child[WIDTH];                             /* node, or box with LEAF; CHILD_ */
} __attribute__((aligned(64)));

#define LEAF        0x80000000u
#define ASKS_FLAGS  0x01000000u /* some box below asks for TCP flags */
#define ASKS_DSCP   0x02000000u
#define CHILD_INDEX 0x00ffffffu

/* What of an address is compared: 32 bits from `shift` on, counted from `base`. */
struct scale {
	seg_box_wide base;
	unsigned int shift;
};

struct seg_box_tree {
	struct node *node;
	uint32_t n, room;
	struct scale scale[SEG_BOX_FIELDS];
};

/* --- numbers ---------------------------------------------------------------------- */

static uint32_t scaled(const struct scale *scale, seg_box_wide value)
{
	seg_box_wide above = value < scale->base ? 0 : value - scale->base;

	if (scale->shift)
		above >>= scale->shift;
	return above > UINT32_MAX ? UINT32_MAX : (uint32_t)above;
}

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
	const char *boxes = seg_section_items(m->image, SEG_SECTION_BOXES4 + (m->family == 6));

	return (const void *)(boxes + number * seg_box_size(m->family));
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
		if ((last - first) >> 120)
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

static int32_t word_less(uint32_t word)
{
	return (int32_t)(word ^ 0x80000000u);
}

static int16_t port_less(uint32_t port)
{
	return (int16_t)(port ^ 0x8000u);
}

static uint32_t asks_of(uint32_t header)
{
	return (header & SEG_BOX_TREE_FLAGS ? ASKS_FLAGS : 0) |
	       (header & SEG_BOX_TREE_DSCP ? ASKS_DSCP : 0);
}

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
	for (uint32_t i = 0; i < n; i++)
		item_fill(m, m->finder->box_first + i, &m->item[i]);
	r = ranks_make(m, n);
	if (!r)
		root_make(m, n);
	return r;
}

int seg_box_tree_open(const struct seg_image *image, const struct seg_finder *finder,
		      uint8_t family, struct seg_box_tree **out)
{
	uint32_t n = finder->box_end - finder->box_first;
	struct making m = {.image = image, .finder = finder, .family = family};
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

/* --- walks ------------------------------------------------------------------------------- */

static bool is_port(enum seg_box_field field)
{
	return field < SEG_BOX_SRC;
}

static int32_t value_of(const struct seg_box_walk *walk, enum seg_box_field field,
			seg_box_wide value)
{
	uint32_t word = scaled(&walk->tree->scale[field], value);

	return is_port(field) ? port_less(word) : word_less(word);
}

void seg_box_walk_bound(struct seg_box_walk *walk, enum seg_box_field field, seg_box_wide first,
			seg_box_wide last)
{
	walk->first[field] = value_of(walk, field, first);
	walk->last[field] = value_of(walk, field, last);
}

static inline four load4(const int32_t *from)
{
	return *(const four *)from;
}

static inline eight load8(const int16_t *from)
{
	return *(const eight *)from;
}

/* A bit for each child where all three are true. */
static inline uint32_t bits_of(four low, four high, eight all)
{
#ifdef __SSE2__
	__m128i words = _mm_packs_epi32((__m128i)low, (__m128i)high);

	words = _mm_packs_epi16(_mm_and_si128(words, (__m128i)all), _mm_setzero_si128());
	return (uint32_t)_mm_movemask_epi8(words);
#else
	uint32_t bits = 0;

	for (unsigned int i = 0; i < WIDTH; i++)
		bits |= (uint32_t)((i < 4 ? low[i] : high[i - 4]) & all[i] & 1) << i;
	return bits;
#endif
}

/* Of four children from `i` on. */
static inline four words_meet(const struct seg_box_walk *walk, const struct node *node,
			      unsigned int i)
{
	four meet = load4(node->least + i) < walk->end;

	for (unsigned int f = 0; f < 2; f++)
		meet &= (load4(node->first[f] + i) <= walk->last[SEG_BOX_SRC + f]) &
			(load4(node->last[f] + i) >= walk->first[SEG_BOX_SRC + f]);
	if (walk->asks)
		meet &= ((*(const four *)(node->child + i)) & walk->asks) != 0;
	return meet;
}

static inline eight ports_meet(const struct seg_box_walk *walk, const struct node *node)
{
	eight meet = load8(node->port_first[0]) <= (int16_t)walk->last[0];

	meet &= load8(node->port_last[0]) >= (int16_t)walk->first[0];
	meet &= load8(node->port_first[1]) <= (int16_t)walk->last[1];
	return meet & (load8(node->port_last[1]) >= (int16_t)walk->first[1]);
}

static void enter(struct seg_box_walk *walk, uint32_t number)
{
	const struct node *node = &walk->tree->node[number];
	uint32_t meet = bits_of(words_meet(walk, node, 0), words_meet(walk, node, 4),
				ports_meet(walk, node));

	walk->at[walk->depth].node = number;
	walk->at[walk->depth].left = meet;
	walk->depth += meet != 0;
}

void seg_box_walk_begin(struct seg_box_walk *walk, uint32_t header, enum seg_box_field field,
			seg_box_wide near)
{
	walk->asks = (int32_t)asks_of(header);
	walk->field = field;
	walk->near = value_of(walk, field, near);
	walk->depth = 0;
	enter(walk, 0);
}

static int32_t first_of(const struct node *node, enum seg_box_field field, unsigned int i)
{
	return is_port(field) ? node->port_first[field][i] : node->first[field - SEG_BOX_SRC][i];
}

static int32_t last_of(const struct node *node, enum seg_box_field field, unsigned int i)
{
	return is_port(field) ? node->port_last[field][i] : node->last[field - SEG_BOX_SRC][i];
}

static uint32_t distance(const struct seg_box_walk *walk, const struct node *node, unsigned int i)
{
	int32_t first = first_of(node, walk->field, i), last = last_of(node, walk->field, i);

	if (walk->near < first)
		return (uint32_t)first - (uint32_t)walk->near;
	return walk->near > last ? (uint32_t)walk->near - (uint32_t)last : 0;
}

/* The nearest child of those that are left. */
static unsigned int nearest(const struct seg_box_walk *walk, const struct node *node, uint32_t left)
{
	unsigned int best = (unsigned int)__builtin_ctz(left);
	uint32_t least;

	if (!(left & (left - 1)))
		return best;
	least = distance(walk, node, best);
	while (least && (left &= left - 1)) {
		unsigned int i = (unsigned int)__builtin_ctz(left);
		uint32_t far = distance(walk, node, i);

		best = far < least ? i : best;
		least = far < least ? far : least;
	}
	return best;
}

/* Bounds may have been narrowed meanwhile. */
static bool still_within(const struct seg_box_walk *walk, const struct node *node, unsigned int i)
{
	return first_of(node, walk->field, i) <= walk->last[walk->field] &&
	       last_of(node, walk->field, i) >= walk->first[walk->field];
}

uint32_t seg_box_walk_next(struct seg_box_walk *walk)
{
	while (walk->depth) {
		const struct node *node = &walk->tree->node[walk->at[walk->depth - 1].node];
		uint32_t *left = &walk->at[walk->depth - 1].left, child;
		unsigned int i = nearest(walk, node, *left);

		*left &= ~(1u << i);
		walk->depth -= !*left;
		if (!still_within(walk, node, i))
			continue;
		child = node->child[i];
		if (child & LEAF)
			return child & CHILD_INDEX;
		enter(walk, child & CHILD_INDEX);
	}
	return SEG_BOX_NONE;
}
