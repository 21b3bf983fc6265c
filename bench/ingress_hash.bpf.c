/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* ingress_hash.bpf.c - the real XDP program, its sessions in a BPF hash instead of its own table.
 */
#include "ingress_hash.h"

#include "ingress.bpf.c"
