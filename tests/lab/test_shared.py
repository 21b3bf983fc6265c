# SPDX-License-Identifier: BSD-2-Clause
"""attach --shared where there is no dispatcher: what holds with and without other programs.

Where the kernel has no programs that replace functions of others (or libxdp is told to do
without its dispatcher), libxdp attaches one program alone; vm_shared.py has the rest.
"""
import contextlib
import json
import os
import socket
import subprocess
import time

from lab import BUILD, IFACE, OPEN_TCP, OPEN_UDP, POLICY, SERVER, SHUT_UDP, Lab
from system import check, check_equal, descendants, process_status, reap, slow, until

EXIT_FAILED, EXIT_PRIVILEGE = 1, 4
CAP_SYS_ADMIN = 21
ALONE = {"LIBXDP_SKIP_DISPATCHER": "1"}

CLOSED = POLICY.replace("udp/9000-9099", "udp/9050-9099")
OTHER_LIMITS = CLOSED.replace("on-worker-loss: sessions", "on-worker-loss: drop")

PASS = """\
__attribute__((section("xdp"), used)) int foreign(void *ctx) { return 2; }
char licence[] __attribute__((section("license"), used)) = "GPL";
"""


def attach_shared(lab, *options, policy=POLICY, **more):
    """Alone, whatever the kernel could do."""
    argv = ["attach", IFACE, "--shared", "--policy", lab.write("policy.yaml", policy), *options]
    return lab.xdpseg(*argv, env={**os.environ, **ALONE}, **more)


def xdp_of(lab):
    """Name of the program at the hook, None if there is none."""
    link = lab.server.run_json("ip", "-j", "-d", "link", "show", IFACE)[0]
    return link["xdp"]["prog"]["name"] if "xdp" in link else None


def sharers():
    """Processes that hold CAP_SYS_ADMIN for libxdp."""
    return [pid for pid in descendants(os.getpid()) if name_of(pid) == "xdpseg-sharer"]


def name_of(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return process_status(pid)["Name"]
    return None


def reaches(lab, receiver, port, text):
    """One datagram comes through."""
    lab.sender(4, port).send(text)
    return receiver.recv(64) == text


def counted(lab, rule, packets):
    until(f"{packets} packets of {rule}",
          lambda: lab.stats()["rules"][rule]["packets"] >= packets)


def is_shut(lab, receiver, port):
    """One datagram is denied, and counted."""
    before = lab.stats()["rules"]["default"]["packets"]
    lab.sender(4, port).send(b"let me in")
    counted(lab, "default", before + 1)
    receiver.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        check(not receiver.recv(64), "a denied datagram arrived")
    receiver.settimeout(slow(5))


def test_shared_alone_filters_and_says_so():
    with Lab() as lab:
        listener = lab.listener(4, OPEN_TCP)
        shut = lab.receiver(4, SHUT_UDP)
        attach_shared(lab)
        iface = lab.iface()
        check_equal((iface["attach"], iface["dispatcher"]), ("shared", False), "attach")
        check(iface["attach_why"], "it does not say why there is no dispatcher")
        check_equal(xdp_of(lab), "seg_shared", "at the hook")
        with lab.client.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.settimeout(slow(5))
            sock.connect((SERVER[4], OPEN_TCP))
        listener.settimeout(slow(5))
        listener.accept()[0].close()
        is_shut(lab, shut, SHUT_UDP)
        text = lab.server.run(*lab.command("status")[3:])
        check("shared, but no other program can come" in text, f"status: {text}")


def test_exclusive_has_no_sharer():
    with Lab() as lab:
        lab.attach()
        check_equal(lab.iface()["attach"], "exclusive", "attach")
        check("dispatcher" not in lab.iface(), "a dispatcher, of an exclusive one")
        check_equal(sharers(), [], "sharers")


def test_only_the_sharer_has_sys_admin():
    with Lab() as lab:
        attach_shared(lab)
        having = [pid for pid in lab.processes()
                  if int(process_status(pid)["CapPrm"], 16) & 1 << CAP_SYS_ADMIN]
        check_equal(having, sharers(), "processes with CAP_SYS_ADMIN")
        check_equal(len(having), 1, "sharers")


def test_policies_change_under_traffic():
    """Constants too, which needs another program. What both allow loses nothing."""
    with Lab() as lab:
        receiver = lab.receiver(4, 9060)
        attach_shared(lab)
        sender = lab.sender(4, 9060)
        sent = 0
        for name, policy in enumerate((CLOSED, OTHER_LIMITS, POLICY) * 3):
            path = lab.write(f"{name}.yaml", policy)
            with subprocess.Popen(lab.command("policy", "apply", path),
                                  stdout=subprocess.DEVNULL) as client:
                while client.poll() is None:
                    sender.send(b"%d" % sent)
                    sent += 1
                    time.sleep(0.001)
            check_equal(client.returncode, 0, "exit of apply")
        check(sent > 20, f"only {sent} were sent")
        for number in range(sent):
            check_equal(receiver.recv(16), b"%d" % number, "in order, none lost")
        check_equal(lab.iface()["attach"], "shared", "attach")


def test_attach_detach_ten_times():
    with Lab() as lab:
        for _ in range(10):
            attach_shared(lab)
            lab.check_detached()
            check_equal(xdp_of(lab), None, "at the hook")


def test_generic_mode():
    with Lab() as lab:
        attach_shared(lab, "--mode", "generic")
        check_equal(lab.iface()["mode"], "generic", "mode")
        lab.client.run("ping", "-c", "1", "-W", "5", SERVER[4])


def ended(lab):
    """Every process of it, the orphans buried."""
    reap(lab.processes())
    return not lab.processes()


def kill_keeper(lab, pid):
    os.kill(pid, 9)
    until("the keeper to end", lambda: reap([pid]) or not os.path.exists(f"/proc/{pid}"))
    until("the sharer to end", lambda: reap(lab.processes()) or not sharers())


def test_killed_keeper_leaves_enforcement_and_its_successor_takes_over():
    with Lab() as lab:
        shut, receiver = lab.receiver(4, SHUT_UDP), lab.receiver(4, OPEN_UDP)
        attach_shared(lab)
        check(reaches(lab, receiver, OPEN_UDP, b"before"), "not open")
        kill_keeper(lab, lab.status()["daemon"]["pid"])
        check_equal(xdp_of(lab), "seg_shared", "at the hook")
        check(reaches(lab, receiver, OPEN_UDP, b"after"), "not open any more")
        lab.sender(4, SHUT_UDP).send(b"let me in")
        check(reaches(lab, receiver, OPEN_UDP, b"behind it"), "not open any more")
        shut.setblocking(False)
        try:
            shut.recv(16)
            check(False, "not enforced without the keeper")
        except BlockingIOError:
            pass
        check_equal(lab.iface()["attach"], "shared", "after the successor took over")
        check_equal(xdp_of(lab), "seg_shared", "at the hook")
        is_shut(lab, shut, SHUT_UDP)
        lab.xdpseg("detach", "--all")
        lab.attach()  # exclusive: nothing of it may be left
        check_equal(lab.iface()["attach"], "exclusive", "attach")
        lab.check_detached()  # what came meanwhile is in no balance


def test_refuses_to_share_with_what_cannot():
    with Lab() as lab:
        source, code = lab.write("pass.c", PASS), f"{lab.dir}/pass.o"
        subprocess.run(["clang", "-O2", "-target", "bpf", "-c", source, "-o", code], check=True)
        lab.server.ip("link", "set", IFACE, "xdp", "obj", code, "sec", "xdp")
        lab.retake()
        failure = lab.xdpseg("attach", IFACE, "--shared", code=EXIT_FAILED).failure
        for word in (IFACE, "foreign", "cannot be shared"):
            check(word in failure["what"], f"{word!r} is not in {failure}")
        check("xdp off" in failure["mend"], f"mend: {failure}")
        lab.check_detached()
        lab.server.ip("link", "set", IFACE, "xdp", "off")
        lab.retake()


def test_refuses_where_another_shares_it_already():
    with Lab() as lab:
        attach_shared(lab)
        argv = [*lab.server.command(), f"{BUILD}/userspace/cli/xdpseg", "--runtime-dir",
                f"{lab.dir}/other", "--json", "attach", IFACE, "--shared", "--learn", "0s"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=slow(60))
        check_equal(done.returncode, EXIT_FAILED, f"exit: {done.stderr}")
        check("another xdpseg" in json.loads(done.stderr)["error"]["what"], done.stderr)
        check_equal(lab.iface()["attach"], "shared", "attach")
        lab.client.run("ping", "-c", "1", "-W", "5", SERVER[4])


def test_a_daemon_without_the_right_refuses_and_says_how():
    with Lab() as lab:
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.attach()
        failure = lab.xdpseg("attach", "d0", "--shared", code=EXIT_FAILED).failure
        check("CAP_SYS_ADMIN" in failure["what"], f"{failure}")
        check("detach --all" in failure["mend"], f"mend: {failure}")
        check_equal(list(lab.status()["interfaces"]), [IFACE], "interfaces")
        lab.server.ip("link", "del", "d0")


def test_needs_sys_admin():
    with Lab() as lab:
        capsh = ("capsh", "--drop=cap_sys_admin", "--shell=/usr/bin/env", "--")
        argv = [*lab.server.command(*capsh), os.path.abspath(f"{BUILD}/userspace/cli/xdpseg"),
                "--runtime-dir", lab.runtime, "--json", "attach", IFACE, "--shared"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=slow(60))
        check_equal(done.returncode, EXIT_PRIVILEGE, f"exit: {done.stderr}")
        check("CAP_SYS_ADMIN" in done.stderr, f"it is not named: {done.stderr}")


def test_interface_that_goes():
    """What libxdp keeps of it goes too, and the daemon ends."""
    with Lab() as lab:
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.xdpseg("attach", "d0", "--shared", env={**os.environ, **ALONE})
        lab.server.ip("link", "del", "d0")
        until("the daemon to end", lambda: ended(lab))


def test_program_that_is_taken_off():
    """By another tool: the daemon says nothing that does not hold any more."""
    with Lab() as lab:
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.server.ip("link", "set", "d0", "up")
        attach_shared(lab)
        lab.xdpseg("attach", "d0", "--shared", env={**os.environ, **ALONE})
        lab.server.run("xdp-loader", "unload", "d0", "--all")
        until("it to be detached", lambda: list(lab.status()["interfaces"]) == [IFACE], 10)
        lab.server.ip("link", "del", "d0")
