/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "cleanup.h"
#include "handover.h"
#include "hash.h"
#include "record.h"
#include "spawner.h"

#define SEG_STATE_VERSION 3 /* of what no size tells: order, meaning */

#define BPFFS    "/sys/fs/bpf"
#define STATE    "state.json"
#define NEXT     ".next"
#define ACCOUNTS "accounts"

/* --- the folder ----------------------------------------------------------------- */

static bool pin_takes(char c)
{
	return isalnum((unsigned char)c) || c == '-';
}

/* bpffs keeps dots for itself: "eth0.5" becomes "eth0_2e5". */
static void escape(const char *name, char *to, size_t size)
{
	size_t used = 0;

	for (; *name && used + 4 < size; name++)
		used += (size_t)snprintf(to + used, size - used, pin_takes(*name) ? "%c" : "_%02x",
					 (unsigned char)*name);
	to[used] = '\0';
}

static void name_pins(struct seg_runtime *runtime)
{
	char name[3 * sizeof(runtime->path) + 1];

	escape(runtime->path, name, sizeof(name));
	if (!strcmp(runtime->path, SEG_RUNTIME_DEFAULT))
		strcpy(runtime->pins, BPFFS "/xdpseg");
	else
		snprintf(runtime->pins, sizeof(runtime->pins), BPFFS "/xdpseg%s", name);
}

static int set_path(struct seg_runtime *runtime, const char *path, struct seg_error *err)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	if (path[0] != '/' || length >= sizeof(runtime->path)) {
		seg_error_set(err, EINVAL, "'%s' is no runtime folder", path);
		seg_error_mend(err, "name it from the root, in less than %zu characters",
			       sizeof(runtime->path));
		seg_error_exit(err, SEG_EXIT_USAGE);
		return -EINVAL;
	}
	snprintf(runtime->path, sizeof(runtime->path), "%.*s", (int)length, path);
	name_pins(runtime);
	return 0;
}

static int refuse_folder(const struct seg_runtime *runtime, int errnum, struct seg_error *err)
{
	seg_error_set(err, errnum, "cannot use the runtime folder %s: %s", runtime->path,
		      strerror(errnum));
	seg_error_mend(err, "name another one by --runtime-dir");
	return -errnum;
}

/* Whoever can write there could put another socket in our place. */
static int check_owner(const struct seg_runtime *runtime, const struct stat *folder,
		       struct seg_error *err)
{
	if (folder->st_uid == geteuid() && !(folder->st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	seg_error_set(err, EPERM, "the runtime folder %s can be written to by others",
		      runtime->path);
	seg_error_mend(err, "chown %u %s && chmod 700 %s", geteuid(), runtime->path, runtime->path);
	return -EPERM;
}

static int report_busy(const struct seg_runtime *runtime, struct seg_error *err)
{
	seg_error_set(err, EBUSY, "another xdpsegd serves %s already", runtime->path);
	seg_error_mend(
		err, "use that one: `xdpseg attach` does. One that was started by hand ends with "
		     "`xdpseg detach --all`, and leaves the place to the service. Or name another "
		     "folder by --runtime-dir");
	seg_error_exit(err, SEG_EXIT_PROTECTED); /* nor should a service try it again and again */
	return -EBUSY;
}

/* -EAGAIN: its last owner removed it between our open and our lock. */
static int try_open(struct seg_runtime *runtime, struct seg_error *err)
{
	struct stat ours, there;

	runtime->made = !mkdir(runtime->path, 0700);
	if (!runtime->made && errno != EEXIST)
		return refuse_folder(runtime, errno, err);
	runtime->folder = open(runtime->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (runtime->folder < 0)
		return errno == ENOENT ? -EAGAIN : refuse_folder(runtime, errno, err);
	if (flock(runtime->folder, LOCK_EX | LOCK_NB))
		return report_busy(runtime, err);
	if (fstat(runtime->folder, &ours) || stat(runtime->path, &there) ||
	    ours.st_ino != there.st_ino)
		return -EAGAIN;
	return check_owner(runtime, &ours, err);
}

int seg_runtime_open(struct seg_runtime *runtime, const char *path, struct seg_error *err)
{
	int r = set_path(runtime, path, err);

	runtime->folder = -1;
	while (!r) {
		r = try_open(runtime, err);
		if (!r)
			return 0;
		seg_closep(&runtime->folder);
		runtime->folder = -1;
		if (r == -EAGAIN)
			r = 0;
	}
	return r;
}

void seg_runtime_close(struct seg_runtime *runtime)
{
	if (runtime->folder < 0)
		return;
	seg_runtime_remove_pins(runtime);
	unlinkat(runtime->folder, STATE, 0);
	unlinkat(runtime->folder, STATE NEXT, 0);
	unlinkat(runtime->folder, SEG_SPAWNER_SOCKET, 0);
	if (runtime->made)
		rmdir(runtime->path);
	close(runtime->folder);
	runtime->folder = -1;
}

uint64_t seg_runtime_netns(void)
{
	struct stat netns;

	return stat("/proc/self/ns/net", &netns) ? 0 : netns.st_ino;
}

/* --- pins ------------------------------------------------------------------------- */

const char *seg_runtime_pin(const struct seg_runtime *runtime, const char *prefix, const char *name,
			    char to[PATH_MAX])
{
	char escaped[128];

	escape(name, escaped, sizeof(escaped));
	snprintf(to, PATH_MAX, "%.*s/%s%s", PATH_MAX - 256, runtime->pins, prefix, escaped);
	return to;
}

int seg_runtime_make_pins(const struct seg_runtime *runtime, struct seg_error *err)
{
	if (!mkdir(runtime->pins, 0700))
		return 0;
	if (errno != EEXIST)
		return seg_error_set(err, errno, "cannot make %s: %s", runtime->pins,
				     strerror(errno));
	seg_error_set(err, EEXIST, "%s is there already, and not this daemon's", runtime->pins);
	seg_error_mend(err, "rm -r %s, if nothing uses it", runtime->pins);
	return -EEXIST;
}

static void closedirp(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

void seg_runtime_remove_pins(const struct seg_runtime *runtime)
{
	_cleanup_(closedirp) DIR *folder = opendir(runtime->pins);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(folder), entry->d_name, 0);
	rmdir(runtime->pins);
	unlinkat(runtime->folder, ACCOUNTS, 0);
	unlinkat(runtime->folder, SEG_RECORD, 0);
	unlinkat(runtime->folder, SEG_RECORD NEXT, 0);
	seg_runtime_prune(runtime, SEG_RECORD_TEXT, NULL, NULL);
}

int seg_runtime_accounts(const struct seg_runtime *runtime, bool fresh)
{
	int fd = openat(runtime->folder, ACCOUNTS,
			O_RDWR | O_CLOEXEC | O_NOFOLLOW | (fresh ? O_CREAT | O_TRUNC : 0), 0600);

	return fd < 0 ? -errno : fd;
}

/* --- files -------------------------------------------------------------------------- */

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n <= 0)
			return -EIO;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

int seg_runtime_write(const struct seg_runtime *runtime, const char *name, const char *text,
		      size_t size)
{
	_cleanup_close_ int fd = -1;
	char next[64];
	int r;

	snprintf(next, sizeof(next), "%.40s" NEXT, name);
	fd = openat(runtime->folder, next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, size);
	if (!r && renameat(runtime->folder, next, runtime->folder, name))
		r = -errno;
	return r;
}

/* In one piece: json_dumpfd() writes each word by itself. */
int seg_runtime_write_json(const struct seg_runtime *runtime, const char *name, const json_t *json)
{
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	return text ? seg_runtime_write(runtime, name, text, strlen(text)) : -ENOMEM;
}

static int open_to_read(const struct seg_runtime *runtime, const char *name)
{
	return openat(runtime->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int seg_runtime_read(const struct seg_runtime *runtime, const char *name, char **text, size_t *size)
{
	_cleanup_close_ int fd = open_to_read(runtime, name);
	_cleanup_free_ char *found = NULL;
	struct stat file;

	if (fd < 0 || fstat(fd, &file))
		return -errno;
	found = malloc((size_t)file.st_size + 1);
	if (!found)
		return -ENOMEM;
	if (read(fd, found, (size_t)file.st_size) != file.st_size)
		return -EIO;
	found[file.st_size] = '\0';
	*size = (size_t)file.st_size;
	*text = found;
	found = NULL;
	return 0;
}

json_t *seg_runtime_read_json(const struct seg_runtime *runtime, const char *name)
{
	_cleanup_close_ int fd = open_to_read(runtime, name);

	return fd < 0 ? NULL : json_loadfd(fd, 0, NULL);
}

bool seg_runtime_has(const struct seg_runtime *runtime, const char *name)
{
	return !faccessat(runtime->folder, name, F_OK, 0);
}

void seg_runtime_prune(const struct seg_runtime *runtime, const char *prefix,
		       bool (*keeps)(const void *data, const char *name), const void *data)
{
	_cleanup_(closedirp) DIR *folder = opendir(runtime->path);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)) &&
		    (!keeps || !keeps(data, entry->d_name)))
			unlinkat(runtime->folder, entry->d_name, 0);
}

/* --- the state file ---------------------------------------------------------------- */

/* A table outlives the program that filled it: where its sessions are must stay the same. */
static uint64_t hash_sample(void)
{
	const struct seg_constants constants = {.seed = {0x0123456789abcdef, 0x123456789abcdef0,
							 0x23456789abcdef01, 0x3456789abcdef012,
							 0x456789abcdef0123, 0x56789abcdef01234},
						.buckets = UINT32_MAX};
	const struct seg_key key = {.addr = {{1, 2, 3, 4}, {5, 6, 7, 8}}, .family = 6};
	const struct seg_hash hash = seg_hash_key(&key, &constants);

	return ((uint64_t)hash.bucket[0] << 32 | hash.bucket[1]) ^ hash.tag;
}

uint64_t seg_state_abi(void)
{
	const uint64_t parts[] = {
		hash_sample(),
		SEG_STATE_VERSION,
		SEG_HANDOVER_VERSION,
		SEG_FD_MAX,
		SEG_LEDGER_SIZE,
		sizeof(struct seg_handover),
		sizeof(struct seg_constants),
		sizeof(struct seg_session),
		sizeof(struct seg_tags),
		sizeof(struct seg_queue),
		sizeof(struct seg_quota),
		sizeof(struct seg_config),
		sizeof(struct seg_counts),
		sizeof(struct seg_rule_count),
		SEG_QUEUES_MAX,
		SEG_IFACES_MAX,
	};

	return XXH3_64bits(parts, sizeof(parts)) >> 1; /* a number in JSON has a sign */
}

struct seg_state_iface *seg_state_find(struct seg_state *state, uint32_t ifindex)
{
	for (size_t i = 0; i < state->ifaces_n; i++)
		if (state->ifaces[i].ifindex == ifindex)
			return &state->ifaces[i];
	return NULL;
}

static json_t *iface_to_json(const struct seg_state_iface *iface)
{
	return json_pack(
		"{s:s, s:i, s:b, s:b, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:i, s:b, s:s, s:s}",
		"name", iface->name, "ifindex", iface->ifindex, "qdisc", iface->qdisc, "complete",
		iface->complete, "index", iface->index, "queue_base", iface->queue_base, "queues",
		iface->queues, "zone", (int)iface->zone, "mode", iface->mode, "learns_until",
		(json_int_t)iface->learns_until, "attached", (json_int_t)iface->attached, "slot",
		iface->slot, "single", iface->single, "mode_why", iface->mode_why, "single_why",
		iface->single_why);
}

static json_t *process_json(const struct seg_process *process)
{
	return json_pack("{s:i, s:I}", "pid", process->pid, "start", (json_int_t)process->start);
}

static json_t *to_json(const struct seg_state *state)
{
	json_t *ifaces = json_array();

	for (size_t i = 0; i < state->ifaces_n; i++)
		json_array_append_new(ifaces, iface_to_json(&state->ifaces[i]));
	return json_pack("{s:I, s:o, s:o, s:I, s:b, s:o}", "abi", (json_int_t)state->abi, "spawner",
			 process_json(&state->spawner), "sharer", process_json(&state->sharer),
			 "netns", (json_int_t)state->netns, "made_folder", state->made,
			 "interfaces", ifaces);
}

int seg_state_save(const struct seg_runtime *runtime, const struct seg_state *state,
		   struct seg_error *err)
{
	json_auto_t *json = to_json(state);
	int r = seg_runtime_write_json(runtime, STATE, json);

	return r ? seg_error_set(err, -r, "cannot write %s/" STATE ": %s", runtime->path,
				 strerror(-r))
		 : 0;
}

static uint64_t number_of(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void text_of(const json_t *object, const char *key, char to[128])
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(to, 128, "%s", text ? text : "");
}

static int iface_from_json(const json_t *json, struct seg_state_iface *iface)
{
	const char *name = json_string_value(json_object_get(json, "name"));

	if (!name)
		return -EBADMSG;
	snprintf(iface->name, IFNAMSIZ, "%s", name);
	iface->ifindex = (uint32_t)number_of(json, "ifindex");
	iface->qdisc = json_is_true(json_object_get(json, "qdisc"));
	iface->complete = json_is_true(json_object_get(json, "complete"));
	iface->index = (uint32_t)number_of(json, "index");
	iface->queue_base = (uint32_t)number_of(json, "queue_base");
	iface->queues = (uint32_t)number_of(json, "queues");
	iface->zone = (uint16_t)number_of(json, "zone");
	iface->mode = (int)number_of(json, "mode");
	iface->learns_until = number_of(json, "learns_until");
	iface->attached = number_of(json, "attached");
	iface->slot = (uint32_t)number_of(json, "slot");
	iface->single = json_is_true(json_object_get(json, "single"));
	text_of(json, "mode_why", iface->mode_why);
	text_of(json, "single_why", iface->single_why);
	return 0;
}

/* What was written before there was such a process names none. */
static void read_sharer(const json_t *json, struct seg_process *sharer)
{
	const json_t *process = json_object_get(json, "sharer");

	sharer->pid = (pid_t)json_integer_value(json_object_get(process, "pid"));
	sharer->start = (uint64_t)json_integer_value(json_object_get(process, "start"));
}

static int from_json(const json_t *json, struct seg_state *state)
{
	const json_t *ifaces = json_object_get(json, "interfaces"), *iface;
	json_int_t start, netns;
	size_t i;
	int made;

	if (json_unpack((json_t *)json, "{s:{s:i, s:I}, s:I, s:b}", "spawner", "pid",
			&state->spawner.pid, "start", &start, "netns", &netns, "made_folder",
			&made))
		return -EBADMSG;
	state->abi = number_of(json, "abi");
	state->spawner.start = (uint64_t)start;
	state->netns = (uint64_t)netns;
	state->made = made;
	read_sharer(json, &state->sharer);
	json_array_foreach (ifaces, i, iface)
		if (i >= SEG_IFACES_MAX || iface_from_json(iface, &state->ifaces[i]))
			return -EBADMSG;
	state->ifaces_n = json_array_size(ifaces);
	return 0;
}

int seg_state_load(const struct seg_runtime *runtime, struct seg_state *state)
{
	_cleanup_close_ int fd = openat(runtime->folder, STATE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct seg_state loaded = {0};
	json_auto_t *json = NULL;

	if (fd < 0)
		return -errno;
	json = json_loadfd(fd, 0, NULL);
	if (!json || from_json(json, &loaded))
		return -EBADMSG;
	*state = loaded;
	return 0;
}
