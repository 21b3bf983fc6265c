# SPDX-License-Identifier: BSD-2-Clause
"""Exact counts, and order: two senders at once, bursts on new flows."""
import multiprocessing
import os
import socket

from lab import CLIENT, OPEN_UDP, SERVER, SHUT_UDP, Lab
from system import check, check_equal, until

SENDS = 100000
FLOWS = 200
BURST = 20


def session_of(lab, port):
    found = [session for session in lab.sessions() if session["dport"] == port]
    check_equal(len(found), 1, f"sessions to port {port}")
    return found[0]


def queue_by_cpu(lab, cpus):
    """What a CPU sends takes its queue, and runs the program over there on that CPU."""
    text = " && ".join(f"echo {1 << cpu:x} > /sys/class/net/c0/queues/tx-{queue}/xps_cpus"
                       for queue, cpu in enumerate(cpus))
    lab.client.run("unshare", "--mount", "sh", "-c", f"mount -t sysfs sysfs /sys && {text}")


def open_session(lab):
    """Its verdict is there: what comes now is counted by XDP alone."""
    return [session for session in lab.sessions() if session["verdict"] == "allow"]


def send_from(cpu, sock):
    os.sched_setaffinity(0, {cpu})
    for _ in range(SENDS):
        sock.sendto(b"count me", (SERVER[4], OPEN_UDP))


def test_two_cpus_one_flow():
    """The session counts what the wire carried: no update is lost between two CPUs."""
    with Lab(queues=2) as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach()
        # Not connected: that would tie the socket to one queue.
        sender = lab.enter_context(lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sender.bind((CLIENT[4], 4000))
        cpus = sorted(os.sched_getaffinity(0))[:2]
        check_equal(len(cpus), 2, "CPUs to send from")
        queue_by_cpu(lab, cpus)
        sender.sendto(b"count me", (SERVER[4], OPEN_UDP))
        until("the session", lambda: open_session(lab))
        fork = multiprocessing.get_context("fork")  # no interpreter lock between the two
        senders = [fork.Process(target=send_from, args=(cpu, sender)) for cpu in cpus]
        for process in senders:
            process.start()
        for process in senders:
            process.join()
        check(min(lab.queue_packets()) > SENDS / 2, f"one queue did it all: {lab.queue_packets()}")
        carried = 1 + 2 * SENDS - lab.link(lab.client, "c0")["tx"]["dropped"]
        check(carried > SENDS, f"the wire dropped most: {carried} of {2 * SENDS} arrived")
        until("all to have come through", lambda: sum(lab.exits().values()) >= carried)
        check_equal(session_of(lab, OPEN_UDP)["orig"]["packets"], carried,
                    f"packets of the session; exits {lab.exits()['session-allow']}")
        check_equal(session_of(lab, OPEN_UDP)["orig"]["bytes"], carried * (14 + 20 + 8 + 8),
                    "bytes of the session")
        receiver.setblocking(False)


def burst_and_check(lab, receiver, flows):
    """A burst of numbered datagrams on each of `flows` new flows, interleaved."""
    senders = [lab.sender(4, OPEN_UDP) for _ in range(flows)]
    for number in range(BURST):
        for sender in senders:
            sender.send(number.to_bytes(4, "big"))
    came = {}
    for _ in range(flows * BURST):
        payload, source = receiver.recvfrom(16)
        came.setdefault(source, []).append(int.from_bytes(payload, "big"))
    for source, numbers in came.items():
        check_equal(numbers, list(range(BURST)), f"order of {source}")
    for sender in senders:
        sender.close()


def test_order_of_new_flows():
    """Packets that wait for their flow's verdict are not overtaken by those that follow."""
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach()
        for _ in range(FLOWS):
            burst_and_check(lab, receiver, 1)
        for _ in range(FLOWS // 8):
            burst_and_check(lab, receiver, 8)


def test_denied_flow_is_cached():
    """A denied flow asks the worker once, then one lookup denies it."""
    with Lab() as lab:
        lab.attach()
        sender = lab.sender(4, SHUT_UDP)
        sender.send(b"first")
        until("the denial", lambda: lab.exits()["rule-deny"] == 1)
        until("its session", lambda: [s for s in lab.sessions() if s["verdict"] == "deny"])
        for _ in range(100):
            sender.send(b"again")
        until("100 denials by the session", lambda: lab.exits()["session-deny"] == 100)
        check_equal(lab.exits()["rule-deny"], 1, "packets that the worker denied")
