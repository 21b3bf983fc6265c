# SPDX-License-Identifier: BSD-2-Clause
"""policy check's findings and policy diff, as they are printed: a line each, as compilers do."""
import json
import os
import subprocess
import tempfile

from lab import XDPSEG
from system import check_equal

HEAD = "version: 1\ndefaults: {ingress: deny, egress: allow, forward: deny}\n"

FINDINGS = {
    "never-matches": (
        "failsafe: [tcp/22]\nrules:\n"
        "- {id: ssh, direction: ingress, service: tcp/22, action: deny}\n",
        "p.yaml:5: warning: rule 'ssh' can never match, because of failsafe 'tcp/22' "
        "[never-matches]\n"),
    "never, harmless": (
        "failsafe: [tcp/22]\nrules:\n"
        "- {id: ssh, direction: ingress, service: tcp/22, action: allow}\n",
        "p.yaml:5: note: rule 'ssh' can never match, because of failsafe 'tcp/22' "
        "[never-matches]\n"),
    "never, guarded": (
        "rules:\n- {id: lo, from: 127.0.0.1, action: deny}\n",
        "p.yaml:4: warning: rule 'lo' can never match, because of the guard for a loopback source "
        "[never-matches]\n"),
    "shadowed": (
        "rules:\n"
        "- {id: low, from: 10.0.0.0/25, service: tcp, action: allow}\n"
        "- {id: high, from: 10.0.0.128/25, service: tcp, action: allow}\n"
        "- {id: web, from: 10.0.0.0/24, service: tcp/80, action: deny}\n",
        "p.yaml:6: warning: rule 'web' is shadowed by 'low' (p.yaml:4) and 'high' (p.yaml:5): it "
        "never decides [shadowed]\n"),
    "redundant, before": (
        "rules:\n- {id: all, service: tcp, action: allow}\n"
        "- {id: web, service: tcp/80, action: allow}\n",
        "p.yaml:5: warning: rule 'web' is redundant: without it nothing changes, because of 'all' "
        "(p.yaml:4) [redundant]\n"),
    "redundant, behind": (
        "rules:\n- {id: web, service: tcp/80, direction: ingress, action: deny}\n",
        "p.yaml:4: warning: rule 'web' is redundant: without it nothing changes, because of the "
        "default [redundant]\n"),
    "failsafe": (
        "failsafe: [tcp/22]\nrules:\n- {id: bad, from: 10.0.0.66, action: deny}\n",
        "p.yaml:5: warning: rule 'bad' denies what always gets in, because of failsafe 'tcp/22' "
        "[failsafe]\n"),
    "conflict": (
        "rules:\n- {id: bad, from: 10.0.0.66, action: deny}\n"
        "- {id: web, service: tcp/80, action: allow}\n",
        "p.yaml:5: note: rule 'web' contradicts 'bad' (p.yaml:4) on what both match: the earlier "
        "one decides [conflict]\n"),
    "none": (
        "rules:\n- {id: bad, from: 10.0.0.66, service: tcp/80, action: deny}\n"
        "- {id: web, service: tcp/80, action: allow}\n",
        ""),
}


DIFF = [
    "{from: 10.0.0.66, service: tcp/80}: allow (web, a.yaml:4) -> deny (bad, b.yaml:4)",
    "{direction: [ingress, forward], from: \"::/0\", service: tcp/443}: deny (default) -> allow "
    "(web, b.yaml:5)",
    "{direction: egress, from: 10.0.0.66, service: [udp, icmp, other]}: allow (default) -> deny "
    "(bad, b.yaml:4)",
    "{direction: egress, from: 10.0.0.66, service: [tcp/0-79, tcp/81-65535]}: allow (default) -> "
    "deny (bad, b.yaml:4)",
    "{direction: [ingress, forward], from: [0.0.0.0-10.0.0.65, 10.0.0.67-255.255.255.255], "
    "service: tcp/443}: deny (default) -> allow (web, b.yaml:5)",
]


def xdpseg(folder, *command):
    return subprocess.run([XDPSEG, *command], cwd=folder, capture_output=True, text=True,
                          check=False)


def write(folder, name, text):
    with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
        file.write(HEAD + text)


def test_each_finding_has_its_line():
    with tempfile.TemporaryDirectory(prefix=f"lab-{os.getpid()}-") as folder:
        for name, (text, line) in FINDINGS.items():
            write(folder, "p.yaml", text)
            done = xdpseg(folder, "policy", "check", "p.yaml")
            check_equal((done.returncode, done.stderr), (0, line), name)
            strict = xdpseg(folder, "-q", "policy", "check", "--strict", "p.yaml").returncode
            check_equal(strict, int("warning" in line), f"{name}: --strict")

def test_of_many_the_first_are_shown():
    rules = [f"- {{id: low{n}, from: 10.0.{n}.1, service: tcp, action: allow}}\n"
             f"- {{id: web{n}, from: 10.0.{n}.0/24, service: tcp/80, action: deny}}\n" for n in range(30)]
    same = [f"- {{id: again{n}, from: 10.1.0.0/16, service: tcp/{n}, action: allow}}\n" for n in range(103)]
    with tempfile.TemporaryDirectory(prefix=f"lab-{os.getpid()}-") as folder:
        write(folder, "p.yaml", "rules:\n" + "".join(
            rules + ["- {id: all, from: 10.1.0.0/16, service: tcp, action: allow}\n"] + same))
        said = xdpseg(folder, "policy", "check", "p.yaml").stderr.splitlines()
        counts = [sum(f": {level}: " in line for line in said) for level in ("warning", "note")]
        check_equal(counts, [100, 20], "lines")
        check_equal(said[-2:], ["3 more warnings (3 redundant): --verbose shows all",
                                "10 more notes (10 conflict): --verbose shows all"], "the rest")
        verbose = xdpseg(folder, "-v", "policy", "check", "p.yaml").stderr.splitlines()
        check_equal(len(verbose), 133, "lines, verbose")



def test_findings_as_json():
    with tempfile.TemporaryDirectory(prefix=f"lab-{os.getpid()}-") as folder:
        write(folder, "p.yaml", FINDINGS["shadowed"][0])
        done = xdpseg(folder, "--json", "policy", "check", "p.yaml")
        finding, = json.loads(done.stdout)["findings"]
        check_equal((finding["kind"], finding["level"], finding["rule"], finding["file"],
                     finding["line"], finding["more"]),
                    ("shadowed", "warning", "web", "p.yaml", 6, False), "finding")
        check_equal(finding["others"], [{"rule": "low", "file": "p.yaml", "line": 4},
                                        {"rule": "high", "file": "p.yaml", "line": 5}], "others")
        check_equal(done.stderr, "", "standard error")


def test_diff_says_what_changes_the_shortest_first():
    with tempfile.TemporaryDirectory(prefix=f"lab-{os.getpid()}-") as folder:
        write(folder, "a.yaml", "rules:\n- {id: web, service: tcp/80, action: allow}\n")
        write(folder, "b.yaml", "rules:\n- {id: bad, from: 10.0.0.66, action: deny}\n"
                                "- {id: web, service: [tcp/80, tcp/443], action: allow}\n")
        done = xdpseg(folder, "policy", "diff", "a.yaml", "b.yaml")
        check_equal((done.returncode, done.stderr), (0, ""), "exit")
        check_equal(done.stdout.splitlines(), DIFF, "lines")
        check_equal(xdpseg(folder, "policy", "diff", "a.yaml", "a.yaml").stdout, "", "the same")
        there, back = (json.loads(xdpseg(folder, "--json", "policy", "diff", *pair).stdout)
                       for pair in (("a.yaml", "b.yaml"), ("b.yaml", "a.yaml")))
        check_equal(sorted(map(str, ((c["match"], c["before"], c["after"]) for c in there["changes"]))),
                    sorted(map(str, ((c["match"], c["after"], c["before"])
                                     for c in back["changes"]))), "mirrored")
