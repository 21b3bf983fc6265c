/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cleanup.h"

#define BPFFS      "/sys/fs/bpf"
#define STATE      "state.json"
#define STATE_NEXT "state.json.next"

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
	seg_error_mend(err, "use that one, or name another folder by --runtime-dir");
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
	unlinkat(runtime->folder, STATE_NEXT, 0);
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
}

/* --- the state file ---------------------------------------------------------------- */

static json_t *to_json(const struct seg_state *state)
{
	json_t *ifaces = json_array();

	for (size_t i = 0; i < state->ifaces_n; i++)
		json_array_append_new(ifaces, json_pack("{s:s, s:i}", "name", state->ifaces[i].name,
							"ifindex", state->ifaces[i].ifindex));
	return json_pack("{s:{s:i, s:I}, s:I, s:b, s:o}", "spawner", "pid", state->spawner.pid,
			 "start", (json_int_t)state->spawner.start, "netns",
			 (json_int_t)state->netns, "made_folder", state->made, "interfaces",
			 ifaces);
}

int seg_state_save(const struct seg_runtime *runtime, const struct seg_state *state,
		   struct seg_error *err)
{
	json_auto_t *json = to_json(state);
	_cleanup_close_ int fd =
		openat(runtime->folder, STATE_NEXT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd >= 0 && !json_dumpfd(json, fd, JSON_COMPACT) &&
	    !renameat(runtime->folder, STATE_NEXT, runtime->folder, STATE))
		return 0;
	return seg_error_set(err, errno, "cannot write %s/" STATE ": %s", runtime->path,
			     strerror(errno));
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
	state->spawner.start = (uint64_t)start;
	state->netns = (uint64_t)netns;
	state->made = made;
	json_array_foreach (ifaces, i, iface) {
		const char *name = json_string_value(json_object_get(iface, "name"));

		if (i >= SEG_IFACES_MAX || !name)
			return -EBADMSG;
		snprintf(state->ifaces[i].name, IFNAMSIZ, "%s", name);
		state->ifaces[i].ifindex =
			(uint32_t)json_integer_value(json_object_get(iface, "ifindex"));
	}
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
