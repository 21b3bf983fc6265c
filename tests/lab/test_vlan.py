# SPDX-License-Identifier: BSD-2-Clause
"""VLAN tags beside the frame, as a NIC or a veth peer leaves them: XDP does not see these."""
import os

from lab import BUILD, OPEN_UDP, POLICY, SERVER, Lab
from packets import ethernet, ipv4, udp
from system import check, check_equal, until
from test_frames import address, packet_socket

PUSH_TAG = os.path.abspath(f"{BUILD}/tests/push_tag.bpf.o")
BOTH = POLICY + "  - {id: red, direction: ingress, vlan: 100, action: deny}\n"


def prepare(lab):
    lab.client.run("tc", "qdisc", "add", "dev", "c0", "clsact")
    lab.retake()


def push_tags(lab):
    """From now on what the client sends is tagged."""
    lab.client.run("tc", "filter", "add", "dev", "c0", "egress", "bpf", "direct-action", "object-file",
                   PUSH_TAG, "section", "tc")


def beside(lab):
    return lab.exits()["vlan-beside"]


def check_beside(policy, *options):
    """A known flow's packets get a tag: XDP takes them for untagged, and none enters the VLAN."""
    with Lab() as lab:
        prepare(lab)
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach(policy, *options)
        known = lab.sender(4, OPEN_UDP)
        before = lab.exits()["session-allow"]
        known.send(b"untagged")
        check_equal(receiver.recv(16), b"untagged", "an untagged datagram")
        until("one lookup to answer", lambda: sends(known, receiver, lab) > before)
        push_tags(lab)
        before = lab.delivered()
        for _ in range(3):
            known.send(b"tagged")
        until("each tagged one to be dropped", lambda: beside(lab) == 3)
        check_equal(lab.delivered(), before, "delivered")
        check_equal(lab.exits()["vlan-unknown"], 0, "XDP saw a tag")


def sends(known, receiver, lab):
    known.send(b"untagged")
    check_equal(receiver.recv(16), b"untagged", "an untagged datagram")
    return lab.exits()["session-allow"]


def test_a_tag_beside_the_frame_leads_nowhere():
    check_beside(POLICY)


def test_nor_where_the_policy_names_the_vlan():
    check_beside(BOTH)


def test_nor_in_generic_mode():
    check_beside(POLICY, "--mode", "generic")


def test_a_priority_is_no_vlan():
    """VID 0 (802.1Q 9.6)."""
    with Lab() as lab:
        prepare(lab)
        receiver = lab.receiver(4, OPEN_UDP + 1)
        lab.attach()
        push_tags(lab)
        lab.sender(4, OPEN_UDP + 1).send(b"urgent")
        check_equal(receiver.recv(16), b"urgent", "a datagram with a priority")
        check_equal(beside(lab), 0, "dropped")


def test_a_tag_in_the_frame_was_judged():
    """The stack puts it beside the frame before tc: the session says that XDP has seen it."""
    with Lab() as lab:
        lab.attach(BOTH)
        body = udp("10.77.0.1", SERVER[4], 4000, OPEN_UDP)
        frame = ethernet(address(lab.client, "c0"), address(lab.server, "s0"), 4,
                         ipv4("10.77.0.1", SERVER[4], 17, body), tags=(100,))
        sock = packet_socket(lab)
        before = lab.delivered()
        for n in range(1, 4):
            sock.send(frame)
            until("the frame to be delivered", lambda n=n: lab.delivered() == before + n)
        check_equal(beside(lab), 0, "dropped")
        check(lab.stats()["rules"]["udp"]["packets"] == 3, "not counted for the first rule")
