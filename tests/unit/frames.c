/* SPDX-License-Identifier: BSD-2-Clause */
/* frames.c - no frame is lost or given out twice, wherever its worker ends (invariant 5). */
#include <setjmp.h>

#include "worker_rig.h"

static struct seg_lane lane;
static jmp_buf death;
static int lives;

static void die_later(const char *name)
{
	(void)name;
	if (!--lives)
		longjmp(death, 1);
}

/* Each frame is in one place, and all are somewhere. */
static void check_census(uint32_t in_kernel)
{
	struct seg_census c;

	seg_frames_census(&lane.frames, &lane.rx, 0, &c);
	check_eq(c.fill + c.rx + c.worker + c.held + c.tx + c.completion + c.free, RIG_FRAMES);
	check_eq(c.fill, seg_ring_used(&lane.fill) + in_kernel);
	check_eq(c.rx, seg_ring_used(&lane.rx));
	check_eq(c.completion, seg_ring_used(&lane.completion));
}

/* No frame stands twice in what the kernel will take. */
static void check_fill_ring(void)
{
	bool there[RIG_FRAMES] = {false};

	for (uint32_t i = rig.fill.consumer; i != rig.fill.producer; i++) {
		uint64_t frame = rig.fill.addr[i % RIG_RING] / RIG_SIZE;

		check(!there[frame]);
		there[frame] = true;
	}
}

TEST(frames, all_go_to_the_fill_ring_at_first)
{
	rig_begin();
	rig_lane(&lane);
	check_eq(seg_frames_recover(&lane.frames, &lane.rx, &lane.tx), 0);
	check_census(0);
	check_eq(seg_frames_cycle(&lane.frames), RIG_FRAMES);
	check_eq(seg_ring_used(&lane.fill), RIG_FRAMES);
	check_fill_ring();
	check_census(0);
}

TEST(frames, sizes_that_are_none_are_refused)
{
	struct seg_frames frames;

	check_eq(seg_frames_init(&frames, &rig.ledger.book, NULL, NULL, 64, 3000), -EINVAL);
	check_eq(seg_frames_init(&frames, &rig.ledger.book, NULL, NULL, 64, 0), -EINVAL);
	check_eq(seg_frames_init(&frames, &rig.ledger.book, NULL, NULL, 0, 2048), -EINVAL);
	check_eq(seg_frames_init(&frames, &rig.ledger.book, NULL, NULL, SEG_FRAMES_MAX + 1, 2048),
		 -EINVAL);
}

/* The kernel holds some frames, in no ring: they stay its own. */
TEST(frames, what_the_kernel_holds_is_not_given_out_again)
{
	rig_begin();
	rig_lane(&lane);
	seg_frames_cycle(&lane.frames);
	seg_frames_recover(&lane.frames, &lane.rx, &lane.tx);
	seg_frames_cycle(&lane.frames);
	rig.fill.consumer += 5;
	rig_lane(&lane);
	check_eq(seg_frames_recover(&lane.frames, &lane.rx, &lane.tx), 0);
	check_eq(lane.frames.free_count, 0);
	check_census(5);
}

/* A ledger that lies is put right, and said so. */
TEST(frames, the_rings_are_believed)
{
	rig_begin();
	rig_lane(&lane);
	seg_frames_recover(&lane.frames, &lane.rx, &lane.tx);
	seg_frames_cycle(&lane.frames);
	rig.ledger.book.owner[3] = SEG_OWNER_FREE;
	rig_lane(&lane);
	check_eq(seg_frames_recover(&lane.frames, &lane.rx, &lane.tx), 1);
	check_eq(lane.frames.free_count, 0);
	check_census(0);
}

/* One worker's life until its `after`-th place: frames go round. Returns false if it lived through.
 */
static bool live_and_die(int after)
{
	lives = after;
	on_place = die_later;
	if (setjmp(death))
		return true;
	rig_lane(&lane);
	seg_frames_recover(&lane.frames, &lane.rx, &lane.tx);
	seg_frames_cycle(&lane.frames);
	for (uint32_t i = 0; i < 8; i++) {
		uint64_t address = rig.fill.addr[rig.fill.consumer++ % RIG_RING];

		seg_frames_own(&lane.frames, address, SEG_OWNER_TX);
		rig.completion.addr[rig.completion.producer++ % RIG_RING] = address;
	}
	seg_frames_cycle(&lane.frames);
	return false;
}

TEST(frames, death_anywhere_loses_none)
{
	int after = 1;

	for (bool died = true; died; after++) {
		rig_begin();
		rig_lane(&lane);
		seg_frames_recover(&lane.frames, &lane.rx, &lane.tx);
		died = live_and_die(after);
		on_place = NULL;
		rig_lane(&lane);
		check_eq(seg_frames_recover(&lane.frames, &lane.rx, &lane.tx), 0);
		seg_frames_cycle(&lane.frames);
		check_eq(seg_ring_used(&lane.fill), RIG_FRAMES);
		check_fill_ring();
		check_census(0);
	}
	check(after > 8);
}
