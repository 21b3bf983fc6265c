# SPDX-License-Identifier: BSD-2-Clause
"""Fragments wait until their datagram is whole.

RFC 791 3.2 and RFC 8200 4.5 say how a datagram is put together, RFC 5722 that one whose
fragments overlap is dropped, with all that still comes of it; RFC 1858, 3128 and 7112 which
fragments are too small. The bounds are the product's: 64 fragments a datagram, 10 s, 64
datagrams a source (an IPv6 /64 is one), 256 in all. Bytes are looked at one by one, so that
this can contradict what is written with offsets.
"""
import struct

from packet import FRAGMENT, ICMP, ICMPV6, TCP, Guard, Packet, extension_length, ipv4, ipv6

LIFETIME = 10 * 10**9
MOST_PIECES, MOST_NAMES, MOST_OF_SOURCE = 64, 256, 64
LEAST = {TCP: 20, 17: 8, 136: 8, ICMP: 8, ICMPV6: 8, 132: 12, 33: 12}  # of a transport header
LONGEST = 65535


class Fragment:
    """A packet that is one, as its datagram sees it."""

    def __init__(self, packet, way):
        data = packet.data
        self.packet, self.at = packet, packet.fragment_at
        self.content = data[self.at : packet.end]
        self.header = data[packet.network : self.at]
        if packet.family == 4:
            ident, word = struct.unpack_from("!HH", self.header, 4)
            self.offset, self.more = (word & 0x1FFF) * 8, bool(word & 0x2000)
            name = packet.proto, ident
        else:
            word, ident = struct.unpack_from("!HI", self.header, len(self.header) - 6)
            self.offset, self.more = word & 0xFFF8, bool(word & 1)
            name = (ident,)
        self.end = self.offset + len(self.content)
        self.name = (packet.family, packet.src, packet.dst, packet.vlan, way, *name)
        network = packet.src >> 64 if packet.family == 6 else packet.src
        self.source = (packet.family, network)

    def check(self):
        """What is wrong with it alone."""
        size = len(self.content)
        before = len(self.header) - (8 if self.packet.family == 6 else 0)
        if not size or self.more and size % 8 or before + self.end > LONGEST:
            raise Guard("fragment-length")
        if self.offset:  # RFC 3128: none begins within TCP's header
            if self.packet.proto == TCP and self.offset < 20:
                raise Guard("fragment-tiny")
        elif self.packet.end - self.packet.at < self.least():
            raise Guard("fragment-tiny")

    def least(self):
        """RFC 7112: the first one has the whole transport header."""
        packet, least = self.packet, LEAST.get(self.packet.proto, 0)
        if packet.proto == TCP and packet.end - packet.at >= 20:
            return (packet.data[packet.at + 12] >> 4) * 4
        return least


class Datagram:
    """What has come of one."""

    def __init__(self, source, until):
        self.source, self.until = source, until
        self.bytes, self.size, self.pieces, self.refused = {}, None, [], None

    def contradicts(self, fragment):
        if any(at in self.bytes for at in range(fragment.offset, fragment.end)):
            return True
        if self.size is not None:
            return fragment.end > self.size or not fragment.more
        return not fragment.more and any(at >= fragment.end for at in self.bytes)

    def repeats(self, fragment):
        """The network may deliver twice: RFC 8200 4.5."""
        return any(
            (piece.offset, piece.more, piece.content)
            == (fragment.offset, fragment.more, fragment.content)
            for piece in self.pieces
        )

    def add(self, fragment):
        self.pieces.append(fragment)
        for at, value in enumerate(fragment.content, fragment.offset):
            self.bytes[at] = value
        if not fragment.more:
            self.size = fragment.end

    def whole(self):
        """A Packet, or None."""
        if self.size is None or any(at not in self.bytes for at in range(self.size)):
            return None
        first = min(self.pieces, key=lambda piece: piece.offset)
        packet = Packet()
        packet.vlan, packet.cut = first.packet.vlan, any(p.packet.cut for p in self.pieces)
        packet.whole = True
        packet.data = joined(first, bytes(self.bytes[at] for at in range(self.size)))
        try:
            (ipv4 if first.packet.family == 4 else ipv6)(packet, packet.data, 0)
        except Guard as answer:
            packet.verdict, packet.reason = answer.verdict, answer.reason
        return packet


def joined(first, content):
    """The header is the first one's."""
    if first.packet.family == 4:
        head = bytearray(first.header)
        struct.pack_into("!H", head, 2, len(head) + len(content))
        head[6:8] = head[10:12] = b"\0\0"
        total = sum(struct.unpack(f"!{len(head) // 2}H", head))
        struct.pack_into("!H", head, 10, 0xFFFF - (total % 0xFFFF or 0xFFFF))
        return bytes(head) + content
    head, following = bytearray(first.header[:-8]), first.header[-8]
    head[next_header_of_fragment(first.header)] = following
    struct.pack_into("!H", head, 4, len(head) - 40 + len(content))
    return bytes(head) + content


def next_header_of_fragment(header):
    """Where it stands, of the chain that ends in the fragment header."""
    field, at = 6, 40
    while header[field] != FRAGMENT:
        field, at = at, at + extension_length(header[field], header[at + 1])
    return field


class Reassembly:
    """Datagrams by name. `settle(answer, reason)` is told of each fragment that is dropped."""

    def __init__(self, settle):
        self.datagrams, self.settle = {}, settle

    def expire(self, now):
        for name, datagram in list(self.datagrams.items()):
            if datagram.until <= now:
                self.drop(name, "fragment-timeout")

    def drop(self, name, reason):
        for piece in self.datagrams.pop(name).pieces:
            self.settle(piece.answer, reason)

    def room_for(self, source):
        """What is over its share goes, the oldest first."""
        own = [name for name, datagram in self.datagrams.items() if datagram.source == source]
        if len(own) >= MOST_OF_SOURCE:
            self.drop(own[0], "fragment-excess")
        elif len(self.datagrams) >= MOST_NAMES:
            self.drop(next(iter(self.datagrams)), "fragment-excess")

    def add(self, now, fragment, answer):
        """The whole datagram and the answers that wait for it, or None."""
        fragment.answer = answer
        datagram = self.datagrams.get(fragment.name)
        if datagram is None:
            self.room_for(fragment.source)
            datagram = Datagram(fragment.source, now + LIFETIME)
            self.datagrams[fragment.name] = datagram
        if datagram.refused:
            return self.settle(answer, datagram.refused)
        if datagram.repeats(fragment):
            return self.settle(answer, "fragment-overlap")
        if datagram.contradicts(fragment):
            return self.refuse(datagram, answer, "fragment-overlap")
        if len(datagram.pieces) == MOST_PIECES:
            return self.refuse(datagram, answer, "fragment-excess")
        datagram.add(fragment)
        packet = datagram.whole()
        if packet:
            del self.datagrams[fragment.name]
            return packet, [piece.answer for piece in datagram.pieces]
        return None

    def refuse(self, datagram, answer, reason):
        for piece in datagram.pieces:
            self.settle(piece.answer, reason)
        self.settle(answer, reason)
        datagram.pieces, datagram.refused = [], reason
