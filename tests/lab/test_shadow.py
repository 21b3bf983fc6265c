# SPDX-License-Identifier: BSD-2-Clause
"""stage: shadow decides nothing, and counts what it would have decided."""
import threading

from lab import Lab
from system import check, check_equal, until

WATCHED, FREE = 9000, 9050
SENDS = 30

SHADOWED = """\
version: 1
name: shadowed
defaults: {ingress: deny, egress: allow, timeouts: {udp: %s}}
rules:
%s  - {id: soon, direction: ingress, service: udp/9000-9049, action: deny, stage: shadow}
  - {id: udp, direction: ingress, service: udp/9000-9099, action: allow}
"""
MORE = "  - {id: more, service: tcp/1-10, action: deny}\n"


def policy(udp="30s", more=""):
    return SHADOWED % (udp, more)


def apply(lab, text):
    return lab.xdpseg("policy", "apply", lab.write("applied.yaml", text)).json


def rule(lab, name):
    return lab.stats()["rules"][name]


def send(lab, receiver, port, count):
    sender = lab.sender(4, port)
    for number in range(count):
        sender.send(number.to_bytes(4, "big"))
        check_equal(int.from_bytes(receiver.recv(4), "big"), number, "what arrived")


def test_a_shadow_rule_counts_and_decides_nothing():
    with Lab() as lab:
        watched, free = lab.receiver(4, WATCHED), lab.receiver(4, FREE)
        lab.attach(policy())
        send(lab, watched, WATCHED, SENDS)
        send(lab, free, FREE, 2)
        until("all to be counted", lambda: rule(lab, "udp")["packets"] == SENDS + 2)
        check_equal(rule(lab, "soon"), {"packets": 0, "bytes": 0, "sessions": 0, "shadow": SENDS},
                    "the shadow rule")
        check_equal(rule(lab, "udp")["shadow"], 0, "shadow of a rule that decides")


def test_the_count_outlives_flows_and_policies():
    with Lab() as lab:
        watched = lab.receiver(4, WATCHED)
        lab.attach(policy(udp="1s"))
        send(lab, watched, WATCHED, SENDS)
        until("the flow to be forgotten", lambda: not lab.sessions())
        check_equal(rule(lab, "soon")["shadow"], SENDS, "after its flow")
        send(lab, watched, WATCHED, SENDS)
        apply(lab, policy(more=MORE))
        check_equal(rule(lab, "soon")["shadow"], 2 * SENDS, "under a new policy")
        send(lab, watched, WATCHED, SENDS)
        until("all to be counted", lambda: rule(lab, "udp")["packets"] == 3 * SENDS)
        check_equal(rule(lab, "soon")["shadow"], 3 * SENDS, "in all")


def test_policies_change_under_traffic():
    """Each packet is one that the rule would have decided, whichever policy it met."""
    with Lab() as lab:
        lab.receiver(4, WATCHED)
        lab.attach(policy())
        sender, over = lab.sender(4, WATCHED), threading.Event()

        def go_on():
            while not over.is_set():
                sender.send(b"on and on")
                over.wait(0.0001)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            for more in (MORE, "", MORE, ""):
                before = rule(lab, "udp")["packets"]
                apply(lab, policy(more=more))
                until("more packets", lambda: rule(lab, "udp")["packets"] > before + SENDS)
        finally:
            over.set()
            thread.join()
        until("nothing under way", lambda: lab.imbalance() is None)
        counted = rule(lab, "udp")["packets"]
        check(counted > 4 * SENDS, f"only {counted} packets")
        check_equal(rule(lab, "soon")["shadow"], counted, "shadow")
