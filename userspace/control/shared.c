/* SPDX-License-Identifier: BSD-2-Clause */
#include "shared.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "version.h"

/* libxdp's own, see its manual: /sys/fs/bpf/xdp/dispatch-IFINDEX-ID/progN-prog */
#define PINS     "/sys/fs/bpf/xdp/dispatch-%u-%u/prog%u-prog"
#define PROGRAMS 10 /* that a dispatcher can call */

bool seg_shared_others(uint32_t ifindex, uint32_t dispatcher, char *names, size_t size)
{
	size_t used = 0;
	unsigned int i;

	for (i = 0; i < PROGRAMS && used < size; i++) {
		_cleanup_close_ int fd = -1;
		struct bpf_prog_info info = {0};
		uint32_t length = sizeof(info);
		char path[96];

		snprintf(path, sizeof(path), PINS, ifindex, dispatcher, i);
		fd = bpf_obj_get(path);
		if (fd < 0)
			break;
		bpf_obj_get_info_by_fd(fd, &info, &length);
		used += (size_t)snprintf(names + used, size - used, "%s%s", i ? ", " : "",
					 info.name);
	}
	return i > 0;
}

#if SEG_HAVE_LIBXDP

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <xdp/libxdp.h>

#include "shared.skel.h"

#define OURS "seg_shared"
#define SKIP "LIBXDP_SKIP_DISPATCHER"

int seg_shared_supported(struct seg_error *err)
{
	(void)err;
	return 0;
}

/* --- what libxdp and the verifier say ------------------------------------------------------- */

enum rank { NOBODY, LIBBPF, LIBXDP, VERIFIER };

static char words[128];
static enum rank said_by;

/* The first line of who knows best. */
static void keep_words(enum rank by, const char *format, va_list args)
{
	static const char log[] = "BEGIN PROG LOAD LOG --\n";
	char text[4096];
	const char *from = text, *name;

	vsnprintf(text, sizeof(text), format, args);
	if (strstr(text, log)) {
		from = strstr(text, log) + strlen(log);
		by = VERIFIER;
	} else if ((name = strstr(text, ": ")) && name - text == (ptrdiff_t)strlen("libxdp")) {
		from = name + 2;
	}
	if (by <= said_by)
		return;
	said_by = by;
	snprintf(words, sizeof(words), "%.*s", (int)strcspn(from, "\n"), from);
}

static int hear_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN)
		keep_words(LIBBPF, format, args);
	return 0;
}

static int hear_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level == LIBXDP_WARN)
		keep_words(LIBXDP, format, args);
	return 0;
}

static void forget_words(void)
{
	words[0] = '\0';
	said_by = NOBODY;
}

static void listen_to_both(void)
{
	forget_words();
	libbpf_set_print(hear_libbpf);
	libxdp_set_print(hear_libxdp);
}

/* --- what is there ------------------------------------------------------------------------- */

static void program_closep(struct xdp_program **program)
{
	if (*program)
		xdp_program__close(*program);
}

static void multiprog_closep(struct xdp_multiprog **there)
{
	if (*there)
		xdp_multiprog__close(*there);
}

#define _cleanup_program_   _cleanup_(program_closep)
#define _cleanup_multiprog_ _cleanup_(multiprog_closep)

/* NULL: nothing is attached. */
static struct xdp_multiprog *look(uint32_t ifindex)
{
	struct xdp_multiprog *there = xdp_multiprog__get_from_ifindex((int)ifindex);

	return libxdp_get_error(there) ? NULL : there;
}

/* One after the other; without a dispatcher there is only one. */
static struct xdp_program *next(struct xdp_program *program, const struct xdp_multiprog *there)
{
	if (xdp_multiprog__is_legacy(there))
		return program ? NULL : xdp_multiprog__main_prog(there);
	return xdp_multiprog__next_prog(program, there);
}

static bool calls_from(const struct xdp_program *program, uint32_t slot)
{
	uint32_t maps[8] = {0};
	struct bpf_prog_info info = {.nr_map_ids = 8, .map_ids = (uintptr_t)maps};
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(xdp_program__fd(program), &info, &length))
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < SEG_ARRAY_SIZE(maps); i++)
		if (maps[i] == slot)
			return true;
	return false;
}

/* --- attach -------------------------------------------------------------------------------- */

static int refuse_ours(const struct seg_shared *shared, struct seg_error *err)
{
	seg_error_set(err, EBUSY, "%s is shared by another xdpseg already", shared->name);
	seg_error_mend(err,
		       "detach it there: `xdpseg --runtime-dir DIR detach %s`, or "
		       "`xdp-loader unload %s --all`",
		       shared->name, shared->name);
	return -EBUSY;
}

static int refuse_single(const struct seg_shared *shared, const char *name, struct seg_error *err)
{
	seg_error_set(err, EBUSY,
		      "%s has the XDP program %s, which libxdp's dispatcher does not call: it "
		      "cannot be shared with",
		      shared->name, name);
	seg_error_mend(err,
		       "load it by libxdp (xdp-loader), or detach it: ip link set dev %s xdp "
		       "off",
		       shared->name);
	return -EBUSY;
}

static int check_there(const struct seg_shared *shared, const struct xdp_multiprog *there,
		       struct seg_error *err)
{
	struct xdp_program *program = NULL;

	while ((program = next(program, there)))
		if (!strcmp(xdp_program__name(program), OURS))
			return refuse_ours(shared, err);
	if (xdp_multiprog__is_legacy(there))
		return refuse_single(shared, xdp_program__name(xdp_multiprog__main_prog(there)),
				     err);
	return 0;
}

static enum xdp_attach_mode mode_of(enum seg_mode mode)
{
	return mode == SEG_MODE_GENERIC ? XDP_MODE_SKB : XDP_MODE_NATIVE;
}

static int attach_object(const struct shared_bpf *object, uint32_t ifindex, enum seg_mode mode,
			 bool single)
{
	const bool skips = getenv(SKIP);
	DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = object->obj, .prog_name = OURS);
	_cleanup_program_ struct xdp_program *program = xdp_program__create(&options);
	int r = (int)libxdp_get_error(program);

	if (r) {
		program = NULL;
		return r;
	}
	xdp_program__set_run_prio(program, SEG_SHARED_PRIORITY);
	xdp_program__set_chain_call_enabled(program, XDP_PASS, true);
	if (single) /* also what an administrator may have set for this daemon */
		setenv(SKIP, "1", 1);
	r = xdp_program__attach(program, (int)ifindex, mode_of(mode), 0);
	if (single && !skips)
		unsetenv(SKIP);
	return r;
}

/*
 * Programs that call each other must agree in their expected attach type, and a dispatcher's
 * programs have none: so neither has what it calls (ingress.c).
 */
static int attach(const struct seg_shared *shared, int slot_fd, enum seg_mode mode, bool single)
{
	struct shared_bpf *object = shared_bpf__open();
	int r;

	if (!object)
		return -errno;
	bpf_program__set_expected_attach_type(object->progs.seg_shared, 0);
	r = bpf_map__reuse_fd(object->maps.seg_slot, slot_fd);
	if (!r)
		r = attach_object(object, shared->ifindex, mode, single);
	shared_bpf__destroy(object);
	return r;
}

/* The hook is taken, or not ours to take: another way would not help. */
static bool is_final(int r)
{
	return r == -EBUSY || r == -EEXIST || r == -EPERM || r == -ENODEV;
}

/* Beside others, or first among those to come; else alone, where libxdp's dispatcher cannot have
 * it: Linux 6.12 and later refuse what could change a packet under the one of libxdp 1.3.1.
 */
static int attach_as(struct seg_shared *shared, int slot_fd, enum seg_mode mode, bool others)
{
	int r = attach(shared, slot_fd, mode, false), alone;

	if (!r || others || is_final(r))
		return r;
	snprintf(shared->why, sizeof(shared->why), "%s", words);
	alone = attach(shared, slot_fd, mode, true);
	return alone && r != -EINVAL ? r : alone;
}

static int attach_somehow(struct seg_shared *shared, int slot_fd, bool others)
{
	enum seg_mode first = shared->mode == SEG_MODE_AUTO ? SEG_MODE_NATIVE : shared->mode;
	int r = attach_as(shared, slot_fd, first, others);

	if (r && shared->mode == SEG_MODE_AUTO && !others && !is_final(r)) {
		snprintf(shared->mode_why, sizeof(shared->mode_why),
			 "the driver refused native mode: %s", strerror(-r));
		first = SEG_MODE_GENERIC;
		r = attach_as(shared, slot_fd, first, others);
	}
	if (!r)
		shared->mode = first;
	return r;
}

static int report(const struct seg_shared *shared, int r, bool others, struct seg_error *err)
{
	seg_error_set(err, -r, "%s cannot be shared by libxdp: %s%s%s%s", shared->name,
		      strerror(-r), *words ? " (" : "", words, *words ? ")" : "");
	if (others)
		seg_error_mend(err,
			       "unload the others (`xdp-loader unload %s --all`), or have a newer "
			       "libxdp",
			       shared->name);
	else
		seg_error_mend(err, "attach without --shared");
	return r;
}

/* Whoever is there decides about the mode. */
static void follow_mode(struct seg_shared *shared, const struct xdp_multiprog *there)
{
	if (shared->mode == SEG_MODE_AUTO)
		shared->mode = xdp_multiprog__attach_mode(there) == XDP_MODE_SKB ? SEG_MODE_GENERIC
										 : SEG_MODE_NATIVE;
}

static bool is_single(uint32_t ifindex)
{
	_cleanup_multiprog_ struct xdp_multiprog *there = look(ifindex);

	return there && xdp_multiprog__is_legacy(there);
}

int seg_shared_attach(struct seg_shared *shared, int slot_fd, struct seg_error *err)
{
	_cleanup_multiprog_ struct xdp_multiprog *there = NULL;
	int r;

	listen_to_both();
	there = look(shared->ifindex);
	r = there ? check_there(shared, there, err) : 0;
	if (r)
		return r;
	if (there)
		follow_mode(shared, there);
	forget_words();
	r = attach_somehow(shared, slot_fd, there);
	if (r)
		return report(shared, r, there, err);
	shared->single = is_single(shared->ifindex);
	if (!shared->single)
		shared->why[0] = '\0';
	else if (!*shared->why)
		snprintf(shared->why, sizeof(shared->why), "%s",
			 *words ? words : SKIP " is set for the daemon");
	return 0;
}

/* --- detach -------------------------------------------------------------------------------- */

/* 0: there is none. */
static uint32_t find(uint32_t ifindex, uint32_t slot, enum xdp_attach_mode *mode)
{
	_cleanup_multiprog_ struct xdp_multiprog *there = look(ifindex);
	struct xdp_program *program = NULL;

	while (there && (program = next(program, there)))
		if (calls_from(program, slot)) {
			*mode = xdp_multiprog__attach_mode(there);
			return xdp_program__id(program);
		}
	return 0;
}

bool seg_shared_is_there(uint32_t ifindex, uint32_t slot)
{
	enum xdp_attach_mode mode;

	return find(ifindex, slot, &mode);
}

static int detach(uint32_t ifindex, uint32_t id, enum xdp_attach_mode mode)
{
	_cleanup_program_ struct xdp_program *program = xdp_program__from_id(id);
	int r = (int)libxdp_get_error(program);

	if (r) {
		program = NULL;
		return r;
	}
	return xdp_program__detach(program, (int)ifindex, mode, 0);
}

int seg_shared_detach(uint32_t ifindex, uint32_t slot, struct seg_error *err)
{
	enum xdp_attach_mode mode = XDP_MODE_UNSPEC;
	char name[IFNAMSIZ];
	uint32_t id;
	int r;

	listen_to_both();
	if (!if_indextoname(ifindex, name)) {
		libxdp_clean_references((int)ifindex); /* what it pinned for one that is gone */
		return 0;
	}
	id = find(ifindex, slot, &mode);
	r = id ? detach(ifindex, id, mode) : 0;
	if (!r)
		return 0;
	seg_error_set(err, -r, "the program " OURS " cannot be detached from %s: %s%s%s%s", name,
		      strerror(-r), *words ? " (" : "", words, *words ? ")" : "");
	seg_error_mend(err, "xdp-loader unload %s --id %u", name, id);
	return r;
}

#else

int seg_shared_supported(struct seg_error *err)
{
	seg_error_set(err, EOPNOTSUPP,
		      "this xdpsegd was built without libxdp, which shares an "
		      "interface with other programs");
	seg_error_mend(err, "attach without --shared, or build it with libxdp-dev installed");
	return -EOPNOTSUPP;
}

int seg_shared_attach(struct seg_shared *shared, int slot_fd, struct seg_error *err)
{
	(void)shared, (void)slot_fd;
	return seg_shared_supported(err);
}

bool seg_shared_is_there(uint32_t ifindex, uint32_t slot)
{
	(void)ifindex, (void)slot;
	return false;
}

int seg_shared_detach(uint32_t ifindex, uint32_t slot, struct seg_error *err)
{
	(void)ifindex, (void)slot;
	return seg_shared_supported(err);
}

#endif
