# SPDX-License-Identifier: BSD-2-Clause
"""Attach and detach: what they say, what they refuse, and that they leave nothing behind."""
import os
import pty
import shutil
import subprocess
import threading
import time

from lab import BUILD, IFACE, POLICY, SHUT_UDP, XDPSEG, Lab
from system import SLOW, check, check_equal, descendants, process_status, slow, stopped, until

EXIT_FAILED, EXIT_USAGE, EXIT_NOT_ATTACHED, EXIT_PRIVILEGE, EXIT_PROTECTED = 1, 2, 3, 4, 5

SILENCE_S = 10  # server.c: TIMEOUT_S

# An XDP program that passes everything, as `bpftool` and `ip` load it.
PASS = """\
__attribute__((section("xdp"), used)) int pass(void *ctx) { return 2; }
char licence[] __attribute__((section("license"), used)) = "GPL";
"""


def refused(lab, *argv, code=EXIT_FAILED, says=(), **options):
    """An attach that fails, says why, and leaves the system as it was."""
    failure = lab.xdpseg("attach", *argv, code=code, **options).failure
    for word in says:
        check(word in failure["what"] + failure.get("mend", ""), f"{word!r} is not in {failure}")
    check(failure.get("mend"), f"no mend: {failure}")
    lab.check_detached()
    return failure


def test_status_says_how():
    with Lab(queues=2) as lab:
        lab.attach()
        status = lab.status()
        iface = status["interfaces"][IFACE]
        check_equal(iface["mode"], "native", "mode")
        check_equal(iface["attach"], "exclusive", "attach")
        check_equal(len(iface["queues"]), 2, "queues")
        check_equal({queue["xsk"] for queue in iface["queues"]}, {"copy"}, "AF_XDP sockets")
        check_equal(status["policy"]["name"], "lab", "policy")
        pids = [pid for pid, _ in lab.workers()]
        check(all(os.path.exists(f"/proc/{pid}") for pid in pids), f"workers {pids}")


def test_attach_detach_many_times():
    with Lab() as lab:
        for _ in range(20 if SLOW == 1 else 4):
            lab.attach()
            lab.check_detached()


def test_detach_one_of_two():
    with Lab() as lab:
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.server.ip("link", "set", "d0", "up")
        lab.server.ip("link", "set", "d1", "up")
        lab.attach()
        lab.xdpseg("attach", "d0")
        check_equal(sorted(lab.status()["interfaces"]), ["d0", IFACE], "interfaces")
        lab.xdpseg("detach", "d0")
        check_equal(sorted(lab.status()["interfaces"]), [IFACE], "interfaces")
        lab.xdpseg("detach", IFACE)
        check(not lab.attached(), "the daemon outlives its last interface")
        lab.server.ip("link", "del", "d0")


def test_no_ethernet():
    with Lab() as lab:
        lab.server.ip("tuntap", "add", "dev", "t0", "mode", "tun")
        lab.retake()
        refused(lab, "t0", says=["t0", "no Ethernet header", "attach to the Ethernet interface"])
        lab.server.ip("link", "del", "t0")
        lab.retake()


def test_observe_passes_everything():
    with Lab() as lab:
        lab.observing = True
        receiver = lab.receiver(4, SHUT_UDP)
        lab.attach(POLICY, "--observe")
        sender = lab.sender(4, SHUT_UDP)
        for _ in range(10):  # the first by the worker, then by its session
            sender.send(b"let me in")
            check_equal(receiver.recv(16), b"let me in", "what the policy would deny")
        check_equal(lab.stats()["rules"]["default"]["packets"], 10, "would have been denied")


def test_not_attached():
    with Lab() as lab:
        for verb in (["status"], ["stats"], ["sessions"], ["detach", "--all"]):
            failure = lab.xdpseg(*verb, code=EXIT_NOT_ATTACHED).failure
            check("attach" in failure["mend"], f"mend of {verb}: {failure}")


def test_detach_of_what_is_not_attached():
    with Lab() as lab:
        lab.attach()
        lab.xdpseg("detach", "c9", code=EXIT_NOT_ATTACHED)


def test_refuses_missing_interface():
    with Lab() as lab:
        refused(lab, "nope0", says=["nope0"])


def test_refuses_interface_with_a_program():
    with Lab() as lab:
        source, code = lab.write("pass.c", PASS), f"{lab.dir}/pass.o"
        subprocess.run(["clang", "-O2", "-target", "bpf", "-c", source, "-o", code], check=True)
        lab.server.ip("link", "set", IFACE, "xdp", "obj", code, "sec", "xdp")
        lab.retake()
        refused(lab, IFACE, "--policy", lab.write("policy.yaml", POLICY), says=[IFACE])
        lab.server.ip("link", "set", IFACE, "xdp", "off")
        lab.retake()


def test_refuses_mtu_beyond_a_frame():
    with Lab(mtu=9000) as lab:
        refused(lab, IFACE, says=["MTU", "9000"])


def test_refuses_wrong_policy_with_its_place():
    with Lab() as lab:
        path = lab.write("wrong.yaml", POLICY.replace("action: allow", "acton: allow", 1))
        failure = refused(lab, IFACE, "--policy", path, says=["acton"])
        line = next(i for i, text in enumerate(open(path, encoding="utf-8"), 1) if "acton" in text)
        check_equal((failure["file"], failure["line"]), (path, line), "place")
        check_equal(failure["source"][failure["column"] - 1:][:5], "acton", "column")


def test_refuses_what_is_no_policy_file():
    with Lab() as lab:
        fifo = f"{lab.dir}/fifo"
        os.mkfifo(fifo)
        for path in (fifo, lab.dir, f"{lab.dir}/none.yaml"):
            failure = lab.xdpseg("attach", IFACE, "--policy", path, code=EXIT_FAILED).failure
            check_equal(failure["file"], path, "file")
        huge = f"{lab.dir}/huge.yaml"
        with open(huge, "wb") as file:
            file.truncate(1 << 30)
        refused(lab, IFACE, "--policy", huge, says=["64 MiB"])
        path = f"{lab.dir}/latin1.yaml"
        with open(path, "wb") as file:
            file.write(POLICY.encode() + b"# caf\xe9\n")
        failure = refused(lab, IFACE, "--policy", path, says=["UTF-8"])
        check_equal(failure["line"], POLICY.count("\n") + 1, "line")


def test_refuses_without_privilege():
    """As a user without capabilities, and as root without the one for BPF."""
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    with Lab() as lab:
        for who in (nobody, ("capsh", "--drop=cap_bpf,cap_sys_admin", "--shell=/usr/bin/env", "--")):
            argv = [*lab.server.command(*who), XDPSEG, "--runtime-dir", lab.runtime, "--json",
                    "attach", IFACE]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            check_equal(done.returncode, EXIT_PRIVILEGE, f"exit of {who[0]}: {done.stderr}")
            check("CAP_BPF" in done.stderr, f"CAP_BPF is not named: {done.stderr}")


def test_second_daemon_has_no_side_effect():
    with Lab() as lab:
        lab.attach()
        before = lab.status()
        daemon = os.path.abspath(f"{BUILD}/userspace/control/xdpsegd")
        done = subprocess.run(lab.server.command(daemon, "--runtime-dir", lab.runtime),
                              capture_output=True, text=True, check=False, timeout=slow(10))
        check_equal(done.returncode, EXIT_PROTECTED, f"exit of the second: {done.stderr}")
        check("xdpseg detach --all" in done.stderr, f"it does not say how to end the first: {done.stderr}")
        check(lab.runtime in done.stderr, f"it does not name the folder: {done.stderr}")
        check_equal(lab.status()["daemon"]["pid"], before["daemon"]["pid"], "the first's pid")


def test_may_take_its_time():
    """A slow machine attaches for longer than a silent connection lives."""
    with Lab() as lab:
        attaching = threading.Thread(target=lab.attach)
        attaching.start()
        until("the attach to begin", lambda: os.path.exists(f"{lab.runtime}/state.json"))
        keeper = next(pid for pid in descendants(os.getpid())
                      if process_status(pid)["Name"] == "xdpsegd")
        with stopped(keeper):
            time.sleep(SILENCE_S + 1)
        attaching.join()
        check_equal(list(lab.status()["interfaces"]), [IFACE], "attached")


def test_a_long_wait_is_told_on_a_terminal():
    with Lab() as lab:
        terminal, end = pty.openpty()
        with subprocess.Popen(lab.command("attach", IFACE, "--learn", "0s"), stdout=subprocess.DEVNULL,
                              stderr=end) as client:
            os.close(end)
            until("the attach to begin", lambda: os.path.exists(f"{lab.runtime}/state.json"))
            keeper = next(pid for pid in descendants(os.getpid())
                          if process_status(pid)["Name"] == "xdpsegd")
            with stopped(keeper):
                said = os.read(terminal, 100).decode()
            check_equal(client.wait(slow(60)), 0, "exit of attach")
        check("the kernel checks the programs: " in said, f"it says {said!r}")
        check(os.read(terminal, 1000).decode().endswith("\r\033[K"), "the line stays")
        os.close(terminal)


def test_what_cannot_be_enforced_is_detached_with_a_word():
    """After learning, when nobody but `status` can be asked any more."""
    with Lab() as lab:
        fault = lab.write("fault", "enforce")
        daemon = os.path.abspath(f"{BUILD}/tests/run-xdpsegd-faulty")
        worker = os.path.abspath(f"{BUILD}/afxdp/xdpseg-worker")
        rings = ["SEG_OLD_RINGS=1"] if lab.kernel() < (6, 4) else []  # as it would find out itself
        with subprocess.Popen(lab.server.command("env", f"SEG_FAULT={fault}", *rings, daemon, "--runtime-dir",
                                                 lab.runtime, "--worker", worker), stderr=subprocess.DEVNULL):
            until("the daemon", lambda: os.path.exists(f"{lab.runtime}/control.sock"))
            failure = lab.xdpseg("attach", IFACE, "--policy", lab.write("policy.yaml", POLICY), "--learn",
                                 "100ms", code=EXIT_FAILED).failure
            check("because a test wants" in failure["what"], f"it says {failure}")
            check(IFACE in failure["what"], f"it says {failure}")
            check_equal(lab.status()["interfaces"], {}, "attached")
            os.unlink(fault)
            lab.attach()
            check("refused" not in lab.status(), "it is still told")
            lab.xdpseg("detach", "--all")


def test_missing_worker_is_named():
    """A copy of client and daemon alone: attach fails, names the worker, leaves nothing."""
    with Lab() as lab:
        for name in ("cli/xdpseg", "control/xdpsegd"):
            shutil.copy(f"{BUILD}/userspace/{name}", lab.dir)
        argv = lab.server.command(f"{lab.dir}/xdpseg", "--runtime-dir", lab.runtime, "--json",
                                  "attach", IFACE)
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=slow(30))
        check_equal(done.returncode, EXIT_FAILED, f"exit: {done.stderr}")
        check("xdpseg-worker" in done.stderr, f"the worker is not named: {done.stderr}")
        lab.check_detached()


def test_usage():
    with Lab() as lab:
        for argv in (["atach"], ["attach"], ["attach", IFACE, "--mode", "fast"],
                     ["attach", IFACE, "--bridge"], ["detach"], ["detach", IFACE, "--all"]):
            lab.xdpseg(*argv, code=EXIT_USAGE)


def test_foreground_detaches_on_sigterm():
    with Lab() as lab:
        argv = lab.command("attach", IFACE, "--foreground")
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            until("attachment", lab.attached)
            client.terminate()
            check_equal(client.wait(slow(10)), 0, "exit of attach --foreground")
        check(not lab.attached(), "still attached")
