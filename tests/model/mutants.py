#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Would the model notice? tests/model/mutants.py [NAME]...

Breaks the datapath, one place at a time, in a copy of the tree, builds it, and lets
tests/attacks/run and tests/model/compare.py look for differences: each mutant must be caught, and the tree as
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
    "land": ("xdp/packet_ip.h", "if (src == dst || dst >> 24 == 0", "if (dst >> 24 == 0"),
    "tcp-flags": ("xdp/packet_l4.h", "return SEG_TCP_FLAGS_VALID >> (flags & 0x3f) & 1;", "return flags || 1;"),
    "priority-tag": ("xdp/packet.h", "\t\tif (vid)\n", "\t\tif (vid || 1)\n"),
    "quote-of-others": (
        "xdp/packet.h",
        "return ip->src == receiver && !(ip->fragment",
        "return (ip->src == receiver || 1) && !(ip->fragment",
    ),
    "icmp-key": ("xdp/packet_l4.h", "out->sport = out->dport = SEG_BE16(icmp->type << 8 | icmp->code);", "out->sport = out->dport = 0;"),
    "half-closed": ("xdp/state.h", "{CB, CB}, {CB, CB}, {CB, CB}, {TW, CB}", "{CB, CB}, {CB, CB}, {CB, CB}, {CB, CB}"),
    "never-established": ("xdp/state.h", "= {ES, AN}, {AN, AN}", "= {AN, AN}, {AN, AN}"),
    "denied-related": (
        "xdp/walk.bpf.h",
        "if (s && seg_session_verdict(s, w->config->generation) == SEG_VERDICT_ALLOW &&",
        "if (s &&",
    ),
    "midflow": ("xdp/walk.bpf.h", "w->packet->proto == IPPROTO_TCP && !may_open", "w->packet->proto == 0 && !may_open"),
    "checksum": ("xdp/checksum.h", "if (seg_fold(sum + pseudo) == 0xffff)", "if (seg_fold(sum) != 0x1234)"),
    "zone": ("afxdp/decide.c", "packet->zone = (uint16_t)zone;", "(void)zone;"),
    "port-range": ("userspace/policy/lookup_steps.h", "(dport <= box->dport_last)", "(dport < box->dport_last)"),
    "direction": ("userspace/policy/pieces.c", "return row->directions != SEG_DIRECTIONS_ANY;", "return false;"),
    "overlap": ("afxdp/gather.c", "if (overlaps(pile, piece))", "if (0 && overlaps(pile, piece))"),
    "name-used-up": ("afxdp/gather.c", "\td->refused = reason;\n", ""),
    "tiny": ("afxdp/fragment.c", "if (is_tiny(&f, packet))", "if (0 && is_tiny(&f, packet))"),
    "denied-otherwise": ("afxdp/decide.c", "(may_begin(packet) && !(packet->flags & SEG_PACKET_ICMP_REPLY));", "0;"),
    "udp-timeout": (
        "userspace/datapath/age.c",
        "return l4 == SEG_L4_ESTABLISHED ? SEG_TIMEOUT_UDP_STREAM : SEG_TIMEOUT_UDP;",
        "return SEG_TIMEOUT_UDP;",
    ),
    "too-old": ("userspace/datapath/age.c", "return silent < timeout ?", "return silent < 2 * timeout ?"),
    # windows: each bound, and what is let through without them
    "ahead": ("xdp/window.h", "(__s32)(segment->seq - other->acked) > ahead ||", "(__s32)(segment->seq - other->acked) > ahead + 1 ||"),
    "behind": ("xdp/window.h", "(__s32)(segment->end - from) < -back)", "(__s32)(segment->end - from) < -back - 1)"),
    "acks-unsent": ("xdp/window.h", "acks <= (other->flags & SEG_WINDOW_SYN ? 0 : back)", "acks <= (other->flags & SEG_WINDOW_SYN ? 1 : back)"),
    "acks-the-past": ("xdp/window.h", "SEG_WINDOW_SYN ? 0 : back) && acks >= -back;", "SEG_WINDOW_SYN ? 0 : back);"),
    "scale-one-sided": ("xdp/window.h", "side->flags & (other->flags | unheard) & SEG_WINDOW_SCALES;", "(side->flags | other->flags | unheard) & SEG_WINDOW_SCALES;"),
    "scale-unheard": ("xdp/window.h", "other->flags & SEG_WINDOW_SPOKEN ? 0 : SEG_WINDOW_SCALES;", "0;"),
    "scale-15": ("xdp/window.h", "option[2] < SEG_SCALE_MAX ? option[2] : SEG_SCALE_MAX;", "option[2];"),
    "syn-window-scaled": ("xdp/window.h", "if (!(segment->flags & SEG_TCP_SYN) || scale > SEG_SCALE_MAX)", "if (scale <= 255)"),
    "rst-inexact": ("xdp/window.h", "return closing ? SEG_FIT_IN : SEG_FIT_IDLE;", "return SEG_FIT_IN;"),
    "rst-anywhere": ("xdp/window.h", "if (off > ahead || off < -back)", "if (off > ahead && off < -back)"),
    "rst-answers-any": ("xdp/window.h", "return seg_acks_syn(other, segment) ? SEG_FIT_IN : SEG_FIT_OUT;\n\tif (own", "return SEG_FIT_IN;\n\tif (own"),
    "stale-syn-ack": ("xdp/window.h", "!(other->flags & SEG_WINDOW_SPOKEN) || seg_acks_syn(other, segment)))", "!(other->flags & SEG_WINDOW_SPOKEN) || segment->ack))"),
    "restart-from-either-side": ("xdp/window.h", "if (by->reply && other->flags & SEG_WINDOW_RIVAL)", "if (other->flags & SEG_WINDOW_SPOKEN)"),
    "handshake-guessed": ("xdp/window.h", "if (!by->reply && other->flags & SEG_WINDOW_SYN && !seg_acks_syn(other, segment))", "if (!by->reply && other->flags & SEG_WINDOW_SYN && !segment->ack)"),
    "unanswered": ("xdp/window.h", "if (unanswered && !by->loose)", "if (0 && unanswered && !by->loose)"),
    "fin-uncounted": ("xdp/window.h", "if (seg_unlikely(out->flags & (SEG_TCP_SYN | SEG_TCP_FIN)))", "if (seg_unlikely(out->flags & SEG_TCP_SYN))"),
    "window-first-only": ("xdp/window.h", "\tif (window > side->window)\n", "\tif (!side->window)\n"),
    "refused-moves": ("xdp/touch.bpf.h", "if (how & SEG_TOUCH_PASSES)", "if (1)"),
    "unsummed": ("xdp/walk.bpf.h", "if (!seg_touch_sum(w->ctx, w->packet, how))", "if (0)"),
    "quote-unsent": ("xdp/window.h", "(off <= 0 && off >= -seg_back(seg_side_reach(&other, &own)));", "off <= 0;"),
    # the short way of what goes on
    "flow-anywhere": ("xdp/session.h", "\t\t\t !seg_is_within(&own, &other, segment) ||\n", ""),
    "flow-fin": ("xdp/session.h", "SEG_TCP_ACK | SEG_TCP_SYN | SEG_TCP_FIN | SEG_TCP_RST", "SEG_TCP_ACK | SEG_TCP_SYN | SEG_TCP_RST"),
    "flow-rst": ("xdp/session.h", "SEG_TCP_ACK | SEG_TCP_SYN | SEG_TCP_FIN | SEG_TCP_RST", "SEG_TCP_ACK | SEG_TCP_SYN | SEG_TCP_FIN"),
    "flow-stands": ("xdp/session.h", "\tseg_side_advance(&own, segment);\n\tSEG_HOOK(ADVANCE", "\tSEG_HOOK(ADVANCE"),
    "flow-unseen": ("xdp/session.h", "\t\tseg_cas(&s->state, state, seg_state_set_seen(state, now));", "\t\tseg_load(&s->state);"),
    "steady-whatever": ("xdp/session.h", "return (state & of) == steady;", "return (state & of) == steady || seg_state_life(state) == SEG_LIFE_LIVE;"),
    "plain-fragments": ("xdp/packet_ip.h", "\treturn SEG_REASON_FRAGMENT;\n}\n\nSEG_INLINE int seg_parse_ip4", "\treturn SEG_PARSED;\n}\n\nSEG_INLINE int seg_parse_ip4"),
    "plain-martians": ("xdp/packet_ip.h", "reason = plain ? SEG_NOT_PLAIN : seg_check_ip4_addresses(data, data_end, out);", "reason = plain ? SEG_PARSED : seg_check_ip4_addresses(data, data_end, out);"),
    "again": ("xdp/state.h", "seg_state_l4(state) >= SEG_L4_TIME_WAIT;", "seg_state_l4(state) >= SEG_L4_CLOSED;"),
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
    return run(["ninja", "-C", folder, "userspace/cli/xdpseg", "tests/replay-many"])


def differs(folder):
    """None: no; else what the comparer says."""
    attacks = run([f"{ROOT}/tests/attacks/run", "--many", f"{folder}/tests/replay-many"])
    if attacks.returncode:
        return "attacks: " + attacks.stdout.splitlines()[-1]
    said = run([f"{ROOT}/tests/model/compare.py", "--xdpseg", f"{folder}/userspace/cli/xdpseg",
                "--seeds", SEEDS, "--packets", PACKETS, "--show", "1"])
    if said.returncode == 0:
        return None
    found = re.search(r"(\d+) unexplained differences", said.stdout)
    return f"{found[1]} differences" if found else said.stdout + said.stderr


def mutated(text, old, new):
    """The text, or None: the place is not there, or not alone."""
    return text.replace(old, new) if text.count(old) == 1 else None


def judge(name, tree, folder):
    """(right, what to say) of one mutant."""
    path, old, new = MUTANTS[name]
    with open(f"{tree}/{path}", "r+", encoding="utf-8") as file:
        before = file.read()
        after = mutated(before, old, new)
        if after is None:
            return False, f"{path}: '{old}' stands there {before.count(old)} times"
        write(file, after)
        made = build(tree, folder)
        said = differs(folder) if made.returncode == 0 else None
        write(file, before)
    if made.returncode:
        return False, "does not build: " + made.stdout[-2000:]
    return said is not None, said or "not caught"


def write(file, text):
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


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
