# SPDX-License-Identifier: BSD-2-Clause
"""Random policies that are valid, over few addresses and ports."""
import os

import yaml

from packet import ICMP, ICMPV6
from policy import Names, Policy, PolicyError, Service

# What both generators draw from: few, so that rules overlap and flows hit them.
V4 = ["10.0.0.1", "10.0.0.2", "10.0.0.130", "10.0.1.1", "192.0.2.7", "198.51.100.9"]
V6 = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8:ffff::7", "fe80::1"]
PORTS = [22, 53, 80, 443, 1023, 1024, 5000, 65535]

NETS = [
    "10.0.0.0/24",
    "10.0.0.0/25",
    "10.0.0.0-10.0.1.255",
    "10.0.0.2-10.0.0.130",
    "192.0.2.0/24",
    "0.0.0.0/0",
    "2001:db8::/64",
    "2001:db8::/32",
    "2001:db8::1-2001:db8::9",
    "fe80::/10",
    "::/0",
    "224.0.0.0/4",
    "ff00::/8",
]
SERVICES = [
    "tcp",
    "udp",
    "sctp",
    "udplite",
    "dccp",
    "icmp",
    "icmpv6",
    "any",
    "icmp/echo-request",
    "icmp/8/0",
    "icmpv6/echo-request",
    "icmpv6/128",
    "icmp/9",
    "icmp/router-advertisement",
    "icmpv6/144",
    "icmp/42/0",
    "proto/47",
    "proto/0x32",
    "proto/6",
    "proto/59",
    "proto/1",
    "proto/58",
]
FLAGS = [
    "syn/syn+ack",
    "syn/syn",
    "syn/syn+ack+fin+rst+psh+urg",
    "syn+ece/syn+ece+cwr",
    "ack/ack",
    "psh/psh",
    "psh",
]
DSCPS = ["cs0", "cs1", "af11", "af43", "ef", 0, 8, 46, 63]


class Plain(yaml.SafeDumper):
    """No anchors: they are no part of a policy."""

    def ignore_aliases(self, data):
        return True


def dump(document, path):
    with open(path, "w", encoding="utf-8") as file:
        yaml.dump(document, file, Plain, default_flow_style=None, sort_keys=False, width=1 << 20)


def texts(value):
    """As the policy's reader sees it: every scalar is its text."""
    if isinstance(value, dict):
        return {key: texts(item) for key, item in value.items()}
    return [texts(item) for item in value] if isinstance(value, list) else str(value)


class PolicyMaker:
    """A random policy that is valid: whatever can match nothing is thrown away and drawn anew."""

    def __init__(self, rng, folder, name, plain):
        self.rng, self.folder, self.name, self.plain = rng, folder, name, plain
        self.groups, self.services = {}, {}

    def often(self, chance):
        return self.rng.random() < chance

    def names(self):
        groups = {name: (self.folder, texts(body)) for name, body in self.groups.items()}
        return Names(groups, texts(self.services))

    def address(self):
        return self.rng.choice(V4 + V6 if self.often(0.6) else NETS)

    def some(self, draw, most=3):
        """Distinct ones."""
        return list(dict.fromkeys(draw() for _ in range(self.rng.randint(1, most))))

    def address_or_group(self):
        return (
            self.rng.choice(list(self.groups))
            if self.groups and self.often(0.5)
            else self.address()
        )

    def valid(self, draw, check):
        """The first draw that the model accepts."""
        while True:
            value = draw()
            try:
                if check(value):
                    return value
            except PolicyError:
                pass

    def addresses(self):
        return self.valid(self.address_list, lambda value: self.names().addresses(texts(value)))

    def address_list(self):
        shape = self.rng.random()
        if shape < 0.3:
            return self.address_or_group()
        if shape < 0.8:
            return self.some(self.address_or_group)
        hole = {"not": self.address_or_group()}
        return [hole] if shape < 0.9 else self.some(self.address_or_group) + [hole]

    def group(self):
        shape = self.rng.random()
        if shape < 0.5:
            return self.some(self.address_or_group, 4)
        if shape < 0.6 and not self.plain:
            return {"file": self.address_file()}
        body = {"include": self.some(self.address_or_group, 3)}
        if self.often(0.6):
            body["except"] = self.some(self.address_or_group, 2)
        return body

    def address_file(self):
        name = f"{self.name}-list{len(self.groups)}.txt"
        lines = (
            ["# addresses", ""]
            + [word for word in self.some(self.address, 5) if "-" not in word]
            + [V4[0] + " # one"]
        )
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return name

    def service(self):
        if self.services and self.often(0.3):
            return self.rng.choice(list(self.services))
        if self.often(0.5):
            return self.rng.choice(SERVICES)
        low = self.rng.choice(PORTS)
        high = self.rng.choice([port for port in PORTS if port >= low])
        ports = str(low) if self.often(0.6) or low == high else f"{low}-{high}"
        return self.rng.choice(["tcp/", "udp/", "sctp/", "udplite/"]) + ports

    def rule(self, name):
        return self.valid(lambda: self.draw_rule(name), self.can_match)

    def draw_rule(self, name):
        rng, body = self.rng, {"id": name}
        if self.often(0.5):
            body["direction"] = rng.choice(["ingress", "egress", "forward", "any"])
        for key in ("from", "to"):
            if self.often(0.5):
                body[key] = self.addresses()
        if self.often(0.7):
            body["service"] = self.service() if self.often(0.5) else self.some(self.service)
        if self.often(0.15):
            body["source-port"] = rng.choice([53, "1024-65535", "0-1023", 5000])
        if self.often(0.2):
            body["vlan"] = rng.choice([100, 200, "100/200"])
        if self.often(0.05):
            body["iface"] = "eth0"
        if not self.plain:
            self.rare(body)
        body["action"] = rng.choice(["allow", "allow", "allow", "deny"])
        if self.often(0.1):
            body["log"] = True
        return body

    def rare(self, body):
        if self.often(0.1):
            body["tcp-flags"] = self.some(lambda: self.rng.choice(FLAGS), 2)
        if self.often(0.1):
            body["dscp"] = (
                self.some(lambda: self.rng.choice(DSCPS))
                if self.often(0.7)
                else self.rng.choice(DSCPS)
            )
        if self.often(0.3):
            body["stage"] = self.rng.choice(["shadow", "enforce"])

    def can_match(self, body):
        """A rule whose parts have no IP version or no protocol in common is an error."""
        names, body = self.names(), texts(body)
        families = {4, 6}
        for key in ("from", "to"):
            if key in body:
                found = names.addresses(body[key])
                families &= {family for family in (4, 6) if found.spans[family]}
        services = names.services(body["service"]) if "service" in body else [Service()]
        if "source-port" in body and not all(service.may_have_ports() for service in services):
            return False
        if "tcp-flags" in body and not all(service.proto in (None, 6) for service in services):
            return False
        return any(families & families_of(service) for service in services)

    def failsafe(self):
        """A service, and sometimes from whom; `any` from anywhere is an error."""
        port = self.rng.choice(PORTS)
        service = self.rng.choice([*SERVICES, f"tcp/{port}", f"udp/{port}"])
        if service.startswith(("tcp/", "udp/")) and self.often(0.3):
            return service
        return f"{service} from {self.address_or_group()}"

    def defaults(self):
        rng = self.rng
        found = {
            way: rng.choice(["allow", "allow", "deny"])
            for way in ("ingress", "egress", "forward")
            if self.often(0.7)
        }
        if self.often(0.7):
            found["pickup"] = rng.choice([0, "loose", "5s", "1s", "100ms", "10m"])
        if self.often(0.7):
            names = [
                "tcp-established",
                "tcp-syn",
                "tcp-fin",
                "tcp-time-wait",
                "udp",
                "udp-stream",
                "icmp",
                "other",
            ]
            found["timeouts"] = {
                name: rng.choice(["1s", "2s", "5s", "30s", "10m"])
                for name in names
                if self.often(0.6)
            }
        return found

    def named(self, made, prefix, most, draw, check):
        """Up to `most` new names in `made`; the new ones."""
        new = [f"{prefix}{number}" for number in range(self.rng.randint(0, most))]
        for name in new:
            made[name] = self.valid(draw, check)
        return {name: made[name] for name in new}

    def document(self, prefix, most, defaults):
        """A file's content; its names begin with `prefix`, and it uses those of before."""
        groups = self.named(
            self.groups,
            prefix + "g",
            4,
            self.group,
            lambda value: self.names().addresses(texts(value), self.folder),
        )
        services = self.named(self.services, prefix + "s", 3, lambda: self.some(self.service), bool)
        rules = [self.rule(f"{prefix}r{number}") for number in range(self.rng.randint(0, most))]
        found = {"defaults": defaults, "groups": groups, "services": services, "rules": rules}
        if not self.plain and self.often(0.3):
            found["failsafe"] = self.some(self.failsafe, 3)
        return {"version": 1, **{key: value for key, value in found.items() if value}}

    def write(self):
        """The policy's file, and one that it includes; the path."""
        path, base = (os.path.join(self.folder, self.name + end) for end in (".yaml", "-base.yaml"))
        head = {"version": 1}
        if not self.plain and self.often(0.25):
            dump(self.document("base-", 3, self.defaults() if self.often(0.5) else None), base)
            head["include"] = [os.path.basename(base)]
        dump({**head, "name": self.name, **self.document("", 12, self.defaults())}, path)
        Policy(path)
        return path


def families_of(service):
    if service.family:
        return {service.family}
    return {4} if service.proto == ICMP else {6} if service.proto == ICMPV6 else {4, 6}
