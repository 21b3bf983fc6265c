#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Would the model notice? tests/model/mutants.py [NAME]...

Breaks the datapath, one place at a time, in a copy of the tree, builds it, and lets
tests/model/compare.py look for differences: each mutant must be caught, and the tree as
it is must not be. As root.
"""
import os
import re
import subprocess
import sys
import tempfile

SEEDS = "1-12"
PACKETS = "1500"

# name: (file, what is there, what is put in its place)
MUTANTS = {
    "land": ("xdp/packet.h", "if (src == dst || dst >> 24 == 0", "if (dst >> 24 == 0"),
    "tcp-flags": ("xdp/packet.h", "return SEG_TCP_FLAGS_VALID >> (flags & 0x3f) & 1;", "return flags || 1;"),
    "priority-tag": ("xdp/packet.h", "\t\tif (vid)\n", "\t\tif (vid || 1)\n"),
    "quote-of-others": (
        "xdp/packet.h",
        "return ip->src == receiver && !(ip->fragment",
        "return (ip->src == receiver || 1) && !(ip->fragment",
    ),
    "icmp-key": ("xdp/session_key.h", "low.port = high.port = seg_icmp_port(packet);", "low.port = high.port = 0;"),
    "half-closed": ("xdp/state.h", "(flags & both) == both ?", "flags & both ?"),
    "never-established": ("xdp/state.h", "if (l4 == SEG_L4_OPENING && !reply &&", "if (l4 == SEG_L4_NEW && !reply &&"),
    "denied-related": (
        "xdp/ingress.bpf.c",
        "if (s && seg_session_verdict(s, w->config->generation) == SEG_VERDICT_ALLOW)",
        "if (s)",
    ),
    "midflow": ("xdp/ingress.bpf.c", "w->packet->proto == IPPROTO_TCP && !may_open", "w->packet->proto == 0 && !may_open"),
    "checksum": ("xdp/checksum.h", "if (seg_fold(sum + pseudo) == 0xffff)", "if (seg_fold(sum) != 0x1234)"),
    "zone": ("afxdp/decide.c", "packet->zone = (uint16_t)zone;", "(void)zone;"),
    "port-range": ("userspace/policy/classify.c", "(probe->dport <= row->dport_last)", "(probe->dport < row->dport_last)"),
    "direction": ("userspace/policy/classify.c", "return row->directions >> flow->direction & 1;", "return row->directions != 0;"),
    "udp-timeout": (
        "userspace/datapath/age.c",
        "return l4 == SEG_L4_ESTABLISHED ? SEG_TIMEOUT_UDP_STREAM : SEG_TIMEOUT_UDP;",
        "return SEG_TIMEOUT_UDP;",
    ),
    "too-old": ("userspace/datapath/age.c", "return silent < timeout ?", "return silent < 2 * timeout ?"),
    "again": ("xdp/state.h", "if (l4 >= SEG_L4_CLOSING && !reply) {", "if (l4 > SEG_L4_CLOSED && !reply) {"),
}

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(command, **how):
    return subprocess.run(command, capture_output=True, text=True, check=False, **how)


def copy_tree(to):
    files = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT).stdout
    present = "\0".join(name for name in files.split("\0") if os.path.exists(os.path.join(ROOT, name)))
    subprocess.run(["xargs", "-0", "cp", "--parents", "-t", to], input=present, text=True, cwd=ROOT, check=True)


def build(tree, folder):
    if not os.path.exists(f"{folder}/build.ninja"):
        made = run(["meson", "setup", "-Dbench=false", folder, tree])
        if made.returncode:
            sys.exit(made.stdout + made.stderr)
    return run(["ninja", "-C", folder, "userspace/cli/xdpseg"])


def differs(folder):
    """None: no; else what the comparer says."""
    said = run([f"{ROOT}/tests/model/compare.py", "--xdpseg", f"{folder}/userspace/cli/xdpseg",
                "--seeds", SEEDS, "--packets", PACKETS, "--show", "1"])
    if said.returncode == 0:
        return None
    found = re.search(r"(\d+) unexplained differences", said.stdout)
    return f"{found[1]} differences" if found else said.stdout + said.stderr


def mutate(path, old, new):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.count(old) != 1:
        return f"{path}: '{old}' stands there {text.count(old)} times"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    return None


def judge(name, tree, folder):
    """(right, what to say) of one mutant."""
    path, old, new = MUTANTS[name]
    wrong = mutate(f"{tree}/{path}", old, new)
    if wrong:
        return False, wrong
    made = build(tree, folder)
    said = differs(folder) if made.returncode == 0 else None
    mutate(f"{tree}/{path}", new, old)
    if made.returncode:
        return False, "does not build: " + made.stdout[-2000:]
    return said is not None, said or "not caught"


def main():
    names = sys.argv[1:] or list(MUTANTS)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as tree, tempfile.TemporaryDirectory() as folder:
        copy_tree(tree)
        made = build(tree, folder)
        if made.returncode:
            sys.exit(made.stdout + made.stderr)
        said = differs(folder)
        results = [("as it is", said is None, said or "no difference")]
        for name in names:
            results.append((name, *judge(name, tree, folder)))
            print(f"{'ok  ' if results[-1][1] else 'FAIL'} mutant {name}: {results[-1][2]}", flush=True)
        print(f"{'ok  ' if results[0][1] else 'FAIL'} {results[0][0]}: {results[0][2]}")
    passed = sum(right for _, right, _ in results)
    failed = len(results) - passed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
