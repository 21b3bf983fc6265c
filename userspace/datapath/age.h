/* SPDX-License-Identifier: BSD-2-Clause */
/* age.h - how long a session may be silent, by protocol and state. Pure. */
#ifndef SEG_AGE_H
#define SEG_AGE_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/* Which of the policy's timeouts a session of this protocol, in this state word, obeys. */
enum seg_timeout seg_age_timeout(uint8_t proto, uint64_t state);

/* ns that are left of a session's life at `now` (ticks); 0: none. */
uint64_t seg_age_left(const struct seg_defaults *policy, uint8_t proto, uint64_t state,
		      uint32_t now);

#endif
