# SPDX-License-Identifier: BSD-2-Clause
"""The worker dies, hangs, and has no rights; traffic goes on."""
import contextlib
import os
import signal
import sys
import threading
import time

import snapshot
from lab import IFACE, OPEN_UDP, POLICY, SHUT_UDP, Lab, packets_of, worker_privileges
from system import SLOW, Failed, check, check_equal, run, run_json, slow, stopped, until

KILLS = 100 if SLOW == 1 else 10  # one takes seconds on an emulated machine
LOST_SECONDS = 0.2  # outstanding for so long: the worker is lost


class Stream(threading.Thread):
    """Numbered datagrams, every one a new flow, to an open and to a shut port."""

    def __init__(self, lab):
        super().__init__()
        self.lab, self.sent, self.over = lab, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.0005):
            for port in (OPEN_UDP, SHUT_UDP):
                with contextlib.closing(self.lab.client.socket(*UDP)) as sock:
                    sock.sendto(self.sent.to_bytes(4, "big"), ("10.77.0.2", port))
            self.sent += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


UDP = (2, 2)  # AF_INET, SOCK_DGRAM


class Sink(threading.Thread):
    """Takes all that comes; {number: times}."""

    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock, self.came = sock, {}

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                number = int.from_bytes(self.sock.recv(16), "big")
                self.came[number] = self.came.get(number, 0) + 1


def kill_worker(lab, pid):
    """End it; the next one's pid, and the seconds until that works."""
    os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()
    until("another worker", lambda: lab.workers()[0][0] not in (pid, 0))
    return lab.worker(), time.monotonic() - begun


def losses(lab):
    iface = lab.stats()["interfaces"][IFACE]
    return {name: packets_of(count) for name, count in iface["losses"].items() if
            packets_of(count)}


def test_killed_many_times_under_traffic():
    with Lab() as lab:
        opened, shut = lab.receiver(4, OPEN_UDP), lab.receiver(4, SHUT_UDP)
        opened.settimeout(None)
        shut.setblocking(False)
        lab.attach()
        sink = Sink(opened)
        sink.start()
        with Stream(lab) as stream:
            pid = lab.worker()
            seen, slowest = {pid}, 0.0
            for _ in range(KILLS):
                pid, took = kill_worker(lab, pid)
                seen.add(pid)
                slowest = max(slowest, took)
        check_equal(len(seen), KILLS + 1, "different workers")
        with contextlib.suppress(Failed):
            until("the stream", lambda: len(sink.came) == stream.sent)
        missing = sorted(set(range(stream.sent)) - set(sink.came))
        check_nothing_came(shut)
        check_losses(lab, len(missing), slowest)
        twice = [number for number, times in sink.came.items() if times > 1]
        check(not twice, f"{len(twice)} of {stream.sent} datagrams came twice")


def check_losses(lab, missing, slowest):
    """None, unless the machine took so long to start a worker that on-worker-loss dropped: by name."""
    counted = losses(lab)
    said = f"{missing} lost, counted: {counted}, slowest restart {slowest:.2f} s"
    check(missing == 0 or slowest > LOST_SECONDS, said)
    check(missing <= sum(counted.values()) and set(counted) <= {"worker-lost"}, said)


def check_nothing_came(sock):
    with contextlib.suppress(BlockingIOError):
        raise Failed(f"a denied datagram came: {sock.recv(16)!r}")


def test_worker_has_no_rights():
    with Lab() as lab:
        lab.attach()
        rights = worker_privileges(lab.worker())
        check(rights.pop("Uid") != "0", "the worker runs as root")
        check_equal(rights.pop("NoNewPrivs"), "1", "NoNewPrivs")
        check_equal(rights.pop("Seccomp"), "2", "Seccomp (2: filter)")
        check_equal(set(rights.values()), {"0" * 16}, f"capability sets {sorted(rights)}")


def test_hanging_worker_is_replaced():
    """What waits while it hangs is handed on by its successor."""
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach()
        pid = lab.worker()
        with stopped(pid):
            lab.sender(4, OPEN_UDP).send(b"wait")
            until("another worker", lambda: lab.worker() != pid, 2)
            check_equal(receiver.recv(16), b"wait", "the datagram that waited")


def pretend_loss(lab):
    """As if the kernel had lost a packet between XDP and an empty ring: counted as sent, and gone."""
    maps = [number for kind, number in snapshot.bpf_objects_of(lab.processes()) if kind == "map"]
    name = {run_json("bpftool", "-j", "map", "show", "id", str(i))["name"]: str(i) for i in maps}
    entry = ("id", name["seg_queues"], "key", "0", "0", "0", "0")
    value = [int(byte, 16) for byte in run_json("bpftool", "-j", "map", "lookup", *entry)["value"]]
    sent = int.from_bytes(bytes(value[:8]), sys.byteorder) + 1
    value[:8] = sent.to_bytes(8, sys.byteorder)
    value[8:16] = time.monotonic_ns().to_bytes(8, sys.byteorder)  # since
    value[16:24] = value[64:72]  # seen: what was consumed then
    run("bpftool", "map", "update", *entry, "value", *map(str, value))


def test_loss_on_the_way_up_heals():
    """Such a loss wakes nobody. The keeper looks once a second; without it XDP tries by itself."""
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach()
        lab.worker()
        with stopped(lab.status()["daemon"]["pid"]):
            pretend_loss(lab)
            time.sleep(2 * LOST_SECONDS)  # what came earlier would wake the worker
            check(not works(lab, receiver), "the worker does not count as lost")
            until("a worker that works again", lambda: works(lab, receiver), 5)
        pretend_loss(lab)
        until("a worker that works again", lambda: works(lab, receiver), 5)


def parent_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def check_loss(mode, passing, reason):
    """With worker and spawner standing still, XDP applies on-worker-loss by itself."""
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach(POLICY.replace("on-worker-loss: sessions", f"on-worker-loss: {mode}"))
        known = lab.sender(4, OPEN_UDP)
        known.send(b"known")
        check_equal(receiver.recv(16), b"known", "before the loss")
        until("its session", lambda: lab.sessions() and exits_by_session(lab, known, receiver))
        pid = lab.worker()
        with stopped(parent_of(pid), pid):
            lab.sender(4, OPEN_UDP).send(b"outstanding")
            begun = time.monotonic()
            until(f"reason {reason}", lambda: probe(lab, reason))
            took = time.monotonic() - begun
            check(took < slow(2 * LOST_SECONDS + 0.2), f"the loss was noticed after {took:.2f} s")
            drain(receiver)
            # At once: within seconds the daemon replaces a spawner that answers nothing, too.
            senders = {b"unknown": lab.sender(4, OPEN_UDP), b"known": known}
            check_passes(lab, receiver, senders, passing, reason)
        until("a worker that works", lambda: works(lab, receiver), 5)


def exits_by_session(lab, sock, receiver):
    """The flow is answered by one lookup now."""
    before = lab.exits()["session-allow"]
    sock.send(b"known")
    receiver.recv(16)
    return lab.exits()["session-allow"] > before


def probe(lab, reason):
    """One more unknown flow; has it, or one before, met the reason?"""
    lab.sender(4, OPEN_UDP).send(b"probe")
    return lab.exits().get(reason, 0) > 0


def drain(sock):
    """What is there."""
    came = []
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            came.append(sock.recv(16))
    return came


def check_passes(lab, receiver, senders, passing, reason):
    """Of what senders send these come through; the rest is counted under the reason, dropped."""
    before = lab.exits().get(reason, 0)
    for what, sender in senders.items():
        sender.send(what)
    receiver.settimeout(slow(1))
    came = sorted(receiver.recv(16) for _ in passing)
    check_equal(came, sorted(passing), "what passes")
    if len(passing) < len(senders):
        drops = len(senders) - len(passing)
        until(f"{drops} to be dropped", lambda: lab.exits()[reason] == before + drops)
    check_equal(drain(receiver), [], "what passes beside")


def works(lab, receiver):
    receiver.settimeout(slow(0.1))
    lab.sender(4, OPEN_UDP).send(b"again")
    with contextlib.suppress(TimeoutError):
        return receiver.recv(16) == b"again"
    return False


def test_on_worker_loss_sessions():
    check_loss("sessions", [b"known"], "worker-lost")


def test_on_worker_loss_pass():
    check_loss("pass", [b"known", b"unknown"], "worker-lost-pass")


def test_on_worker_loss_drop():
    check_loss("drop", [], "worker-lost")
