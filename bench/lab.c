/* SPDX-License-Identifier: BSD-2-Clause */
/* lab.c - network namespaces for a benchmark. One thread. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "cleanup.h"
#include "lab.h"

#define LABS_MAX 16

static struct bench_lab *made[LABS_MAX];
static unsigned int made_count;

int bench_shell(const char *namespace, const char *command, const char *input)
{
	char line[512];
	FILE *pipe;

	snprintf(line, sizeof(line), "nsenter --net=/run/netns/%s sh -c '%s' >/dev/null 2>&1",
		 namespace, command);
	pipe = popen(line, "we");
	if (!pipe)
		bench_die("%s", command);
	if (input)
		fputs(input, pipe);
	return pclose(pipe);
}

static int host(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int host(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	return system(line);
}

static void remove_labs(void)
{
	for (unsigned int i = 0; i < made_count; i++)
		host("ip netns del %s 2>/dev/null; ip netns del %s 2>/dev/null", made[i]->sender,
		     made[i]->receiver);
}

static void leave_by_signal(int number)
{
	(void)number;
	exit(1); /* between two system calls of ours: nothing that exit() needs is half-done */
}

static void remember(struct bench_lab *lab)
{
	if (made_count == LABS_MAX)
		bench_die("more than %d labs", LABS_MAX);
	if (!made_count) {
		atexit(remove_labs);
		signal(SIGINT, leave_by_signal);
		signal(SIGTERM, leave_by_signal);
	}
	made[made_count++] = lab;
}

void bench_enter(const char *namespace)
{
	char path[64];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		bench_die("namespace %s", namespace);
}

/* A veth has NAPI, and so takes redirected frames, only with GRO or an XDP program. */
static void gro_on(const char *interface)
{
	struct ethtool_value gro = {.cmd = ETHTOOL_SGRO, .data = 1};
	struct ifreq request = {.ifr_data = (void *)&gro};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request))
		bench_die("GRO of %s", interface);
}

/* No router solicitation, no MLD report: the far end hears nothing but what is sent to it. */
static void be_silent(const char *namespace)
{
	bench_shell(namespace, "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6", NULL);
}

static void make_links(const struct bench_lab *lab)
{
	const char *s = lab->sender;
	const char *r = lab->receiver;

	if (host("ip netns add %s && ip netns add %s && "
		 "ip -n %s link add v0 numrxqueues 1 numtxqueues 1 type veth "
		 "peer name v1 netns %s numrxqueues 1 numtxqueues 1",
		 s, r, s, r) ||
	    host("ip -n %s link set v0 address 02:00:00:00:00:00 up && "
		 "ip -n %s link set v1 address 02:00:00:00:00:01 up && "
		 "ip -n %s addr add 10.255.0.128/8 dev v1 && ip -n %s link set lo up",
		 s, r, r, r))
		bench_die("making namespaces");
}

void bench_lab_make(struct bench_lab *lab, const char *name)
{
	snprintf(lab->sender, sizeof(lab->sender), "bn-s-%s-%d", name, (int)getpid());
	snprintf(lab->receiver, sizeof(lab->receiver), "bn-r-%s-%d", name, (int)getpid());
	remember(lab);
	make_links(lab);
	be_silent(lab->sender);
	be_silent(lab->receiver);
	bench_enter(lab->sender);
	lab->from = (int)if_nametoindex("v0");
	bench_enter(lab->receiver);
	lab->to = (int)if_nametoindex("v1");
	gro_on("v1");
}
