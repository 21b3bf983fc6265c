/* SPDX-License-Identifier: BSD-2-Clause */
/* rates.h - what counters did between two replies of the daemon. Pure. */
#ifndef SEG_RATES_H
#define SEG_RATES_H

#include <jansson.h>

/*
 * Add to the reply `now` what it counted a second since `before`: "interval_s", and "rates"
 * with the "packets" and "bytes" of interfaces and rules in the places that they have there.
 * By the daemon's own clock ("time_ns"), so that a late reply is no slow one. A counter that
 * went back (another daemon) has no rate. NULL `before`, or no clock: nothing is added.
 */
void seg_rates_add(json_t *now, const json_t *before);

#endif
