# SPDX-License-Identifier: BSD-2-Clause
"""policy check and why on files alone: no daemon, no privilege, and whatever a path can be."""
import contextlib
import json
import os
import subprocess
import tempfile

import packets
from lab import XDPSEG
from system import check, check_equal, slow

EXIT_FAILED, EXIT_USAGE = 1, 2
NOBODY = 65534

EDGE = """\
version: 1
name: edge
include: [parts/base.yaml]
groups:
  bad: {file: lists/bad.txt}
rules:
  - {id: no-bad, from: bad, action: deny}
  - {id: web, to: web, service: tcp/80, action: allow}
  - {id: ssh, to: web, service: tcp/22, action: allow, limit: {rate: 10/s}}
"""
FILES = {"edge.yaml": EDGE,
         "parts/base.yaml": "version: 1\ngroups: {web: {file: web.txt}}\n",
         "parts/web.txt": "10.0.1.0/24\n",
         "lists/bad.txt": "# known\n192.0.2.66\n2001:db8::/32\n"}


class Folder(contextlib.ExitStack):
    """A folder with files that a user without rights may read."""

    def __init__(self, **files):
        super().__init__()
        self.files = {**FILES, **files}

    def __enter__(self):
        self.dir = self.enter_context(tempfile.TemporaryDirectory(prefix=f"lab-{os.getpid()}-"))
        os.chmod(self.dir, 0o755)
        for name, text in self.files.items():
            self.write(name, text)
        return self

    def write(self, name, text):
        path = f"{self.dir}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())

    def xdpseg(self, *argv, code=0, user=None, **options):
        done = subprocess.run([XDPSEG, "--runtime-dir", f"{self.dir}/run", *argv], cwd=self.dir,
                              user=user, capture_output=True, text=True, check=False, timeout=slow(20),
                              **options)
        check_equal(done.returncode, code, f"exit of {argv} ({done.stderr.strip()})")
        return done

    def json(self, *argv, **options):
        return json.loads(self.xdpseg("--json", *argv, **options).stdout)

    def error(self, *argv, code=EXIT_FAILED):
        return json.loads(self.xdpseg("--json", *argv, code=code).stderr)["error"]


def test_counts_and_warnings():
    with Folder() as folder:
        said = folder.json("policy", "check", "edge.yaml", user=NOBODY)
        check_equal({key: said[key] for key in ("name", "rules", "groups", "services", "vlans")},
                    {"name": "edge", "rules": 3, "groups": 2, "services": 0, "vlans": 0}, "check")
        check_equal(len(said["hash"]), 32, "length of the hash")
        refused = said["refused"]
        check_equal([(one["what"], one["file"], one["line"]) for one in refused],
                    [("limit", "edge.yaml", 9)], "refused")
        check_equal(EDGE.splitlines()[8][refused[0]["column"] - 1:][:5], "limit", "column")
        done = folder.xdpseg("policy", "check", "edge.yaml")
        check(done.stdout.startswith("edge, 3 rules, 2 groups, "), f"said {done.stdout!r}")
        check("edge.yaml:9:" in done.stderr and "apply would refuse 'limit'" in done.stderr,
              f"warned {done.stderr!r}")
        done = folder.xdpseg("policy", "check", "-q", "edge.yaml")
        check_equal((done.stdout, done.stderr), ("", ""), "quiet")


def test_hash_is_of_all_files():
    with Folder() as folder:
        before = folder.json("policy", "check", "edge.yaml")["hash"]
        check_equal(folder.json("policy", "check", "edge.yaml")["hash"], before, "hash, again")
        folder.write("lists/bad.txt", "192.0.2.67\n")
        check(folder.json("policy", "check", "edge.yaml")["hash"] != before, "the same hash")


def test_paths_are_relative_to_the_file_that_names_them():
    with Folder() as folder:
        for cwd, path in (("/", f"{folder.dir}/edge.yaml"), (f"{folder.dir}/parts", "../edge.yaml")):
            done = subprocess.run([XDPSEG, "policy", "check", path], cwd=cwd, capture_output=True,
                                  text=True, check=False)
            check_equal(done.returncode, 0, f"{path} in {cwd}: {done.stderr}")
        with open(f"{folder.dir}/edge.yaml", encoding="utf-8") as file:
            folder.xdpseg("policy", "check", "-", stdin=file)


def test_error_in_an_included_file_is_placed_there():
    with Folder(**{"parts/base.yaml": "version: 1\ngroups:\n  web: [10.0.1.0/33]\n"}) as folder:
        error = folder.error("policy", "check", "edge.yaml")
        check_equal((error["file"], error["line"], error["column"]), ("parts/base.yaml", 3, 9),
                    "place")


def check_refused(folder, path, *words):
    """What cannot be read is placed where it is named: at the top, in an include, in a list."""
    error = folder.error("policy", "check", path)
    check_equal(error["file"], path, "file")
    for kind, text in (("include", f"include: [{path}]\n"),
                       ("list", f"groups: {{g: {{file: {path}}}}}\n")):
        folder.write("names.yaml", "version: 1\nname: names\n" + text)
        error = folder.error("policy", "check", "names.yaml")
        check_equal((error["file"], error["line"]), ("names.yaml", 3), f"place by {kind}")
        check_equal(text[error["column"] - 1:].startswith(path), True, f"column by {kind}")
        for word in (path, *words):
            check(word in error["what"], f"{word!r} is not in {error['what']!r}")


def test_what_is_no_file_is_refused():
    with Folder() as folder:
        os.mkfifo(f"{folder.dir}/fifo")
        os.symlink("/dev/zero", f"{folder.dir}/zero")
        os.mkdir(f"{folder.dir}/folder")
        os.symlink("loop", f"{folder.dir}/loop")
        check_refused(folder, "fifo", "regular file")
        check_refused(folder, "zero", "regular file")
        check_refused(folder, "folder", "regular file")
        check_refused(folder, "loop", "symbolic links")
        check_refused(folder, "none.yaml", "No such file")


def test_a_gigabyte_is_refused():
    with Folder(huge=b"") as folder:
        os.truncate(f"{folder.dir}/huge", 1 << 30)
        check_refused(folder, "huge", "64 MiB")


def test_size_is_bounded_over_all_files():
    part = b"version: 1\n" + (b"# " + b"x" * (1 << 20) + b"\n") * 33
    with Folder(a=part, b=part) as folder:
        folder.write("names.yaml", "version: 1\nname: n\ninclude: [a]\n")
        folder.xdpseg("policy", "check", "names.yaml")
        folder.write("names.yaml", "version: 1\nname: n\ninclude: [a,\n b]\n")
        error = folder.error("policy", "check", "names.yaml")
        check_equal((error["file"], error["line"], error["column"]), ("names.yaml", 4, 2), "place")
        check("64 MiB" in error["what"], f"said {error['what']!r}")


def test_what_is_not_utf8_is_placed():
    with Folder(**{"lists/bad.txt": b"192.0.2.1\n# caf\xe9\n"}) as folder:
        error = folder.error("policy", "check", "edge.yaml")
        check_equal((error["file"], error["line"], error["column"]), ("lists/bad.txt", 2, 6),
                    "place")
        check("UTF-8" in error["what"], f"said {error['what']!r}")


def test_a_file_without_leave_is_refused():
    with Folder() as folder:
        os.chmod(f"{folder.dir}/lists/bad.txt", 0o600)
        done = folder.xdpseg("policy", "check", "edge.yaml", user=NOBODY, code=EXIT_FAILED)
        check("edge.yaml:5:15: error: cannot read 'lists/bad.txt': Permission denied" in done.stderr,
              f"said {done.stderr!r}")


def test_loops_end():
    """By name at once; by `..`, which may mean another folder, at a depth."""
    for name, word in (("base.yaml", "includes itself"), ("../edge.yaml", "deep")):
        with Folder(**{"parts/base.yaml": f"version: 1\ninclude: [{name}]\n"}) as folder:
            error = folder.error("policy", "check", "edge.yaml")
            check(word in error["what"], f"{name}: said {error['what']!r}")


def test_why_by_a_file_with_includes():
    with Folder() as folder:
        said = folder.json("why", "--policy", "edge.yaml", "tcp 192.0.2.66:1 > 10.0.1.9:80",
                           user=NOBODY)
        check_equal((said["verdict"], said["rule"], said["stage"], said["path"], said["line"]),
                    ("deny", "no-bad", "enforce", "slow", 7), "why")
        said = folder.json("why", "--policy", "edge.yaml", "tcp", "192.0.2.1:1", ">", "10.0.2.9:80")
        check_equal((said["verdict"], said["rule"]), ("deny", "default"), "why")
        check_equal(said["considered"],
                    [{"rule": "no-bad", "matched": False, "because": "src not in bad"},
                     {"rule": "web", "matched": False, "because": "dst not in web"},
                     {"rule": "ssh", "matched": False, "because": "service not tcp/22"}],
                    "considered")
        done = folder.xdpseg("why", "--policy", "edge.yaml", "tcp 192.0.2.1:1 > 10.0.1.9:22")
        check(done.stdout.startswith("allow: rule ssh, edge.yaml:9\n"), f"said {done.stdout!r}")
        check("the rule's limit" in done.stdout, "the limit is not named")
        check("apply would refuse 'limit'" in done.stderr, f"warned {done.stderr!r}")


def piece(ident, start, end):
    """Of a question to a name server."""
    src, dst = "192.0.2.1", "10.0.1.9"
    whole = packets.udp(src, dst, 1000, 53)
    field = start // 8 | (0x2000 if end < len(whole) else 0)
    return packets.ethernet(b"\2" * 6, b"\2" * 6, 4, packets.ipv4(
        src, dst, 17, whole[start:end], fragment=field, ident=ident))


def test_why_by_a_capture_with_fragments():
    with Folder() as folder:
        folder.write("dns.yaml", "version: 1\nrules: [{id: dns, service: udp/53, action: allow}]\n")
        folder.write("parts.pcap", packets.pcap([
            piece(1, 16, 24), piece(1, 0, 16), piece(2, 0, 16), piece(2, 8, 24), piece(3, 0, 16)]))
        said = folder.xdpseg("--json", "why", "-p", "dns.yaml", "parts.pcap").stdout
        check_equal([(row["n"], row["rule"], row["reason"]) for row in map(json.loads, said.splitlines())],
                    [(2, "dns", "rule-allow"), (3, "-", "fragment-overlap"),
                     (4, "-", "fragment-overlap"), (5, "-", "fragment-timeout")], "why")


def test_usage():
    with Folder() as folder:
        for argv, word in ((["why", "--policy", "edge.yaml"], "flow"),
                           (["why", "-p", "edge.yaml", "--in", "--out", "tcp 1.1.1.1 > 2.2.2.2:1"],
                            "direction"),
                           (["why", "-p", "edge.yaml", "tcp 1.1.1.1 > 2.2.2.2"], "port"),
                           (["policy"], "no verb"), (["policy", "check"], "file"),
                           (["policy", "check", "a", "b"], "file"), (["policy", "aply"], "aply"),
                           (["policy", "patch"], "one rule"),
                           (["attach", "--bridge", "x"], "not supported yet")):
            error = folder.error(*argv, code=EXIT_USAGE)
            check(word in error["what"], f"{argv}: {error['what']!r} does not say {word!r}")
            check(error["mend"], f"{argv}: no mend")


def test_apply_and_why_without_a_daemon():
    with Folder() as folder:
        folder.error("policy", "apply", "edge.yaml", code=3)
        folder.error("why", "tcp 192.0.2.1:1 > 10.0.1.9:22", code=3)
        error = folder.error("policy", "apply", "parts/web.txt")
        check_equal(error["file"], "parts/web.txt", "file")


def test_show_is_a_policy_that_says_the_same():
    with Folder() as folder:
        shown = folder.json("policy", "show", "edge.yaml", user=NOBODY)
        check_equal(shown["hash"], folder.json("policy", "check", "edge.yaml")["hash"], "hash")
        check("192.0.2.66" in shown["text"] and "include" not in shown["text"].split("groups")[0],
              f"the files are not in place: {shown['text']}")
        folder.write("shown.yaml", folder.xdpseg("policy", "show", "edge.yaml").stdout)
        check_equal(folder.xdpseg("policy", "show", "shown.yaml").stdout, shown["text"], "again")
        for flow in ("tcp 192.0.2.66:1 > 10.0.1.9:80", "tcp 192.0.2.1:1 > 10.0.1.9:22"):
            rules = [folder.json("why", "-p", path, flow)["rule"]
                     for path in ("edge.yaml", "shown.yaml")]
            check_equal(rules[0], rules[1], f"rule for {flow}")


def frame_of(src, dst, proto, body, **fields):
    return packets.ethernet(b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", 4,
                            packets.ipv4(src, dst, proto, body, **fields))


def udp_frame(src, dst, sport, dport, **fields):
    return frame_of(src, dst, 17, packets.udp(src, dst, sport, dport), **fields)


def tcp_frame(src, dst, sport, dport, flags):
    return frame_of(src, dst, 6, packets.tcp(src, dst, sport, dport, flags))


SYN, ACK = 2, 16


def test_why_by_a_capture():
    """Each flow once, by its first packet; what is denied before any rule, each time."""
    here, web = "192.0.2.1", "10.0.1.9"
    asked = udp_frame(here, web, 5000, 53)
    lost = packets.icmp(3, 3, b"\0" * 4 + asked[14:])
    other = packets.icmp(3, 3, b"\0" * 4 + udp_frame(here, web, 5001, 53)[14:])
    arp = b"\xff" * 6 + b"\2\0\0\0\0\1\x08\x06" + b"\0\1\x08\0\6\4\0\1" + b"\0" * 20
    long = udp_frame(here, web, 5002, 53)
    frames = [
        arp,                                           # 1: passes before any rule
        asked,                                         # 2: a flow
        asked,                                         # 3: known
        udp_frame(web, here, 53, 5000),                # 4: its answer
        frame_of(web, here, 1, lost),                  # 5: an error that belongs to it
        frame_of(web, here, 1, other),                 # 6: one that belongs to none
        tcp_frame(here, web, 7000, 80, ACK),           # 7: in the middle of an unknown flow
        tcp_frame(here, web, 7000, 80, ACK),           # 8: again
        tcp_frame(here, web, 7000, 80, SYN),           # 9: there it begins
        tcp_frame(here, web, 7000, 80, ACK),           # 10: known
        udp_frame(here, web, 5003, 53, ttl=0),         # 11: malformed
        (long[:60], len(long)),                        # 12: cut by the capture, a flow
        tcp_frame("10.0.1.9", "192.0.2.7", 80, 7001, SYN | ACK),  # 13: answers an unseen SYN
    ]
    with Folder(**{"strict.yaml": EDGE + "defaults: {pickup: 0}\n"}) as folder:
        folder.write("trace.pcap", packets.pcap(frames))
        done = folder.xdpseg("-j", "why", "-p", "strict.yaml", "trace.pcap", user=NOBODY)
        said = [json.loads(line) for line in done.stdout.splitlines()]
        check_equal([(one["n"], one["verdict"], one["rule"], one["path"], one["reason"])
                     for one in said],
                    [(2, "deny", "default", "slow", "rule-deny"),
                     (6, "deny", "-", "session", "icmp-unrelated"),
                     (7, "deny", "-", "guard", "tcp-midflow"),
                     (9, "allow", "web", "slow", "rule-allow"),
                     (11, "deny", "-", "guard", "ttl-zero"),
                     (12, "deny", "default", "slow", "rule-deny"),
                     (13, "deny", "-", "guard", "tcp-midflow")], "explained")
        done = folder.xdpseg("why", "-p", "strict.yaml", "trace.pcap")
        check_equal(len(done.stdout.splitlines()), 8, "lines of the table")
        folder.write("cut.pcap", packets.pcap(frames)[:-5])
        done = folder.xdpseg("-j", "why", "-p", "strict.yaml", "cut.pcap", code=EXIT_FAILED)
        check_equal(len(done.stdout.splitlines()), 6, "explained of a capture that is cut short")
        done = folder.xdpseg("-j", "why", "-p", "edge.yaml", "trace.pcap")
        said = [json.loads(line) for line in done.stdout.splitlines()]
        check_equal([one["n"] for one in said], [2, 6, 7, 11, 12, 13], "with pickup")
        check_equal((said[2]["rule"], said[2]["reason"]), ("web", "rule-allow"), "what is picked up")


def test_replay_needs_privilege_and_says_so():
    with Folder() as folder:
        folder.write("trace.pcap", packets.pcap([]))
        done = folder.xdpseg("-j", "replay", "trace.pcap", "-p", "edge.yaml", user=NOBODY, code=4)
        error = json.loads(done.stderr)["error"]
        check("root" in error["mend"] and "why" in error["mend"], f"mend: {error['mend']!r}")


def test_replay_judges_what_can_be_read():
    """Two good captures, one cut short, one that is none: all sums, exit 1, each named."""
    frames = [tcp_frame("192.0.2.7", "10.0.1.9", 7000 + n, 80, SYN) for n in range(4)]
    with Folder() as folder:
        folder.write("good.pcap", packets.pcap(frames))
        folder.write("cut.pcap", packets.pcap(frames)[:-5])
        folder.write("none.pcap", b"no capture at all, but long enough for one")
        names = ["good.pcap", "cut.pcap", "none.pcap", "good.pcap"]
        done = folder.xdpseg("-j", "replay", *names, "-p", "edge.yaml", code=EXIT_FAILED)
        summary = json.loads(done.stdout.splitlines()[-1])["summary"]
        check_equal(summary["packets"], 11, "packets")
        check_equal(sum(summary["verdicts"].values()), 11, "verdicts")
        named = [json.loads(line)["error"]["file"] for line in done.stderr.splitlines()]
        check_equal(named, ["cut.pcap", "none.pcap"], "files named")
