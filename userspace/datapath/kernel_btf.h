/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel_btf.h - programs for a kernel that has no types of its own (CONFIG_DEBUG_INFO_BTF).
 */
#ifndef SEG_KERNEL_BTF_H
#define SEG_KERNEL_BTF_H

#include <stdbool.h>

struct bpf_object;

/*
 * Where the kernel has no BTF, its verifier does not know a context in the arguments of a global
 * function ("R1 invalid mem access 'mem_or_null'"). There such functions become static ones, which
 * it follows at every call: up to nine times the work. 6.18 bears that, 6.1 does not (E2BIG).
 * Before the load.
 */
void seg_kernel_btf_do_without(struct bpf_object *object);

/* Whether it has. */
bool seg_kernel_btf_is_there(void);

#endif
