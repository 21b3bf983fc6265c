/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel_btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include <unistd.h>

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

static bool is_context(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);
	const char *name;

	while (type && (btf_is_typedef(type) || btf_is_ptr(type)))
		type = btf__type_by_id(btf, type->type);
	if (!type || !btf_is_struct(type))
		return false;
	name = btf__name_by_offset(btf, type->name_off);
	return !strcmp(name, "xdp_md") || !strcmp(name, "__sk_buff");
}

static bool takes_context(const struct btf *btf, const struct btf_type *function)
{
	const struct btf_type *prototype = btf__type_by_id(btf, function->type);

	return btf_vlen(prototype) && is_context(btf, btf_params(prototype)->type);
}

static bool is_program(const struct bpf_object *object, const struct btf_type *function)
{
	const char *name = btf__name_by_offset(bpf_object__btf(object), function->name_off);

	return bpf_object__find_program_by_name(object, name);
}

static void make_static(const struct bpf_object *object, const struct btf *btf)
{
	for (__u32 id = 1; id < btf__type_cnt(btf); id++) {
		struct btf_type *type = (struct btf_type *)btf__type_by_id(btf, id);

		if (btf_is_func(type) && btf_vlen(type) == BTF_FUNC_GLOBAL &&
		    takes_context(btf, type) && !is_program(object, type))
			type->info -= BTF_FUNC_GLOBAL - BTF_FUNC_STATIC; /* the low bits */
	}
}

/* More places where the verifier compares: a quarter less to follow, which else would be more than
 * the limit.
 */
static void compare_often(struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		bpf_program__set_flags(program,
				       bpf_program__flags(program) | BPF_F_TEST_STATE_FREQ);
	}
}

bool seg_kernel_btf_is_there(void)
{
	return !access(KERNEL_BTF, F_OK);
}

void seg_kernel_btf_do_without(struct bpf_object *object)
{
	const struct btf *btf = bpf_object__btf(object);

	if (!btf || seg_kernel_btf_is_there())
		return;
	make_static(object, btf);
	compare_often(object);
}
