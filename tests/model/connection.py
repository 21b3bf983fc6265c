# SPDX-License-Identifier: BSD-2-Clause
"""TCP as one who stands between two ends can follow it: which segments are theirs.

RFC 9293 3.10.7 (what a state takes), RFC 5961 (what would end or restart a connection),
RFC 7323 (scaled windows), RFC 7413 (data with a SYN). Sequence numbers are compared on the
circle (RFC 9293 3.4). What the receiver may still know and we cannot, is let through.
"""
from packet import ACK, FIN, RST, SYN

CIRCLE = 1 << 32
MOST_BEHIND = 66000  # how old a segment or an acknowledgement may be where windows are small

# What a segment is to its connection.
REFUSED, HARMLESS, COUNTS, BEGINS_ANEW = "refused", "harmless", "counts", "begins anew"


def beyond(one, other):
    """How far `one` lies behind `other`, negative if before it."""
    return (one - other + CIRCLE // 2) % CIRCLE - CIRCLE // 2


class End:
    """What is known of one end. None: not known."""

    def __init__(self):
        self.sent = self.acked = None
        self.window = self.shift = 0
        self.scaling = self.opened = self.early = self.strange_syn = False

    def introduce(self, packet):
        """By the first segment that is seen of it, or by its SYN."""
        opens = bool(packet.flags & SYN)
        self.sent = packet.end_seq
        if packet.end_seq == packet.seq and not packet.flags & RST:  # perhaps a keepalive, one too low (RFC 9293 3.8.4)
            self.sent = (self.sent + 1) % CIRCLE
        self.acked = packet.ack_no if packet.flags & ACK else None
        self.scaling = packet.shift is not None or not opens
        self.shift = packet.shift if opens and self.scaling else 14 if not opens else 0
        self.window = self.field(packet)
        self.opened, self.strange_syn = opens, False
        self.early = opens and packet.end_seq != (packet.seq + 1) % CIRCLE

    @staticmethod
    def field(packet):
        """The window in units of its scale; a SYN's is in bytes (RFC 7323 2.2)."""
        if packet.flags & SYN and packet.shift is not None:
            return -(-packet.window >> packet.shift)
        return packet.window

    def follow(self, packet):
        if beyond(packet.end_seq, self.sent) > 0:
            self.sent = packet.end_seq
        if packet.flags & ACK and (self.acked is None or beyond(packet.ack_no, self.acked) > 0):
            self.acked = packet.ack_no
        self.window = max(self.window, self.field(packet))

    def reach(self, other):
        """Bytes of the largest window that it has offered; an end that was not heard may scale."""
        both = self.scaling and (other.scaling or other.sent is None)
        return self.window << (self.shift if both else 0)


class Connection:
    """Both ends; `True` is who began."""

    def __init__(self, loose):
        self.ends = {True: End(), False: End()}
        self.loose = loose  # one direction may be all that is seen

    def judge(self, packet, by_origin, opening, answered, closing, over):
        """One of the four words. The session is `opening` (answered or not), a side has closed it
        (`closing`), or it is `over`; none of these: established."""
        own, other = self.ends[by_origin], self.ends[not by_origin]
        if packet.flags & RST:
            unanswered = opening and not answered
            return self.reset(packet, own, other, unanswered and not by_origin, closing, over)
        if packet.flags & SYN and packet.flags & ACK:
            return self.syn_ack(packet, own, other, by_origin, opening)
        if packet.flags & SYN:
            return self.syn(packet, own, opening)
        if opening:
            return self.before_established(packet, own, other, by_origin, answered)
        return COUNTS if self.fits(packet, own, other) else REFUSED

    # RFC 5961 3.2: exact resets; in the window is answered by a challenge; else nothing.
    @staticmethod
    def reset(packet, own, other, answers_syn, closing, over):
        if over:
            return COUNTS
        if own.sent is None and other.opened and answers_syn:
            return COUNTS if acknowledges_syn(packet, other) else REFUSED
        if own.sent is not None and packet.seq == own.sent:
            return COUNTS
        if other.acked is None:
            return HARMLESS
        ahead, reach = beyond(packet.seq, other.acked), other.reach(own)
        if ahead == 0:
            return COUNTS
        least = -max(reach, MOST_BEHIND) if closing else 0
        if not least <= ahead <= reach:
            return REFUSED
        return COUNTS if closing else HARMLESS

    @staticmethod
    def syn(packet, own, opening):
        """It begins, or is sent again; another is answered by a challenge (RFC 5961 4.2)."""
        if opening:
            if own.sent is None:
                return COUNTS
            if 1 <= beyond(own.sent, packet.seq) % CIRCLE <= (0xFFFF if own.early else 1):
                return COUNTS
        return HARMLESS

    def syn_ack(self, packet, own, other, by_origin, opening):
        if opening and (other.sent is None or acknowledges_syn(packet, other)):
            return COUNTS
        if other.strange_syn and not by_origin:
            return BEGINS_ANEW
        return HARMLESS if not opening and self.fits(packet, own, other) else REFUSED

    def before_established(self, packet, own, other, by_origin, answered):
        asker = self.ends[True]
        if not answered and asker.opened and not self.loose:
            # RFC 9293 3.10.7.3: nothing but a SYN answers; an old connection may challenge it.
            empty = packet.end_seq == packet.seq
            return HARMLESS if not by_origin and empty else REFUSED
        if by_origin and other.opened and not acknowledges_syn(packet, other):
            return REFUSED  # RFC 9293 3.10.7.4, SYN-RECEIVED
        return COUNTS if self.fits(packet, own, other) else REFUSED

    @staticmethod
    def fits(packet, own, other):
        """RFC 9293 3.10.7.4, RFC 5961 5.2, both with room for what we may have missed."""
        ours, theirs = own.reach(other), other.reach(own)
        if other.acked is not None:
            last = other.acked if own.sent is None else own.sent
            if beyond(packet.seq, other.acked) > theirs:
                return False
            if beyond(packet.end_seq, last) < -max(theirs, MOST_BEHIND):
                return False
        if packet.flags & ACK and other.sent is not None:
            far = max(ours, MOST_BEHIND)  # of an end taken up mid-flow we may have missed as much
            return -far <= beyond(packet.ack_no, other.sent) <= (0 if other.opened else far)
        return True

    def take(self, packet, by_origin, word, opening):
        """Remember what a segment says that was let through."""
        own, other = self.ends[by_origin], self.ends[not by_origin]
        if word == HARMLESS:
            # one of the originator's that does not belong here: an answer tells whether both forgot
            if by_origin and packet.flags & (SYN | ACK | RST) == SYN:
                own.strange_syn = True
            return
        if word == COUNTS and packet.flags & ACK and other.sent is not None and not other.opened:
            if beyond(packet.ack_no, other.sent) > 0:
                other.sent = packet.ack_no
        if word == BEGINS_ANEW:
            other.sent, other.acked = packet.ack_no, None
            other.strange_syn = other.early = False
        new_answer = (
            packet.flags & SYN
            and packet.flags & ACK
            and own.sent is not None
            and not 0 <= beyond(own.sent, packet.end_seq) <= 0xFFFF
        )
        if own.sent is None or new_answer or word == BEGINS_ANEW:
            own.introduce(packet)
            return
        if opening and own.opened and not by_origin and beyond(packet.end_seq, own.sent) > 0:
            own.early = True
        own.follow(packet)

    def sent_lately(self, by_origin, seq):
        """RFC 5927 4.1: could a router have seen this lately?"""
        own, other = self.ends[by_origin], self.ends[not by_origin]
        if own.sent is None:
            return True
        return -max(other.reach(own), MOST_BEHIND) <= beyond(seq, own.sent) <= 0


def acknowledges_syn(packet, other):
    """Exactly what it sent; with early data, some of that."""
    if not packet.flags & ACK:
        return False
    return 0 <= (other.sent - packet.ack_no) % CIRCLE <= (0xFFFF if other.early else 0)


def read_segment(packet, data):
    """Sequence numbers, window and scale of a packet whose header was checked."""
    at = packet.at
    header = (data[at + 12] >> 4) * 4
    packet.seq = int.from_bytes(data[at + 4 : at + 8], "big")
    packet.ack_no = int.from_bytes(data[at + 8 : at + 12], "big")
    packet.window = int.from_bytes(data[at + 14 : at + 16], "big")
    occupied = packet.end - at - header + bool(packet.flags & SYN) + bool(packet.flags & FIN)
    if packet.flags & SYN and packet.flags & FIN:
        occupied -= 1
    packet.end_seq = (packet.seq + occupied) % CIRCLE
    packet.shift = scale_option(data[at + 20 : at + header]) if packet.flags & SYN else None


def scale_option(options):
    """RFC 7323 2.2; the first counts, 14 is the most (2.3)."""
    at = 0
    while at < len(options):
        kind = options[at]
        if kind == 0:
            break
        if kind == 1:
            at += 1
            continue
        if at + 2 >= len(options) or options[at + 1] < 1:
            break
        if kind == 3:
            return min(options[at + 2], 14)
        at += options[at + 1]
    return None
