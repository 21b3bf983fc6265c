# SPDX-License-Identifier: BSD-2-Clause
"""sessions list, delete and flush over real flows; stats --watch."""
import contextlib
import ipaddress
import json
import signal
import subprocess
import threading

from lab import CLIENT, IFACE, OPEN_UDP, POLICY, SERVER, SHUT_UDP, Lab
from system import check, check_equal, slow, until

EXIT_FAILED, EXIT_USAGE, EXIT_NOT_ATTACHED = 1, 2, 3
PORTS = range(OPEN_UDP, OPEN_UDP + 3)

# Sessions stay until a slow machine has asked all that it is to ask.
PATIENT = POLICY.replace("sessions}", "sessions, timeouts: {icmp: 10m, udp: 10m}}")


def listed(lab, *words):
    return lab.xdpseg("sessions", *words).json


def ends(sessions):
    return sorted((s["proto"], s["src"], s["sport"], s["dst"], s["dport"]) for s in sessions)


def listen(lab, family=4):
    """Nothing that arrives is answered by an error."""
    return [lab.receiver(family, port) for port in PORTS]


def begin_flows(lab):
    """UDP over both families to three open ports and a shut one; ping. All judged."""
    for family in CLIENT:
        listen(lab, family)
        for port in (*PORTS, SHUT_UDP):
            sender = lab.sender(family, port)
            for _ in range(port - OPEN_UDP + 1 if port in PORTS else 1):
                sender.send(b"hello")
        lab.client.run("ping", "-q", "-c", "1", SERVER[family])
    until("all sessions", lambda: len(lab.sessions()) == 10 and
          not [s for s in lab.sessions() if s["verdict"] == "pending"])
    return lab.sessions()


def within(text, prefix):
    return ipaddress.ip_address(text) in ipaddress.ip_network(prefix)


# What each filter means, said another way.
FILTERS = {
    ("src", CLIENT[4]): lambda s: s["src"] == CLIENT[4],
    ("src", "10.77.0.0/24"): lambda s: ":" not in s["src"],
    ("src", "10.77.0.2-10.77.0.9"): lambda s: False,
    ("dst", "fd77::/64"): lambda s: ":" in s["dst"],
    ("host", SERVER[6]): lambda s: s["dst"] == SERVER[6],
    ("not", "host", SERVER[6]): lambda s: s["dst"] != SERVER[6],
    ("dport", "9000,9002"): lambda s: s["dport"] in (9000, 9002),
    ("port", "9001-9900"): lambda s: 9001 <= s["dport"] <= 9900 or 9001 <= s["sport"] <= 9900,
    ("sport", "9000-9900"): lambda s: 9000 <= s["sport"] <= 9900,
    ("proto", "icmpv6"): lambda s: s["proto"] == "icmpv6",
    ("udp",): lambda s: s["proto"] == "udp",
    ("udp", "family", "6"): lambda s: s["proto"] == "udp" and ":" in s["src"],
    ("rule", "udp"): lambda s: s["rule"] == "udp",
    ("not", "rule", "udp,ping"): lambda s: s["rule"] == "default",
    ("verdict", "deny"): lambda s: s["verdict"] == "deny",
    ("state", "opening"): lambda s: s["state"] == "opening",
    ("state", "established,closed"): lambda s: s["state"] in ("established", "closed"),
    ("iface", IFACE): lambda s: s["iface"] == IFACE,
    ("older", "1h"): lambda s: False,
    ("younger", "1h"): lambda s: True,
    ("idle", "1h"): lambda s: False,
    ("expires", "1h"): lambda s: True,
    ("packets", "3"): lambda s: s["orig"]["packets"] + s["reply"]["packets"] >= 3,
    ("bytes", "100"): lambda s: s["orig"]["bytes"] + s["reply"]["bytes"] >= 100,
    ("udp", "src", CLIENT[4], "dport", "9001", "rule", "udp"):
        lambda s: s["src"] == CLIENT[4] and s["dport"] == 9001,
}


def test_filters_choose():
    with Lab() as lab:
        lab.attach(PATIENT)
        everything = begin_flows(lab)
        for words, means in FILTERS.items():
            expected = [s for s in everything if means(s)]
            check_equal(ends(listed(lab, *words)), ends(expected), " ".join(words))
            check_equal(listed(lab, "--count", *words), {"count": len(expected)},
                        f"count of {' '.join(words)}")
        one = next(s for s in everything if s["dport"] == 9001 and ":" in s["src"])
        flow = f"udp [{one['src']}]:{one['sport']} > [{one['dst']}]:{one['dport']}"
        check_equal(ends(listed(lab, flow)), ends([one]), flow)
        check_equal(ends(listed(lab, *flow.split())), ends([one]), "the same in several words")


def test_order_and_limit():
    with Lab() as lab:
        lab.attach(PATIENT)
        begin_flows(lab)
        for key in ("packets", "bytes"):
            found = [s["orig"][key] + s["reply"][key] for s in listed(lab, "--sort", key)]
            check_equal(len(found), 10, "sessions")
            check_equal(found, sorted(found, reverse=True), f"sorted by {key}")
            check_equal([s["orig"][key] + s["reply"][key]
                         for s in listed(lab, "udp", "--sort", key, "--limit", "2")],
                        [s["orig"][key] + s["reply"][key]
                         for s in listed(lab, "list", "--sort", key, "udp")][:2], f"first two by {key}")
        check_equal(len(listed(lab, "--limit", "3")), 3, "limited")


WRONG = {
    ("scr", "10.0.0.1"): ("did you mean 'src'?", EXIT_USAGE),
    ("rule", "upd"): ("did you mean 'udp'?", EXIT_FAILED),
    ("iface", "s1"): ("did you mean 's0'?", EXIT_FAILED),
    ("iface", "eth0"): ("`xdpseg stats` shows what there is", EXIT_FAILED),
}


def test_what_is_wrong_is_said():
    with Lab() as lab:
        lab.attach()
        for words, (mend, code) in WRONG.items():
            for verb in ("list", "delete"):
                failure = lab.xdpseg("sessions", verb, *words, code=code).failure
                check_equal(failure["mend"], mend, " ".join(words))
        lab.xdpseg("sessions", "delete", code=EXIT_USAGE)
        lab.xdpseg("sessions", "--count", "--limit", "3", code=EXIT_USAGE)
        lab.xdpseg("sessions", "flush", "tcp", code=EXIT_USAGE)


# --- delete ----------------------------------------------------------------------------

def rule_of(lab, name="udp"):
    rule = lab.stats()["rules"][name]
    return rule["packets"], rule["bytes"], rule["sessions"]


def settled(lab, packets):
    """What rule udp counted, once that is `packets`."""
    return until(f"rule udp: {packets} packets",
                 lambda: rule_of(lab) if rule_of(lab)[0] == packets else None)


def test_deleted_is_judged_anew_and_stays_counted():
    with Lab() as lab:
        listen(lab)
        lab.attach(PATIENT)
        kept, sender = lab.sender(4, OPEN_UDP + 1), lab.sender(4, OPEN_UDP)
        kept.send(b"stay")
        for _ in range(3):
            sender.send(b"hello")
        before = settled(lab, 4)
        check_equal(before[2], 2, "sessions")
        check_equal(lab.xdpseg("sessions", "delete", "udp", "dport", str(OPEN_UDP)).json,
                    {"deleted": 1}, "reply")
        check_equal([s["dport"] for s in lab.sessions()], [OPEN_UDP + 1], "sessions left")
        check_equal(rule_of(lab), before, "rule udp")
        judged = lab.exits()["rule-allow"]
        sender.send(b"again")
        after = settled(lab, 5)
        check_equal((after[2], lab.exits()["rule-allow"]), (3, judged + 1), "sessions, slow path")
        again = listed(lab, "dport", str(OPEN_UDP))
        check_equal([s["orig"]["packets"] for s in again], [1], "packets of the new session")


def test_flush_ends_all():
    with Lab() as lab:
        lab.attach(PATIENT)
        begin_flows(lab)
        rules = lab.stats()["rules"]
        check_equal(lab.xdpseg("sessions", "flush").json, {"deleted": 10}, "reply")
        check_equal(lab.sessions(), [], "sessions")
        check_equal(lab.stats()["rules"], rules, "rules")
        used = lab.stats()["sessions"]
        check_equal([used[name] for name in ("established", "half_open", "denied")], [0, 0, 0],
                    "places in use")
        check_equal(lab.xdpseg("sessions", "flush").json, {"deleted": 0}, "again")


SENDS = 50000


def test_deleting_under_traffic_loses_no_count():
    """Each packet is counted by its rule once, whatever ends its session meanwhile (invariant 8)."""
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach()
        sender = lab.sender(4, OPEN_UDP)
        thread = threading.Thread(target=send_many, args=(sender, receiver))
        thread.start()
        judged = 0
        while thread.is_alive():
            judged += lab.xdpseg("sessions", "delete", "udp", "verdict", "allow").json["deleted"]
            lab.xdpseg("sessions", "delete", "udp")  # also one that no rule has judged yet
        thread.join()
        check(judged > 1, f"only {judged} deleted under way")
        settled(lab, SENDS)
        check(rule_of(lab)[2] >= judged, f"{rule_of(lab)[2]} sessions, {judged} deleted")


FLOWS = 200


def test_flushing_while_flows_begin_loses_no_count():
    """Sessions that end while the worker still has their first packet."""
    with Lab() as lab:
        receiver = lab.receiver(4, OPEN_UDP)
        lab.attach()
        senders = [lab.sender(4, OPEN_UDP) for _ in range(FLOWS)]
        enough, rounds = threading.Event(), []
        thread = threading.Thread(target=send_from_all, args=(senders, receiver, enough, rounds))
        thread.start()
        flushed = 0
        while thread.is_alive() and flushed < 10 * FLOWS:
            flushed += lab.xdpseg("sessions", "flush").json["deleted"]
        enough.set()
        thread.join()
        check(flushed >= 10 * FLOWS, f"only {flushed} flushed under way")
        settled(lab, FLOWS * len(rounds))
        lab.check_balance()


def send_from_all(senders, receiver, enough, rounds):
    while not enough.is_set():
        for sender in senders:
            sender.send(b"count me")
        for _ in senders:
            receiver.recv(64)
        rounds.append(len(senders))


def send_many(sender, receiver):
    for n in range(SENDS):
        sender.send(b"count me")
        if n % 100 == 99:
            for _ in range(100):
                receiver.recv(64)


# --- watch --------------------------------------------------------------------------------

@contextlib.contextmanager
def watching(lab, *argv):
    process = subprocess.Popen(lab.command(*argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def end_cleanly(process):
    """Ctrl-C: status 0, and nothing but whole lines."""
    process.send_signal(signal.SIGINT)
    rest, error = process.communicate(timeout=slow(10))
    check_equal((process.returncode, error), (0, ""), "end")
    return rest


def test_watch_is_one_object_a_line():
    with Lab() as lab:
        listen(lab)
        lab.attach()
        sender = lab.sender(4, OPEN_UDP)
        sender.send(b"first")
        settled(lab, 1)
        with watching(lab, "stats", "--watch", "0.2", "--json") as process:
            first = json.loads(process.stdout.readline())
            check("rates" not in first, "the first line has rates")
            for _ in range(50):
                sender.send(b"hello")
            seen = counted = 0
            while seen < 51:
                stats = json.loads(process.stdout.readline())
                seen = stats["rules"]["udp"]["packets"]
                counted += stats["rates"]["rules"]["udp"]["packets"] * stats["interval_s"]
            check_equal(round(counted), 50, "rate times interval, summed")
            check("packets" in stats["rates"]["interfaces"][IFACE]["reasons"]["session-allow"],
                  "no rate of a reason")
            rest = end_cleanly(process)
        check(rest == "" or rest.endswith("\n"), "the last line is not whole")
        for line in rest.splitlines():
            json.loads(line)


def test_watch_on_a_pipe_is_block_after_block():
    with Lab() as lab:
        lab.attach()
        with watching(lab, "stats", "--watch=0.1", IFACE) as process:
            heads = 0
            while heads < 3:
                line = process.stdout.readline()
                check("\033" not in line, f"escapes on a pipe: {line!r}")
                heads += line.startswith("up ")
            end_cleanly(process)


def test_sessions_are_watched():
    with Lab() as lab:
        listen(lab)
        lab.attach()
        sender = lab.sender(4, OPEN_UDP)
        with watching(lab, "sessions", "--watch", "0.1", "--json", "udp", "--limit", "1") as process:
            check_equal(json.loads(process.stdout.readline()), {"sessions": []}, "first line")
            sender.send(b"hello")
            while not (seen := json.loads(process.stdout.readline())["sessions"]):
                pass
            check_equal([session["dport"] for session in seen], [OPEN_UDP], "sessions")
            end_cleanly(process)


def test_stats_of_named_interfaces():
    with Lab() as lab:
        lab.attach()
        check_equal(list(lab.xdpseg("stats", IFACE).json["interfaces"]), [IFACE], "interfaces")
        failure = lab.xdpseg("stats", "s1", code=EXIT_NOT_ATTACHED).failure
        check_equal(failure["what"], "s1 is not attached", "error")
        lab.xdpseg("stats", "--watch", "never", code=EXIT_NOT_ATTACHED)
        lab.xdpseg("stats", "--watch=never", code=EXIT_USAGE)
