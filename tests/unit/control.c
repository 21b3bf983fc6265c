/* SPDX-License-Identifier: BSD-2-Clause */
/* control.c - the keeper's logic without a kernel: ages, accounts, the reaper, the state file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "age.h"
#include "check.h"
#include "cleanup.h"
#include "clock.h"
#include "message.h"
#include "policy.h"
#include "process.h"
#include "reaper.h"
#include "record.h"
#include "session.h"
#include "watch.h"
#include "workers.h"

#define SECOND SEG_NS_PER_S

/* --- a table in memory, and a policy of one rule --------------------------------------------- */

#define BUCKETS 4
#define SLOTS   (BUCKETS * SEG_BUCKET_SLOTS)

static struct rig {
	struct seg_tags tags[BUCKETS];
	struct seg_session slots[SLOTS];
	struct seg_queue queues[SEG_QUEUES_MAX];
	struct seg_quota quota;
	struct seg_tables tables;
	struct seg_account account;
	struct seg_rulebook book;
	struct seg_rule_count rules[3];
	struct seg_reaper reaper;
	int graces;
	void (*during_grace)(void);
} rig;

static int grace(struct seg_tables *tables)
{
	(void)tables;
	rig.graces++;
	if (rig.during_grace)
		rig.during_grace();
	return 0;
}

static void rig_begin(void)
{
	static const char text[] = "version: 1\nname: x\nrules:\n  - {id: one, action: allow}\n"
				   "  - {id: soon, action: deny, stage: shadow}\n";
	const struct seg_policy_file file = {"x", text, strlen(text)};
	struct seg_image *image = NULL;

	memset(&rig, 0, sizeof(rig));
	rig.tables.table = (struct seg_table){rig.tags, rig.slots, BUCKETS, 0};
	rig.tables.queues = rig.queues;
	rig.tables.quota = &rig.quota;
	check_eq(seg_account_open(&rig.account, -1, SLOTS, NULL), 0);
	check_eq(seg_policy_compile(&file, NULL, &image, NULL), 0);
	rig.book.image = image;
	rig.book.rules = rig.rules;
	rig.book.entries = 3;
	rig.book.generation = 7;
	rig.reaper = (struct seg_reaper){&rig.tables, &rig.account, &rig.book, grace, 0, 0, 0};
}

static void rig_end(void)
{
	seg_account_close(&rig.account);
	seg_image_free((struct seg_image *)rig.book.image);
}

/* A session that rule 0 allows, last seen at `seen`, that counted one packet of 100 bytes each way.
 */
static struct seg_session *put(uint32_t slot, uint8_t proto, uint8_t l4, uint64_t seen)
{
	struct seg_session *s = &rig.slots[slot];

	rig.tags[slot / SEG_BUCKET_SLOTS].word[slot % SEG_BUCKET_SLOTS / 8] |= 1ull << slot % 8 * 8;
	s->key.family = 4;
	s->key.proto = proto;
	s->state = seg_state_make(SEG_LIFE_LIVE, l4, 0, 3, seg_clock_tick(seen));
	s->verdict[rig.book.generation & 1] =
		seg_verdict_make(SEG_VERDICT_ALLOW, 0, rig.book.generation, 0);
	s->gate = SEG_GATE_OPEN | seg_clock_tick(seen);
	s->count[0] = s->count[1] = seg_count_pack(1, 100);
	rig.quota.class[SEG_CLASS_HALF_OPEN].used++;
	return s;
}

/* --- age ------------------------------------------------------------------------------------- */

TEST(age, each_state_has_its_timeout)
{
	static const struct {
		uint8_t proto, l4;
		enum seg_timeout timeout;
	} rows[] = {
		{IPPROTO_TCP, SEG_L4_OPENING, SEG_TIMEOUT_TCP_SYN},
		{IPPROTO_TCP, SEG_L4_ESTABLISHED, SEG_TIMEOUT_TCP_ESTABLISHED},
		{IPPROTO_TCP, SEG_L4_CLOSING, SEG_TIMEOUT_TCP_FIN},
		{IPPROTO_TCP, SEG_L4_TIME_WAIT, SEG_TIMEOUT_TCP_TIME_WAIT},
		{IPPROTO_TCP, 255, SEG_TIMEOUT_TCP_SYN},
		{IPPROTO_UDP, SEG_L4_OPENING, SEG_TIMEOUT_UDP},
		{IPPROTO_UDP, SEG_L4_ESTABLISHED, SEG_TIMEOUT_UDP_STREAM},
		{IPPROTO_ICMP, SEG_L4_ESTABLISHED, SEG_TIMEOUT_ICMP},
		{IPPROTO_ICMPV6, SEG_L4_OPENING, SEG_TIMEOUT_ICMP},
		{IPPROTO_SCTP, SEG_L4_ESTABLISHED, SEG_TIMEOUT_OTHER},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_eq(seg_age_timeout(rows[i].proto,
					 seg_state_make(SEG_LIFE_LIVE, rows[i].l4, 0, 0, 0)),
			 rows[i].timeout);
}

/* "Seen" may be later than "now" by a tick, and wraps after 52 days. */
TEST(age, time_is_modular)
{
	check_eq(seg_clock_since(5, 5), 0);
	check_eq(seg_clock_since(6, 5), 0);
	check_eq(seg_clock_since(0xffffffff, 1), 2ull << SEG_TICK_SHIFT);
}

/* --- the reaper ------------------------------------------------------------------------------ */

TEST(reaper, the_silent_die_and_leave_their_counters)
{
	rig_begin();
	put(0, IPPROTO_ICMP, SEG_L4_OPENING, 100 * SECOND);
	put(17, IPPROTO_TCP, SEG_L4_ESTABLISHED, 100 * SECOND);
	check_eq(seg_reaper_round(&rig.reaper, 105 * SECOND), 0);
	check_eq(rig.graces, 0);
	check_eq(seg_reaper_round(&rig.reaper, 111 * SECOND), 1);
	check_eq(rig.graces, 1);
	check_eq(seg_state_life(rig.slots[0].state), SEG_LIFE_FREE);
	check_eq(seg_state_incarnation(rig.slots[0].state), 4);
	check_eq(rig.rules[0].count.packets, 2);
	check_eq(rig.rules[0].count.bytes, 200);
	check_eq(rig.rules[0].sessions, 1);
	check_eq(rig.quota.class[SEG_CLASS_HALF_OPEN].used, 1);
	check(seg_reaper_needed(&rig.reaper));
	check_eq(seg_reaper_round(&rig.reaper, 7301 * SECOND), 1);
	check(!seg_reaper_needed(&rig.reaper));
	rig_end();
}

TEST(reaper, a_claim_that_was_given_up_counts_nowhere)
{
	rig_begin();
	put(3, IPPROTO_TCP, SEG_L4_OPENING, SECOND);
	rig.slots[3].key.family = 0;
	rig.slots[3].state = seg_state_set_life(rig.slots[3].state, SEG_LIFE_DEAD);
	check_eq(seg_reaper_round(&rig.reaper, SECOND), 1);
	check_eq(rig.rules[0].sessions, 0);
	check_eq(rig.quota.class[SEG_CLASS_HALF_OPEN].used, 1);
	rig_end();
}

/* A worker in the middle of a batch may hold the session: nothing is freed before it moves. */
TEST(reaper, workers_are_waited_for)
{
	rig_begin();
	rig.queues[2].batches = 5;
	put(0, IPPROTO_ICMP, SEG_L4_OPENING, 0);
	check_eq(seg_reaper_round(&rig.reaper, 60 * SECOND), 0);
	check_eq(seg_state_life(rig.slots[0].state), SEG_LIFE_DEAD);
	rig.queues[2].batches = 6;
	check_eq(seg_reaper_round(&rig.reaper, 61 * SECOND), 1);
	rig_end();
}

static void worker_moves(void)
{
	rig.queues[0].batches += 2;
}

TEST(reaper, a_worker_that_moved_on_holds_nothing)
{
	rig_begin();
	rig.queues[0].batches = 5;
	rig.during_grace = worker_moves;
	put(0, IPPROTO_ICMP, SEG_L4_OPENING, 0);
	check_eq(seg_reaper_round(&rig.reaper, 60 * SECOND), 1);
	rig_end();
}

static void packet_counts(void)
{
	rig.slots[0].count[0] += seg_count_pack(1, 60);
}

/* What a program that found it late still counts is not lost. */
TEST(reaper, counters_are_read_after_the_grace_period)
{
	rig_begin();
	rig.during_grace = packet_counts;
	put(0, IPPROTO_ICMP, SEG_L4_OPENING, 0);
	check_eq(seg_reaper_round(&rig.reaper, 60 * SECOND), 1);
	check_eq(rig.rules[0].count.packets, 3);
	check_eq(rig.rules[0].count.bytes, 260);
	rig_end();
}

TEST(reaper, an_interface_takes_its_sessions_along)
{
	rig_begin();
	put(0, IPPROTO_TCP, SEG_L4_ESTABLISHED, SECOND)->iface[0] = 1;
	put(1, IPPROTO_TCP, SEG_L4_ESTABLISHED, SECOND)->iface[1] = 2;
	seg_reaper_kill_iface(&rig.reaper, 1);
	check_eq(seg_state_life(rig.slots[0].state), SEG_LIFE_LIVE);
	check_eq(seg_state_life(rig.slots[1].state), SEG_LIFE_DEAD);
	rig_end();
}

/* --- accounts -------------------------------------------------------------------------------- */

TEST(account, large_counters_move_and_nothing_is_lost)
{
	struct seg_session *s;
	struct seg_count total;

	rig_begin();
	s = put(9, IPPROTO_TCP, SEG_L4_ESTABLISHED, SECOND);
	seg_account_harvest(&rig.account, s, 9);
	check_eq(s->count[0], seg_count_pack(1, 100));
	s->count[0] = seg_count_pack(1 << 20, 5);
	s->count[1] = seg_count_pack(7, 1ull << 36);
	seg_account_harvest(&rig.account, s, 9);
	check_eq(s->count[0], 0);
	check_eq(s->count[1], 0);
	s->count[0] = seg_count_pack(1, 1);
	total = seg_account_total(&rig.account, s, 9, 0);
	check_eq(total.packets, (1 << 20) + 1);
	check_eq(total.bytes, 6);
	total = seg_account_credit(&rig.account, s, 9);
	check_eq(total.packets, (1 << 20) + 8);
	seg_account_clear(&rig.account, 9);
	check_eq(seg_account_total(&rig.account, s, 9, 1).packets, 0);
	rig_end();
}

/* Two rules in turn decide a session: each is credited with its own part. */
TEST(account, a_rule_is_credited_once)
{
	struct seg_history *history = NULL;
	struct seg_session *s;

	rig_begin();
	s = put(0, IPPROTO_TCP, SEG_L4_ESTABLISHED, SECOND);
	seg_reaper_retire(&rig.reaper, &rig.book, &history);
	check_eq(seg_history_get(history, "one").count.packets, 2);
	check_eq(seg_history_get(history, "one").sessions, 1);
	check_eq(seg_history_get(history, "two").sessions, 0);
	s->count[0] += seg_count_pack(1, 60);
	check_eq(seg_account_credit(&rig.account, s, 0).packets, 1);
	check_eq(seg_account_credit(&rig.account, s, 0).bytes, 60);
	check_eq(seg_account_total(&rig.account, s, 0, 0).packets, 2);
	seg_history_free(&history);
	rig_end();
}

/* What a rule of stage shadow would have decided goes where the session's packets go. */
TEST(account, a_shadow_rule_is_credited_beside_it)
{
	struct seg_rule_count live[3] = {0};
	struct seg_history *history = NULL;
	struct seg_session *s;

	rig_begin();
	s = put(0, IPPROTO_ICMP, SEG_L4_OPENING, SECOND);
	s->shadow[1] = seg_shadow_make(1);
	s->shadow[0] = seg_shadow_make(0); /* of another generation */
	seg_session_credit(&rig.account, s, 0, &rig.book, live);
	check_eq(live[0].count.packets, 2);
	check_eq(live[0].shadow, 0);
	check_eq(live[1].shadow, 2);
	check_eq(live[1].sessions, 0);
	seg_reaper_retire(&rig.reaper, &rig.book, &history);
	check_eq(seg_history_get(history, "soon").shadow, 2);
	check_eq(seg_history_get(history, "one").shadow, 0);
	memset(rig.rules, 0, sizeof(rig.rules));
	rig.book.generation = 8; /* judged again, by the same rules */
	s->verdict[0] = seg_verdict_make(SEG_VERDICT_ALLOW, 0, 8, 0);
	s->shadow[0] = seg_shadow_make(1);
	s->count[0] += seg_count_pack(3, 60);
	check_eq(seg_reaper_round(&rig.reaper, 100 * SECOND), 1);
	check_eq(rig.rules[0].count.packets, 3);
	check_eq(rig.rules[1].shadow, 3);
	seg_history_add(&history, "soon", &rig.rules[1]);
	check_eq(seg_history_get(history, "soon").shadow, 5);
	check_eq(rig.slots[0].shadow[0], 0);
	seg_history_free(&history);
	rig_end();
}

TEST(account, generations_skip_zero)
{
	check_eq(seg_generation_after(1), 2);
	check_eq(seg_generation_after(65535), 1);
}

/* --- workers that hang ----------------------------------------------------------------------- */

TEST(watch, a_stalled_queue_is_what_xdp_calls_one)
{
	struct seg_queue queue = {.sent = 5, .consumed = 5, .seen = 5, .since = SECOND};

	check(!seg_queue_stalled(&queue, 9 * SECOND)); /* nothing waits */
	queue.sent = 6;
	check(seg_queue_stalled(&queue, 9 * SECOND));
	check(!seg_queue_stalled(&queue, SECOND + SEG_WORKER_LOST_NS));
	queue.consumed = 6; /* moved since */
	queue.sent = 9;
	check(!seg_queue_stalled(&queue, 9 * SECOND));
}

TEST(watch, a_worker_hangs_once_it_has_had_time)
{
	const struct seg_queue queue = {.sent = 6, .consumed = 5, .seen = 5};
	struct seg_remote worker = {.state = SEG_REMOTE_READY, .pid = 1, .since = 90 * SECOND};

	check(!seg_worker_hangs(&worker, &queue, 90 * SECOND + SEG_WORKER_LOST_NS));
	check(seg_worker_hangs(&worker, &queue, 90 * SECOND + SEG_WORKER_LOST_NS + 1));
	worker.state = SEG_REMOTE_STARTING; /* slow, but it comes */
	check(!seg_worker_hangs(&worker, &queue, 90 * SECOND + SEG_WORKER_START_NS));
	check(seg_worker_hangs(&worker, &queue, 90 * SECOND + SEG_WORKER_START_NS + 1));
	worker.pid = 0;
	check(!seg_worker_hangs(&worker, &queue, 99 * SECOND + SEG_WORKER_START_NS));
}

/* --- the state file -------------------------------------------------------------------------- */

static char folder[64];

static void folder_begin(void)
{
	strcpy(folder, "/tmp/seg-unit-XXXXXX");
	check(mkdtemp(folder) != NULL);
	strcat(folder, "/run");
}

static void folder_end(void)
{
	*strrchr(folder, '/') = '\0';
	check_eq(rmdir(folder), 0);
}

TEST(state, what_was_written_is_read)
{
	struct seg_state out = {.netns = 4026531840, .made = true, .ifaces_n = 1}, in;
	struct seg_runtime runtime;

	folder_begin();
	check_eq(seg_runtime_open(&runtime, folder, NULL), 0);
	check_eq(seg_state_load(&runtime, &in), -ENOENT);
	check_eq(seg_process_of(getpid(), &out.spawner), 0);
	out.abi = seg_state_abi();
	out.ifaces[0] = (struct seg_state_iface){
		.name = "eth0",
		.ifindex = 3,
		.qdisc = true,
		.complete = true,
		.index = 7,
		.queue_base = 12,
		.queues = 2,
		.zone = 513,
		.mode = 2,
		.learns_until = 1ull << 60,
		.attached = 12345678901,
	};
	check_eq(seg_state_save(&runtime, &out, NULL), 0);
	check_eq(seg_state_load(&runtime, &in), 0);
	check_eq(in.spawner.start, out.spawner.start);
	check_eq(in.netns, out.netns);
	check(in.made);
	check_eq(in.ifaces_n, 1);
	check_eq(in.abi, out.abi);
	check(!memcmp(&in.ifaces[0], &out.ifaces[0], sizeof(in.ifaces[0])));
	check(seg_state_find(&in, 3) == &in.ifaces[0]);
	check(!seg_state_find(&in, 4));
	seg_runtime_close(&runtime);
	check(access(folder, F_OK) != 0);
	folder_end();
}

static void write_record(const struct seg_runtime *runtime)
{
	const struct seg_rule_count web = {.count = {5, 1ull << 40}, .sessions = 3, .shadow = 9};
	struct seg_record out = {
		.given = true,
		.generation = 65535,
		.revision = 4,
		.trial_ends = 1ull << 61,
	};

	check_eq(seg_policy_files_add(&out.files, "a.yaml", "one\n", 4), 0);
	check_eq(seg_policy_files_add(&out.files, "list.txt", "192.0.2.1\n", 10), 0);
	check_eq(seg_policy_files_add(&out.before, "b.yaml", "two\n", 4), 0);
	seg_history_add(&out.history, "web", &web);
	check_eq(seg_record_save(runtime, &out), 0);
	seg_record_free(&out);
}

TEST(state, the_policy_is_known_to_a_next_life)
{
	struct seg_runtime runtime;
	struct seg_record in;
	struct seg_rule_count web;

	folder_begin();
	check_eq(seg_runtime_open(&runtime, folder, NULL), 0);
	check_eq(seg_record_load(&runtime, &in), -EBADMSG);
	write_record(&runtime);
	check_eq(seg_record_load(&runtime, &in), 0);
	check(in.given && !in.observe);
	check_eq(in.generation, 65535);
	check_eq(in.revision, 4);
	check_eq(in.trial_ends, 1ull << 61);
	check_eq(in.files.n, 2);
	check(seg_policy_files_find(&in.files, "list.txt") != NULL);
	check_eq(in.before.n, 1);
	check(!strcmp(in.before.item[0].text, "two\n"));
	web = seg_history_get(in.history, "web");
	check_eq(web.count.packets, 5);
	check_eq(web.count.bytes, 1ull << 40);
	check_eq(web.sessions, 3);
	check_eq(web.shadow, 9);
	seg_record_free(&in);
	seg_runtime_close(&runtime);
	check(access(folder, F_OK) != 0);
	folder_end();
}

static int is_text(const struct dirent *entry)
{
	return !strncmp(entry->d_name, SEG_RECORD_TEXT, strlen(SEG_RECORD_TEXT));
}

/* How many texts are there; one of them is changed. */
static int spoil_one_text(const struct seg_runtime *runtime)
{
	struct dirent **found;
	int n = scandir(runtime->path, &found, is_text, NULL);

	check(n > 0);
	check_eq(seg_runtime_write(runtime, found[0]->d_name, "other\n", 6), 0);
	for (int i = 0; i < n; i++)
		free(found[i]);
	free(found);
	return n;
}

TEST(state, a_text_is_the_one_that_was_recorded)
{
	struct seg_record in, out = {.given = true, .generation = 3};
	struct seg_runtime runtime;

	folder_begin();
	check_eq(seg_runtime_open(&runtime, folder, NULL), 0);
	write_record(&runtime);
	check_eq(seg_policy_files_add(&out.files, "a.yaml", "three\n", 6), 0);
	check_eq(seg_policy_files_add(&out.files, "list.txt", "192.0.2.1\n", 10), 0);
	check_eq(seg_record_save(&runtime, &out), 0);
	check_eq(spoil_one_text(&runtime), 2); /* nothing else of the record before */
	check_eq(seg_record_load(&runtime, &in), -EBADMSG);
	seg_record_free(&out);
	seg_runtime_close(&runtime);
	check(access(folder, F_OK) != 0);
	folder_end();
}

TEST(state, accounts_outlive_who_kept_them)
{
	const struct seg_count credit = {7, 700};
	struct seg_account account;
	struct seg_runtime runtime;

	folder_begin();
	check_eq(seg_runtime_open(&runtime, folder, NULL), 0);
	for (int life = 0; life < 2; life++) {
		_cleanup_close_ int file = seg_runtime_accounts(&runtime, !life);

		check_eq(seg_account_open(&account, file, SLOTS, NULL), 0);
		check_eq(account.rows[3].credited.packets, life ? 7 : 0);
		if (!life)
			seg_account_settle(&account, 3, &credit);
		seg_account_close(&account);
	}
	seg_runtime_close(&runtime);
	check(access(folder, F_OK) != 0);
	folder_end();
}

#define MANY 100000

static long blocks_of(int file)
{
	struct stat about;

	check_eq(fstat(file, &about), 0);
	return (long)about.st_blocks;
}

/* In /run, that is in memory, a page that is looked at is a page. */
TEST(account, what_was_never_written_costs_nothing)
{
	_cleanup_close_ int file = memfd_create("accounts", MFD_CLOEXEC);
	const struct seg_count credit = {7, 700};
	const struct seg_session session = {};
	struct seg_account account;

	check(file >= 0);
	for (uint32_t life = 0; life < 2; life++) {
		check_eq(seg_account_open(&account, file, MANY, NULL), 0);
		for (uint32_t slot = 0; slot < MANY; slot++) {
			check_eq(seg_account_credit(&account, &session, slot).packets,
				 slot == MANY / 2 && life ? -7ull : 0);
		}
		check(blocks_of(file) <= (life ? 64 : 0));
		if (!life)
			seg_account_settle(&account, MANY / 2, &credit);
		else
			seg_account_clear(&account, MANY / 2);
		seg_account_close(&account);
	}
}

TEST(state, one_daemon_a_folder)
{
	struct seg_runtime first, second;
	struct seg_error err = {0};

	folder_begin();
	check_eq(seg_runtime_open(&first, folder, NULL), 0);
	check_eq(seg_runtime_open(&second, folder, &err), -EBUSY);
	check(strstr(err.what, folder) != NULL);
	seg_runtime_close(&first);
	check_eq(seg_runtime_open(&second, folder, NULL), 0);
	seg_runtime_close(&second);
	folder_end();
}

/* Dots are not for bpffs, and two names never become one. */
TEST(state, pins_have_names_that_bpffs_takes)
{
	struct seg_runtime a, b;
	char pin[PATH_MAX];

	folder_begin();
	check_eq(seg_runtime_open(&a, folder, NULL), 0);
	check(!strchr(seg_runtime_pin(&a, "link_", "eth0.5", pin), '.'));
	check(strstr(pin, "link_eth0_2e5") != NULL);
	b = a;
	check_eq(seg_runtime_open(&b, "relative", NULL), -EINVAL);
	seg_runtime_close(&a);
	folder_end();
}

TEST(state, a_folder_that_others_can_write_to_is_refused)
{
	struct seg_runtime runtime;

	folder_begin();
	check_eq(mkdir(folder, 0777), 0);
	check_eq(chmod(folder, 0777), 0);
	check_eq(seg_runtime_open(&runtime, folder, NULL), -EPERM);
	check_eq(rmdir(folder), 0);
	folder_end();
}

/* --- processes ------------------------------------------------------------------------------- */

TEST(process, a_number_that_is_used_again_is_not_it)
{
	struct seg_process self;
	int fd;

	check_eq(seg_process_of(getpid(), &self), 0);
	fd = seg_process_open(&self);
	check(fd >= 0);
	close(fd);
	self.start++;
	check_eq(seg_process_open(&self), -ESRCH);
	check_eq(seg_process_end(&self, 0), 0);
	self.pid = 0;
	check_eq(seg_process_open(&self), -ESRCH);
}

/* --- workers: two sockets, whose messages come in any order -------------------------------- */

static struct seg_workers workers;
static struct seg_remote remote;
static int spawner_end, worker_end;

static void begin_worker(struct seg_loop *loop)
{
	int pair[2], fds[SEG_FD_MAX];
	struct seg_spawn start;

	check_eq(seg_loop_open(loop), 0);
	check_eq(seg_message_pair(pair), 0);
	spawner_end = pair[1];
	check_eq(seg_workers_open(&workers, loop, pair[0], NULL), 0);
	for (int i = 0; i < SEG_FD_MAX; i++)
		fds[i] = -1;
	fds[SEG_FD_HANDOVER] = spawner_end;
	check_eq(seg_remote_start(&workers, &remote, 3, fds, NULL), 0);
	check_eq(seg_message_receive(spawner_end, &start, sizeof(start), fds, SEG_FD_MAX, 1),
		 SEG_FD_MAX);
	worker_end = fds[SEG_FD_DOORBELL];
}

static void worker_says(struct seg_loop *loop, int32_t pid, uint32_t generation)
{
	struct seg_doorbell ready = {SEG_DOORBELL_READY, generation, pid};

	check_eq(seg_message_send(worker_end, &ready, sizeof(ready), NULL, 0), 0);
	check_eq(seg_loop_once(loop, 1000), 0);
}

static void spawner_says(struct seg_loop *loop, uint32_t kind, int32_t pid)
{
	struct seg_spawn message = {.kind = kind, .queue_index = 3, .pid = pid};

	check_eq(seg_message_send(spawner_end, &message, sizeof(message), NULL, 0), 0);
	check_eq(seg_loop_once(loop, 1000), 0);
}

TEST(workers, a_word_that_comes_before_the_start_is_kept)
{
	struct seg_loop loop;

	begin_worker(&loop);
	worker_says(&loop, 77, 5);
	check_eq(remote.state, SEG_REMOTE_STARTING);
	spawner_says(&loop, SEG_SPAWN_STARTED, 77);
	check_eq(remote.state, SEG_REMOTE_READY);
	check_eq(remote.generation, 5);
}

TEST(workers, a_dead_workers_word_is_not_its_successors)
{
	struct seg_loop loop;

	begin_worker(&loop);
	spawner_says(&loop, SEG_SPAWN_STARTED, 77);
	spawner_says(&loop, SEG_SPAWN_ENDED, 77);
	worker_says(&loop, 77, 5);
	spawner_says(&loop, SEG_SPAWN_STARTED, 78);
	check_eq(remote.state, SEG_REMOTE_STARTING);
	worker_says(&loop, 78, 5);
	check_eq(remote.state, SEG_REMOTE_READY);
}

/* --- loop -------------------------------------------------------------------------------- */

static struct seg_loop later_loop;
static char said[8];

static void say(void *word)
{
	strncat(said, word, sizeof(said) - strlen(said) - 1);
}

static void answers(struct seg_watch *watch, uint32_t events)
{
	static char first[] = "1", then[] = "2";

	(void)watch, (void)events;
	seg_loop_put_off(&later_loop, say, then);
	say(first);
}

static void answers_twice(struct seg_watch *watch, uint32_t events)
{
	answers(watch, events);
	answers(watch, events);
}

static void call_once(void (*ready)(struct seg_watch *watch, uint32_t events))
{
	int ends[2];
	struct seg_watch watch = {.ready = ready};

	said[0] = '\0';
	check_eq(pipe2(ends, O_CLOEXEC), 0);
	check_eq(write(ends[1], "", 1), 1);
	watch.fd = ends[0];
	check_eq(seg_loop_add(&later_loop, &watch, EPOLLIN), 0);
	check_eq(seg_loop_once(&later_loop, 1000), 0);
	seg_loop_remove(&later_loop, &watch);
	close(ends[0]);
	close(ends[1]);
}

TEST(loop, what_is_put_off_follows_the_call_and_is_done_once)
{
	check_eq(seg_loop_open(&later_loop), 0);
	call_once(answers);
	check(!strcmp(said, "12"));
	call_once(answers_twice);
	check(!strcmp(said, "1212"));
	seg_loop_catch_up(&later_loop);
	check(!strcmp(said, "1212"));
	seg_loop_close(&later_loop);
}
