# SPDX-License-Identifier: BSD-2-Clause
"""attach --shared under libxdp's dispatcher, beside programs of other tools.

Needs programs that replace functions of others. Linux 6.12 refuses ours under the dispatcher of
libxdp 1.3.1 (a tail call could change the packet): there it has to say so.
"""
import glob
import sys

from lab import IFACE, OPEN_UDP, POLICY, SERVER, Lab
from system import check, check_equal, run_json, until
from test_shared import CLOSED, OTHER_LIMITS, ended, is_shut, kill_keeper, reaches

EXIT_FAILED = 1
SHUT_UDP = 9900
BEFORE, AFTER = "5", "60"  # run priorities

COUNTER = """\
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");
SEC("xdp") int counter(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *packets = bpf_map_lookup_elem(&seen, &key);

	if (packets)
		__sync_fetch_and_add(packets, 1);
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
"""


def refused_under_dispatchers(lab):
    """By this kernel, of this libxdp's."""
    return lab.kernel() >= (6, 12)


class Counter:
    """A program of another tool that passes what it counts."""

    def __init__(self, lab, priority):
        self.lab = lab
        source, self.code = lab.write("counter.c", COUNTER), f"{lab.dir}/counter.o"
        lab.client.run("clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c",
                       source, "-o", self.code)
        lab.server.run("xdp-loader", "load", "-m", "native", "-P", priority, IFACE, self.code)
        self.program = max(one["id"] for one in run_json("bpftool", "-j", "prog", "show")
                           if one.get("name") == "counter")
        self.map = run_json("bpftool", "-j", "prog", "show", "id",
                            str(self.program))["map_ids"][0]

    def seen(self):
        entry = run_json("bpftool", "-j", "map", "lookup", "id", str(self.map), "key", "0", "0",
                         "0", "0")
        return int.from_bytes(bytes(int(byte, 16) for byte in entry["value"]), sys.byteorder)

    def unload(self):
        self.lab.server.run("xdp-loader", "unload", IFACE, "--id", str(self.program))


def order(lab):
    """Names of the programs that the dispatcher calls, the first first."""
    lines = lab.server.run("xdp-loader", "status", IFACE).splitlines()
    return [line.split()[2] for line in lines if line.strip().startswith("=>")]


def attach_shared(lab, *options):
    lab.xdpseg("attach", IFACE, "--shared", "--policy", lab.write("policy.yaml", POLICY), *options)
    iface = lab.iface()
    check_equal((iface["attach"], iface["dispatcher"], iface["mode"]),
                ("shared", not refused_under_dispatchers(lab), "native"), "attach")


def pins():
    return glob.glob("/sys/fs/bpf/xdp/dispatch-*")


def check_filters(lab):
    shut, receiver = lab.receiver(4, SHUT_UDP), lab.receiver(4, OPEN_UDP)
    check(reaches(lab, receiver, OPEN_UDP, b"open"), "not open")
    is_shut(lab, shut, SHUT_UDP)
    shut.close()
    receiver.close()


def test_alone_under_the_dispatcher():
    with Lab() as lab:
        attach_shared(lab)
        if refused_under_dispatchers(lab):
            check("changes packet data" in lab.iface()["attach_why"], f"{lab.iface()}")
        else:
            check_equal(order(lab), ["seg_shared"], "programs")
        lab.client.run("ping", "-c", "1", "-W", "20", SERVER[4])
        check_filters(lab)
        for policy in (CLOSED, OTHER_LIMITS, POLICY):
            lab.xdpseg("policy", "apply", lab.write("next.yaml", policy))
        check_filters(lab)
        lab.check_detached()
        check_equal(pins(), [], "pins of libxdp")


def beside(priority, expected):
    with Lab() as lab:
        counter = Counter(lab, priority)
        if refused_under_dispatchers(lab):
            failure = lab.xdpseg("attach", IFACE, "--shared", code=EXIT_FAILED).failure
            check("changes packet data" in failure["what"], f"{failure}")
            check("libxdp" in failure["mend"], f"{failure}")
            check_equal(order(lab), ["counter"], "programs")
            counter.unload()
            return
        attach_shared(lab)
        check_equal(order(lab), expected, "programs")
        before = counter.seen()
        check_filters(lab)
        # Before ours it sees what we deny; behind ours only what we pass, and a session's first
        # packet goes to the worker.
        wanted = before + 2 if priority == BEFORE else before
        check(counter.seen() >= wanted, f"{counter.seen()} packets seen, of {wanted}")
        lab.client.run("ping", "-c", "3", "-i", "0.2", "-W", "20", SERVER[4])
        until("it to see sessions' packets", lambda: counter.seen() >= wanted + 2)
        lab.xdpseg("policy", "apply", lab.write("next.yaml", OTHER_LIMITS))
        check_equal(order(lab), expected, "programs after apply")
        counter.unload()
        check_equal(order(lab), ["seg_shared"], "programs after unload")
        is_shut(lab, lab.receiver(4, SHUT_UDP), SHUT_UDP)
        lab.check_detached()
        check_equal(pins(), [], "pins of libxdp")


def test_behind_another_program():
    beside(BEFORE, ["counter", "seg_shared"])


def test_before_another_program():
    beside(AFTER, ["seg_shared", "counter"])


def test_detach_leaves_the_other_program():
    with Lab() as lab:
        if refused_under_dispatchers(lab):
            return  # as above
        attach_shared(lab)
        counter = Counter(lab, AFTER)
        check_equal(order(lab), ["seg_shared", "counter"], "programs")
        lab.xdpseg("detach", "--all")
        check_equal(order(lab), ["counter"], "programs")
        before = counter.seen()
        lab.client.run("ping", "-c", "2", "-i", "0.2", "-W", "20", SERVER[4])
        check(counter.seen() >= before + 2, "it sees nothing any more")
        counter.unload()
        check_equal(pins(), [], "pins of libxdp")


def test_killed_keeper():
    with Lab() as lab:
        attach_shared(lab)
        pid = lab.status()["daemon"]["pid"]
        kill_keeper(lab, pid)
        check(reaches(lab, lab.receiver(4, OPEN_UDP), OPEN_UDP, b"after"), "not open any more")
        attach_shared(lab)  # a successor takes it over as it is
        if not refused_under_dispatchers(lab):
            check_equal(order(lab), ["seg_shared"], "programs")
        lab.xdpseg("detach", "--all")
        lab.attach()  # exclusive: nothing of it may be left
        check_equal(lab.iface()["attach"], "exclusive", "attach")
        lab.check_detached()  # what came meanwhile is in no balance
        check_equal(pins(), [], "pins of libxdp")


def test_exclusive_names_who_shares_it():
    with Lab() as lab:
        counter = Counter(lab, BEFORE)
        lab.retake()
        failure = lab.xdpseg("attach", IFACE, code=EXIT_FAILED).failure
        check("counter" in failure["what"], f"{failure}")
        check("--shared" in failure["mend"], f"{failure}")
        counter.unload()
        lab.retake()


def test_interface_that_goes():
    with Lab() as lab:
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.xdpseg("attach", "d0", "--shared")
        lab.server.ip("link", "del", "d0")
        until("the daemon to end", lambda: ended(lab))
        check_equal(pins(), [], "pins of libxdp")
