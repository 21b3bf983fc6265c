/* SPDX-License-Identifier: BSD-2-Clause */
#include "ingress.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cleanup.h"
#include "ingress.skel.h"
#include "kernel_btf.h"

/* --- the verifier's last words ------------------------------------------------------------ */

static char last_words[256];

/* libbpf prints what the verifier said; its last lines are what an error can carry. */
static int keep_words(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[4096];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(text, sizeof(text), format, args);
	if (!strstr(text, "BEGIN PROG LOAD LOG"))
		snprintf(last_words, sizeof(last_words), "%.*s", (int)strcspn(text, "\n"), text);
	return 0;
}

int seg_load_error(const char *what, int errnum, struct seg_error *err)
{
	if (errnum == EMFILE)
		seg_error_mend(err, "raise the number of open files: `ulimit -n`");
	if (errnum == E2BIG && !seg_kernel_btf_is_there())
		seg_error_mend(err,
			       "boot a kernel that has BTF (CONFIG_DEBUG_INFO_BTF): without it "
			       "its check of a program takes too many steps");
	return seg_error_set(err, errnum, "the kernel refuses the program %s: %s%s%s%s", what,
			     strerror(errnum), *last_words ? " (" : "", last_words,
			     *last_words ? ")" : "");
}

void seg_load_listen(void)
{
	libbpf_set_print(keep_words);
}

/* --- ingress --------------------------------------------------------------------------------- */

static int share_maps(struct ingress_bpf *ingress, const struct seg_tables *tables, int xsks)
{
	int r = seg_tables_share(tables, ingress->obj);

	if (r)
		return r;
	return xsks >= 0 ? bpf_map__reuse_fd(ingress->maps.seg_xsks, xsks) : 0;
}

static void ingress_freep(struct ingress_bpf **ingress)
{
	ingress_bpf__destroy(*ingress);
}

struct ingress_bpf *seg_ingress_load(const struct seg_tables *tables,
				     const struct seg_constants *constants,
				     const struct seg_failsafe_set *failsafe, int xsks,
				     struct seg_error *err)
{
	_cleanup_(ingress_freep) struct ingress_bpf *ingress = NULL;
	int r;

	seg_load_listen();
	ingress = ingress_bpf__open();
	if (!ingress) {
		seg_load_error("seg_ingress", errno, err);
		return NULL;
	}
	memcpy((void *)&ingress->rodata->seg_constants, constants, sizeof(*constants));
	if (constants->features & SEG_FEATURE_SHARED) /* as its caller */
		bpf_program__set_expected_attach_type(ingress->progs.seg_ingress, 0);
	memcpy((void *)&ingress->rodata->seg_failsafes, &failsafe->rows, sizeof(failsafe->rows));
	seg_kernel_btf_do_without(ingress->obj);
	r = share_maps(ingress, tables, xsks);
	if (!r)
		r = seg_failsafe_share(failsafe, ingress->maps.seg_failsafe);
	if (!r)
		r = ingress_bpf__load(ingress);
	if (r) {
		seg_load_error("seg_ingress", -r, err);
		return NULL;
	}
	return TAKE(ingress);
}

int seg_ingress_fd(const struct ingress_bpf *ingress)
{
	return bpf_program__fd(ingress->progs.seg_ingress);
}

int seg_ingress_xsks(const struct ingress_bpf *ingress)
{
	return bpf_map__fd(ingress->maps.seg_xsks);
}

int seg_ingress_replay(const struct ingress_bpf *ingress)
{
	return bpf_map__fd(ingress->maps.seg_replay);
}

void seg_ingress_free(struct ingress_bpf *ingress)
{
	ingress_bpf__destroy(ingress);
}
