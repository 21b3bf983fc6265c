/* SPDX-License-Identifier: BSD-2-Clause */
/* gather.c - the facts, looked up; nothing is changed. */
#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "abi.h"
#include "cleanup.h"
#include "facts.h"
#include "handover.h"
#include "local.h"
#include "place.h"
#include "version.h"

/* --- who asks, and what is installed ------------------------------------------------------- */

static const struct {
	unsigned int number;
	const char *name;
} NEEDED[] = {
	{CAP_BPF, "CAP_BPF"},
	{CAP_PERFMON, "CAP_PERFMON"},
	{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{CAP_NET_RAW, "CAP_NET_RAW"},
	{CAP_IPC_LOCK, "CAP_IPC_LOCK"},
};

static bool has(unsigned int capability)
{
	return capng_have_capability(CAPNG_EFFECTIVE, capability);
}

static void get_capabilities(struct seg_setup *setup)
{
	size_t used = 0;

	capng_get_caps_process();
	for (size_t i = 0; i < SEG_ARRAY_SIZE(NEEDED); i++)
		if (!has(NEEDED[i].number))
			used += (size_t)snprintf(setup->lacks + used, sizeof(setup->lacks) - used,
						 "%s%s", used ? ", " : "", NEEDED[i].name);
	setup->sees_all = !*setup->lacks && has(CAP_SYS_ADMIN);
	setup->raises = has(CAP_SYS_RESOURCE);
}

static void get_setup(struct seg_setup *setup)
{
	char own[PATH_MAX], daemon[PATH_MAX], worker[PATH_MAX];
	struct rlimit files = {0};

	*setup = (struct seg_setup){.files_needed = SEG_QUEUES_MAX * SEG_FD_MAX + 1024};
	get_capabilities(setup);
	if (!getrlimit(RLIMIT_NOFILE, &files))
		setup->files = files.rlim_max;
	setup->worker_user = getpwnam(SEG_WORKER_USER) != NULL;
	if (seg_place_own(own) || seg_place_daemon(own, daemon))
		return;
	setup->has_daemon = true;
	*strrchr(daemon, '/') = '\0';
	setup->has_worker = !seg_place_worker(daemon, worker);
}

/* --- a daemon that died ----------------------------------------------------------------------- */

/* Its lock says whether a daemon lives; it is not tried, since one that starts could need it. */
static bool is_locked(const struct stat *folder)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/locks", "re");
	char line[256], wanted[64];

	snprintf(wanted, sizeof(wanted), " %02x:%02x:%llu ", major(folder->st_dev),
		 minor(folder->st_dev), (unsigned long long)folder->st_ino);
	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, "FLOCK") && strstr(line, wanted))
			return true;
	return false;
}

static int find_leftover(const char *runtime_dir)
{
	_cleanup_free_ char *state = NULL;
	struct stat folder, file;

	if (asprintf(&state, "%s/state.json", runtime_dir) < 0)
		return SEG_UNKNOWN;
	if (stat(state, &file) || stat(runtime_dir, &folder))
		return errno == ENOENT ? 0 : SEG_UNKNOWN;
	return !is_locked(&folder);
}

/* --- interfaces ------------------------------------------------------------------------------ */

static int get_rp_filter(const char *name)
{
	char path[96];
	int all = seg_sysctl("net/ipv4/conf/all/rp_filter"), own;

	snprintf(path, sizeof(path), "net/ipv4/conf/%s/rp_filter", name);
	own = seg_sysctl(path);
	return own > all ? own : all;
}

static bool is_tagged(uint32_t ifindex)
{
	_cleanup_locals_ struct seg_locals locals = {0};

	return !seg_locals_open(ifindex, &locals, NULL) && seg_locals_tagged(&locals);
}

static int add_device(struct seg_facts *facts, const char *name)
{
	struct seg_device_facts of = {.meta = SEG_UNKNOWN};
	int r = seg_device_get(name, &of.device);

	if (r) {
		of.missing = true;
		snprintf(of.device.name, IFNAMSIZ, "%s", name);
		return SEG_PUSH(&facts->devices, of);
	}
	of.tagged = is_tagged(of.device.ifindex);
	of.rp_filter = get_rp_filter(of.device.name);
	if (of.device.master)
		if_indextoname(of.device.master, of.master);
	r = seg_hooks_get(&of.device, &of.hooks);
	if (!r)
		r = SEG_PUSH(&facts->devices, of);
	if (r)
		seg_hooks_free(&of.hooks);
	return r;
}

/* An end of a pair that a keeper makes. */
static bool is_own(const char *name)
{
	static const char *const ends[] = {"segtx", "segrx", "segask", "segans"};

	for (size_t i = 0; i < SEG_ARRAY_SIZE(ends); i++) {
		size_t length = strlen(ends[i]);

		if (!strncmp(name, ends[i], length) && name[length] &&
		    !name[length + strspn(name + length, "0123456789")])
			return true;
	}
	return false;
}

static void free_names(struct if_nameindex **names)
{
	if (*names)
		if_freenameindex(*names);
}

static int add_all(struct seg_facts *facts)
{
	_cleanup_(free_names) struct if_nameindex *names = if_nameindex();
	struct seg_device device;
	int r = names ? 0 : -errno;

	for (const struct if_nameindex *at = names; at && at->if_index && !r; at++)
		if (!is_own(at->if_name) && !seg_device_get(at->if_name, &device) &&
		    device.ethernet && device.flags & IFF_UP)
			r = add_device(facts, at->if_name);
	return r;
}

static int get_devices(char *const *names, size_t n, struct seg_facts *facts)
{
	int r = n ? 0 : add_all(facts);

	for (size_t i = 0; i < n && !r; i++)
		r = add_device(facts, names[i]);
	return r;
}

int seg_facts_get(char *const *names, size_t n, const char *runtime_dir, struct seg_facts *out)
{
	*out = (struct seg_facts){.daemon.runtime_dir = runtime_dir};
	get_setup(&out->setup);
	seg_kernel_get(out->setup.sees_all, &out->kernel);
	out->daemon.leftover = find_leftover(runtime_dir);
	return get_devices(names, n, out);
}

void seg_facts_free(struct seg_facts *facts)
{
	for (uint32_t i = 0; i < facts->devices.n; i++)
		seg_hooks_free(&facts->devices.item[i].hooks);
	free(facts->devices.item);
	*facts = (struct seg_facts){0};
}
