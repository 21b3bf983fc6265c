# SPDX-License-Identifier: BSD-2-Clause
"""The tables of tests/attacks over a cable: what may arrive arrives, and nothing else does.

Each case has a peer address of its own, so that it begins without a session. Its packets are sent
from either end as they are, and looked for at the other, where XDP, worker and tc let go of them.
Behind each goes one that the worker has to judge, in the same direction: where that one has come,
so has, or never will, what went before; fragments that are let go, and wait for their turn
elsewhere, are waited for. The server's stack is kept from answering the peers of the
tables; a connection of its own goes on all the while, and it answers whoever else asks.

Not played: what waits for longer than a second, what no wire of this MTU carries, captures
that say nothing of directions. As tests/attacks/run plays all of it, this is about the way.
"""
import contextlib
import importlib
import os
import socket
import struct
import sys
import time
from collections import Counter
from pathlib import Path

from lab import CLIENT, IFACE, INET, Lab, packets_of
from system import Failed, check, check_equal, slow, until

ATTACKS = Path(__file__).resolve().parent.parent / "attacks"
sys.path.append(str(ATTACKS))
import stage  # pylint: disable=wrong-import-position  # noqa: E402
import build  # pylint: disable=wrong-import-position,wrong-import-order  # noqa: E402
from stage import ACK, FIN, PSH, RST, SYN  # pylint: disable=wrong-import-position  # noqa: E402

ETH_P_ALL, ETH_P_802_2, OUTGOING = 3, 4, 4
MTU = 3300 if os.uname().machine == "s390x" else 3498  # the largest that XDP has room for
TAGS = (b"\x81\x00", b"\x88\xa8")
ASKER = {4: "203.0.113.77", 6: "2001:db8:d::77"}  # whose packets come last
CLOSED = "version: 1\ndefaults: {ingress: deny, egress: allow, pickup: 0}\nrules:\n"
LAST = f"  - {{id: last, direction: ingress, from: ['{ASKER[4]}', '{ASKER[6]}'], service: udp/53, action: allow}}\n"

# The stack hears the lab's own addresses only; what came is seen before.
MUTE = """\
table inet mute {
  chain in {
    type filter hook prerouting priority -400; policy drop;
    ip saddr 10.77.0.0/24 accept
    ip6 saddr { fd77::/64, fe80::/10 } accept
  }
}
"""


def cases(policy):
    """(name, case, family) of all that can be played here."""
    for path in sorted(ATTACKS.glob("cases_*.py")):
        for case in importlib.import_module(path.stem).CASES:
            if case.policy == policy and case.local == stage.LOCAL:
                for family in case.families:
                    if is_playable(case, family):
                        yield f"{path.stem.removeprefix('cases_')}.{case.name}/{family}", case, family


def is_playable(case, family):
    if any(isinstance(step, stage.wait) and step.ns > 10**9 for step in case.steps):
        return False
    return all(14 <= len(frame) <= 14 + MTU for _, _, frame, _ in case.play(family))


def content(frame):
    """A frame without its Ethernet header's addresses and tags, which the stack takes off."""
    at = 12
    while frame[at : at + 2] in TAGS:
        at += 4
    return frame[at:]


class End:
    """One end of the cable: sends frames, and sees what came."""

    def __init__(self, lab, space, name):
        self.sock = lab.enter_context(space.socket(socket.AF_PACKET, socket.SOCK_RAW))
        self.sock.bind((name, ETH_P_ALL))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.sock.settimeout(slow(1))
        self.mac = self.sock.getsockname()[4]

    def came(self):
        while True:
            frame, address = self.sock.recvfrom(65536)
            if address[2] != OUTGOING and len(frame) >= 14:
                return content(frame)


def hear(lab, played):
    """A handler for each protocol that is none of IP's: what has none the stack counts as dropped."""
    types = {content(frame)[:2] for _, case, family in played for _, _, frame, _ in case.play(family)}
    for kind in types - {b"\x08\x00", b"\x86\xdd", b"\x08\x06"}:
        sock = lab.enter_context(lab.server.socket(socket.AF_PACKET, socket.SOCK_RAW))
        number = int.from_bytes(kind, "big")
        sock.bind((IFACE, number if number >= 0x600 else ETH_P_802_2))


class Cable:
    """Both ends, and what goes last."""

    def __init__(self, lab):
        self.ends = {"peer": End(lab, lab.client, "c0"), "host": End(lab, lab.server, IFACE)}
        self.lasts = 0

    def send(self, by, frame):
        """Returns what came of it, and of what was held until then, at the other end."""
        self.put(by, frame)
        seen = []
        for _ in range(20):  # a worker that stands still for 200 ms counts as lost
            last = content(self.put(by, self.last(by)))
            with contextlib.suppress(TimeoutError):
                while (body := self.other(by).came()) != last:
                    seen.append(body)
                return seen
        raise Failed("nothing comes any more")

    def put(self, by, frame):
        with contextlib.suppress(OSError) if by == "host" else contextlib.nullcontext():
            own, other = self.ends[by], self.other(by)
            own.sock.send(other.mac + own.mac + frame[12:])  # ENOBUFS: tc has dropped it
        return frame

    def other(self, by):
        return self.ends["host" if by == "peer" else "peer"]

    def late(self, by):
        """What comes of what `by` sent, or b"": nothing for a while."""
        with contextlib.suppress(TimeoutError):
            return self.other(by).came()
        return b""

    def spoof(self, packet):
        """True: it came through. `packet`: without an Ethernet header."""
        frame = build.ethernet(packet)
        return content(frame) in self.send("peer", frame)

    def last(self, by):
        """A flow's first packet: the worker judges it, if it judges anything."""
        self.lasts += 1
        port = 1024 + self.lasts % 60000
        if by == "peer":
            speaker = stage.Speaker(by, port, 53, src=ASKER)
        else:
            speaker = stage.Speaker(by, port, 9, dst=ASKER)
        return speaker.udp(b"last").make(4)


def play(cable, case, family):
    """(what should have come by, what did) of each end, as counted contents."""
    wanted, seen, all_sent, sent_at = Counter(), Counter(), set(), 0
    for at, by, frame, expected in case.play(family):
        time.sleep((at - sent_at) / 1e9 if at - sent_at >= 10**8 else 0)
        sent_at = at
        all_sent.add(content(frame))
        wanted[content(frame)] += expected[0] == "allow"
        seen.update(cable.send(by, frame))
    for by in cable.ends:
        while wanted - seen and (body := cable.late(by)):
            seen[body] += 1
    return +wanted, Counter({body: n for body, n in seen.items() if body in all_sent})


class Connection:
    """Of the server's stack with somebody who has nothing to do with all this."""

    def __init__(self, lab, family):
        self.lab, self.family = lab, family
        self.listener = lab.listener(family, 80)
        self.ends = self.connect()

    def connect(self):
        sock = self.lab.enter_context(self.lab.client.socket(INET[self.family], socket.SOCK_STREAM))
        sock.settimeout(slow(10))
        sock.bind((CLIENT[self.family], 0))
        sock.connect(self.listener.getsockname()[:2])
        return sock, until("the connection", self.accepted)

    def accepted(self):
        with contextlib.suppress(BlockingIOError):
            sock = self.listener.accept()[0]
            sock.settimeout(slow(10))
            return self.lab.enter_context(sock)
        return None

    def goes_on(self):
        for said in (b"ask", b"answer" * 100):
            self.ends[0].sendall(said)
            check_equal(self.ends[1].recv(4096), said, "what arrives")
            self.ends = self.ends[::-1]


class Forger:
    """Knows a connection's addresses and ports, and speaks as its client."""

    def __init__(self, cable, connection):
        self.cable, self.family = cable, connection.family
        client, server = connection.ends
        self.ends = client.getsockname()[0], server.getsockname()[0]
        self.ports = client.getsockname()[1], server.getsockname()[1]
        self.heard = self.hear(connection)

    def hear(self, connection):
        """The client's next sequence number, and what it has acknowledged: of its last segment."""
        tap = self.cable.ends["host"]
        connection.goes_on()
        connection.goes_on()
        numbers = None
        with contextlib.suppress(TimeoutError):
            while True:
                numbers = self.numbers(tap.came()) or numbers
        return numbers

    def numbers(self, body):
        at = 2 + {4: 20, 6: 40}[self.family]
        if body[at : at + 4] != struct.pack("!HH", *self.ports):
            return None
        seq, ack = struct.unpack_from("!II", body, at + 4)
        size = len(body) - at - (body[at + 12] >> 4) * 4
        return (seq + size) % 2**32, ack

    def tcp(self, flags, off, data=b"", **more):
        """A segment that begins `off` bytes from where the next one does."""
        seq, ack = self.heard
        return build.ip(*self.ends, 6, build.tcp(*self.ends, *self.ports, flags, data,
                                                 seq=(seq + off) % 2**32, ack=ack, **more))

    def error(self, off):
        """An ICMP error about a segment of the server's: "unreachable"."""
        _, ack = self.heard
        ends, ports = self.ends[::-1], self.ports[::-1]
        quoted = build.ip(*ends, 6, build.tcp(*ends, *ports, ACK, b"", seq=(ack + off) % 2**32))
        kind, code = stage.ERRORS["port"][self.family]
        return build.icmp_packet(*self.ends, kind, code, bytes(4), quoted)

    def sends(self, packet):
        return self.cable.spoof(packet)


FAR = (-2**31, -2**30, 2**30, 2**31 - 1)  # beyond any window


def assail(forger, connection):
    """Whatever a forger tries who does not know the sequence numbers: the connection goes on."""
    for flags, data in ((RST, b""), (RST | ACK, b""), (FIN | ACK, b""), (ACK | PSH, b"forged"),
                        (SYN | ACK, b"")):
        for off in FAR:
            check(not forger.sends(forger.tcp(flags, off, data)), f"flags {flags} at {off} came through")
            connection.goes_on()
    for off in (0, *FAR):  # its receiver challenges it (RFC 5961 4)
        check(forger.sends(forger.tcp(SYN, off)), f"a SYN at {off} did not come")
        connection.goes_on()
    for off in FAR:
        check(not forger.sends(forger.error(off)), f"an error about {off} came through")
        connection.goes_on()


def test_a_real_connection_holds():
    with Lab() as lab:
        lab.server.ip("addr", "add", f"{stage.HOST[4]}/32", "dev", IFACE)  # whom the last packet asks
        lab.retake()
        lab.attach(stage.POLICIES["host"])
        cable = Cable(lab)
        for family in (4, 6):
            connection = Connection(lab, family)
            forger = Forger(cable, connection)
            assail(forger, connection)
            forger.heard = forger.hear(connection)
            check(not forger.sends(forger.tcp(RST, 0, check=1)), "a reset with a wrong checksum came through")
            connection.goes_on()
            forger.heard = forger.hear(connection)
            check(forger.sends(forger.tcp(RST, 0)), "the exact reset did not come")
            with contextlib.suppress(ConnectionResetError):
                raise Failed(f"the server goes on: {connection.ends[1].recv(1)}")


def policy_of(name):
    return CLOSED + LAST if name == "closed" else stage.POLICIES[name]


class Stage:
    """Plays cases, each with a peer of its own; again where a busy machine's worker was lost meanwhile."""

    def __init__(self, lab):
        self.lab, self.cable, self.peers, self.lost = lab, Cable(lab), 0, 0

    def wrong(self, case, family):
        """What went wrong, or None."""
        while True:
            self.peers += 1
            stage.PEER[4] = f"198.18.{self.peers // 250}.{self.peers % 250 + 2}"
            stage.PEER[6] = f"2001:db8:f::{self.peers + 2:x}"
            wanted, seen = play(self.cable, case, family)
            if wanted == seen:
                return None
            before, self.lost = self.lost, self.lab.exits().get("worker-lost", 0)
            if before == self.lost:
                return (f"{sum((wanted - seen).values())} did not come, "
                        f"{sum((seen - wanted).values())} should not have come")


def reasons(lab):
    """{reason: packets}, what becomes of fragments that are never whole as one."""
    found = Counter()
    for name, packets in lab.exits().items():
        found["fragment" if name.startswith("fragment") else name] += packets
    return found


def refusals(played):
    """What the tables say of refusals, in the same words; "": they do not say why."""
    found = Counter()
    for _, case, family in played:
        for _, by, _, (verdict, *reason) in case.play(family):
            if verdict == "deny" and by == "peer":
                word = reason[0] if reason else ""
                found["fragment" if word.startswith("fragment") else word] += 1
    return found


def check_reasons(found, told):
    """As many refusals by each name as the tables say, but for those that they do not name."""
    unnamed = told.pop("", 0)
    other = {name: (found[name], packets) for name, packets in told.items() if found[name] != packets}
    more = sum(got - packets for got, packets in other.values())
    check(more <= unnamed and all(got > packets for got, packets in other.values()),
          f"packets refused, and as the tables say: {other}")


def play_policy(name):
    with Lab(mtu=MTU) as lab:
        lab.forged = True
        for family, address in stage.HOST.items():
            length = {4: 32, 6: 128}[family]
            lab.server.ip("addr", "add", f"{address}/{length}", "dev", IFACE, *["nodad"] * (family == 6))
        lab.server.run("nft", "-f", "-", stdin=MUTE)
        lab.retake()
        lab.attach(policy_of(name))
        own = [] if name == "closed" else [Connection(lab, family) for family in (4, 6)]
        actors, played, wrong, before = Stage(lab), list(cases(name)), [], dict(stage.PEER)
        hear(lab, played)
        for number, (label, case, family) in enumerate(played):
            said = actors.wrong(case, family)
            wrong += [f"{label}: {said}"] if said else []
            if number % 50 == 0:
                for connection in own:
                    connection.goes_on()
        stage.PEER.update(before)
        for connection in own:
            connection.goes_on()
            connection.ends = connection.connect()
            connection.goes_on()
        check(played and not wrong, f"{len(wrong)} of {len(played)}: " + "; ".join(wrong[:20]))
        until("fragments to be given up", lambda: not lab.held(), slow(20))
        if not lab.exits().get("worker-lost"):
            check_reasons(reasons(lab), refusals(played))


def test_host():
    play_policy("host")


def test_loose():
    play_policy("loose")


def test_strict():
    play_policy("strict")


def test_vlan():
    play_policy("vlan")


def test_closed():
    play_policy("closed")


def test_open():
    play_policy("open")
