# SPDX-License-Identifier: BSD-2-Clause
"""The client alone, with a daemon that plays a part: starting it, its errors, its end."""
import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import tempfile

from lab import XDPSEG
from system import check, check_equal, descendants, reap, slow

FAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_xdpsegd")
STATUS = {"daemon": {"pid": 1}, "policy": None, "interfaces": {"eth0": {"mode": "native",
                                                                        "queues": []}}}


MORE = "name: p\ngroups: {g: {file: list.txt}}\nrules: []\n"


class Stage(contextlib.ExitStack):
    """A copy of the client beside the daemon that is none."""

    def __init__(self, part, **plays):
        super().__init__()
        self.part, self.plays = part, plays

    def __enter__(self):
        self.dir = self.enter_context(tempfile.TemporaryDirectory(prefix=f"lab-{os.getpid()}-"))
        shutil.copy(XDPSEG, f"{self.dir}/xdpseg")
        shutil.copy(FAKE, f"{self.dir}/xdpsegd")
        for verb, (status, body) in self.plays.items():
            with open(f"{self.dir}/{verb}.json", "w", encoding="utf-8") as file:
                json.dump({"status": status, "body": body}, file)
        return self

    def xdpseg(self, *argv):
        env = {**os.environ, "FAKE": self.part, "FAKE_DIR": self.dir}
        return subprocess.run([f"{self.dir}/xdpseg", "--runtime-dir", f"{self.dir}/run", *argv],
                              capture_output=True, text=True, check=False, timeout=slow(20), env=env)

    def asked(self, verb):
        with open(f"{self.dir}/{verb}.asked", encoding="utf-8") as file:
            return json.load(file)


def read_until(terminal, what):
    """What the terminal shows up to this, or to its end."""
    shown = b""
    while what not in shown:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the last one has closed it
            break
    return shown


def test_what_takes_long_says_so():
    with Stage("ready", attach=(200, STATUS)) as stage:
        fifo = f"{stage.dir}/go"
        os.mkfifo(fifo)
        with open(f"{stage.dir}/attach.json", "w", encoding="utf-8") as file:
            json.dump({"status": 200, "body": STATUS, "after": fifo}, file)
        ours, theirs = pty.openpty()
        env = {**os.environ, "FAKE": stage.part, "FAKE_DIR": stage.dir}
        with subprocess.Popen([f"{stage.dir}/xdpseg", "--runtime-dir", f"{stage.dir}/run", "attach",
                               "eth0"], stdout=subprocess.DEVNULL, stderr=theirs, env=env) as client:
            os.close(theirs)
            shown = read_until(ours, b"programs: 1 s")
            check(b"the kernel checks the programs: 1 s" in shown, f"it shows {shown}")
            with open(fifo, "w", encoding="utf-8") as file:
                file.write("go")
            shown = read_until(ours, b"nothing that it would say")
            check_equal(client.wait(slow(20)), 0, "exit")
        check(shown.endswith(b"\r\x1b[K"), f"it leaves {shown}")
        os.close(ours)
        for pid in descendants(os.getpid()):
            os.kill(pid, signal.SIGTERM)
            reap([pid])


def check_fails(done, code, *words):
    check_equal(done.returncode, code, f"exit ({done.stderr.strip()})")
    for word in words:
        check(word in done.stderr, f"{word!r} is not in {done.stderr!r}")


def test_attach_starts_asks_and_detach_waits():
    with Stage("ready", attach=(200, STATUS), detach=(200, {"interfaces": {}})) as stage:
        with open(f"{stage.dir}/p.yaml", "w", encoding="utf-8") as file:
            file.write("version: 1 # é\n" + MORE)
        policy = f"{stage.dir}/p.yaml"
        with open(f"{stage.dir}/list.txt", "w", encoding="utf-8") as file:
            file.write("10.0.0.1\n")
        done = stage.xdpseg("attach", "eth0", "eth1", "-p", policy, "--queues", "2", "--observe")
        check_equal((done.returncode, done.stderr), (0, ""), "attach")
        check_equal(stage.asked("attach"), {
            "interfaces": ["eth0", "eth1"], "mode": "auto", "observe": True, "shared": False, "queues": 2,
            "policy": {"name": policy, "text": "version: 1 # é\n" + MORE,
                       "files": {f"{stage.dir}/list.txt": "10.0.0.1\n"}}}, "what attach asked")
        check_equal(stage.xdpseg("detach", "--all").returncode, 0, "detach")
        check(not os.path.exists(f"{stage.dir}/run/control.sock"), "detach did not wait")
        check_equal(stage.asked("detach"), {"all": True}, "what detach asked")
        reap(descendants(os.getpid()))


def test_errors_of_the_daemon_come_through():
    error = {"what": "unknown key 'form'", "mend": "did you mean 'from'?", "file": "p.yaml",
             "line": 3, "column": 5, "source": "  - {form: x}", "exit": 5}
    with Stage("ready", attach=(422, {"error": error})) as stage:
        check_fails(stage.xdpseg("attach", "eth0"), 5, "p.yaml:3:5: error: unknown key 'form'",
                    "     3 |   - {form: x}\n       |     ^\n", "mend: did you mean 'from'?")
        check("queues" not in stage.asked("attach"), "a number of queues was asked for")
        done = stage.xdpseg("attach", "eth0", "--json")
        check_equal(json.loads(done.stderr), {"error": error}, "the error as JSON")


def test_answers_that_are_none():
    with Stage("ready", attach=(200, STATUS), status=(200, "no JSON"), stats=(500, "oops"),
               detach=(200, {"interfaces": {}})) as stage:
        stage.xdpseg("attach", "eth0")
        check_fails(stage.xdpseg("status"), 1, "not JSON")
        check_fails(stage.xdpseg("stats"), 1, "500")
        stage.xdpseg("detach", "--all")


def test_daemons_that_do_not_start():
    for part, code, word in (("words", 4, "error: xdpsegd needs CAP_BPF\nmend: run it as root\n"), ("mute", 1, "ended"),
                             ("killed", 1, "Killed")):
        with Stage(part) as stage:
            check_fails(stage.xdpseg("attach", "eth0"), code, word)


def test_stale_socket_is_no_daemon():
    with Stage("ready") as stage:
        os.mkdir(f"{stage.dir}/run")
        subprocess.run(["python3", "-c", "import socket, sys; "
                        "socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
                        f"{stage.dir}/run/control.sock"], check=True)
        check_fails(stage.xdpseg("status"), 3, "nothing is attached", "mend")


def test_daemon_that_hangs_up():
    with Stage("silent") as stage:
        check_fails(stage.xdpseg("attach", "eth0"), 1, "no answer from the daemon")


def session(number):
    """A session's values between tabs."""
    return "\t".join(("tcp", f"192.0.2.{number % 250}", str(number), "192.0.2.1", "22", "allow", "ssh", "established",
                      *"1234567", "eth0"))


def test_an_answer_of_another_version_is_said():
    """What is no session's line is not shown as one."""
    with Stage("ready", attach=(200, STATUS), sessions=(200, "tcp\t192.0.2.1\n"),
               detach=(200, {"interfaces": {}})) as stage:
        check_equal(stage.xdpseg("attach", "eth0").returncode, 0, "attach")
        check_fails(stage.xdpseg("sessions"), 1, "in a form that xdpseg does not know", "restart xdpsegd")
        check_equal(stage.xdpseg("detach", "--all").returncode, 0, "detach")


def on_a_terminal(stage, *argv):
    """What is said to a terminal."""
    inner, outer = pty.openpty()
    done = subprocess.Popen([f"{stage.dir}/xdpseg", "--runtime-dir", f"{stage.dir}/run", *argv],
                            stdout=outer, stderr=outer)
    os.close(outer)
    said = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while piece := os.read(inner, 65536):
            said += piece
    os.close(inner)
    check_equal(done.wait(slow(20)), 0, "exit")
    return said.decode()


def test_a_terminal_is_not_flooded():
    rows = "\n" + "\n".join(session(number) for number in range(1000)) + "\n"
    with Stage("ready", attach=(200, STATUS), sessions=(200, rows), count=(200, {"count": 1500}),
               detach=(200, {"interfaces": {}})) as stage:
        check_equal(stage.xdpseg("attach", "eth0").returncode, 0, "attach")
        said = on_a_terminal(stage, "sessions", "proto", "tcp")
        check_equal(said.count(" ssh "), 1000, "rows")
        check("... and 500 more" in said, f"it ends with {said[-200:]!r}")
        check_equal((stage.asked("sessions")["limit"], stage.asked("sessions")["form"]), (1000, "tabbed"), "asked")
        check_equal(stage.asked("count")["filter"], stage.asked("sessions")["filter"], "filter")
        check("more" not in on_a_terminal(stage, "sessions", "--limit", "1000"), "a limit was asked for")
        done = stage.xdpseg("sessions")
        check_equal(len(done.stdout.splitlines()), 1001, "rows in a pipe")
        check("limit" not in stage.asked("sessions"), "a pipe has no limit")
        check_equal(stage.xdpseg("detach", "--all").returncode, 0, "detach")
