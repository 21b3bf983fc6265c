# SPDX-License-Identifier: BSD-2-Clause
"""TCP connections: open ports open, shut ports do not, and the counters agree with the wire."""
import errno
import selectors

from lab import CLIENT, INET, OPEN_TCP, SERVER, SHUT_TCP, Lab, packets_of
from system import SLOW, check, check_equal, slow, until
import socket

CONNECTS = 1000

# Independent witness: what the client's stack sent, by port, and what came back.
COUNTERS = """\
table inet lab {
  counter open { }
  counter shut { }
  counter answers { }
  chain out {
    type filter hook output priority 0;
    tcp dport 8080 counter name "open"
    tcp dport 8081 counter name "shut"
  }
  chain in {
    type filter hook prerouting priority -500;
    tcp sport 8080 counter name "answers"
  }
}
"""


def begin(lab, family, port, count):
    """`count` connects under way."""
    socks = []
    with lab.client.entered():
        for _ in range(count):
            sock = lab.enter_context(socket.socket(INET[family], socket.SOCK_STREAM))
            sock.setblocking(False)
            code = sock.connect_ex((SERVER[family], port))
            check(code in (0, errno.EINPROGRESS), f"connect: {errno.errorcode.get(code)}")
            socks.append(sock)
    return socks


def connected(socks, seconds):
    """How many are through, waiting for all of them at most so long."""
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            selector.register(sock, selectors.EVENT_WRITE)
        done = 0
        while selector.get_map():
            events = selector.select(seconds)
            if not events:
                break
            for key, _ in events:
                selector.unregister(key.fileobj)
                done += key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    return done


def sent(lab):
    entries = lab.client.run_json("nft", "-j", "list", "counters")["nftables"]
    counters = [entry["counter"] for entry in entries if "counter" in entry]
    return {counter["name"]: counter["packets"] for counter in counters}


def check_connects(family, queues=1):
    with Lab(queues) as lab:
        lab.merged = True
        lab.listener(family, OPEN_TCP)
        lab.listener(family, SHUT_TCP)  # it would answer, were it asked
        lab.attach()
        lab.client.run("nft", "-f", "-", stdin=COUNTERS)
        check_equal(connected(begin(lab, family, OPEN_TCP, CONNECTS), slow(5)), CONNECTS,
                    "connects to the open port")
        lost = lost_packets(lab)
        shut = begin(lab, family, SHUT_TCP, CONNECTS)
        until("every denied SYN to be counted",
              lambda: lab.stats()["rules"]["default"]["packets"] >= CONNECTS)
        check_equal(connected(shut, 0.1), 0, "connects to the shut port")
        check_counters(lab, sent(lab), lost)
        for sock in shut:
            sock.close()  # or its SYN comes again while packets are compared


def lost_packets(lab):
    """On the wire, but of no rule: the cable was full; the worker got no time for 200 ms."""
    lost = lab.exits()["worker-lost"]
    check(lost == 0 or SLOW > 1, f"{lost} packets found no worker")
    return lost + lab.link(lab.client, "c0")["tx"]["dropped"]


def check_counters(lab, wire, lost):
    stats = lab.stats()
    rules = stats["rules"]
    exits = lab.exits()
    check_equal(rules["web"]["sessions"], CONNECTS, "sessions of rule web")
    until("rule web's packets to be those on the wire",
          lambda: lab.stats()["rules"]["web"]["packets"] + lost ==
          wire["open"] + wire["answers"])
    check_equal(rules["default"]["sessions"], CONNECTS, "sessions of the default")
    until("the default's packets to be those on the wire",
          lambda: lab.stats()["rules"]["default"]["packets"] + lost_packets(lab) - lost ==
          sent(lab)["shut"])
    check(exits["rule-allow"] >= CONNECTS, f"rule-allow {exits['rule-allow']}: first packets "
          "did not take the slow path")
    check(exits["rule-deny"] >= CONNECTS, f"rule-deny {exits['rule-deny']}")
    slow = packets_of(stats["interfaces"]["s0"]["paths"]["slow"])
    check(slow >= 2 * CONNECTS, f"slow path: {slow} packets")


def test_connects_ipv4():
    check_connects(4)


def test_connects_ipv6():
    check_connects(6)


def test_connects_over_two_queues():
    check_connects(4, 2)


def test_ping():
    """Echo requests of both families open a session of rule ping each."""
    with Lab() as lab:
        lab.attach()
        for family in (4, 6):
            lab.client.run("ping", f"-{family}", "-c", "3", "-i", "0.05", "-W", str(int(slow(1))),
                           SERVER[family])
        check_equal(lab.stats()["rules"]["ping"]["sessions"], 2, "sessions of rule ping")


def test_the_hosts_own_connections():
    """With ingress denied, answers to what the host itself began come back."""
    with Lab() as lab:
        for family in (4, 6):
            listener = lab.enter_context(lab.client.socket(INET[family], socket.SOCK_STREAM))
            listener.bind((CLIENT[family], 5000))
            listener.listen()
        lab.attach()
        for family in (4, 6):
            with lab.server.socket(INET[family], socket.SOCK_STREAM) as sock:
                sock.settimeout(slow(3))
                sock.connect((CLIENT[family], 5000))
            lab.server.run("ping", f"-{family}", "-c", "1", "-W", str(int(slow(2))), CLIENT[family])
