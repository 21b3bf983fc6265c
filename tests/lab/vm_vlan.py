# SPDX-License-Identifier: BSD-2-Clause
"""VLAN sub-interfaces, which the kernel of a test machine may lack (8021q)."""
from lab import IFACE, Lab
from system import check_equal, until

TAG = 66
POLICY = """\
version: 1
name: vlan
defaults: {ingress: deny, egress: allow}
rules:
  - {id: tagged, direction: ingress, vlan: 66, service: icmp/echo-request, action: allow}
"""


def add_vlan(space, name, address):
    space.ip("link", "add", "link", name, "name", "tagged", "type", "vlan", "id", str(TAG))
    space.ip("addr", "add", f"{address}/24", "dev", "tagged")
    space.ip_all("link set tagged addrgenmode none", "link set tagged up")


def ping(lab, address):
    lab.client.run("ping", "-c", "3", "-i", "0.2", "-W", "2", address, ok=False)


def tagged_lab(lab, offload, policy=POLICY):
    """In band where the sender does not leave the tag to its device: txvlan off."""
    lab.merged = True  # sub-interfaces speak when they come up, before anything is attached
    lab.client.run("ethtool", "-K", "c0", "txvlan", offload)
    add_vlan(lab.server, IFACE, "10.66.0.2")
    add_vlan(lab.client, "c0", "10.66.0.1")
    lab.retake()
    lab.attach(policy)


def test_in_band_tags_meet_the_rule_of_their_vlan():
    with Lab() as lab:
        tagged_lab(lab, "off")
        ping(lab, "10.66.0.2")
        until("rule tagged", lambda: lab.stats()["rules"]["tagged"]["packets"] >= 3)


def test_untagged_traffic_does_not():
    with Lab() as lab:
        tagged_lab(lab, "off")
        ping(lab, "10.77.0.2")
        until("the default", lambda: lab.stats()["rules"]["default"]["packets"] == 3)
        check_equal(lab.stats()["rules"]["tagged"]["packets"], 0, "rule tagged")


def test_tags_beside_the_frame_do_not_pass_as_untagged():
    """XDP sees no tag of a sender that leaves it to its device; tc does."""
    policy = POLICY.replace("""rules:
""", """rules:
  - {id: closed, direction: ingress, vlan: 66, action: deny}
  - {id: ping, direction: ingress, service: icmp/echo-request, action: allow}
""").partition("  - {id: tagged")[0]
    with Lab() as lab:
        tagged_lab(lab, "on", policy)

        def three_were_not_judged():
            ping(lab, "10.66.0.2")  # again: a slow machine's ARP may give up before it is answered
            return lab.exits()["vlan-beside"] >= 3

        until("three that were not judged", three_were_not_judged)
        lab.client.run("ping", "-c", "1", "-W", "5", "10.77.0.2")
