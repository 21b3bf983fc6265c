# SPDX-License-Identifier: BSD-2-Clause
"""Generic mode: what holds where the driver runs the program holds where the stack does."""
import socket
import subprocess
import sys
import threading

import test_connect
import test_content
import test_count
import test_egress
import test_fragments
import test_frames
import test_policy
import test_running
import test_sessions
import test_vlan
import test_worker
from lab import IFACE, OPEN_TCP, OPEN_UDP, POLICY, SERVER, SHUT_TCP, Lab
from system import check, check_equal, until

GENERIC = "--mode", "generic"
UDP_SEGMENT = 103  # linux/udp.h

# What is asked of native mode elsewhere, and is no different here.
THE_SAME = (
    test_connect.test_connects_ipv4, test_connect.test_connects_ipv6,
    test_connect.test_connects_over_two_queues, test_connect.test_ping,
    test_connect.test_the_hosts_own_connections,
    test_content.test_udp_sizes_ipv4, test_content.test_udp_sizes_ipv6,
    test_count.test_denied_flow_is_cached, test_count.test_order_of_new_flows,
    test_egress.test_all_may_leave_and_is_answered,
    test_egress.test_only_what_the_policy_lets_out_leaves,
    test_egress.test_a_denial_is_not_the_hosts_own,
    test_fragments.test_both_ways, test_fragments.test_what_the_host_sends_is_asked_for,
    test_fragments.test_the_verdict_is_the_datagrams, test_fragments.test_in_any_order_and_in_vlans,
    test_fragments.test_held_fragments_survive_the_worker,
    test_fragments.test_contradictions_are_refused_by_name,
    test_frames.test_bad_frames_are_counted_under_their_reasons,
    test_frames.test_good_frames_pass, test_frames.test_named_vlan_is_judged_by_its_rule,
    test_policy.test_apply_changes_what_is_allowed, test_policy.test_apply_keeps_observing,
    test_policy.test_apply_loses_nothing_of_a_known_flow,
    test_running.test_own_connection_goes_on, test_running.test_inbound_connections_go_on,
    test_running.test_apply_judges_again,
    test_sessions.test_flush_ends_all,
    test_vlan.test_a_tag_in_the_frame_was_judged,
    test_worker.test_killed_many_times_under_traffic,
    test_worker.test_hanging_worker_is_replaced,
    test_worker.test_on_worker_loss_sessions, test_worker.test_on_worker_loss_pass,
    test_worker.test_on_worker_loss_drop,
)


def in_generic_mode(test):
    """Each test is a process of its own: nothing has to be set back."""
    def run():
        Lab.mode = "generic"
        test()
    return run


for same in THE_SAME:
    globals()[f"{same.__name__}_{same.__module__[5:]}"] = in_generic_mode(same)


def send_merged(sock, count, size):
    """So many datagrams as one packet, which is cut on its way, or never."""
    option = (socket.IPPROTO_UDP, UDP_SEGMENT, size.to_bytes(2, sys.byteorder))
    sock.sendmsg([bytes(count * size)], [option])


def test_what_fits_no_frame_is_a_named_loss():
    """Only where a worker is to see it: a known flow's pass at any length."""
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach(POLICY, *GENERIC)
        sender = lab.sender(4, OPEN_UDP)
        for turn in (1, 2):
            send_merged(sender, 10, 1000)
            until("the loss", lambda: lab.exits()["oversize"] == turn)
        sender.send(b"small")
        check_equal(receiver.recv(16), b"small", "the first datagram that comes")
        until("one lookup to answer", lambda: answered(lab, sender, receiver))
        send_merged(sender, 10, 1000)
        for _ in range(10):
            check_equal(len(receiver.recv(2000)), 1000, "a datagram's length")
        check_equal(lab.exits()["rx-dropped"], 0, "rx-dropped")
        lab.merged = True  # what was merged is delivered in one


def answered(lab, sender, receiver):
    before = lab.exits()["session-allow"]
    sender.send(b"known")
    receiver.recv(16)
    return lab.exits()["session-allow"] > before


def test_long_packets_of_another_policy():
    """A flow whose verdict is of the policy before is judged by its first packet that fits."""
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach(POLICY, *GENERIC)
        sender = lab.sender(4, OPEN_UDP)
        until("one lookup to answer", lambda: answered(lab, sender, receiver))
        lab.xdpseg("policy", "apply", lab.write("next.yaml", POLICY.replace("8080", "8081")))
        send_merged(sender, 10, 1000)
        until("the loss", lambda: lab.exits()["oversize"] == 1)
        sender.send(b"small")
        check_equal(receiver.recv(16), b"small", "the first datagram that comes")


BULK = 20_000_000


def check_bulk(*features):
    """A transfer under a change of policy: every byte, whatever is merged on its way."""
    with Lab() as lab:
        for space, name in ((lab.client, "c0"), (lab.server, IFACE)):
            space.run("ethtool", "-K", name, *features)
        lab.retake()
        listener = lab.listener(4, OPEN_TCP)
        listener.setblocking(True)
        lab.attach(POLICY, *GENERIC)
        sock = lab.enter_context(lab.client.socket(socket.AF_INET, socket.SOCK_STREAM))
        sock.connect((SERVER[4], OPEN_TCP))
        sock.settimeout(20)
        peer = lab.enter_context(listener.accept()[0])
        peer.settimeout(20)
        thread = threading.Thread(target=pour, args=(sock,))
        thread.start()
        came = take(peer, BULK // 2)
        lab.xdpseg("policy", "apply", lab.write("next.yaml", POLICY + MORE))
        came += take(peer, BULK)
        thread.join()
        check_equal(came, BULK, "bytes")
        check_sums(lab)


MORE = "  - {id: more, direction: ingress, service: tcp/99, action: allow}\n"


def pour(sock):
    sock.sendall(bytes(BULK))
    sock.shutdown(socket.SHUT_WR)


def take(sock, most):
    count = 0
    while count < most and (said := sock.recv(1 << 16)):
        count += len(said)
    return count


def check_sums(lab):
    """Merged before XDP or behind it: the driver counts otherwise, but exits are exits."""
    def settled():
        iface = lab.stats()["interfaces"][IFACE]
        return sum(lab.exits().values()) == iface["packets"] and not iface["in_flight"]
    until("rx = sum of exits", settled)
    lost = {name: n for name, n in lab.exits().items() if n and not name.startswith(
        ("session-allow", "rule-allow", "arp", "neighbour", "oversize"))}
    check_equal(lost, {}, "exits that should not be")
    lab.xdpseg("detach", "--all")


def test_bulk():
    """As it is: what the sender leaves uncut arrives so."""
    check_bulk("tso", "on")


def test_bulk_with_gro():
    check_bulk("gro", "on", "tso", "on")


def test_bulk_cut_by_the_sender():
    check_bulk("gro", "off", "tso", "off", "gso", "off")


# --- where a driver has no XDP of its own -----------------------------------------------------

def bridged(lab):
    """The server's addresses are on a bridge, whose port is s0."""
    lab.server.ip("link", "add", "br0", "type", "bridge")
    lab.server.ip("link", "set", IFACE, "master", "br0")
    lab.server.ip("addr", "flush", "dev", IFACE)
    lab.server.ip("addr", "add", f"{SERVER[4]}/24", "dev", "br0")
    lab.server.ip("link", "set", "br0", "up")
    until("a way over the bridge", lambda: "1 received" in lab.client.run(
        "ping", "-c", "1", "-W", "1", SERVER[4], ok=False))
    until("the bridge's carrier", lambda: lab.has_carrier(lab.server, "br0"))
    lab.retake()


def connects(lab, port):
    with lab.client.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(0.7)
        try:
            sock.connect((SERVER[4], port))
        except TimeoutError:
            return False
        return True


def test_auto_falls_back_and_says_why():
    with Lab() as lab:
        bridged(lab)
        for port in (OPEN_TCP, SHUT_TCP):
            lab.listener(4, port)
        path = lab.write("policy.yaml", POLICY)
        said = lab.xdpseg("attach", "br0", "--policy", path, "--mode", "native", code=1).failure
        check("bridge" in said["what"] and "generic" in said["mend"], f"native mode: {said}")
        lab.xdpseg("attach", "br0", "--policy", path)
        iface = lab.status()["interfaces"]["br0"]
        check_equal(iface["mode"], "generic", "mode")
        check("refused native mode" in iface["mode_why"], f"why: {iface['mode_why']!r}")
        text = subprocess.run(lab.command("status"), capture_output=True, text=True, check=True)
        check(iface["mode_why"] in text.stdout, f"for people: {text.stdout}")
        check(connects(lab, OPEN_TCP), "the open port is shut")
        check(not connects(lab, SHUT_TCP), "the shut port is open")
        check_equal(lab.stats()["rules"]["web"]["sessions"], 1, "sessions of rule web")
        lab.xdpseg("detach", "--all")


def test_native_says_nothing():
    with Lab() as lab:
        lab.attach()
        check("mode_why" not in lab.iface(), f"why native: {lab.iface()}")
