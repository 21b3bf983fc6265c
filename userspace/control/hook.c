/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

/* The array is emptied when its last user is gone: that is its pin, not the program. */
static int pin(const struct seg_hook *hook, struct seg_error *err)
{
	if (!bpf_obj_pin(hook->fd, hook->pin))
		return 0;
	return seg_error_set(err, errno, "cannot pin what keeps the program to %s: %s", hook->pin,
			     strerror(errno));
}

int seg_hook_open_slot(struct seg_hook *hook, struct seg_error *err)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);

	hook->fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "seg_slot", sizeof(uint32_t),
				  sizeof(uint32_t), 1, NULL);
	if (hook->fd < 0 || bpf_obj_get_info_by_fd(hook->fd, &info, &length))
		return seg_error_set(err, errno, "cannot make an array of programs: %s",
				     strerror(errno));
	hook->slot = info.id;
	return pin(hook, err);
}

static int share(struct seg_hook *hook, const struct seg_sharer *sharer,
		 const struct seg_device *link, enum seg_mode *mode, char why[128],
		 struct seg_error *err)
{
	struct seg_shared shared = {.ifindex = link->ifindex, .slot = hook->slot, .mode = *mode};
	int r;

	snprintf(shared.name, sizeof(shared.name), "%s", link->name);
	r = seg_sharer_attach(sharer, &shared, hook->fd, err);
	if (r)
		return r;
	*mode = shared.mode;
	memcpy(why, shared.mode_why, sizeof(shared.mode_why));
	hook->single = shared.single;
	memcpy(hook->why, shared.why, sizeof(hook->why));
	return 0;
}

int seg_hook_open(struct seg_hook *hook, const struct seg_sharer *sharer,
		  const struct seg_device *link, enum seg_mode *mode, char why[128],
		  struct seg_error *err)
{
	if (hook->slot)
		return share(hook, sharer, link, mode, why, err);
	hook->fd = seg_hook_take(link, mode, why, err);
	return hook->fd < 0 ? hook->fd : pin(hook, err);
}

static bool is_of(const struct seg_hook *hook, const struct seg_sharer *sharer, uint32_t ifindex)
{
	union {
		struct bpf_link_info link;
		struct bpf_map_info map;
	} info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(hook->fd, &info, &size))
		return false;
	if (!hook->slot)
		return info.link.xdp.ifindex == ifindex;
	return info.map.id == hook->slot && seg_sharer_finds(sharer, ifindex, hook->slot);
}

int seg_hook_adopt(struct seg_hook *hook, const struct seg_sharer *sharer, uint32_t ifindex,
		   struct seg_error *err)
{
	hook->fd = bpf_obj_get(hook->pin);
	if (hook->fd < 0)
		return seg_error_set(err, errno, "%s: %s", hook->pin, strerror(errno));
	if (!is_of(hook, sharer, ifindex))
		return seg_error_set(err, ENODEV, "%s is not of this interface", hook->pin);
	return 0;
}

int seg_hook_run(const struct seg_hook *hook, int program_fd)
{
	const uint32_t first = 0;

	if (!hook->slot)
		return seg_hook_set(hook->fd, program_fd);
	return bpf_map_update_elem(hook->fd, &first, &program_fd, BPF_ANY) ? -errno : 0;
}

/* The link ends with its last holder: pin and descriptor. A shared one is emptied first, so that
 * packets pass whatever becomes of the rest. */
int seg_hook_close(struct seg_hook *hook, const struct seg_sharer *sharer, uint32_t ifindex,
		   struct seg_error *err)
{
	const uint32_t first = 0;
	int r = 0;

	if (hook->slot && hook->fd >= 0) {
		bpf_map_delete_elem(hook->fd, &first);
		r = seg_sharer_detach(sharer, ifindex, hook->slot, err);
	}
	if (*hook->pin)
		unlink(hook->pin);
	hook->pin[0] = '\0';
	hook->slot = 0;
	seg_closep(&hook->fd);
	hook->fd = -1;
	return r;
}
