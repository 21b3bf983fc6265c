# SPDX-License-Identifier: BSD-2-Clause
"""What a lab is made of: commands, network namespaces, processes, waiting.

Namespaces are entered per thread: a socket stays in the namespace that it was
made in, so a test talks between two of them without any helper process.
"""
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP, IFF_RUNNING = 1, 0x40
PR_SET_CHILD_SUBREAPER = 36

# How many times slower than usual this machine may be: an emulated one is.
SLOW = float(os.environ.get("XDPSEG_SLOW", "1"))


class Failed(Exception):
    """A check that did not hold: the message is all that its reader needs."""


def check(holds, message):
    if not holds:
        raise Failed(message)


def check_equal(got, expected, what):
    check(got == expected, f"{what}: {got!r}, not {expected!r}")


def slow(seconds):
    """A time that is long enough on any machine, on this one."""
    return seconds * SLOW


def until(what, predicate, seconds=20.0):
    """Wait for what no event tells (counters, /proc): its first true value is returned."""
    seconds = slow(seconds)
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        check(time.monotonic() < end, f"waited {seconds} s for {what}")
        time.sleep(0.01)


def run(*argv, stdin=None, ok=True):
    """Run a command to its end; its standard output."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    check(not ok or done.returncode == 0, f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def run_json(*argv):
    return json.loads(run(*argv) or "null")


def become_subreaper():
    """Daemons that lose their parent become children of this process, so that it can name them."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat_fields(pid):
    """State and parent of a process, None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[1])


def descendants(root):
    """{pid: state} of all processes below `root`, zombies included."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        stat = stat_fields(int(name))
        if stat:
            parents[int(name)] = stat
    found, todo = {}, [root]
    while todo:
        parent = todo.pop()
        below = [pid for pid, stat in parents.items() if stat[1] == parent]
        found.update({pid: parents[pid][0] for pid in below})
        todo += below
    return found


def reap(pids):
    """Bury adopted children that have ended."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def process_status(pid):
    """/proc/PID/status as a dict of stripped strings."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        pairs = (line.partition(":") for line in file)
        return {key: value.strip() for key, _, value in pairs}


class Namespace:
    """A network namespace that exists as long as this object is entered."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        self.fd = -1

    def __enter__(self):
        run("ip", "netns", "add", self.name)
        self.fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        with self.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        run("ip", "netns", "del", self.name)

    def command(self, *argv):
        """argv to run in here. Not `ip netns exec`, which hides /sys/fs/bpf."""
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, *argv, **options):
        with self.entered():
            return run(*argv, **options)

    def start(self, *argv):
        """A process that goes on; its caller waits for it."""
        return subprocess.Popen(self.command(*argv), stdout=subprocess.DEVNULL)

    def run_json(self, *argv):
        with self.entered():
            return run_json(*argv)

    def ip(self, *argv):
        return self.run("ip", *argv)

    def ip_all(self, *lines):
        """Several commands of ip, one a line."""
        self.run("ip", "-batch", "-", stdin="\n".join(lines))

    def link_flags(self, name):
        with self.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            request = struct.pack("16s24x", name.encode())
            return struct.unpack_from("16xH", fcntl.ioctl(sock, SIOCGIFFLAGS, request))[0]

    @contextlib.contextmanager
    def entered(self):
        """This thread is in the namespace."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._set(self.fd)
            yield
        finally:
            self._set(own)
            os.close(own)

    @staticmethod
    def _set(fd):
        if LIBC.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def socket(self, *arguments):
        with self.entered():
            return socket.socket(*arguments)

    def sysctl(self, name, value):
        with self.entered(), open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
            file.write(str(value))


@contextlib.contextmanager
def stopped(*pids):
    """These processes stand still (SIGSTOP) inside; whoever lives goes on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
