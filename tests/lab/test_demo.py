# SPDX-License-Identifier: BSD-2-Clause
"""`xdpseg demo`: all comes out as told, and however it ends nothing of its lab is left."""
import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess

import snapshot
from lab import XDPSEG
from system import check, check_equal, descendants, reap, run_json, slow, until

EXIT_FAILED, EXIT_USAGE, EXIT_PRIVILEGE = 1, 2, 4

PINS, RUN = snapshot.BPF_PATH, "/run/xdpseg"
DARK = {**os.environ, "NO_COLOR": "1"}

# The heading below which traffic, worker and daemon are there.
HALF_WAY = "4. What it knows"


def read_file(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def name_of(pid):
    """Of a process, None if it is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return read_file(f"/proc/{pid}/comm").strip()
    return None


def instances(path):
    """What belongs to no other instance: these name their runtime folder."""
    return sorted(name for name in os.listdir(path) if "_2f" not in name)


def mounts():
    """All but names of network namespaces: other tests have theirs."""
    return [line for line in read_file("/proc/self/mounts").splitlines() if " nsfs " not in line]


def system():
    """What a demo could leave."""
    return {"pins": instances(PINS), "mounts": mounts(), "runtime": os.path.exists(RUN),
            "links": [link["ifname"] for link in run_json("ip", "-j", "link")],
            "tmp": sorted(name for name in os.listdir("/tmp") if name.startswith("xdpseg"))}


@dataclasses.dataclass
class Held:
    """What the processes of a demo have: BPF objects, network namespaces by inode."""
    objects: set = dataclasses.field(default_factory=set)
    spaces: set = dataclasses.field(default_factory=set)

    def look(self, pids):
        self.objects |= snapshot.bpf_objects_of(pids)
        for pid in pids:
            with contextlib.suppress(FileNotFoundError):
                self.spaces.add(os.stat(f"/proc/{pid}/ns/net").st_ino)


def named_spaces():
    folder = "/run/netns"
    names = os.listdir(folder) if os.path.isdir(folder) else []
    found = set()
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            found.add(os.stat(f"{folder}/{name}").st_ino)
    return found


@contextlib.contextmanager
def leaves_nothing():
    """Not a process, BPF object, pin, mount, link, namespace or file."""
    before, held = system(), Held()
    yield held
    until("the lab's processes to end", none_left)
    snapshot.check_gone(held.objects)
    check(not held.spaces & named_spaces(), "a namespace of the lab has a name")
    changed = snapshot.differences(before, system())
    check(not changed, f"the system after the demo: {changed}")


def none_left():
    reap(descendants(os.getpid()))
    return not descendants(os.getpid())


def demo(*argv, code=0, prefix=(), **options):
    argv = [*prefix, XDPSEG, "demo", *argv]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=slow(100),
                          env=DARK, **options)
    check_equal(done.returncode, code, f"exit of {argv}: {done.stdout}{done.stderr}")
    return done


@contextlib.contextmanager
def half_way(*argv, until_line=HALF_WAY, held=None):
    """One that runs, read up to a line."""
    pipe = subprocess.PIPE
    with subprocess.Popen([XDPSEG, "demo", *argv], text=True, stdin=pipe, stdout=pipe, stderr=pipe,
                          env=DARK) as process:
        for line in process.stdout:
            if until_line in line:
                break
        else:
            check(False, f"no '{until_line}' in what it says: {process.stderr.read()}")
        if held is not None:
            held.look(descendants(process.pid))
            check(held.objects and held.spaces, f"it holds too little: {held}")
        try:
            yield process
        finally:
            process.kill()


def end_of(process, code):
    out, error = process.communicate(timeout=slow(60))
    check_equal(process.returncode, code, f"exit: {out}{error}")
    return out, error


def test_all_as_told():
    with leaves_nothing():
        told = demo().stdout
    check("UNEXPECTED" not in told, told)
    check(re.search(r"^All \d+ steps came out as told", told, re.MULTILINE), told)
    for line in ("$ xdpseg attach wan", "$ xdpseg sessions", "$ xdpseg stats", "$ xdpseg why",
                 "$ xdpseg policy apply", "$ xdpseg detach --all"):
        check(f"\n{line}" in told, f"no '{line}' in {told}")


def test_json():
    with leaves_nothing():
        told = json.loads(demo("--json").stdout)
    check_equal((told["as_told"], told["surprises"]), (True, 0), "summary")
    check(len(told["steps"]) > 20, f"only {len(told['steps'])} steps")
    for step in told["steps"]:
        check(step["as_told"] and step["section"] and step["step"], f"step {step}")
    commands = [step for step in told["steps"] if "exit" in step]
    tried = [step for step in told["steps"] if "expected" in step]
    check(all(step["exit"] == 0 and "output" in step for step in commands), f"{commands}")
    check(all(step["expected"] == step["got"] for step in tried), f"{tried}")
    check_equal({step["got"] for step in tried}, {"answered", "no answer"}, "what was tried")


def test_quiet():
    with leaves_nothing():
        lines = demo("-q").stdout.splitlines()
    check_equal(len(lines), 1, f"lines of {lines}")


def test_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with leaves_nothing() as held:
            with half_way(held=held) as process:
                process.send_signal(number)
                error = end_of(process, EXIT_FAILED)[1]
                check("interrupted" in error, f"{number.name}: {error}")


def test_killed():
    with leaves_nothing() as held:
        with half_way(held=held) as process:
            process.kill()
            end_of(process, -signal.SIGKILL)


def test_daemon_dies():
    """With its spawner: else the next command would bring it back, and all come out as told."""
    with leaves_nothing() as held:
        with half_way(held=held) as process:
            daemons = [pid for pid in descendants(process.pid)
                       if name_of(pid) in ("xdpsegd", "xdpseg-spawner")]
            for pid in daemons:
                os.kill(pid, signal.SIGKILL)
            check(daemons, "no daemon runs")
            out, error = end_of(process, EXIT_FAILED)
            check("UNEXPECTED" in out and "mend: " in error, f"{out}{error}")


def test_keep():
    with leaves_nothing() as held:
        with half_way("--keep", until_line="nsenter", held=held) as process:
            inner = next(pid for pid, parent in
                         ((pid, int(read_file(f"/proc/{pid}/stat").rpartition(")")[2].split()[1]))
                          for pid in descendants(process.pid)) if parent == process.pid)
            status = run_json("nsenter", "--target", str(inner), "--mount", "--net", "--pid",
                              XDPSEG, "status", "--json")
            check_equal(list(status["interfaces"]), ["wan"], "interfaces of the lab")
            process.stdin.write("\n")
            process.stdin.flush()
            out = end_of(process, 0)[0]
            check("as told; nothing" in out, out)


def test_keep_ends_by_a_signal():
    with leaves_nothing() as held:
        with half_way("--keep", until_line="Enter", held=held) as process:
            process.send_signal(signal.SIGINT)
            check("as told; nothing" in end_of(process, 0)[0], "no summary")


def test_beside_an_ssh_session():
    """Nobody's session is in the lab, whatever its addresses."""
    with leaves_nothing():
        demo("-q", prefix=("env", "SSH_CONNECTION=10.99.0.1 5000 10.99.0.2 22"))


def test_without_privilege():
    with leaves_nothing():
        nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        check("root" in demo(code=EXIT_PRIVILEGE, prefix=nobody).stderr, "no mend")
        error = json.loads(demo("--json", code=EXIT_PRIVILEGE, prefix=nobody).stderr)["error"]
        check("root" in error["mend"], f"{error}")


def test_usage():
    demo("eth0", code=EXIT_USAGE)
    demo("--keep", "--json", code=EXIT_USAGE)
