/* SPDX-License-Identifier: BSD-2-Clause */
/* replay_open.c - what a replay is made of, and how it ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "frame.h"
#include "replay_look.h"

/* Nothing runs beside us. */
static int no_grace(struct seg_tables *tables)
{
	(void)tables;
	return 0;
}

static uint64_t sessions_of(const struct seg_replay *replay)
{
	uint64_t all = seg_rulebook_sessions(&replay->book);
	uint64_t most = replay->options.packets_max;

	return most && most < all ? most : all;
}

static int open_book(struct seg_replay *replay, struct seg_error *err)
{
	uint32_t entries = seg_image_rules(replay->image) + 1;

	replay->book = (struct seg_rulebook){
		.image = (struct seg_image *)replay->image,
		.image_fd = -1,
		.rules_fd = -1,
		.failsafe = SEG_FAILSAFE_SET_NONE,
		.rules = calloc(entries, sizeof(*replay->book.rules)),
		.entries = entries,
		.generation = SEG_REPLAY_GENERATION,
	};
	replay->buffer = malloc(sizeof(struct seg_meta) + SEG_REPLAY_FRAME_MAX);
	if (!replay->book.rules || !replay->buffer)
		return seg_error_set(err, ENOMEM, "out of memory");
	replay->frame = replay->buffer + sizeof(struct seg_meta);
	return seg_failsafe_open(&replay->book.failsafe, replay->image, err);
}

static int open_tables(struct seg_replay *replay, struct seg_error *err)
{
	int r = seg_tables_open(&replay->tables, NULL, sessions_of(replay), err);

	if (r)
		return r;
	*replay->tables.config =
		(struct seg_config){.generation = SEG_REPLAY_GENERATION, .armed = 1};
	r = seg_account_open(&replay->account, -1, replay->tables.table.buckets * SEG_BUCKET_SLOTS,
			     err);
	replay->reaper = (struct seg_reaper){.tables = &replay->tables,
					     .account = &replay->account,
					     .book = &replay->book,
					     .grace = no_grace};
	return r;
}

/* The VLANs that the policy names, as XDP and as the worker look them up. */
static int open_zones(struct seg_replay *replay, struct seg_error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat status;
	void *list;
	int r;

	replay->zones.last = SEG_REPLAY_ZONE;
	r = seg_zones_add(&replay->zones, &replay->tables, SEG_REPLAY_ZONE, replay->image, err);
	if (r)
		return r;
	fd = seg_zones_list(&replay->tables, err);
	if (fd < 0)
		return fd;
	if (fstat(fd, &status))
		return seg_error_set(err, errno, "no list of VLANs");
	list = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (list == MAP_FAILED)
		return seg_error_set(err, errno, "no list of VLANs");
	replay->zone_list = list;
	replay->zone_list_size = (size_t)status.st_size;
	return 0;
}

/* Every packet of a capture is seen, also those that the host sent: no answer speaks for a flow. */
static struct seg_constants constants_of(const struct seg_replay *replay, uint8_t direction)
{
	const struct seg_defaults *policy = seg_image_defaults(replay->image);
	const struct seg_vlan *vlans;
	struct seg_constants constants = {
		.buckets = replay->tables.table.buckets,
		.features = SEG_FEATURE_META | SEG_FEATURE_REPLAY | SEG_FEATURE_TWO_SIDED |
			    SEG_FEATURE_FRAGS | SEG_FEATURE_PARTIAL_SUM | SEG_FEATURE_GATHER,
		.queues = 1,
		.half_open_max = policy->half_open_max,
		.established_max = policy->sessions_max,
		.zone = SEG_REPLAY_ZONE,
		.on_loss = policy->on_loss,
		.direction = direction,
	};

	if (seg_image_vlans(replay->image, &vlans))
		constants.features |= SEG_FEATURE_VLAN;
	if (!replay->options.local_n)
		constants.features |= SEG_FEATURE_UNDIRECTED;
	if (direction == SEG_EGRESS && seg_image_allows_all(replay->image, SEG_EGRESS))
		constants.features |= SEG_FEATURE_LEARN;
	memcpy(constants.seed, replay->tables.seed, sizeof(constants.seed));
	return constants;
}

static int open_programs(struct seg_replay *replay, struct seg_error *err)
{
	unsigned int n = replay->options.local_n ? SEG_DIRECTION_MAX : 1;

	for (unsigned int i = 0; i < SEG_DIRECTION_MAX; i++)
		replay->constants[i] = constants_of(replay, (uint8_t)i);
	return seg_programs_open(&replay->programs, &replay->tables, replay->constants,
				 &replay->book.failsafe, n, err);
}

static void join(struct seg_replay *replay)
{
	const char *iface = replay->options.iface;

	replay->judge = (struct seg_judge){
		.image = replay->image,
		.constants = &replay->constants[SEG_INGRESS],
		.zones = replay->zone_list,
		.table = replay->tables.table,
		.generation = SEG_REPLAY_GENERATION,
		.iface = iface ? seg_image_iface(replay->image, iface) : SEG_IFACE_NONE,
	};
	replay->publisher = (struct seg_publisher){
		.table = replay->tables.table,
		.constants = replay->constants,
		.quota = replay->tables.quota,
		.rules = replay->book.rules,
		.rule_count = replay->book.entries - 1,
		.denied_max = seg_image_defaults(replay->image)->denied_max,
		.gaps = &replay->gaps,
	};
}

static int open_hold(struct seg_replay *replay, struct seg_error *err)
{
	replay->hold = seg_hold_new(SEG_REPLAY_HELD_MAX, 0, replay->tables.quota);
	if (!replay->hold)
		return seg_error_set(err, ENOMEM, "out of memory");
	replay->hold->look = seg_look_at_whole;
	replay->hold->look_data = replay;
	return 0;
}

int seg_replay_open(const struct seg_image *image, const struct seg_replay_options *options,
		    struct seg_replay **out, struct seg_error *err)
{
	_cleanup_replay_ struct seg_replay *replay = calloc(1, sizeof(*replay));
	int r;

	if (!replay)
		return seg_error_set(err, ENOMEM, "out of memory");
	replay->image = image;
	replay->options = *options;
	replay->programs.xsk = -1;
	replay->book = SEG_RULEBOOK_NONE;
	if ((r = open_book(replay, err)) || (r = open_tables(replay, err)) ||
	    (r = open_zones(replay, err)) || (r = open_programs(replay, err))) {
		if (r == -EPERM || r == -EACCES)
			seg_error_mend(err, "run it as root, as it runs the real program; `why` "
					    "explains a capture without");
		return r;
	}
	join(replay);
	r = open_hold(replay, err);
	if (r)
		return r;
	*out = TAKE(replay);
	return 0;
}

void seg_replay_close(struct seg_replay *replay)
{
	if (!replay)
		return;
	if (replay->hold)
		seg_replay_end(replay);
	seg_hold_free(replay->hold);
	seg_turn_close(&replay->turn);
	seg_programs_close(&replay->programs);
	if (replay->zone_list)
		munmap((void *)replay->zone_list, replay->zone_list_size);
	seg_account_close(&replay->account);
	if (replay->tables.config)
		seg_tables_close(&replay->tables);
	seg_failsafe_close(&replay->book.failsafe);
	free(replay->book.rules);
	free(replay->buffer);
	free(replay);
}
