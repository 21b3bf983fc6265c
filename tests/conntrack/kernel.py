# SPDX-License-Identifier: BSD-2-Clause
"""What nf_conntrack and nftables say of frames: `with Kernel() as kernel: kernel.judge(frames)`.

A namespace with a cable: what is sent into one end arrives at the other, is seen by conntrack at
prerouting, forwarded, and confirmed on its way out by another cable. The number of a frame is its
socket's mark, which it keeps on such a short way; rules log the mark with a word (NFLOG).
No loose pick-up, no liberal windows: what `pickup: 0` is here.
"""
import socket
import struct
import time

from system import Namespace, run

SENDS, ARRIVES, LEAVES, ENDS = "ct0", "ct1", "ct2", "ct3"
MAC, NOBODY = bytes.fromhex("020000000002"), "02:00:00:00:00:09"
ROUTERS = {"-4": "169.254.0.9", "-6": "fe80::9"}
GROUP = 7
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
TAGS = (0x8100, 0x88A8, 0x9100)

SYSCTLS = {
    "net/ipv4/conf/all/forwarding": 1, "net/ipv6/conf/all/forwarding": 1,
    "net/ipv4/conf/all/rp_filter": 0, f"net/ipv4/conf/{ARRIVES}/rp_filter": 0,
    f"net/ipv4/conf/{ARRIVES}/accept_local": 1, f"net/ipv4/conf/{ARRIVES}/route_localnet": 1,
    f"net/ipv4/conf/{ARRIVES}/accept_source_route": 1,
    "net/netfilter/nf_conntrack_tcp_loose": 0,
}
# What the namespace itself would say (errors to what it forwards) is not asked for.
RULES = f"""
table inet seen {{
  chain pre {{
    type filter hook prerouting priority mangle;
    iifname != "{ARRIVES}" accept
    ct state invalid log group {GROUP} prefix "invalid" accept
    ct state untracked log group {GROUP} prefix "untracked" accept
    ct state related log group {GROUP} prefix "related" accept
    ct state new log group {GROUP} prefix "new" accept
    ct state established ct direction original log group {GROUP} prefix "orig" accept
    log group {GROUP} prefix "reply"
  }}
  chain out {{
    type filter hook output priority filter; policy drop;
  }}
}}
"""

NETLINK_NETFILTER, NFNL_SUBSYS_ULOG = 12, 4
NFULNL_MSG_PACKET, NFULNL_MSG_CONFIG = 0, 1
NFULA_MARK, NFULA_PREFIX = 2, 10
NFULA_CFG_CMD, NFULA_CFG_MODE, NFULA_CFG_QTHRESH = 1, 2, 5
NFULNL_CFG_CMD_BIND = 1
NLMSG_ERROR, NLM_F_REQUEST, NLM_F_ACK = 2, 1, 4


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            return
        yield kind & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3 :]


def config(sock, *items):
    body = struct.pack("!BBH", 0, 0, GROUP) + b"".join(items)
    kind = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG
    sock.send(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_ACK, 0, 0) + body)
    kind, _, _, _, error = struct.unpack_from("=HHIIi", sock.recv(4096), 4)
    if kind != NLMSG_ERROR or error:
        raise OSError(-error, "NFLOG")


class Log:
    """{mark: word} of what NFLOG tells."""

    def __init__(self, space):
        self.sock = space.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        config(self.sock, attribute(NFULA_CFG_CMD, bytes([NFULNL_CFG_CMD_BIND])))
        config(self.sock, attribute(NFULA_CFG_MODE, struct.pack("!IBB", 0, 1, 0)))
        config(self.sock, attribute(NFULA_CFG_QTHRESH, struct.pack("!I", 1)))
        self.sock.settimeout(0.02)

    def close(self):
        self.sock.close()

    def take(self, words):
        """All that is there."""
        while True:
            try:
                data = self.sock.recv(1 << 20)
            except TimeoutError:
                return
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind == NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET:
                    self._note(data[20:length], words)
                data = data[(length + 3) & ~3 :]

    @staticmethod
    def _note(data, words):
        said = dict(attributes(data))
        if NFULA_MARK in said:
            (mark,) = struct.unpack("!I", said[NFULA_MARK])
            words[mark] = said[NFULA_PREFIX].rstrip(b"\0").decode()


def without_tags(frame):
    """The frame as conntrack would see it behind its VLAN interface, to our card; None: not IP."""
    at = 12
    while len(frame) >= at + 4 and struct.unpack_from("!H", frame, at)[0] in TAGS:
        at += 4
    kind = frame[at : at + 2]
    if len(kind) < 2 or struct.unpack("!H", kind)[0] not in (ETH_P_IP, ETH_P_IPV6):
        return None
    return MAC + bytes(6) + kind + frame[at + 2 :]


class Kernel:
    def __init__(self, name="conntrack", sysctls=()):
        self.space = Namespace(name)
        self.sysctls = {**SYSCTLS, **dict(sysctls)}
        self.number = 0
        self.log = self.sender = None

    def __enter__(self):
        space = self.space.__enter__()
        try:
            self._make(space)
        except BaseException:
            self.space.__exit__()
            raise
        return self

    def _make(self, space):
        space.ip("link", "add", SENDS, "type", "veth", "peer", "name", ARRIVES)
        space.ip("link", "add", LEAVES, "type", "veth", "peer", "name", ENDS)
        space.ip("link", "set", ARRIVES, "address", MAC.hex(":"))
        for iface in (SENDS, ARRIVES, LEAVES, ENDS):
            space.ip("link", "set", iface, "mtu", "65535", "up")
        for family, router in ROUTERS.items():
            space.ip("neigh", "add", router, "lladdr", NOBODY, "dev", LEAVES, "nud", "permanent")
            space.ip(family, "route", "add", "default", "via", router, "dev", LEAVES, "onlink")
        run(*space.command("nft", "-f", "-"), stdin=RULES)  # loads what the settings are of
        for name, value in self.sysctls.items():
            space.sysctl(name, value)
        self.log = Log(space)
        self.sender = space.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sender.bind((SENDS, 0))

    def __exit__(self, *how):
        self.log.close()
        self.sender.close()
        self.space.__exit__(*how)

    def forget(self):
        """Every connection."""
        self.space.run("conntrack", "-F")

    def judge(self, frames):
        """For each frame "new", "orig", "reply", "related", "invalid" or "untracked"; None: the
        stack had dropped it before conntrack, or it waits for other fragments."""
        words, first = {}, self.number + 1
        for frame in frames:
            self.number += 1
            seen = without_tags(frame)
            if seen:
                self._send(seen)
        self.log.take(words)
        return [words.get(number) for number in range(first, self.number + 1)]

    def _send(self, frame):
        self.sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self.number)
        try:
            self.sender.send(frame)
        except OSError:  # longer than the cable takes, or no frame
            time.sleep(0)
