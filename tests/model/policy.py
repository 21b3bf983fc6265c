# SPDX-License-Identifier: BSD-2-Clause
"""The policy language, evaluated rule by rule in the order of the file.

Plain sets and loops, nothing compiled: slow, and easy to check by reading.
`limit` is read and not judged.
"""
import bisect
import ipaddress
import os
import re

import yaml

from packet import ECHO_REPLY, ECHO_REQUEST, ICMP, ICMPV6, TCP, WITH_PORTS


class PolicyError(Exception):
    """The text is no policy."""


# --- sets of addresses -------------------------------------------------------------

WIDTH = {4: 32, 6: 128}


class Addresses:
    """{family: sorted disjoint [first, last]}"""

    def __init__(self, spans=None):
        self.spans = {family: merged((spans or {}).get(family, ())) for family in WIDTH}
        self.starts = {family: [span[0] for span in self.spans[family]] for family in WIDTH}

    def __bool__(self):
        return any(self.spans.values())

    def __contains__(self, end):
        """`end`: (family, address)"""
        family, address = end
        at = bisect.bisect_right(self.starts[family], address) - 1
        return at >= 0 and address <= self.spans[family][at][1]

    def __or__(self, other):
        return Addresses({family: self.spans[family] + other.spans[family] for family in WIDTH})

    def __sub__(self, other):
        return Addresses(
            {family: without(self.spans[family], other.spans[family]) for family in WIDTH}
        )


def merged(spans):
    result = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


def without(spans, holes):
    result = []
    for first, last in spans:
        for low, high in holes:
            if high < first or low > last:
                continue
            if low > first:
                result.append((first, low - 1))
            first = high + 1
        if first <= last:
            result.append((first, last))
    return result


EVERYWHERE = Addresses({family: [(0, (1 << width) - 1)] for family, width in WIDTH.items()})


def parse_addresses(text):
    """An address, prefix or range; None if it is none of them."""
    try:
        if "/" in text:
            net = ipaddress.ip_network(text)
            first, last = net.network_address, net.broadcast_address
        elif "-" in text:
            first, last = (ipaddress.ip_address(part) for part in text.split("-"))
        else:
            first = last = ipaddress.ip_address(text)
    except ValueError:
        return None
    if "%" in text or first.version != last.version or first > last or mapped(first):
        raise PolicyError(f"'{text}' is no address, prefix or range")
    return Addresses({first.version: [(int(first), int(last))]})


def mapped(address):
    return address.version == 6 and address.ipv4_mapped is not None


# --- words -------------------------------------------------------------------------

PROTOCOLS = {"tcp": 6, "udp": 17, "udplite": 136, "sctp": 132, "dccp": 33}
ICMPS = {"icmp": (4, ICMP), "icmpv6": (6, ICMPV6)}

# nftables' names: nft(8), types "icmp type" and "icmpv6 type".
ICMP_TYPES = {
    "icmp": {
        "echo-reply": 0,
        "destination-unreachable": 3,
        "source-quench": 4,
        "redirect": 5,
        "echo-request": 8,
        "router-advertisement": 9,
        "router-solicitation": 10,
        "time-exceeded": 11,
        "parameter-problem": 12,
        "timestamp-request": 13,
        "timestamp-reply": 14,
        "info-request": 15,
        "info-reply": 16,
        "address-mask-request": 17,
        "address-mask-reply": 18,
    },
    "icmpv6": {
        "destination-unreachable": 1,
        "packet-too-big": 2,
        "time-exceeded": 3,
        "parameter-problem": 4,
        "echo-request": 128,
        "echo-reply": 129,
        "mld-listener-query": 130,
        "mld-listener-report": 131,
        "mld-listener-done": 132,
        "mld-listener-reduction": 132,
        "nd-router-solicit": 133,
        "nd-router-advert": 134,
        "nd-neighbor-solicit": 135,
        "nd-neighbor-advert": 136,
        "nd-redirect": 137,
        "router-renumbering": 138,
        "ind-neighbor-solicit": 141,
        "ind-neighbor-advert": 142,
        "mld2-listener-report": 143,
    },
}

# RFC 2474, 2597, 3246, 5865, 8622 and nftables' words for them.
DSCP = {"be": 0, "df": 0, "le": 1, "lephb": 1, "ef": 46, "va": 44}
DSCP.update({f"cs{number}": number * 8 for number in range(8)})
DSCP.update(
    {f"af{klass}{drop}": klass * 8 + drop * 2 for klass in range(1, 5) for drop in range(1, 4)}
)

TCP_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128}

UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}


def number(text, most):
    """A decimal or 0x number up to `most`; None if it is none."""
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|[0-9]+", text):
        value = int(text, 16 if text[:2].lower() == "0x" else 10)
        return value if value <= most else None
    return None


def span(text, most):
    """(first, last) of `5` or `5-7`."""
    ends = [number(part, most) for part in text.split("-")]
    if len(ends) > 2 or None in ends or ends[0] > ends[-1]:
        raise PolicyError(f"'{text}' is no number or range up to {most}")
    return ends[0], ends[-1]


def duration(text):
    """ns of `100ms`, `5s`, `10m`, `2h`."""
    found = re.fullmatch(r"(\d+)(ms|s|m|h|d)", text)
    if not found:
        raise PolicyError(f"'{text}' is no duration")
    return int(found[1]) * UNITS[found[2]]


def listed(value):
    return value if isinstance(value, list) else [value]


def words(value):
    """A word or a list of words, as a list."""
    found = listed(value)
    if not all(isinstance(word, str) for word in found):
        raise PolicyError(f"{value} is no word or list of words")
    return found


def choice(value, words, what):
    if value not in words:
        raise PolicyError(f"'{value}' is no {what}")
    return value


# --- services ----------------------------------------------------------------------


class Service:
    """One kind of packet. None means any."""

    def __init__(self, family=None, proto=None, ports=None, kind=None, code=None):
        self.family, self.proto, self.ports, self.kind, self.code = family, proto, ports, kind, code

    def matches(self, packet):
        return (
            self.family in (None, packet.family)
            and self.proto in (None, packet.proto)
            and (self.ports is None or self.ports[0] <= packet.dport <= self.ports[1])
            and self.kind in (None, packet.type)
            and self.code in (None, packet.code)
        )

    def may_have_ports(self):
        return self.proto is None or self.proto in WITH_PORTS


def parse_service(text):
    """A Service, or None if the word is a name."""
    if text == "any":
        return Service()
    head, slash, rest = text.partition("/")
    if head in PROTOCOLS:
        return Service(proto=PROTOCOLS[head], ports=span(rest, 65535) if slash else None)
    if head in ICMPS:
        return icmp_service(head, rest if slash else None)
    if head == "proto" and slash and number(rest, 255) is not None:
        return Service(proto=number(rest, 255))
    if slash:
        raise PolicyError(f"'{text}' is no service")
    return None


def icmp_service(head, rest):
    family, proto = ICMPS[head]
    if rest is None:
        return Service(family, proto)
    kind, slash, code = rest.partition("/")
    value = ICMP_TYPES[head].get(kind, number(kind, 255))
    if value is None or slash and number(code, 255) is None:
        raise PolicyError(f"'{head}/{rest}' names no ICMP type")
    return Service(family, proto, kind=value, code=number(code, 255) if slash else None)


# --- the file ----------------------------------------------------------------------


class Loader(yaml.CBaseLoader):
    """Every scalar is its text; a key stands once."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) != len(keys):
            raise PolicyError("a key stands twice")
        return super().construct_mapping(node, deep)


TOP = {"version", "name", "include", "defaults", "failsafe", "groups", "services", "rules"}
RULE = {
    "id",
    "direction",
    "from",
    "to",
    "service",
    "source-port",
    "vlan",
    "iface",
    "tcp-flags",
    "dscp",
    "stage",
    "action",
    "log",
    "limit",
}
VERDICTS = {"ingress": "deny", "egress": "allow", "forward": "deny"}
DIRECTIONS = ("ingress", "egress", "forward", "any")
TIMEOUTS = {
    "tcp-established": "2h",
    "tcp-syn": "30s",
    "tcp-fin": "30s",
    "tcp-time-wait": "30s",
    "udp": "30s",
    "udp-stream": "120s",
    "icmp": "10s",
    "other": "60s",
}
UNJUDGED = {
    "on-worker-loss",
    "on-change",
    "attach-learn",
    "syn-protect",
    "unmatched",
    "ethertypes",
    "limits",
}
LOOSE = "loose"


def failsafe(text, names):
    """(service, who may reach it) of `SERVICE` or `SERVICE from GROUP`."""
    parts = str(text).split()
    if len(parts) not in (1, 3) or parts[1:2] not in ([], ["from"]):
        raise PolicyError(f"'{text}' is no SERVICE or SERVICE from GROUP")
    addresses = names.addresses(parts[2]) if parts[2:] else EVERYWHERE
    return [(service, addresses) for service in names.services(parts[0])]


def known_keys(what, value, keys):
    if not isinstance(value, dict):
        raise PolicyError(f"{what} is no map")
    unknown = set(value) - keys
    if unknown:
        raise PolicyError(f"unknown key '{sorted(unknown)[0]}' in {what}")


class Rule:
    """One rule; None stands for whatever it does not ask about."""

    def __init__(self, body, names, position):
        known_keys("a rule", body, RULE)
        self.id = body.get("id", f"rule-{position}")
        self.action = choice(body.get("action"), ("allow", "deny"), "action")
        self.shadow = (
            choice(body.get("stage", "enforce"), ("enforce", "shadow"), "stage") == "shadow"
        )
        self.counts = body.get("log") == "true" or "limit" in body
        self.direction = choice(body.get("direction", "any"), DIRECTIONS, "direction")
        self.src = names.addresses(body["from"]) if "from" in body else None
        self.dst = names.addresses(body["to"]) if "to" in body else None
        self.services = names.services(body["service"]) if "service" in body else [Service()]
        self.source_ports = [span(text, 65535) for text in words(body.get("source-port", []))]
        self.vlans = {vlan(text) for text in words(body.get("vlan", []))}
        self.ifaces = set(words(body.get("iface", [])))
        self.flags = [tcp_flags(text) for text in words(body.get("tcp-flags", []))]
        self.dscp = {dscp(text) for text in words(body["dscp"])} if "dscp" in body else None
        if self.source_ports and not any(service.may_have_ports() for service in self.services):
            raise PolicyError("'source-port' with a service that has no ports")

    def only_allows(self):
        asks = self.vlans or self.ifaces or self.flags or self.dscp is not None
        return self.action == "allow" and not (self.shadow or self.counts or asks)

    def matches(self, packet, direction, iface):
        return (
            self.direction in ("any", direction)
            and (not self.ifaces or iface in self.ifaces)
            and (not self.vlans or packet.vlan in self.vlans)
            and (self.src is None or (packet.family, packet.src) in self.src)
            and (self.dst is None or (packet.family, packet.dst) in self.dst)
            and any(service.matches(packet) for service in self.services)
            and (not self.source_ports or self.from_port(packet))
            and (not self.flags or self.has_flags(packet))
            and (self.dscp is None or packet.dscp in self.dscp)
        )

    def from_port(self, packet):
        return packet.proto in WITH_PORTS and any(
            low <= packet.sport <= high for low, high in self.source_ports
        )

    def has_flags(self, packet):
        set_now = packet.flags
        return packet.proto == TCP and any(set_now & mask == value for value, mask in self.flags)


def vlan(text):
    """The tags, outer first."""
    tags = tuple(number(part, 4094) for part in text.split("/"))
    if len(tags) > 2 or not all(tags):
        raise PolicyError(f"'{text}' is no VLAN")
    return tags


def tcp_flags(text):
    """(value, mask) of `syn/syn+ack`; `rst` alone is `rst/rst`."""
    parts = [flag_sum(part) for part in text.split("/")]
    value, mask = parts[0], parts[-1]
    if len(parts) > 2 or value & ~mask:
        raise PolicyError(f"'{text}' is no value/mask of TCP flags, or can never match")
    return value, mask


def flag_sum(text):
    words = [word for word in text.split("+") if word != "none"]
    return sum({TCP_FLAGS[choice(word, TCP_FLAGS, "TCP flag")] for word in words})


def dscp(text):
    value = DSCP.get(text, number(text, 63))
    if value is None:
        raise PolicyError(f"'{text}' is no DSCP")
    return value


class Names:
    """Groups and services by name, resolved when asked for."""

    def __init__(self, groups, services):
        self.groups, self.named_services = groups, services
        self.known, self.busy = {}, set()

    def group(self, name):
        if name not in self.known:
            if name not in self.groups or name in self.busy:
                raise PolicyError(
                    f"'{name}' is no group, address, prefix or range, or contains itself"
                )
            self.busy.add(name)
            folder, body = self.groups[name]
            self.known[name] = self.addresses(body, folder)
            self.busy.discard(name)
        return self.known[name]

    def addresses(self, value, folder="."):
        if isinstance(value, dict):
            found = self.of_map(value, folder)
        else:
            found = self.of_list(listed(value))
        if not found:
            raise PolicyError("nothing is left: it would match nothing")
        return found

    def of_map(self, body, folder):
        known_keys("a group", body, {"include", "except", "file"})
        found = Addresses()
        for item in words(body.get("include", [])):
            found |= self.address(item)
        if "file" in body:
            found |= address_file(os.path.join(folder, *words(body["file"])))
        for item in words(body.get("except", [])):
            found -= self.address(item)
        return found

    def of_list(self, items):
        """What stands there, without what stands behind a `not`; with only `not`, all but that."""
        wanted = [item for item in items if not isinstance(item, dict)]
        found = Addresses() if wanted else EVERYWHERE if items else Addresses()
        for item in wanted:
            found |= self.address(item)
        for item in items:
            if isinstance(item, dict):
                known_keys("a list", item, {"not"})
                for hole in words(item["not"]):
                    found -= self.address(hole)
        return found

    def address(self, word):
        if word == "any":
            return EVERYWHERE
        return parse_addresses(word) or self.group(word)

    def services(self, value, busy=()):
        found = []
        for word in words(value):
            one = parse_service(word)
            if one:
                found.append(one)
            elif word in busy or word not in self.named_services:
                raise PolicyError(f"'{word}' is no service, or contains itself")
            else:
                found += self.services(self.named_services[word], (*busy, word))
        if not found:
            raise PolicyError("a service is empty: it would match nothing")
        return found


def address_file(path):
    """One address or prefix a line, # comments."""
    found = {family: [] for family in WIDTH}
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.partition("#")[0].strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(str(error)) from None
    for text in filter(None, lines):
        one = parse_addresses(text)
        if one is None:
            raise PolicyError(f"{path}: '{text}' is no address or prefix")
        for family in WIDTH:
            found[family] += one.spans[family]
    return Addresses(found)


def read_documents(path, busy=()):
    """[(folder, document)], included ones before their includer."""
    path = os.path.realpath(path)
    if path in busy:
        raise PolicyError(f"{path} includes itself")
    try:
        with open(path, encoding="utf-8") as file:
            document = yaml.load(file, Loader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise PolicyError(str(error)) from None
    known_keys("a policy", document, TOP)
    if document.get("version") != "1":
        raise PolicyError("a policy begins with 'version: 1'")
    folder, found = os.path.dirname(path), []
    for name in words(document.get("include", [])):
        found += read_documents(os.path.join(folder, name), (*busy, path))
    return found + [(folder, document)]


def gathered(documents, key):
    """{name: (folder, body)} of all files; a name stands once."""
    found = {}
    for folder, document in documents:
        bodies = document.get(key, {})
        if not isinstance(bodies, dict):
            raise PolicyError(f"'{key}' is no map")
        for name, body in bodies.items():
            if name in found:
                raise PolicyError(f"two {key} are called '{name}'")
            found[name] = (folder, body)
    return found


class Asked:
    """What a service is asked for, read off a packet of either side."""

    def __init__(self, packet, answers):
        self.family, self.proto = packet.family, packet.proto
        self.dport = packet.sport if answers else packet.dport
        self.type, self.code = packet.type, packet.code
        self.known = True
        if answers and self.proto in (ICMP, ICMPV6):
            self.known = self.type == ECHO_REPLY[self.family]
            self.type, self.code = ECHO_REQUEST[self.family], 0


class Policy:
    """rules, verdicts by direction, timeouts and pickup in ns (or LOOSE), named VLAN stacks."""

    def __init__(self, path):
        documents = read_documents(path)
        services = {name: body for name, (_, body) in gathered(documents, "services").items()}
        names = Names(gathered(documents, "groups"), services)
        for name in names.groups:
            names.group(name)
        for name in services:
            names.services(name)
        bodies = [body for _, document in documents for body in document.get("rules") or []]
        self.rules = [Rule(body, names, position) for position, body in enumerate(bodies, 1)]
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) != len(ids) or "default" in ids:
            raise PolicyError("two rules have one name, or one is called 'default'")
        self.defaults([document.get("defaults") or {} for _, document in documents])
        self.failsafe = [
            pair
            for _, document in documents
            for word in words(document.get("failsafe") or [])
            for pair in failsafe(word, names)
        ]
        self.vlans = {stack for rule in self.rules for stack in rule.vlans}

    def defaults(self, layers):
        """The includer's word is the last."""
        merged_timeouts, said = dict(TIMEOUTS), dict(VERDICTS, pickup="5s")
        for layer in layers:
            known_keys("'defaults'", layer, {*VERDICTS, "pickup", "timeouts"} | UNJUDGED)
            known_keys("'timeouts'", layer.get("timeouts", {}), set(TIMEOUTS))
            merged_timeouts.update(layer.get("timeouts", {}))
            said.update({key: value for key, value in layer.items() if key in said})
        self.verdicts = {way: choice(said[way], ("allow", "deny"), "verdict") for way in VERDICTS}
        self.timeouts = {name: duration(text) for name, text in merged_timeouts.items()}
        pickup = said["pickup"]
        self.pickup = LOOSE if pickup == LOOSE else 0 if pickup == "0" else duration(pickup)

    def never_cut(self, packet, answers):
        """A packet to a failsafe service, or with `answers` from one. A session is not needed."""
        peer, asked = packet.dst if answers else packet.src, Asked(packet, answers)
        return asked.known and any(
            (packet.family, peer) in addresses and service.matches(asked)
            for service, addresses in self.failsafe
        )

    def lets_all_out(self):
        """Everything that leaves is allowed, by rules that only ask for addresses, protocol and
        ports: nothing has to be judged then."""
        return self.verdicts["egress"] == "allow" and not any(
            rule.direction in ("any", "egress") and not rule.only_allows() for rule in self.rules
        )

    def decide(self, packet, direction, iface=None):
        """(verdict, rule, shadow) for the first packet of a flow. shadow: the first rule of that
        stage which matches before the one that decides, or None."""
        shadow = None
        for rule in self.rules:
            if not rule.matches(packet, direction, iface):
                continue
            if not rule.shadow:
                return rule.action, rule.id, shadow
            shadow = shadow or rule.id
        return self.verdicts[direction], "default", shadow
