# SPDX-License-Identifier: BSD-2-Clause
"""Transport checksums: RFC 1071."""
import struct

from packet import ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE


def ones_sum(data):
    """The 16-bit one's complement sum: 2^16 is 1 modulo 0xffff, and only nothing sums to 0."""
    number = int.from_bytes(data, "big")
    if len(data) & 1:
        number <<= 8
    return number and (number % 0xFFFF or 0xFFFF)


def pseudo_header(packet, length):
    """RFC 9293 3.1, RFC 8200 8.1."""
    size = 4 if packet.family == 4 else 16
    ends = packet.src.to_bytes(size, "big") + packet.dst.to_bytes(size, "big")
    return ends + struct.pack("!II", length, packet.proto)


def good_checksum(packet):
    """Whether the transport checksum is right, is not used, or is left to the offload."""
    check = CHECKSUMS.get(packet.proto)
    return packet.cut or check is None or check(packet, packet.data[packet.at : packet.end])


def tcp_checksum(packet, data):
    return with_pseudo(packet, data, len(data), data[16:18])


def udp_checksum(packet, data):
    length = data[4] << 8 | data[5]
    if data[6:8] == b"\0\0":
        return True  # RFC 768; over IPv6 only the receiver knows its tunnels (RFC 6935 5)
    return with_pseudo(packet, data[:length], length, data[6:8])


def udplite_checksum(packet, data):
    """RFC 3828 3.1: over what the coverage says; the pseudo-header counts all; 0 is not allowed."""
    coverage = data[4] << 8 | data[5]
    if data[6:8] == b"\0\0":
        return False
    return (
        ones_sum(pseudo_header(packet, len(data)) + (data[:coverage] if coverage else data))
        == 0xFFFF
    )


def with_pseudo(packet, data, length, field):
    """Right, or the sum of the pseudo-header alone: what a sender leaves to its hardware."""
    pseudo = pseudo_header(packet, length)
    return ones_sum(pseudo + data) == 0xFFFF or int.from_bytes(field, "big") == ones_sum(pseudo)


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC32C = crc32c_table()


def sctp_checksum(packet, data):
    """RFC 9260 6.8, appendix A: least significant byte first; 0 is left to the hardware."""
    crc = 0xFFFFFFFF
    for byte in data[:8] + b"\0\0\0\0" + data[12:]:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xFF]
    said = int.from_bytes(data[8:12], "little")
    return said in (0, crc ^ 0xFFFFFFFF)


CHECKSUMS = {
    SCTP: sctp_checksum,
    TCP: tcp_checksum,
    UDP: udp_checksum,
    UDPLITE: udplite_checksum,
    ICMP: lambda packet, data: ones_sum(data) == 0xFFFF,
    ICMPV6: lambda packet, data: ones_sum(pseudo_header(packet, len(data)) + data) == 0xFFFF,
}
