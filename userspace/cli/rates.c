/* SPDX-License-Identifier: BSD-2-Clause */
#include "rates.h"

#include <stdbool.h>
#include <string.h>

#include "cleanup.h"

#define NS_PER_S 1e9

static bool is_counter(const char *key, const json_t *value)
{
	return json_is_integer(value) && (strcmp(key, "packets") == 0 || strcmp(key, "bytes") == 0);
}

static void add_rate(json_t *rates, const char *key, const json_t *now, const json_t *before,
		     double seconds)
{
	json_int_t counted = json_integer_value(now) - json_integer_value(before);

	if (json_is_integer(before) && counted >= 0)
		json_object_set_new(rates, key, json_real((double)counted / seconds));
}

/* An object of rates, of the shape of `now`; empty where there is none. */
static json_t *rates_of(json_t *now, const json_t *before, double seconds)
{
	json_t *rates = json_object(), *value;
	const char *key;

	json_object_foreach (now, key, value) {
		const json_t *old = json_object_get(before, key);

		if (is_counter(key, value))
			add_rate(rates, key, value, old, seconds);
		if (!json_is_object(value) || !json_is_object(old))
			continue;
		json_object_set_new(rates, key, rates_of(value, old, seconds));
	}
	return rates;
}

static double seconds_between(const json_t *now, const json_t *before)
{
	const json_t *then = json_object_get(before, "time_ns"),
		     *this = json_object_get(now, "time_ns");

	if (!then || !this)
		return 0;
	return (double)(json_integer_value(this) - json_integer_value(then)) / NS_PER_S;
}

void seg_rates_add(json_t *now, const json_t *before)
{
	static const char *const PARTS[] = {"interfaces", "rules"};
	double seconds = seconds_between(now, before);
	json_t *rates;

	if (seconds <= 0)
		return;
	rates = json_object();
	for (size_t i = 0; i < SEG_ARRAY_SIZE(PARTS); i++)
		json_object_set_new(rates, PARTS[i],
				    rates_of(json_object_get(now, PARTS[i]),
					     json_object_get(before, PARTS[i]), seconds));
	json_object_set_new(now, "interval_s", json_real(seconds));
	json_object_set_new(now, "rates", rates);
}
