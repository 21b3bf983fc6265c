/* SPDX-License-Identifier: BSD-2-Clause */
#include "failsafe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "classify.h"
#include "cleanup.h"

static int refuse(int errnum, struct seg_error *err)
{
	return seg_error_set(err, errnum, "cannot make the map seg_failsafe: %s", strerror(errnum));
}

static int fill(int fd, const struct seg_failsafe_key *keys, uint32_t n, struct seg_error *err)
{
	const uint32_t value = 1;

	for (uint32_t i = 0; i < n; i++)
		if (bpf_map_update_elem(fd, &keys[i], &value, BPF_ANY))
			return refuse(errno, err);
	return 0;
}

static int make_map(struct seg_failsafe_set *set, const struct seg_failsafe_key *keys, uint32_t n,
		    struct seg_error *err)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
	_cleanup_close_ int fd =
		bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "seg_failsafe", sizeof(*keys),
			       sizeof(uint32_t), n ? n : 1, &options);
	int r;

	if (fd < 0)
		return refuse(errno, err);
	r = fill(fd, keys, n, err);
	if (r)
		return r;
	set->rows.hash = XXH3_64bits(keys, n * sizeof(*keys));
	set->map_fd = TAKE_FD(fd);
	return 0;
}

int seg_failsafe_open(struct seg_failsafe_set *set, const struct seg_image *image,
		      struct seg_error *err)
{
	uint32_t n = seg_image_failsafe_keys(image, NULL, 0);
	_cleanup_free_ struct seg_failsafe_key *keys = NULL;

	*set = SEG_FAILSAFE_SET_NONE;
	seg_image_failsafes(image, &set->rows);
	if (!set->rows.n)
		return 0;
	if (n > SEG_FAILSAFE_PREFIXES_MAX) {
		seg_error_mend(err, "name fewer addresses, or larger prefixes");
		return seg_error_set(err, E2BIG, "'failsafe' is for %u prefixes: over %u", n,
				     SEG_FAILSAFE_PREFIXES_MAX);
	}
	keys = calloc(n + 1, sizeof(*keys));
	if (!keys)
		return refuse(ENOMEM, err);
	seg_image_failsafe_keys(image, keys, n);
	return make_map(set, keys, n, err);
}

void seg_failsafe_close(struct seg_failsafe_set *set)
{
	seg_closep(&set->map_fd);
	*set = SEG_FAILSAFE_SET_NONE;
}

/* Without rows the programs have no use for it. */
int seg_failsafe_share(const struct seg_failsafe_set *set, struct bpf_map *map)
{
	return set->map_fd < 0 ? bpf_map__set_autocreate(map, false)
			       : bpf_map__reuse_fd(map, set->map_fd);
}
