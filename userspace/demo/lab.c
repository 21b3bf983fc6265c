/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "cable.h"
#include "cleanup.h"

#define CLIENT_IFACE "cable"
#define BPFFS        "/sys/fs/bpf"

static const char *const ADDRESSES[SEG_LAB_SIDES][2] = {
	[SEG_LAB_HOST] = {"10.99.0.2", "2001:db8:99::2"},
	[SEG_LAB_CLIENT] = {"10.99.0.1", "2001:db8:99::1"},
};

struct sockaddr_storage seg_lab_address(enum seg_lab_side side, int family, uint16_t port)
{
	struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
	struct sockaddr_in6 *six = (void *)&address;
	struct sockaddr_in *four = (void *)&address;

	if (family == AF_INET) {
		four->sin_port = htons(port);
		inet_pton(AF_INET, ADDRESSES[side][0], &four->sin_addr);
	} else {
		six->sin6_port = htons(port);
		inet_pton(AF_INET6, ADDRESSES[side][1], &six->sin6_addr);
	}
	return address;
}

/* --- a place of its own ------------------------------------------------------------------- */

static int fail(int errnum, const char *what, struct seg_error *err)
{
	return seg_error_set(err, errnum, "cannot %s: %s", what, strerror(errnum));
}

int seg_lab_prepare(struct seg_error *err)
{
	int r;

	if (!unshare(CLONE_NEWPID))
		return 0;
	r = fail(errno, "make namespaces", err);
	if (r == -EPERM)
		seg_error_mend(err, "run it as root");
	else
		seg_error_mend(err, "it needs a kernel with namespaces, and leave to make them");
	return r;
}

static const struct {
	const char *type, *at;
	unsigned long flags;
	const char *options;
} MOUNTS[] = {
	{"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
	{"bpf", BPFFS, MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"},
	{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
};

/* Only if nothing that is mounted here is seen outside. */
static int leave_mounts(struct seg_error *err)
{
	int r;

	if (!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 0;
	r = fail(errno, "have mounts of its own", err);
	if (r == -EINVAL)
		seg_error_mend(err, "the root folder is no mount point: `mount --bind DIR DIR` "
				    "before chroot");
	return r;
}

static int mount_own(struct seg_error *err)
{
	int r = leave_mounts(err);

	for (size_t i = 0; !r && i < SEG_ARRAY_SIZE(MOUNTS); i++)
		if (mount(MOUNTS[i].type, MOUNTS[i].at, MOUNTS[i].type, MOUNTS[i].flags,
			  MOUNTS[i].options)) {
			r = seg_error_set(err, errno, "cannot mount %s at %s: %s", MOUNTS[i].type,
					  MOUNTS[i].at, strerror(errno));
			seg_error_mend(err, "it needs /proc, /sys, /run, and a kernel with BPF");
		}
	if (r)
		return r;
	return mkdir(SEG_LAB_FOLDER, 0755) || chdir(SEG_LAB_FOLDER)
		       ? fail(errno, "make " SEG_LAB_FOLDER, err)
		       : 0;
}

/* --- network namespaces ---------------------------------------------------------------------- */

/* A new one, in which this process is then. */
static int make_space(void)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Sockets for ping need no right then; the first group is root's. */
static int allow_ping(void)
{
	_cleanup_close_ int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, "0 0", 3) != 3 ? -errno : 0;
}

static int set_up(enum seg_lab_side side, const char *name)
{
	struct sockaddr_storage four = seg_lab_address(side, AF_INET, 0);
	struct sockaddr_storage six = seg_lab_address(side, AF_INET6, 0);
	int r = seg_cable_up("lo");

	if (!r)
		r = seg_cable_address(name, &four, 24);
	if (!r)
		r = seg_cable_address(name, &six, 64);
	return r ? r : seg_cable_up(name);
}

/* The client's namespace first, so that the process stays in the host's. */
static int make_spaces(struct seg_lab *lab)
{
	int r = lab->space[SEG_LAB_CLIENT] = make_space();

	if (r >= 0)
		r = lab->space[SEG_LAB_HOST] = make_space();
	if (r >= 0)
		r = seg_cable_make(SEG_LAB_IFACE, CLIENT_IFACE, lab->space[SEG_LAB_CLIENT]);
	return r < 0 ? r : set_up(SEG_LAB_HOST, SEG_LAB_IFACE);
}

static int enter(const struct seg_lab *lab, enum seg_lab_side side)
{
	return setns(lab->space[side], CLONE_NEWNET) ? -errno : 0;
}

static int set_up_client(const struct seg_lab *lab)
{
	int r = enter(lab, SEG_LAB_CLIENT), back;

	if (!r)
		r = allow_ping();
	if (!r)
		r = set_up(SEG_LAB_CLIENT, CLIENT_IFACE);
	back = enter(lab, SEG_LAB_HOST);
	return r ? r : back;
}

int seg_lab_open(struct seg_lab *lab, struct seg_error *err)
{
	int r = mount_own(err);

	if (r)
		return r;
	r = make_spaces(lab);
	if (!r)
		r = set_up_client(lab);
	if (!r)
		return 0;
	fail(-r, "join two network namespaces", err);
	seg_error_mend(err, "it needs a kernel with veth and IPv6: modprobe veth");
	return r;
}

int seg_lab_socket(const struct seg_lab *lab, enum seg_lab_side side, int family, int type,
		   int protocol)
{
	int r = enter(lab, side), fd;

	if (r)
		return r;
	fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		fd = -errno;
	r = enter(lab, SEG_LAB_HOST);
	if (r && fd >= 0)
		close(fd);
	return r ? r : fd;
}

/* --- what is left ---------------------------------------------------------------------------- */

#define PREFIX "xdpseg" /* of its programs and of its pins */

static bool begins_so(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* But for this one; who came to look at the lab does not count either. */
static bool is_process(const char *name)
{
	char path[64], program[32] = "";
	_cleanup_fclose_ FILE *file = NULL;

	if (!isdigit((unsigned char)*name) || !strcmp(name, "1"))
		return false;
	snprintf(path, sizeof(path), "/proc/%.16s/comm", name);
	file = fopen(path, "re");
	return file && fgets(program, sizeof(program), file) && begins_so(program, PREFIX);
}

/* The kernel puts some entries of its own there. */
static bool is_pin(const char *name)
{
	return begins_so(name, PREFIX);
}

static size_t count_entries(const char *path, bool (*counts)(const char *))
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	while (dir && (entry = readdir(dir)))
		n += counts(entry->d_name);
	if (dir)
		closedir(dir);
	return n;
}

/* The internal pairs of an interface. */
static bool has_pairs(void)
{
	struct if_nameindex *all = if_nameindex();
	bool found = false;

	for (size_t i = 0; all && all[i].if_index; i++)
		found = found || begins_so(all[i].if_name, "seg");
	if_freenameindex(all);
	return found;
}

const char *seg_lab_leftover(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (count_entries("/proc", is_process))
		return "a process";
	if (count_entries(BPFFS, is_pin))
		return "a pin in " BPFFS;
	return has_pairs() ? "an interface" : NULL;
}
