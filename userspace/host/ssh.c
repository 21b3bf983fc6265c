/* SPDX-License-Identifier: BSD-2-Clause */
#include "ssh.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "text.h"

#define PARENTS_MAX 64
#define VARIABLE    "SSH_CONNECTION="
#define SSHD        "sshd" /* or sshd-session, sshd-auth: OpenSSH 9.8, 10.0 */

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* --- SSH_CONNECTION --------------------------------------------------------------------------- */

/* The next word, from *at on; its length. */
static size_t next_word(const char **at)
{
	*at += strspn(*at, " ");
	return strcspn(*at, " ");
}

/* A link-local address has its interface behind a '%'. */
static int read_address(const char **at, struct seg_address *out)
{
	size_t len = next_word(at), bare = strcspn(*at, "% ");
	int r = seg_address_parse(*at, bare, out);

	*at += len;
	return r;
}

static int read_port(const char **at, uint16_t *out)
{
	size_t len = next_word(at);
	uint64_t port;
	int r = seg_number_parse(*at, len, UINT16_MAX, &port);

	*at += len;
	if (!r)
		*out = (uint16_t)port;
	return r;
}

int seg_ssh_parse(const char *text, struct seg_ssh *out)
{
	struct seg_ssh ssh;

	if (read_address(&text, &ssh.client) || read_port(&text, &ssh.client_port) ||
	    read_address(&text, &ssh.server) || read_port(&text, &ssh.server_port))
		return -EINVAL;
	*out = ssh;
	return 0;
}

/* --- /proc ------------------------------------------------------------------------------- */

static FILE *open_file(const char *proc, pid_t pid, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/%s", proc, (int)pid, name);
	return fopen(path, "re");
}

/* Its name and its parent. -ENOENT: it is gone. */
static int read_stat(const char *proc, pid_t pid, char name[16], pid_t *parent)
{
	_cleanup_fclose_ FILE *file = open_file(proc, pid, "stat");
	char line[512], *begin, *end;

	if (!file || !fgets(line, sizeof(line), file))
		return -ENOENT;
	begin = strchr(line, '(');
	end = strrchr(line, ')'); /* a name may have brackets itself */
	if (!begin || !end || sscanf(end + 1, " %*c %d", parent) != 1)
		return -ENOENT;
	snprintf(name, 16, "%.*s", (int)(end - begin - 1), begin + 1);
	return 0;
}

static int by_environment(const char *proc, pid_t pid, struct seg_ssh *out)
{
	_cleanup_fclose_ FILE *file = open_file(proc, pid, "environ");
	_cleanup_free_ char *entry = NULL;
	size_t room = 0;

	while (file && getdelim(&entry, &room, '\0', file) > 0)
		if (!strncmp(entry, VARIABLE, strlen(VARIABLE)))
			return seg_ssh_parse(entry + strlen(VARIABLE), out);
	return -ENOENT;
}

/* --- an sshd's connection ----------------------------------------------------------------- */

/* The address in /proc/net/tcp is words of this machine's order, in hexadecimal. */
static int read_hex(const char *text, struct seg_address *address, uint16_t *port)
{
	size_t words = strcspn(text, ":") / 8;
	uint32_t word[4] = {0, 0, htonl(0xffff), 0};
	unsigned int number;

	if (words != 1 && words != 4)
		return -EINVAL;
	for (size_t i = 0; i < words; i++)
		if (sscanf(text + 8 * i, "%8" SCNx32, &word[4 - words + i]) != 1)
			return -EINVAL;
	if (sscanf(text + 8 * words, ":%x", &number) != 1)
		return -EINVAL;
	memcpy(address, word, sizeof(word));
	*port = (uint16_t)number;
	return 0;
}

static int read_socket(const char *line, unsigned long inode, struct seg_ssh *out)
{
	char local[64], remote[64];
	unsigned long this;
	unsigned int state;

	if (sscanf(line, " %*d: %63s %63s %x %*s %*s %*s %*s %*s %lu", local, remote, &state,
		   &this) != 4 ||
	    this != inode || state != TCP_ESTABLISHED)
		return -ENOENT;
	if (read_hex(local, &out->server, &out->server_port) ||
	    read_hex(remote, &out->client, &out->client_port))
		return -ENOENT;
	return 0;
}

static int find_socket(const char *proc, pid_t pid, const char *table, unsigned long inode,
		       struct seg_ssh *out)
{
	_cleanup_fclose_ FILE *file = open_file(proc, pid, table);
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		if (!read_socket(line, inode, out))
			return 0;
	return -ENOENT;
}

/* In the namespace of the process itself, whichever that is. */
static int by_descriptor(const char *proc, pid_t pid, const char *fd, struct seg_ssh *out)
{
	char path[PATH_MAX], target[64] = "";
	unsigned long inode;

	snprintf(path, sizeof(path), "%s/%d/fd/%.16s", proc, (int)pid, fd);
	if (readlink(path, target, sizeof(target) - 1) < 0 ||
	    sscanf(target, "socket:[%lu]", &inode) != 1)
		return -ENOENT;
	if (!find_socket(proc, pid, "net/tcp", inode, out))
		return 0;
	return find_socket(proc, pid, "net/tcp6", inode, out);
}

static int by_sockets(const char *proc, pid_t pid, struct seg_ssh *out)
{
	char path[PATH_MAX];
	_cleanup_(closedirp) DIR *fds = NULL;
	struct dirent *entry;

	snprintf(path, sizeof(path), "%s/%d/fd", proc, (int)pid);
	fds = opendir(path);
	while (fds && (entry = readdir(fds)))
		if (!by_descriptor(proc, pid, entry->d_name, out))
			return 0;
	return -ENOENT;
}

/* --- the parents ------------------------------------------------------------------------- */

int seg_ssh_find(const char *proc, pid_t pid, const char *own, struct seg_ssh *out)
{
	char name[16];
	pid_t parent;

	if (own && !seg_ssh_parse(own, out))
		return 0;
	for (int i = 0; i < PARENTS_MAX && pid > 0; i++, pid = parent) {
		if (read_stat(proc, pid, name, &parent))
			return -ENOENT;
		if (!by_environment(proc, pid, out))
			return 0;
		if (!strncmp(name, SSHD, strlen(SSHD)) && !by_sockets(proc, pid, out))
			return 0;
	}
	return -ENOENT;
}
