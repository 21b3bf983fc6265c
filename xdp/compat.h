/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * compat.h - the few things that BPF and C spell differently.
 *
 * Ordering. In BPF an atomic that returns a value is a full barrier, one that
 * does not is relaxed, and there is no acquire load with clang 14 to 19. The
 * names below promise the same on both sides:
 *
 *   seg_load, seg_store    relaxed, never torn
 *   seg_order              loads through the pointer it returns come after the load of `value`
 *   seg_cas, seg_xchg      full barrier
 *   seg_fetch_add, _and    full barrier
 *   seg_add                relaxed
 *   seg_fence_after_cas    a store by CAS comes before every later load
 */
#ifndef SEG_COMPAT_H
#define SEG_COMPAT_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

/* The UAPI's <linux/stddef.h> makes it a mere hint. */
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))

#define seg_likely(x)   __builtin_expect(!!(x), 1)
#define seg_unlikely(x) __builtin_expect(!!(x), 0)

#define seg_copy(to, from, size) __builtin_memcpy(to, from, size)
#define seg_zero(at, size)       __builtin_memset(at, 0, size)

#ifdef __bpf__

#define SEG_ROLLED _Pragma("clang loop unroll(disable)") /* before a loop */

#define seg_load(p)         (*(const volatile __typeof__(*(p)) *)(p))
#define seg_store(p, value) ((void)(*(volatile __typeof__(*(p)) *)(p) = (value)))

static __always_inline __u64 seg_cas(__u64 *p, __u64 expected, __u64 desired)
{
	return __sync_val_compare_and_swap(p, expected, desired);
}

static __always_inline __u64 seg_xchg(__u64 *p, __u64 value)
{
	__u64 old = __sync_lock_test_and_set(p, value);

	asm volatile("" ::"r"(old)); /* a result nobody uses would make it relaxed */
	return old;
}

static __always_inline __u64 seg_fetch_add(__u64 *p, __u64 value)
{
	__u64 old = __sync_fetch_and_add(p, value);

	asm volatile("" ::"r"(old));
	return old;
}

static __always_inline __u64 seg_fetch_and(__u64 *p, __u64 value)
{
	__u64 old = __sync_fetch_and_and(p, value);

	asm volatile("" ::"r"(old));
	return old;
}

static __always_inline void seg_add(__u64 *p, __u64 value)
{
	(void)__sync_fetch_and_add(p, value);
}

/*
 * x86-64 and s390x keep loads in order. Elsewhere a zero that depends on `value`: arm64 honours the
 * address dependency, the verifier sees + 0. Without need it would cost dearly: a session's second
 * cache line would be asked for only when the first has come.
 */
static __always_inline void *seg_order(void *pointer, __u64 value)
{
#if defined(__TARGET_ARCH_x86) || defined(__TARGET_ARCH_s390)
	asm volatile("" : "+r"(pointer) : "r"(value) : "memory");
#else
	asm volatile("%1 &= 0\n"
		     "%0 += %1"
		     : "+r"(pointer), "+r"(value));
#endif
	return pointer;
}

static __always_inline void seg_fence_after_cas(void)
{
	asm volatile("" ::: "memory");
}

#else

#define SEG_ROLLED

#define seg_load(p)         __atomic_load_n(p, __ATOMIC_RELAXED)
#define seg_store(p, value) __atomic_store_n(p, value, __ATOMIC_RELAXED)

static __always_inline __u64 seg_cas(__u64 *p, __u64 expected, __u64 desired)
{
	__atomic_compare_exchange_n(p, &expected, desired, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	return expected;
}

static __always_inline __u64 seg_xchg(__u64 *p, __u64 value)
{
	return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);
}

static __always_inline __u64 seg_fetch_add(__u64 *p, __u64 value)
{
	return __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST);
}

static __always_inline __u64 seg_fetch_and(__u64 *p, __u64 value)
{
	return __atomic_fetch_and(p, value, __ATOMIC_SEQ_CST);
}

static __always_inline void seg_add(__u64 *p, __u64 value)
{
	__atomic_fetch_add(p, value, __ATOMIC_RELAXED);
}

static __always_inline void *seg_order(void *pointer, __u64 value)
{
	(void)value;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return pointer;
}

/* C11 orders a seq_cst CAS before later loads only if these are seq_cst too. */
static __always_inline void seg_fence_after_cas(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif

/*
 * Named places where another CPU may come between: nothing, unless a test is
 * built with -DSEG_HOOKS='"its_header.h"', which defines SEG_HOOK().
 */
#ifdef SEG_HOOKS
#include SEG_HOOKS
#else
#define SEG_HOOK(name, at) ((void)0)
#endif

#endif
