/* SPDX-License-Identifier: BSD-2-Clause */
/* The doctor's judgement: facts filled by hand, one thing wrong at a time. */
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "check.h"
#include "doctor.h"
#include "umem.h"
#include "version.h"

/* A host where all is well. */
struct patient {
	struct seg_facts facts;
	struct seg_device_facts device;
	struct seg_hook_program program;
	struct seg_findings findings;
};

static void make_well(struct patient *patient)
{
	*patient = (struct patient){
		.facts.kernel = {.release = "6.18.1",
				 .major = 6,
				 .minor = 18,
				 .xdp = 1,
				 .sched_cls = 1,
				 .xskmap = 1,
				 .ext = 1,
				 .af_xdp = 1,
				 .jit = 1,
				 .compiles = 1,
				 .jit_harden = 0,
				 .unprivileged_bpf = 2,
				 .btf = true,
				 .bpffs = true,
				 .cpus = 4},
		.facts.setup = {.sees_all = true,
				.raises = true,
				.worker_user = true,
				.has_daemon = true,
				.has_worker = true},
		.facts.daemon = {.runtime_dir = "/run/xdpseg"},
		.device.device = {.name = "eth7",
				  .driver = "ice",
				  .ifindex = 7,
				  .flags = IFF_UP,
				  .mtu = 1500,
				  .rx_queues = 4,
				  .rx_queues_max = 8,
				  .rx_ring = 1024,
				  .rx_ring_max = 4096,
				  .gso_max = 65536,
				  .gro_max = 65536,
				  .xdp_features = SEG_XDP_BASIC | SEG_XDP_REDIRECT,
				  .xdp_known = true,
				  .ethernet = true,
				  .carrier = true,
				  .gro = true},
		.device.meta = 1,
	};
}

static void judge(struct patient *patient)
{
	if (patient->program.id) {
		patient->device.hooks.programs.item = &patient->program;
		patient->device.hooks.programs.n = 1;
	}
	patient->facts.devices.item = &patient->device;
	patient->facts.devices.n = 1;
	seg_doctor_judge(&patient->facts, &patient->findings);
	check_eq(patient->findings.failed, 0);
}

/* What is not ok is exactly this one, which names its mend if `mend` is not NULL. */
static void expect(struct patient *patient, const char *check, enum seg_level level,
		   const char *mend)
{
	const struct seg_finding *found = NULL;

	judge(patient);
	for (uint32_t i = 0; i < patient->findings.list.n; i++) {
		const struct seg_finding *at = &patient->findings.list.item[i];

		check_that(at->level == SEG_LEVEL_OK || !strcmp(at->check, check),
			   "%s finds %s: %s", at->check, seg_level_word(at->level), at->what);
		if (at->level != SEG_LEVEL_OK)
			found = at;
	}
	check_that(found != NULL, "%s finds nothing", check);
	check_that(found->level == level, "%s: %s is %s", check, found->what,
		   seg_level_word(found->level));
	check_that(!mend || strstr(found->mend, mend), "%s: mend: %s", check, found->mend);
	seg_findings_free(&patient->findings);
}

/* One row a fact that is wrong: what is set, by which check it is found, how bad, the mend. */
#define CASE(name, set, check, level, mend)                                                        \
	TEST(doctor, name)                                                                         \
	{                                                                                          \
		struct patient p;                                                                  \
                                                                                                   \
		make_well(&p);                                                                     \
		set;                                                                               \
		expect(&p, check, SEG_LEVEL_##level, mend);                                        \
	}

TEST(doctor, well)
{
	struct patient patient;

	make_well(&patient);
	judge(&patient);
	check_eq(seg_findings_worst(&patient.findings), SEG_LEVEL_OK);
	check_that(patient.findings.list.n > 12, "only %u findings", patient.findings.list.n);
	seg_findings_free(&patient.findings);
}

#define KERNEL p.facts.kernel
#define SETUP  p.facts.setup
#define DAEMON p.facts.daemon
#define DEVICE p.device.device

/* --- kernel --- */
CASE(floor, (KERNEL.major = 5, KERNEL.minor = 14), "version", ERROR, "5.15")
CASE(before_live, (KERNEL.major = 5, KERNEL.minor = 17), "version", NOTE, "5.18")
CASE(no_xdp, (KERNEL.xdp = 0), "features", ERROR, "CONFIG_BPF_SYSCALL")
CASE(no_tc, (KERNEL.sched_cls = 0), "features", ERROR, "CONFIG_NET_CLS_BPF")
CASE(no_xskmap, (KERNEL.xskmap = 0), "features", ERROR, "CONFIG_XDP_SOCKETS")
CASE(no_af_xdp, (KERNEL.af_xdp = 0), "features", ERROR, "CONFIG_XDP_SOCKETS")
CASE(no_ext, (KERNEL.ext = 0), "dispatcher", NOTE, NULL)
CASE(no_btf, (KERNEL.btf = false), "dispatcher", NOTE, NULL)
CASE(no_jit, (KERNEL.jit = 0), "jit", WARNING, "bpf_jit_enable=1")
CASE(no_jit_at_all, (KERNEL.jit = SEG_UNKNOWN, KERNEL.compiles = 0), "jit", WARNING,
     "CONFIG_BPF_JIT")
CASE(harden, (KERNEL.jit_harden = 2), "jit", WARNING, "bpf_jit_harden=1")
CASE(unprivileged, (KERNEL.unprivileged_bpf = 0), "unprivileged-bpf", NOTE, "=2")

/* --- setup --- */
CASE(no_capability, (strcpy(SETUP.lacks, "CAP_BPF")), "privilege", NOTE, "root")
CASE(sees_little, (SETUP.sees_all = false), "privilege", NOTE, "root")
CASE(no_bpffs, (KERNEL.bpffs = false), "bpffs", NOTE, "mount -t bpf")
CASE(few_files, (SETUP.raises = false, SETUP.files_needed = 4000, SETUP.files = 1024), "limits",
     ERROR, "ulimit -Hn 4000")
CASE(no_user, (SETUP.worker_user = false), "worker-user", NOTE, SEG_WORKER_USER)
CASE(no_worker, (SETUP.has_worker = false), "programs", ERROR, "reinstall")

/* --- an interface --- */
CASE(missing, (p.device.missing = true), "interface", ERROR, "ip link")
CASE(loopback, (DEVICE.flags |= IFF_LOOPBACK), "kind", ERROR, "wire")
CASE(tunnel, (DEVICE.ethernet = false), "kind", ERROR, "Ethernet interface")
CASE(down, (DEVICE.flags = 0), "link", NOTE, "ip link set eth7 up")
CASE(no_carrier, (DEVICE.carrier = false), "link", NOTE, "cable")
CASE(generic, (DEVICE.xdp_features = 0, DEVICE.gro = false), "native-xdp", WARNING, "NIC")
CASE(no_redirect, (DEVICE.xdp_features = SEG_XDP_BASIC, DEVICE.gro = false), "native-xdp", WARNING,
     "NIC")
CASE(unknown_driver,
     (DEVICE.xdp_known = false, DEVICE.gro = false, strcpy(DEVICE.driver, "nosuch")), "native-xdp",
     NOTE, NULL)

#if defined(__s390x__)
#define MTU_MEND "ip link set eth7 mtu 3312"
#elif defined(__powerpc64__)
#define MTU_MEND "ip link set eth7 mtu 3440"
#else
#define MTU_MEND "ip link set eth7 mtu 3504"
#endif
CASE(mtu, (DEVICE.mtu = SEG_MTU_MAX + 1), "mtu", ERROR, MTU_MEND)
CASE(too_many_queues, (DEVICE.rx_queues = SEG_QUEUES_MAX), "queues", ERROR,
     "ethtool -L eth7 combined 4")
CASE(more_queues_than_cpus, (DEVICE.rx_queues = 5), "queues", WARNING, "ethtool -L eth7 combined 4")
CASE(few_queues, (DEVICE.rx_queues = 1), "queues", NOTE, "ethtool -L eth7 combined 4")
CASE(lro, (DEVICE.lro = true), "offloads", WARNING, "-K eth7 lro off")
CASE(gro_hw, (DEVICE.gro_hw = true), "offloads", WARNING, "-K eth7 rx-gro-hw off")
CASE(merged_when_generic, (p.device.generic = true), "merging", WARNING, "gro off")
CASE(small_rings, (DEVICE.rx_ring = 256), "rings", NOTE, "ethtool -G eth7 rx 512")
CASE(small_rings_of_few, (DEVICE.rx_ring = 64, DEVICE.rx_ring_max = 128), "rings", NOTE, "rx 128")
CASE(promiscuous, (DEVICE.promiscuity = 1), "promiscuous", NOTE, "promisc off")
CASE(no_metadata, (p.device.meta = 0), "metadata", NOTE, NULL)
CASE(vlans, (DEVICE.rx_vlan = true, p.device.tagged = true), "vlan", ERROR,
     "ethtool -K eth7 rxvlan off")
CASE(veth_vlans, (DEVICE.rx_vlan = true, p.device.tagged = true, strcpy(DEVICE.driver, "veth")),
     "vlan", WARNING, "txvlan off")
CASE(big_tcp_out, (DEVICE.gso_max = 65537), "big-tcp", ERROR, "gso_max_size 65536")
CASE(big_tcp_in, (DEVICE.gro_max = 524280), "big-tcp", ERROR, "gro_max_size 65536")
CASE(bridge, (strcpy(DEVICE.port_of, "bridge")), "master", WARNING, "direction: ingress")
CASE(bond, (strcpy(DEVICE.port_of, "bond")), "master", WARNING, "active-backup")

static bool looked_at(const struct patient *patient, const char *check)
{
	for (uint32_t i = 0; i < patient->findings.list.n; i++)
		if (!strcmp(patient->findings.list.item[i].check, check))
			return true;
	return false;
}

/* Who has no rights is not told of limits: others' count. */
TEST(doctor, limits_of_others)
{
	struct patient p;

	make_well(&p);
	strcpy(SETUP.lacks, "CAP_BPF");
	judge(&p);
	check_that(!looked_at(&p, "limits"), "limits of who cannot attach");
	seg_findings_free(&p.findings);
}

/* A driver that nobody knows may come to generic mode, which GRO comes before. */
TEST(doctor, merged_perhaps)
{
	struct patient p;

	make_well(&p);
	DEVICE.xdp_known = false;
	strcpy(DEVICE.driver, "nosuch");
	judge(&p);
	check_eq(seg_findings_worst(&p.findings), SEG_LEVEL_NOTE);
	for (uint32_t i = 0; i < p.findings.list.n; i++)
		if (!strcmp(p.findings.list.item[i].check, "merging"))
			check_that(strstr(p.findings.list.item[i].mend, "gro off") != NULL,
				   "no mend: %s", p.findings.list.item[i].what);
	seg_findings_free(&p.findings);
}

/* virtio_net switches off what its host merges for it, while XDP runs. */
TEST(doctor, virtio_merges)
{
	struct patient p;

	make_well(&p);
	DEVICE.gro_hw = true;
	strcpy(DEVICE.driver, "virtio_net");
	judge(&p);
	check_eq(seg_findings_worst(&p.findings), SEG_LEVEL_OK);
	seg_findings_free(&p.findings);
}

TEST(doctor, merged_in_generic_mode)
{
	struct patient p;

	make_well(&p);
	DEVICE.xdp_features = 0;
	judge(&p);
	check_that(looked_at(&p, "merging"), "GRO is no matter in generic mode");
	seg_findings_free(&p.findings);
}

/* Where the kernel cannot tell, known names are gone by; tags beside the frame hurt only VLANs. */
TEST(doctor, harmless)
{
	struct patient p;

	make_well(&p);
	DEVICE.xdp_known = false;
	DEVICE.rx_vlan = true;
	p.device.rp_filter = 1;
	KERNEL.jit = KERNEL.compiles = KERNEL.jit_harden = KERNEL.xdp = KERNEL.ext = SEG_UNKNOWN;
	judge(&p);
	check_eq(seg_findings_worst(&p.findings), SEG_LEVEL_OK);
	check_that(looked_at(&p, "rp-filter"), "strict mode is not spoken of");
	seg_findings_free(&p.findings);
}

/* --- what sits there --- */

static void set_program(struct patient *patient, enum seg_hook_place place, const char *name)
{
	patient->program = (struct seg_hook_program){.place = place, .id = 42};
	snprintf(patient->program.name, sizeof(patient->program.name), "%s", name);
	if (place == SEG_HOOK_XDP)
		patient->device.device.xdp_prog = 42;
}

CASE(foreign, set_program(&p, SEG_HOOK_XDP, "lb"), "xdp-hook", ERROR, "dev eth7 xdp off")
CASE(foreign_without_name, set_program(&p, SEG_HOOK_XDP, ""), "xdp-hook", ERROR, "xdp off")
CASE(whose,
     (set_program(&p, SEG_HOOK_XDP, ""), DAEMON.state = SEG_DAEMON_RUNS, p.device.attached = false,
      strcpy(DAEMON.version, SEG_VERSION), strcpy(DAEMON.policy, "edge")),
     "xdp-hook", ERROR, "xdp off")
CASE(dispatcher, set_program(&p, SEG_HOOK_XDP, "xdp_dispatcher"), "xdp-hook", WARNING,
     "attach eth7 --shared")
CASE(other_instance, set_program(&p, SEG_HOOK_XDP, "seg_ingress"), "xdp-hook", ERROR,
     "--runtime-dir DIR detach eth7")
CASE(tc_program, set_program(&p, SEG_HOOK_TC_OUT, "shaper"), "tc-hook", NOTE, NULL)

/* Somebody without rights, on a host that is protected. */
TEST(doctor, not_seen)
{
	struct patient p;

	make_well(&p);
	set_program(&p, SEG_HOOK_XDP, "");
	DAEMON.state = SEG_DAEMON_CLOSED;
	judge(&p);
	check_eq(seg_findings_worst(&p.findings), SEG_LEVEL_NOTE);
	seg_findings_free(&p.findings);
}

TEST(doctor, attached)
{
	struct patient p;

	make_well(&p);
	set_program(&p, SEG_HOOK_XDP, "seg_ingress");
	p.device.attached = true;
	judge(&p);
	check_eq(seg_findings_worst(&p.findings), SEG_LEVEL_OK);
	seg_findings_free(&p.findings);
}

/* --- daemon --- */

static void set_daemon(struct patient *patient, const char *version, const char *policy,
		       bool observes)
{
	struct seg_daemon_facts *daemon = &patient->facts.daemon;

	daemon->state = SEG_DAEMON_RUNS;
	daemon->observes = observes;
	snprintf(daemon->version, sizeof(daemon->version), "%s", version);
	snprintf(daemon->policy, sizeof(daemon->policy), "%s", policy);
}

CASE(other_version, set_daemon(&p, "0.0.1", "edge", false), "daemon", WARNING, "restart")
CASE(no_policy, set_daemon(&p, SEG_VERSION, "", false), "policy", NOTE, "policy apply")
CASE(observes, set_daemon(&p, SEG_VERSION, "edge", true), "policy", NOTE, "without --observe")
CASE(closed, (DAEMON.state = SEG_DAEMON_CLOSED), "daemon", NOTE, "root")
CASE(silent, (DAEMON.state = SEG_DAEMON_SILENT), "daemon", ERROR, "journalctl")
CASE(leftover, (DAEMON.leftover = 1), "leftover", ERROR, "attach IFACE again")
