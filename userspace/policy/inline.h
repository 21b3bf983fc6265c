/* SPDX-License-Identifier: BSD-2-Clause */
/* inline.h - for what is written once and compiled several times, with other constants. */
#ifndef SEG_INLINE_H
#define SEG_INLINE_H

#define ALWAYS_INLINE inline __attribute__((always_inline))

#endif
