/* SPDX-License-Identifier: BSD-2-Clause */
#include "flows.h"

#include <string.h>

/* Who knows best who began, and in which state it is: 0 first. */
static int rank(const struct seg_running *flow)
{
	if (flow->sure)
		return 0;
	return flow->source == SEG_RUNNING_CONNTRACK ? 1 : 2;
}

static int compare_ends(const struct seg_address *a, __be16 a_port, const struct seg_address *b,
			__be16 b_port)
{
	int r = memcmp(a, b, sizeof(*a));

	return r ? r : (a_port > b_port) - (a_port < b_port);
}

/* The lower end first, and the higher one. */
static void ends(const struct seg_running *flow, const struct seg_address *address[2],
		 __be16 port[2])
{
	int swap = compare_ends(&flow->src, flow->sport, &flow->dst, flow->dport) > 0;

	address[swap] = &flow->src;
	address[!swap] = &flow->dst;
	port[swap] = flow->sport;
	port[!swap] = flow->dport;
}

static int compare_flows(const struct seg_running *a, const struct seg_running *b)
{
	const struct seg_address *x[2], *y[2];
	__be16 x_port[2], y_port[2];
	int r = a->proto - b->proto;

	ends(a, x, x_port);
	ends(b, y, y_port);
	for (int i = 0; i < 2 && !r; i++)
		r = compare_ends(x[i], x_port[i], y[i], y_port[i]);
	return r;
}

static int compare(const void *a, const void *b)
{
	int r = compare_flows(a, b);

	return r ? r : rank(a) - rank(b);
}

void seg_running_settle(struct seg_running_list *list)
{
	uint32_t kept = 0;

	if (list->n)
		qsort(list->item, list->n, sizeof(*list->item), compare);
	for (uint32_t i = 0; i < list->n; i++)
		if (!kept || compare_flows(&list->item[kept - 1], &list->item[i]))
			list->item[kept++] = list->item[i];
	list->n = kept;
}

void seg_running_free(struct seg_running_list *list)
{
	free(list->item);
	*list = (struct seg_running_list){0};
}
