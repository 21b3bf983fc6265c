# SPDX-License-Identifier: BSD-2-Clause
"""The keeper dies, or is told to leave; the next one takes over what runs, and nobody notices."""
import json
import os
import signal
import threading
import time

from lab import IFACE, OPEN_UDP, POLICY, SHUT_UDP, Lab
from system import check, check_equal, process_status, until

NUMBERED = 20000  # or more


def names(lab):
    return {pid: process_status(pid)["Name"] for pid in lab.processes()}


def keeper(lab):
    found = [pid for pid, name in names(lab).items() if name == "xdpsegd"]
    check_equal(len(found), 1, f"keepers of {names(lab)}")
    return found[0]


def spawner(lab):
    return next(pid for pid, name in names(lab).items() if name == "xdpseg-spawner")


def end_keeper(lab, number=signal.SIGKILL):
    pid = keeper(lab)
    os.kill(pid, number)
    until("the keeper to end", lambda: pid not in names(lab) or
          process_status(pid)["State"].startswith("Z"))


class Steady(threading.Thread):
    """Numbered datagrams of one flow, as evenly as it goes, until it is enough."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.sock, self.sent, self.enough = lab.sender(4, OPEN_UDP), 0, False

    def run(self):
        while self.sent < NUMBERED or not self.enough:
            self.sock.send(self.sent.to_bytes(4, "big"))
            self.sent += 1
            time.sleep(0.0001)

    def end(self):
        """How many there were."""
        self.enough = True
        self.join()
        return self.sent


def take(sock):
    sock.setblocking(False)
    came = []
    try:
        while True:
            came.append(int.from_bytes(sock.recv(16), "big"))
    except BlockingIOError:
        return came


def rules(lab):
    return lab.stats()["rules"]


def passes(lab, port=OPEN_UDP):
    """Whether a datagram of a new flow arrives."""
    sock = lab.receiver(4, port)
    lab.sender(4, port).send(b"hello")
    sock.settimeout(1)
    try:
        return sock.recv(16) == b"hello"
    except TimeoutError:
        return False
    finally:
        sock.close()


def under_traffic(number, **options):
    with Lab(**options) as lab:
        opened = lab.receiver(4, OPEN_UDP)
        lab.attach()
        before, old = lab.status(), spawner(lab)
        steady = Steady(lab)
        steady.start()
        until("a part of them", lambda: steady.sent > NUMBERED / 4)
        end_keeper(lab, number)
        check(not passes(lab, SHUT_UDP), "what is shut passes without a keeper")
        after = lab.status()
        sent = steady.end()
        until("the last one", lambda: lab.delivered() >= sent)
        came = take(opened)
        check_equal(len(set(came)), sent, "datagrams that arrived")
        check_equal(spawner(lab), old, "the spawner")
        check_equal(after["policy"], before["policy"], "policy")
        flows = [s for s in lab.sessions() if str(OPEN_UDP) in str(s)]
        check(flows, "the stream's session is there")
        check_equal(rules(lab)["udp"]["packets"], sent, "packets of its rule")
        check(not passes(lab, SHUT_UDP), "what is shut passes")


def test_killed_under_traffic():
    under_traffic(signal.SIGKILL)


def test_handed_over_under_traffic_two_queues():
    under_traffic(signal.SIGUSR2, queues=2)


def check_again(lab, before):
    """Without the sessions, but with protection, policy and revision."""
    status = lab.xdpseg("attach", IFACE).json
    check_equal(status["policy"], before["policy"], "policy")
    check_equal(list(status["interfaces"]), list(before["interfaces"]), "interfaces")
    check(passes(lab), "what is open does not pass")
    check(not passes(lab, SHUT_UDP), "what is shut passes")


def test_attached_again_when_nothing_lives():
    with Lab() as lab:
        lab.attach()
        before = lab.status()
        lab.kill_all()
        check_again(lab, before)


def test_attached_again_after_another_version():
    with Lab() as lab:
        lab.attach()
        before = lab.status()
        end_keeper(lab)
        path = f"{lab.runtime}/state.json"
        with open(path, encoding="utf-8") as file:
            state = json.load(file)
        state["abi"] ^= 1
        with open(path, "w", encoding="utf-8") as file:
            json.dump(state, file)
        check_again(lab, before)


def test_attached_again_only_observes():
    with Lab() as lab:
        lab.attach(POLICY, "--observe")
        lab.kill_all()
        check(lab.xdpseg("attach", IFACE).json["policy"]["observe"], "it enforces now")
        check(passes(lab, SHUT_UDP), "what is observed only is dropped")
        lab.check_detached()  # what is denied arrives as well: in no balance
