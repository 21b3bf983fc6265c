# SPDX-License-Identifier: BSD-2-Clause
"""Under a service manager: what it is told, and interfaces that are not up yet at boot."""
import contextlib
import glob
import os
import re
import signal
import socket
import subprocess
import threading
import time

from lab import (BUILD, CLIENT, IFACE, OPEN_UDP, POLICY, SERVER, SHUT_UDP, Lab)
from system import check, check_equal, slow, until

XDPSEGD = os.path.abspath(f"{BUILD}/userspace/control/xdpsegd")
WATCHDOG_S = 1.0
DEADLINE_S = slow(10)


class Manager:
    """The socket that a service manager hears its service on, and the daemon as its service."""

    def __init__(self, lab, **environment):
        path = f"{lab.dir}/notify"
        self.socket = lab.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.socket.bind(path)
        self.socket.settimeout(DEADLINE_S)
        clean = {key: value for key, value in os.environ.items() if not key.startswith("WATCHDOG")}
        self.daemon = subprocess.Popen(
            lab.server.command(XDPSEGD, "--runtime-dir", lab.runtime, "--foreground"),
            env={**clean, "NOTIFY_SOCKET": path, **environment})

    def hear(self):
        """One message; (name, value)."""
        name, _, value = self.socket.recv(4096).decode().partition("=")
        return name, value.strip()

    def await_word(self, name, contains=""):
        while True:
            heard, value = self.hear()
            if heard == name and contains in value:
                return value

    def end(self):
        """What it still said. It is heard until it has ended: who finds the socket full waits."""
        self.daemon.send_signal(signal.SIGTERM)
        thread = threading.Thread(target=self.daemon.wait, args=(DEADLINE_S,))
        thread.start()
        self.socket.settimeout(0.05)
        said = []
        while thread.is_alive():
            said += self.heard()
        thread.join()
        check_equal(self.daemon.poll(), 0, "exit status of the daemon")
        return said + self.heard()

    def heard(self):
        """All that is there."""
        said = []
        with contextlib.suppress(TimeoutError):
            while True:
                said.append(self.hear())
        return said


def periodic_timers(pid):
    """Those that go off again and again."""
    found = 0
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        with contextlib.suppress(FileNotFoundError), open(path, encoding="ascii") as file:
            interval = re.search(r"^it_interval: \((\d+), (\d+)\)", file.read(), re.MULTILINE)
            found += bool(interval) and interval.groups() != ("0", "0")
    return found


def test_stays_when_its_last_interface_goes():
    with Lab() as lab:
        manager = Manager(lab)
        manager.await_word("READY")
        for _ in range(2):
            lab.attach()
            lab.xdpseg("detach", "--all")
            manager.await_word("STATUS", "nothing is attached")
            check(manager.daemon.poll() is None, "it ended with its interface")
        check("STOPPING" in dict(manager.end()), "it does not say that it stops")


def test_says_ready_what_it_does_and_that_it_stops():
    with Lab() as lab:
        manager = Manager(lab)
        check_equal(manager.hear(), ("STATUS", "nothing is attached"), "first word")
        check_equal(manager.hear(), ("READY", "1"), "second word")
        check(os.path.exists(f"{lab.runtime}/control.sock"), "ready, but it does not serve")
        lab.attach()
        manager.await_word("STATUS", "1 interface protected by policy lab, revision 1")
        path = lab.write("next.yaml", POLICY.replace("name: lab", "name: next"))
        lab.xdpseg("policy", "apply", path)
        manager.await_word("STATUS", "policy next, revision 2")
        said = manager.end()
        check_equal(said, [("STOPPING", "1"), ("STATUS", "nothing is attached")], "last words")


def test_watchdog_is_told_at_half_its_time():
    with Lab() as lab:
        manager = Manager(lab, WATCHDOG_USEC=str(int(WATCHDOG_S * 1e6)))
        manager.await_word("READY")
        check_equal(periodic_timers(manager.daemon.pid), 1, "timers")
        manager.await_word("WATCHDOG", "1")
        heard = [time.monotonic()]
        for _ in range(4):
            manager.await_word("WATCHDOG", "1")
            heard.append(time.monotonic())
        gaps = [after - before for before, after in zip(heard, heard[1:])]
        check(max(gaps) < WATCHDOG_S, f"it would be killed: {gaps}")
        mean = sum(gaps) / len(gaps)
        check(abs(mean - WATCHDOG_S / 2) < WATCHDOG_S / 8, f"not at half of {WATCHDOG_S} s: {gaps}")
        os.kill(manager.daemon.pid, signal.SIGSTOP)
        manager.socket.settimeout(WATCHDOG_S)
        with contextlib.suppress(TimeoutError):
            while True:  # what it had said before it stood still
                check(manager.hear()[0] == "WATCHDOG", "it speaks, standing still")
        os.kill(manager.daemon.pid, signal.SIGCONT)
        check("STOPPING" in dict(manager.end()), "it does not say that it stops")


def test_watchdog_hears_of_long_work():
    """The loop stands still while it attaches, and so does its timer: steps are told instead."""
    with Lab() as lab:
        manager = Manager(lab, WATCHDOG_USEC="160000")
        manager.await_word("READY")
        attaching = threading.Thread(target=lab.attach)
        attaching.start()
        told, begun = 0, False
        while not (heard := manager.hear())[1].startswith("1 interface protected"):
            begun |= os.path.exists(f"{lab.runtime}/state.json")
            told += begun and heard == ("WATCHDOG", "1")
        attaching.join()
        check(told > 3, f"{told} words in an attach")
        manager.end()


def test_no_timer_without_a_watchdog_of_its_own():
    for environment in ({}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}):
        with Lab() as lab:
            manager = Manager(lab, **environment)
            manager.await_word("READY")
            check_equal(periodic_timers(manager.daemon.pid), 0, f"timers, {environment}")
            check_equal([name for name, _ in manager.end()], ["STOPPING", "STATUS"], "words")


@contextlib.contextmanager
def knocking(lab):
    """The client sends all the time, to an open port and to a shut one."""
    stop = threading.Event()
    senders = [lab.sender(4, port) for port in (SHUT_UDP, OPEN_UDP)]

    def knock():
        while not stop.wait(0.0005):
            for sender in senders:
                with contextlib.suppress(OSError):
                    sender.send(b"knock")

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def comes_up(mode):
    with Lab() as lab:
        mac = lab.server.run_json("ip", "-j", "link", "show", IFACE)[0]["address"]
        lab.client.ip("neigh", "replace", SERVER[4], "lladdr", mac, "nud", "permanent", "dev", "c0")
        lab.server.ip("link", "set", IFACE, "down")
        until("the other end to notice", lambda: not lab.has_carrier(lab.client, "c0"))
        opened, shut = lab.receiver(4, OPEN_UDP), lab.receiver(4, SHUT_UDP)
        lab.attach(POLICY, "--mode", mode)
        with knocking(lab):
            lab.server.ip("link", "set", IFACE, "up")
            for _ in range(20):
                check_equal(opened.recvfrom(16)[1][0], CLIENT[4], "sender")
        exits = lab.exits()
        check(exits["rule-deny"], f"nothing was denied: {exits}")
        shut.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            check(not shut.recv(16), "a packet came through before the policy was there")
        lab.server.ip("addr", "replace", f"{SERVER[6]}/64", "dev", IFACE, "nodad")
        if mode == "generic":  # the driver counts nothing there, so nothing can be balanced
            lab.xdpseg("detach", "--all")


def test_interface_that_comes_up_is_protected_from_its_first_packet():
    comes_up("native")


def test_interface_that_comes_up_is_protected_in_generic_mode_too():
    comes_up("generic")
