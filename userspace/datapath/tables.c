/* SPDX-License-Identifier: BSD-2-Clause */
#include "tables.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "cleanup.h"

/* As maps.bpf.h and table_maps.bpf.h declare them: reuse by descriptor compares. */
static const struct {
	const char *name;
	enum bpf_map_type type;
	uint32_t key, value, entries; /* entries 0: by the number of sessions */
} rows[SEG_MAP_MAX] = {
	[SEG_MAP_TAGS] = {"seg_tags", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct seg_tags), 0},
	[SEG_MAP_SLOTS] = {"seg_slots", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct seg_session), 0},
	[SEG_MAP_QUEUES] = {"seg_queues", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct seg_queue),
			    SEG_QUEUES_MAX},
	[SEG_MAP_QUOTA] = {"seg_quota", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct seg_quota), 1},
	[SEG_MAP_CONFIG] = {"seg_config", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct seg_config), 1},
	[SEG_MAP_COUNTS] = {"seg_counts", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct seg_counts),
			    SEG_COUNTS_MAX},
	[SEG_MAP_ZONES] = {"seg_zones", BPF_MAP_TYPE_HASH, sizeof(struct seg_zone_key),
			   sizeof(uint16_t), 4096},
};

static uint32_t entries_of(const struct seg_tables *tables, enum seg_table_map map)
{
	if (map == SEG_MAP_TAGS)
		return tables->table.buckets;
	if (map == SEG_MAP_SLOTS)
		return tables->table.buckets * SEG_BUCKET_SLOTS;
	return rows[map].entries;
}

static int report(const char *name, int errnum, struct seg_error *err)
{
	seg_error_set(err, errnum, "cannot make the map %s: %s", name, strerror(errnum));
	if (errnum == ENOMEM || errnum == E2BIG)
		seg_error_mend(err, "lower the policy's limits: sessions, half-open, denied");
	if (errnum == EMFILE)
		seg_error_mend(err, "raise the number of open files: `ulimit -n`");
	return -errnum;
}

/* The kernel rounds a mapped value up to 8 bytes; ours are multiples of that. */
static int map_memory(struct seg_tables *tables, enum seg_table_map map)
{
	size_t size = (size_t)rows[map].value * entries_of(tables, map);
	void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, tables->fds[map], 0);

	if (mapped == MAP_FAILED)
		return -errno;
	tables->mapped[map] = mapped;
	tables->sizes[map] = size;
	return 0;
}

static int make(struct seg_tables *tables, enum seg_table_map map)
{
	LIBBPF_OPTS(bpf_map_create_opts, options,
		    .map_flags = map < SEG_MAP_MAPPED ? BPF_F_MMAPABLE : 0);
	int fd = bpf_map_create(rows[map].type, rows[map].name, rows[map].key, rows[map].value,
				entries_of(tables, map), &options);

	if (fd < 0)
		return fd;
	tables->fds[map] = fd;
	return map < SEG_MAP_MAPPED ? map_memory(tables, map) : 0;
}

static int pin(const struct seg_tables *tables, const char *pins, enum seg_table_map map)
{
	char path[PATH_MAX];

	if (!pins)
		return 0;
	snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 64, pins, rows[map].name);
	return bpf_obj_pin(tables->fds[map], path) ? -errno : 0;
}

/* An array of maps with one entry, and the map that is put there again and again. */
static int make_grace(struct seg_tables *tables)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);

	tables->grace_inner_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "seg_grace_in", 4, 4, 1, NULL);
	if (tables->grace_inner_fd < 0)
		return tables->grace_inner_fd;
	options.inner_map_fd = (uint32_t)tables->grace_inner_fd;
	tables->grace_fd =
		bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "seg_grace", 4, 4, 1, &options);
	return tables->grace_fd < 0 ? tables->grace_fd : 0;
}

int seg_tables_grace(struct seg_tables *tables)
{
	const uint32_t zero = 0;

	return bpf_map_update_elem(tables->grace_fd, &zero, &tables->grace_inner_fd, BPF_ANY);
}

static void name_parts(struct seg_tables *tables)
{
	tables->table.tags = tables->mapped[SEG_MAP_TAGS];
	tables->table.slots = tables->mapped[SEG_MAP_SLOTS];
	tables->queues = tables->mapped[SEG_MAP_QUEUES];
	tables->quota = tables->mapped[SEG_MAP_QUOTA];
	tables->config = tables->mapped[SEG_MAP_CONFIG];
}

static int make_all(struct seg_tables *tables, const char *pins, struct seg_error *err)
{
	for (enum seg_table_map map = 0; map < SEG_MAP_MAX; map++) {
		int r = make(tables, map);

		if (!r)
			r = pin(tables, pins, map);
		if (r)
			return report(rows[map].name, -r, err);
	}
	if (make_grace(tables))
		return report("seg_grace", errno, err);
	name_parts(tables);
	return 0;
}

static void clear(struct seg_tables *tables)
{
	*tables = (struct seg_tables){.grace_fd = -1, .grace_inner_fd = -1};
	memset(tables->fds, -1, sizeof(tables->fds));
}

int seg_tables_open(struct seg_tables *tables, const char *pins, uint64_t sessions,
		    struct seg_error *err)
{
	uint64_t slots = sessions * 100 / SEG_TABLE_LOAD;
	int r;

	clear(tables);
	tables->table.buckets = (uint32_t)(slots / SEG_BUCKET_SLOTS + 1);
	if (getrandom(tables->seed, sizeof(tables->seed), 0) != sizeof(tables->seed))
		return seg_error_set(err, EIO, "the kernel gave no random numbers");
	r = make_all(tables, pins, err);
	if (r)
		seg_tables_close(tables);
	return r;
}

/* --- those of a predecessor ------------------------------------------------------------------ */

static int map_info(int fd, struct bpf_map_info *info)
{
	uint32_t size = sizeof(*info);

	*info = (struct bpf_map_info){0};
	return bpf_obj_get_info_by_fd(fd, info, &size);
}

static bool fits(const struct bpf_map_info *info, enum seg_table_map map, uint32_t entries)
{
	return info->type == rows[map].type && info->key_size == rows[map].key &&
	       info->value_size == rows[map].value && info->max_entries == entries;
}

/* The first one says how large the table is. */
static int get(struct seg_tables *tables, const char *pins, enum seg_table_map map)
{
	struct bpf_map_info info;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 64, pins, rows[map].name);
	tables->fds[map] = bpf_obj_get(path);
	if (tables->fds[map] < 0)
		return -errno;
	if (map_info(tables->fds[map], &info))
		return -errno;
	if (map == SEG_MAP_TAGS)
		tables->table.buckets = info.max_entries;
	if (!fits(&info, map, entries_of(tables, map)))
		return -EBADMSG;
	return map < SEG_MAP_MAPPED ? map_memory(tables, map) : 0;
}

int seg_tables_adopt(struct seg_tables *tables, const char *pins, const uint64_t seed[6],
		     struct seg_error *err)
{
	int r = 0;

	clear(tables);
	memcpy(tables->seed, seed, sizeof(tables->seed));
	for (enum seg_table_map map = 0; map < SEG_MAP_MAX && !r; map++) {
		r = get(tables, pins, map);
		if (r)
			seg_error_set(err, -r, "the map %s/%s: %s", pins, rows[map].name,
				      strerror(-r));
	}
	if (!r && make_grace(tables))
		r = report("seg_grace", errno, err);
	if (r)
		seg_tables_close(tables);
	else
		name_parts(tables);
	return r;
}

void seg_tables_close(struct seg_tables *tables)
{
	for (enum seg_table_map map = 0; map < SEG_MAP_MAPPED; map++)
		if (tables->mapped[map])
			munmap(tables->mapped[map], tables->sizes[map]);
	for (enum seg_table_map map = 0; map < SEG_MAP_MAX; map++)
		seg_closep(&tables->fds[map]);
	seg_closep(&tables->grace_fd);
	seg_closep(&tables->grace_inner_fd);
	clear(tables);
}

int seg_tables_share(const struct seg_tables *tables, struct bpf_object *object)
{
	for (enum seg_table_map i = 0; i < SEG_MAP_MAX; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, rows[i].name);

		if (!map)
			return -ENOENT;
		if (bpf_map__set_max_entries(map, 1) || bpf_map__reuse_fd(map, tables->fds[i]))
			return -errno;
	}
	return 0;
}

static int map_rules(int fd, uint32_t entries, struct seg_rule_count **mapped)
{
	void *memory =
		mmap(NULL, entries * sizeof(**mapped), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*mapped = memory;
	return 0;
}

int seg_rules_adopt(const char *pin, uint32_t entries, struct seg_rule_count **mapped)
{
	_cleanup_close_ int fd = bpf_obj_get(pin);
	struct bpf_map_info info;
	int r;

	if (fd < 0 || map_info(fd, &info))
		return -errno;
	if (info.max_entries != entries || info.value_size != sizeof(**mapped))
		return -EBADMSG;
	r = map_rules(fd, entries, mapped);
	return r ? r : TAKE_FD(fd);
}

int seg_rules_open(uint32_t entries, struct seg_rule_count **mapped, struct seg_error *err)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "seg_rules", 4,
						sizeof(struct seg_rule_count), entries, &options);
	int r;

	if (fd < 0)
		return report("seg_rules", errno, err);
	r = map_rules(fd, entries, mapped);
	return r ? report("seg_rules", -r, err) : TAKE_FD(fd);
}

void seg_rules_close(int fd, struct seg_rule_count *mapped, uint32_t entries)
{
	if (mapped)
		munmap(mapped, entries * sizeof(*mapped));
	if (fd >= 0)
		close(fd);
}
