# SPDX-License-Identifier: BSD-2-Clause
"""Whatever a path that a user names can be: refused in bounded time and memory, with its mend."""
import contextlib
import json
import os
import random
import re
import resource
import socket
import subprocess
import tempfile
import threading

import packets
from lab import POLICY, XDPSEG, Lab
from system import check, check_equal, slow

EXIT_FAILED, EXIT_USAGE = 1, 2
NOBODY = 65534
MEMORY_MAX = 2 << 30  # address space, bytes
SECONDS_MAX = slow(20)

GOOD = """\
version: 1
name: e
groups: {g: [10.0.0.1]}
rules:
  - {id: a, from: g, service: tcp/80, action: allow}
"""
CAPTURE = packets.pcap([packets.ethernet(
    b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", 4,
    packets.ipv4("10.0.0.1", "10.0.0.2", 6, packets.tcp("10.0.0.1", "10.0.0.2", n, 80, 2)))
    for n in range(1, 4)])


def bomb():
    """Nine of nine of nine ..."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi"):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 9)}]")
    return "\n".join(lines) + "\n"


# No policy, no list and no capture, each in its own way.
TEXTS = {
    "empty": b"",
    "nul": b"version: 1\nname: e\0f\n",
    "latin1": "version: 1\nname: café\n".encode("latin1"),
    "utf16": GOOD.encode("utf-16"),
    "binary": random.Random(1).randbytes(100000),
    "brackets": b"version: 1\nname: e\nrules: " + b"[" * 100000 + b"]" * 100000 + b"\n",
    "maps": b"version: 1\nname: e\nrules: " + b"{a: " * 100000 + b"}" * 100000 + b"\n",
    "dashes": b"version: 1\nname: e\nrules:\n  " + b"- " * 50000 + b"\n",
    "questions": b"version: 1\nname: e\nrules:\n  " + b"? " * 50000 + b"\n",
    "open": b"[\n" * 1000000,
    "bomb": bomb().encode(),
    "line": b"version: 1\nname: " + b"x" * (10 << 20) + b"\n",
    "comment": b"version: 1\n# " + b"x" * (10 << 20) + b"\n",
    "keys": b"version: 1\n" + b"".join(b"k%d: 1\n" % n for n in range(200000)),
    "rules": b"version: 1\nname: e\nrules:\n" + b"  - {action: allow}\n" * 200000,
    "directives": b"%YAML 1.2\n" * 100000,
    "tags": b"!" * (1 << 20),
    "gzip": b"\x1f\x8b\x08\0" + b"\0" * 100,
}

# A pcapng whose first block says that it is 2 GiB long; a packet that says the same.
CAPTURES = {
    "block": b"\x0a\x0d\x0d\x0a\xf0\xff\xff\x7f\x4d\x3c\x2b\x1a" + b"\0" * 100,
    "packet": CAPTURE + b"\0" * 8 + b"\xff\xff\xff\x7f" * 2 + b"\0" * 100,
}

NAMES = {  # made by Faults.make
    "device": "/dev/zero", "stdin": "/dev/stdin", "memory": "/proc/self/mem", "none": "none",
    "root": "/", "long": "x" * 5000,
}


class Faults(contextlib.ExitStack):
    """A folder with everything that no user should name; `paths` are all of it."""

    def __enter__(self):
        self.dir = self.enter_context(tempfile.TemporaryDirectory(prefix=f"lab-{os.getpid()}-"))
        os.chmod(self.dir, 0o755)
        for name, data in TEXTS.items():
            self.write(name, data)
        self.write("good.yaml", GOOD.encode())
        self.write("good.pcap", CAPTURE)
        os.mkfifo(self.path("fifo"))
        os.mkdir(self.path("folder"))
        os.symlink("loop", self.path("loop"))
        os.symlink("nowhere", self.path("dangling"))
        os.symlink("/dev/zero", self.path("zero"))
        self.write("huge", b"")
        os.truncate(self.path("huge"), 1 << 30)
        sock = self.enter_context(socket.socket(socket.AF_UNIX))
        sock.bind(self.path("socket"))
        self.paths = [*TEXTS, "fifo", "folder", "loop", "dangling", "zero", "huge", "socket",
                      *NAMES.values()]
        return self

    def path(self, name):
        return f"{self.dir}/{name}"

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def xdpseg(self, *argv, stdin=subprocess.DEVNULL, **options):
        """It ends by itself, in bounded memory, and never by a signal."""
        done = subprocess.run(
            [XDPSEG, "--runtime-dir", self.path("run"), *argv], cwd=self.dir, stdin=stdin,
            capture_output=True, check=False, timeout=SECONDS_MAX,
            preexec_fn=bounded, **options)
        check(done.returncode >= 0, f"{argv}: ended by signal {-done.returncode}")
        return done

    def refused(self, *argv, code=EXIT_FAILED, **options):
        done = self.xdpseg(*argv, **options)
        said = done.stderr.decode()
        check_equal(done.returncode, code, f"exit of {argv} ({said!r})")
        check(re.match(r"[^\n]+: error: [^\n]+\n", said), f"{argv}: no place: {said!r}")
        check(re.search(r"\nmend: [^\n]+\n$", said), f"{argv}: no mend: {said!r}")
        check(not re.search(r"[\0-\x08\x0b-\x1f\x7f-\x9f]", said), f"{argv}: controls: {said!r}")
        return said


def bounded():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))


def test_no_path_makes_a_policy():
    """At the top, in an include, in a list."""
    with Faults() as folder:
        for path in folder.paths:
            folder.refused("policy", "check", path)
            folder.write("includes", f"version: 1\nname: e\ninclude: ['{path}']\n".encode())
            folder.refused("policy", "check", "includes")
            folder.write("lists", f"version: 1\nname: e\ngroups: {{g: {{file: '{path}'}}}}\n"
                         .encode())
            folder.refused("policy", "check", "lists")


def test_no_path_makes_a_capture():
    with Faults() as folder:
        for name, data in CAPTURES.items():
            folder.write(name, data)
        for path in (*folder.paths, *CAPTURES):
            if os.path.lexists(folder.path(path)):  # else it could be a flow that is none
                folder.refused("why", "-p", "good.yaml", path)
            if path not in ("long", NAMES["long"]):
                folder.refused("replay", "-p", "good.yaml", path)


def test_links_to_files_are_files():
    with Faults() as folder:
        os.symlink("good.yaml", folder.path("policy"))
        os.symlink("good.pcap", folder.path("capture"))
        for argv in (("policy", "check", "policy"), ("why", "-p", "policy", "capture"),
                     ("replay", "-p", "policy", "capture")):
            done = folder.xdpseg(*argv)
            check_equal((done.returncode, done.stderr), (0, b""), f"{argv}")


def test_cut_short_at_every_byte():
    with Faults() as folder:
        for size in range(len(GOOD)):
            folder.write("cut", GOOD.encode()[:size])
            done = folder.xdpseg("policy", "check", "cut")
            if done.returncode:
                check(re.match(rb"cut:\d+:\d+: error: ", done.stderr), f"{size}: {done.stderr}")
        whole = {len(CAPTURE) - n * (len(CAPTURE) - 24) // 3 for n in range(4)}
        for size in range(len(CAPTURE)):
            folder.write("cut", CAPTURE[:size])
            if size in whole:
                check_equal(folder.xdpseg("why", "-p", "good.yaml", "cut").returncode, 0, size)
            else:
                folder.refused("why", "-p", "good.yaml", "cut")


def test_files_without_leave():
    with Faults() as folder:
        for name in ("good.yaml", "good.pcap"):
            os.chmod(folder.path(name), 0o600)
        folder.write("mine", GOOD.encode())
        for argv in (("policy", "check", "good.yaml"), ("why", "-p", "mine", "good.pcap")):
            said = folder.refused(*argv, user=NOBODY)
            check("Permission denied" in said, f"{argv}: {said!r}")


def test_names_reach_no_terminal_raw():
    with Faults() as folder:
        for name in ("a\x1b[31m\nb", "\u009bx", "é\x7f"):
            folder.refused("policy", "check", name)
            folder.write(name, TEXTS["brackets"])
            folder.refused("policy", "check", name)
            folder.refused("why", "-p", "good.yaml", name)
            folder.refused("why", "-p", name, "x > y")
            folder.refused("why", "-p", "good.yaml", f"tcp {name} > y", code=EXIT_USAGE)
            folder.refused("replay", "-p", "good.yaml", name)
            folder.write(name, GOOD.replace("action", "limit: {rate: 1/s}, action").encode())
            done = folder.xdpseg("policy", "check", name)
            check_equal(done.returncode, 0, "check")
            check(b"warning" in done.stderr, f"no warning: {done.stderr}")
            check(not re.search(r"[\0-\x09\x0b-\x1f\x7f-\x9f]", done.stderr.decode()),
                  f"controls: {done.stderr}")


def test_names_that_are_not_utf8():
    with Faults() as folder:
        folder.write(b"caf\xe9".decode(errors="surrogateescape"), GOOD.encode())
        folder.refused("policy", "check", b"caf\xe9")
        for argv in (("policy", "check", b"caf\xe9"), ("why", "-p", "good.yaml", b"\xe9"),
                     ("why", "-p", "good.yaml", b"tcp \xe9 > y")):
            error = json.loads(folder.xdpseg("-j", *argv).stderr)["error"]
            check(error["file"] and error["what"] and error["mend"], f"{argv}: {error}")


def test_includes_end():
    """Loops, two ways to one file, and files without end."""
    with Faults() as folder:
        def write(name, *includes, rest=""):
            folder.write(name, f"version: 1\nname: e\ninclude: [{', '.join(includes)}]\n{rest}"
                         .encode())
        write("one", "two")
        write("two", "one")
        check("includes itself" in folder.refused("policy", "check", "one"), "a loop")
        for n in range(20):
            write(f"twice{n}", f"twice{n + 1}", f"twice{n + 1}")
        check("deep" in folder.refused("policy", "check", "twice0"), "depth")
        write("twice14", "good.yaml")
        folder.write("good.yaml", b"version: 1\n")
        check("1024 files" in folder.refused("policy", "check", "twice0"), "files by doubling")
        write("many", *(f"'{n}'" for n in range(2000)))
        for n in range(2000):
            folder.write(str(n), b"version: 1\n")
        check("1024 files" in folder.refused("policy", "check", "many"), "files")
        write("left", "bottom")
        write("right", "bottom")
        write("top", "left", "right")
        folder.write("bottom", b"version: 1\ngroups: {g: [10.0.0.1]}\n")
        check("included twice" in folder.refused("policy", "check", "top"), "a diamond")


def test_a_fifo_and_its_writer_are_left_alone():
    with Faults() as folder:
        reader = os.open(folder.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(folder.path("fifo"), os.O_WRONLY)
        os.write(writer, GOOD.encode())
        folder.refused("policy", "check", "fifo")
        folder.refused("why", "-p", "good.yaml", "fifo")
        check_equal(os.read(reader, 1 << 16), GOOD.encode(), "what the FIFO holds")
        os.close(reader)
        os.close(writer)


def test_a_file_that_grows_is_bounded():
    """Refused, or what it was at one moment; never without end."""
    with Faults() as folder:
        for name, data, argv in (
                ("growing", GOOD.encode(), ("policy", "check", "growing")),
                ("growing.pcap", CAPTURE, ("why", "-p", "good.yaml", "growing.pcap"))):
            folder.write(name, data)
            grown = threading.Event()
            writer = threading.Thread(target=grow, args=(folder.path(name), grown))
            writer.start()
            try:
                done = folder.xdpseg(*argv)
            finally:
                grown.set()
                writer.join()
            check(done.returncode in (0, EXIT_FAILED), f"{argv}: exit {done.returncode}")


def grow(path, stop):
    """Up to 128 MiB: a policy ends at 64, a capture at what is no packet."""
    with open(path, "ab", buffering=0) as file:
        for _ in range(128):
            if stop.is_set():
                return
            file.write(b"#" * (1 << 20))


def test_what_fails_to_apply_leaves_the_old_policy():
    with Lab() as lab, Faults() as folder:
        lab.attach()
        before = lab.status()["policy"]
        folder.write("forward", POLICY.encode() + b"include: [none]\n")
        for path in (*folder.paths, "forward"):
            lab.xdpseg("policy", "apply", path, code=EXIT_FAILED, cwd=folder.dir,
                       stdin=subprocess.DEVNULL)
            check_equal(lab.status()["policy"], before, f"in force after {path:.40}")


# --- replay -----------------------------------------------------------------------


def test_replay_ends_with_its_output():
    """A disk that is full, and a reader that went: no run of minutes for nobody."""
    with Faults() as folder:
        argv = [XDPSEG, "replay", "-p", "good.yaml", "good.pcap", "--packets", "--repeat", "1000000"]
        for json_option in ((), ("-j",)):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([*argv, *json_option], cwd=folder.dir, stdout=full, check=False,
                                      stderr=subprocess.PIPE, timeout=SECONDS_MAX)
            check_equal(done.returncode, EXIT_FAILED, "exit, disk full")
            check(b"No space left" in done.stderr and b"mend" in done.stderr, f"{done.stderr}")
            for restore in (True, False):
                with subprocess.Popen([*argv, *json_option], cwd=folder.dir, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, restore_signals=restore) as run:
                    run.stdout.readline()
                    run.stdout.close()
                    check_equal(run.wait(SECONDS_MAX), -13 if restore else EXIT_FAILED,
                                f"exit, SIGPIPE {'set' if restore else 'ignored'}")


def test_replay_reads_standard_input_once():
    with Faults() as folder:
        for argv in (("-", "-"), ("-", "--policy", "-"), ("-", "--against", "-"),
                     ("-", "--repeat", "2")):
            done = folder.xdpseg("-j", "replay", "-p", "good.yaml", *argv)
            check_equal(done.returncode, EXIT_USAGE, f"exit of {argv} ({done.stderr})")
            check("standard input" in json.loads(done.stderr)["error"]["what"], f"{done.stderr}")
        with open(folder.path("good.pcap"), "rb") as capture:
            done = folder.xdpseg("-j", "replay", "-p", "good.yaml", "-", stdin=capture)
        check_equal(json.loads(done.stdout)["summary"]["packets"], 3, "packets")


def test_replay_refuses_what_is_not_local():
    with Faults() as folder:
        for text, word in (("", "no address"), ("10.0.0.0/8,", "no address"), ("x", "no address"),
                           ("10.0.0.1/8", "behind the prefix"), ("10.0.0.0/33", "too long"),
                           (",".join(["10.0.0.1"] * 257), "256")):
            done = folder.xdpseg("-j", "replay", "-p", "good.yaml", "good.pcap", "--local", text)
            check_equal(done.returncode, EXIT_USAGE, f"exit of {text!r:.40} ({done.stderr})")
            error = json.loads(done.stderr)["error"]
            check(word in error["what"] and error["mend"], f"{text!r:.40}: {error}")


def test_replay_memory_is_bounded():
    """A capture of 512 MB takes no more than one of 64."""
    with Faults() as folder:
        frame = CAPTURE[24:24 + (len(CAPTURE) - 24) // 3]
        record = frame[:8] + (200000).to_bytes(4, "little") * 2 + frame[16:] + b"\0" * (
            200000 - len(frame) + 16)
        for name, size in (("small.pcap", 64 << 20), ("big.pcap", 512 << 20)):
            with open(folder.path(name), "wb") as file:
                file.write(CAPTURE[:16] + (262144).to_bytes(4, "little") + CAPTURE[20:24])
                for _ in range(size // len(record)):
                    file.write(record)
        taken = []
        for capture in ("small.pcap", "big.pcap"):
            done = folder.xdpseg("-j", "replay", "-p", "good.yaml", capture)
            check_equal(done.returncode, 0, f"exit ({done.stderr})")
            taken.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        check(taken[1] - taken[0] < 4 << 10, f"KB of a small one, of a large one: {taken}")


def on_terminal(folder, *argv):
    """What a terminal shows of this command."""
    done = subprocess.run(["script", "-qec", " ".join([XDPSEG, *argv]), "/dev/null"],
                          cwd=folder.dir, capture_output=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=SECONDS_MAX)
    return done.stdout


def test_progress_is_for_terminals():
    argv = ["replay", "-p", "good.yaml", "good.pcap", "--repeat", "30000"]
    progress = b"\rreplay: 65536 packets"
    with Faults() as folder:
        check_equal(folder.xdpseg(*argv).stderr, b"", "progress, no terminal")
        shown = on_terminal(folder, *argv, "> /dev/null")
        check(progress in shown, f"no progress: {shown}")
        check(shown.endswith(b"\r\x1b[K"), f"progress stays: {shown}")
        check(progress not in on_terminal(folder, *argv, "-q"), "progress, quiet")
        check(progress not in on_terminal(folder, *argv, "--packets"), "progress among lines")
        folder.write("cut.pcap", CAPTURE[:24] + CAPTURE[24:] * 30000 + b"cut")
        shown = on_terminal(folder, "replay", "-p", "good.yaml", "cut.pcap", "empty", "--color=never",
                            "> /dev/null")
        check(progress in shown, f"no progress: {shown}")
        check(b"\r\x1b[Kcut.pcap: " in shown, f"beside it: {shown}")


# --- usage ------------------------------------------------------------------------


def test_every_usage_error_has_a_mend():
    verbs = (["policy", "check"], ["policy", "apply"], ["policy", "show"], ["policy"], ["why"],
             ["replay"], ["attach"], ["status"], [])
    with Faults() as folder:
        for verb in verbs:
            for argv in ([*verb, "--bogus"], [*verb, "-x"], [*verb, "--color=red"],
                         [*verb, "--json=1"], [*verb, "--runtime-dir"]):
                done = folder.xdpseg(*argv)
                check_equal(done.returncode, EXIT_USAGE, f"exit of {argv} ({done.stderr})")
                check(b"\nmend: " in done.stderr, f"{argv}: {done.stderr}")
                done = folder.xdpseg(*argv, "-j")
                if argv[-1] != "--runtime-dir":
                    check(json.loads(done.stderr)["error"]["mend"], f"{argv} -j: {done.stderr}")
