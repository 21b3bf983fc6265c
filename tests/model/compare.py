#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Does `xdpseg replay` answer as the model does? Packet by packet.

    tests/model/compare.py --xdpseg PATH --policy FILE [--policy FILE]... PCAP...
        [--local PREFIX,...] [--show N]
    tests/model/compare.py --many PATH --policy FILE [--policy FILE]... PCAP...   (replay-many: one
        program for all captures of a policy)
    tests/model/compare.py --xdpseg PATH --seeds FIRST[-LAST] [--packets N] [--plain] [--keep DIR]

Every capture with every policy, or what tests/model/generate.py makes of each seed.
Prints the first differences with all that is needed to judge them, then counts.
Exit 1 if a difference is unexplained.

What may differ: the reason, if both refuse a packet by guard (no RFC orders the
checks); and a session's or the pick-up time's end within what a lazy clock may be off,
where the model takes the product's word.
"""
import argparse
import ipaddress
import json
import shlex
import subprocess
import sys
import tempfile
from collections import Counter

import capture
from generate import generate, seed_range
from judge import Judge, Summary
from model import PROTO_NAMES, as_object
from packet import WITH_PORTS, parse
from policy import Policy, PolicyError

# Differences that are known and right: (name, why, function of both answers).
EXPLAINED = [
    (
        "over 65535 bytes",
        "a frame that long, Ethernet header included, is truncated: no NIC hands one over",
        lambda product, model, frame: product.get("reason") == "truncated" and len(frame) > 65535,
    )
]

HARD = ("verdict", "rule", "path", "shadow")
PROTO_NUMBERS = {name: proto for proto, name in PROTO_NAMES.items()}
HAS_STATE = ("session-allow", "session-deny", "rule-allow", "rule-deny")


class Product:
    """One run of `xdpseg replay`: answers in file order, the summary, and how it ended."""

    def __init__(self, xdpseg, path, policy, local):
        command = [xdpseg, "replay", path, "--policy", policy, "--json", "--packets"]
        self.command = command + (["--local", local] if local else [])
        ran = subprocess.run(
            self.command, capture_output=True, text=True, errors="replace", timeout=600, check=False
        )
        self.status, self.errors = ran.returncode, ran.stderr.strip()
        self.answers, self.summary = [], None
        for line in ran.stdout.splitlines():
            self.take(json.loads(line))

    def take(self, item):
        if "summary" in item:
            self.summary = item["summary"]
        elif "n" in item:
            self.answers.append(item)


def proto_number(value):
    text = str(value).removeprefix("proto/")
    return PROTO_NUMBERS.get(text, int(text) if text.isdigit() else text)


def address(value):
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return value


def absent(value):
    return value in (None, "", "-")


def flow_differs(product, model):
    """Whether the two name another flow. Ports only where there are ports."""
    fields = {"proto": proto_number, "src": address, "dst": address}
    if PROTO_NUMBERS.get(model["proto"]) in WITH_PORTS:
        fields.update(sport=int, dport=int)
    for name, normal in fields.items():
        ours, theirs = product.get(name), model[name]
        if not absent(ours) and not absent(theirs) and normal(ours) != normal(theirs):
            return True
    return False


def difference(product, model):
    """What kind of difference there is between two answers to one packet, or None."""
    if any(product.get(name) != model[name] for name in HARD):  # no shadow: no key, and None
        return "verdict"
    refused = model["path"] == "guard" and model["verdict"] == "deny"
    if product.get("reason") != model["reason"]:
        return "guard reason" if refused else "reason"
    if not refused and flow_differs(product, model):
        return "flow"
    if model["reason"] in HAS_STATE and product.get("state", "-") != (model["state"] or "-"):
        return "state"
    return None


def explanation(product, model, frame):
    for name, _, applies in EXPLAINED:
        if applies(product, model, frame):
            return name
    return None


class Comparison:
    """One capture with one policy."""

    def __init__(self, product, policy, local, show):
        self.product, self.show = product, show
        self.judge = Judge(policy, filter(None, local.split(",")), oracle=self.answer_for)
        self.answer, self.record, self.asked, self.waiting, self.begun = None, None, 0, [], 0
        self.counts, self.reasons, self.summary = Counter(), Counter(), Summary()
        self.wrong_flows, self.shown = set(), 0

    def answer_for(self, question):
        """What the product saw where the model may see either: True is `too late`."""
        if self.answer is None:
            return None
        self.asked += 1
        path, reason = self.answer.get("path"), self.answer.get("reason")
        if question == "pickup":
            return reason == "tcp-midflow"
        beside = (
            reason == "rule-deny"
            and not self.answer.get("opened")
            and parse(self.record.frame).reason != "fragment"  # only the first of a datagram opens
        )
        broken = reason == "bad-l4-checksum" and self.answer.get("state", "-") != "-"
        # only a packet of a session has these
        alive = path == "session" or reason == "bad-checksum" or beside or broken
        return not alive or reason == "icmp-unrelated"

    def run(self, path):
        error = None
        try:
            for record in capture.read(path):
                self.packet(record)
        except capture.CaptureError as wrong:
            error = str(wrong)
        self.judge.end()
        self.settled()
        self.ending(error)

    def answer_to(self, number):
        return self.product.answers[number] if number < len(self.product.answers) else None

    def packet(self, record):
        self.answer, self.record = self.answer_to(self.begun), record
        self.begun += 1
        self.waiting.append((record, self.judge.judge(record)))
        self.settled()

    def settled(self):
        """A fragment waits for its datagram, and what follows it for that."""
        while self.waiting and self.waiting[0][1].verdict:
            record, answer = self.waiting.pop(0)
            number = self.summary.packets
            self.answer = self.answer_to(number)
            self.summary.add(record, answer)
            if self.answer:
                self.compare(record, answer, as_object(number + 1, answer))

    def compare(self, record, answer, model):
        kind = difference(self.answer, model)
        if self.answer.get("n") != model["n"]:
            kind = "order"
        if kind is None:
            self.counts["equal"] += 1
        elif kind == "guard reason":
            self.counts[kind] += 1
            self.reasons[f"{self.answer.get('reason')}, model {model['reason']}"] += 1
        elif explanation(self.answer, model, record.frame):
            self.counts["explained: " + explanation(self.answer, model, record.frame)] += 1
        else:
            self.unequal(kind, record, answer, model)

    def unequal(self, kind, record, answer, model):
        """A first difference of a flow is told; what follows in the same flow is only counted."""
        packet = answer.packet
        flow = (packet.quote or packet.key(), packet.vlan) if packet.at else None
        if flow in self.wrong_flows:
            self.counts["followed from it"] += 1
            return
        if flow:
            self.wrong_flows.add(flow)
        self.counts[kind + " differs"] += 1
        if self.shown < self.show:
            self.shown += 1
            self.tell(kind, record, model)

    def tell(self, kind, record, model):
        cut = ", cut" if record.cut else ""
        print(f"\n{kind} differs, packet {model['n']}, time {record.time / 1e9:.9f}{cut}")
        print("  " + " ".join(self.product.command))
        print(f"  product {json.dumps({name: self.answer.get(name) for name in model})}")
        print(f"  model   {json.dumps(model)}")
        print(f"  frame   {record.frame[:256].hex()}{'...' if len(record.frame) > 256 else ''}")

    def ending(self, error):
        """How the product ended, and whether its sum is right."""
        product = self.product
        if product.status or error:
            agreed = bool(product.status) == bool(error)
            self.counts["both refuse the capture" if agreed else "ending differs"] += 1
            if not agreed:
                self.say(
                    f"product exit {product.status}: {product.errors}; model {error or 'reads it'}"
                )
            return
        if len(product.answers) != self.summary.packets:
            self.counts["count differs"] += 1
            self.say(f"{len(product.answers)} answers, {self.summary.packets} packets")
        self.check_summary(product.summary or {}, self.summary)

    def check_summary(self, said, model):
        verdicts = said.get("verdicts", {})
        listed = Counter(answer.get("verdict") for answer in self.product.answers)
        right = said.get("packets") == model.packets == sum(verdicts.values())
        if not right or any(
            listed[verdict] != verdicts.get(verdict) for verdict in ("allow", "deny")
        ):
            self.counts["summary differs"] += 1
            self.say(
                f"summary {said.get('packets')} packets, {verdicts}; model {model.packets}, {dict(model.verdicts)}"
            )

        self.check_rules(said.get("rules", {}), model)

    def check_rules(self, said, model):
        """A packet the product may answer otherwise is in other sums, too: its own word counts."""
        listed = Counter(answer.get("rule") for answer in self.product.answers)
        shadows = Counter(answer.get("shadow") for answer in self.product.answers)
        wrong = {
            rule: sums
            for rule, sums in said.items()
            if (sums["packets"], sums["shadow"]) != (listed[rule], shadows[rule])
        }
        if wrong or set(said) != {"default", *(rule.id for rule in self.judge.policy.rules)}:
            self.counts["sums of rules differ"] += 1
            self.say(f"rules {wrong or said}; model {dict(model.rules)}, {dict(model.shadows)}")

    def say(self, text):
        print(f"\n{text}\n  " + " ".join(self.product.command))


class OneOfMany(Product):
    """What replay-many says of one capture."""

    def __init__(self, command, path):  # pylint: disable=super-init-not-called
        self.command, self.answers, self.summary = command + [path], [], None
        self.status, self.errors = 1, "ended in the middle"

    def finish(self, error):
        self.status, self.errors = int(error is not None), error


def many_products(options, policy_path):
    """Each capture's answers, from one run of replay-many."""
    command = shlex.split(options.many) + (["--local", options.local] if options.local else []) + [policy_path]
    with tempfile.TemporaryFile("w+") as paths:
        paths.writelines(path + "\n" for path in options.captures)
        paths.seek(0)
        with subprocess.Popen(
            command, stdin=paths, stdout=subprocess.PIPE, text=True, errors="replace"
        ) as run:
            yield from each_capture(command, run.stdout)
    if run.returncode:
        raise ValueError(f"{' '.join(command)} ended with {run.returncode}")


def each_capture(command, lines):
    product = None
    for line in lines:
        item = json.loads(line)
        if "capture" in item:
            product = OneOfMany(command, item["capture"])
        elif "end" in item:
            product.finish(item["error"])
            yield item["end"], product
            product = None
        else:
            product.take(item)


def compare_many(options, policy_path):
    """Yields (counts, guard reasons) of each capture."""
    done = 0
    for path, product in many_products(options, policy_path):
        yield set_against(options, path, policy_path, options.local, product)
        done += 1
    if done != len(options.captures):
        yield Counter({"captures without an answer": len(options.captures) - done}), Counter()


def compare(options, path, policy_path, local):
    """(counts, guard reasons) of one capture with one policy."""
    try:
        product = Product(options.xdpseg, path, policy_path, local)
    except (subprocess.TimeoutExpired, ValueError) as error:
        print(f"\n{path} with {policy_path}: {error}")
        return Counter({"product hangs or prints no JSON": 1}), Counter()
    return set_against(options, path, policy_path, local, product)


def set_against(options, path, policy_path, local, product):
    try:
        policy = Policy(policy_path)
    except PolicyError as error:
        print(f"\n{policy_path}: the model refuses it: {error}")
        return Counter({"policy refused by the model": 1}), Counter()
    comparison = Comparison(product, policy, local, options.show)
    comparison.run(path)
    comparison.counts["told by the product's clock"] += comparison.asked
    return comparison.counts, comparison.reasons


def generated(options, folder):
    """(capture, policy, local) of each seed."""
    for seed in options.seeds:
        policy, path, local = generate(folder, seed, options.packets, options.plain)
        yield path, policy, "" if local == "-" else local


def work(options, folder):
    """(counts, guard reasons) of each run."""
    for policy in options.policy:
        if options.many:
            yield from compare_many(options, policy)
            continue
        for path in options.captures:
            yield compare(options, path, policy, options.local)
    for path, policy, local in generated(options, folder):
        yield compare(options, path, policy, local)


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("captures", nargs="*", metavar="PCAP")
    parser.add_argument("--xdpseg", metavar="PATH")
    parser.add_argument("--many", metavar="COMMAND", help="replay-many, instead of --xdpseg")
    parser.add_argument("--policy", default=[], action="append", metavar="FILE")
    parser.add_argument("--local", default="", metavar="PREFIX,...")
    parser.add_argument(
        "--show", type=int, default=3, metavar="N", help="differences shown a capture"
    )
    parser.add_argument("--seeds", type=seed_range, default=(), metavar="FIRST[-LAST]")
    parser.add_argument("--packets", type=int, default=400)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--keep", metavar="DIR", help="where to leave what is generated")
    options = parser.parse_args(argv)
    if not options.seeds and not (options.policy and options.captures):
        parser.error("a policy and a capture, or --seeds")
    if not options.xdpseg and (options.seeds or not options.many):
        parser.error("--xdpseg, or --many without --seeds")
    return options


FINE = ("equal", "guard reason", "both refuse the capture", "told by the product's clock")


def is_wrong(name):
    return name not in FINE and not name.startswith("explained: ")


def report(runs, counts, reasons):
    print(f"\n{runs} runs")
    for name, count in counts.most_common():
        print(f"{count:10}  {name}")
    for name, count in reasons.most_common(10):
        print(f"{count:10}    reason {name}")
    wrong = sum(count for name, count in counts.items() if is_wrong(name))
    print(f"{wrong} unexplained differences")
    return 1 if wrong else 0


def main(argv=None):
    options = arguments(argv)
    counts, reasons, runs = Counter(), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for more, why in work(options, options.keep or folder):
            counts.update(more)
            reasons.update(why)
            runs += 1
    return report(runs, counts, reasons)


if __name__ == "__main__":
    sys.exit(main())
