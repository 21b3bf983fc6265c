# SPDX-License-Identifier: BSD-2-Clause
"""An installed xdpseg on a machine of its own: what systemd, the client and the files say there."""
import json

from system import check, check_equal

# What runs, what logs, caches, and the package manager's own copies.
VOLATILE = ("run", "tmp", "var/tmp", "var/log", "var/cache", "dev", "proc", "sys",
            "var/lib/systemd/timers", "var/lib/systemd/random-seed", "var/lib/apt/extended_states")


class Installed:
    """Whoever inherits says how a command gets there: try_in(*argv) gives a CompletedProcess."""

    def run(self, *argv, code=0):
        done = self.try_in(*argv)
        check(done.returncode == code,
              f"{' '.join(argv)}: exit {done.returncode}, not {code}: {done.stdout} {done.stderr}")
        return done.stdout

    def fails(self, *argv):
        done = self.try_in(*argv)
        check(done.returncode, f"{' '.join(argv)} should fail: {done.stdout}")

    def show(self, unit, name):
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def state(self, unit):
        return self.show(unit, "ActiveState")

    def keeper(self):
        """The daemon's process; there has to be one: `kill` takes 0 for all of the caller's."""
        pid = self.show("xdpsegd", "MainPID")
        check(pid != "0", "xdpsegd does not run")
        return pid

    def spawner(self):
        return self.run("ps", "-C", "xdpseg-spawner", "-o", "pid=").strip()

    def attached(self):
        done = self.try_in("xdpseg", "status", "--json")
        return list(json.loads(done.stdout)["interfaces"]) if not done.returncode else []

    def link(self):
        return json.loads(self.run("ip", "-j", "link", "show", "eth0"))[0]

    def processes(self):
        """[(name, user)] of xdpseg's."""
        lines = self.run("ps", "-eo", "comm=,user=").splitlines()
        return sorted(tuple(line.split()) for line in lines if line.startswith("xdpseg"))

    def check_nothing_runs(self):
        check_equal(self.processes(), [], "processes")
        check("xdp" not in self.link(), f"a program stays: {self.link()}")
        own = {"maps.debug", "progs.debug", "ip", "tc", "xdp"}  # the file system's, and iproute2's
        check_equal(set(self.run("ls", "-A", "/sys/fs/bpf").split()) - own, set(), "pins")
        names = [entry["ifname"] for entry in json.loads(self.run("ip", "-j", "link"))]
        check_equal([name for name in names if name.startswith("seg")], [], "interfaces")

    def tree(self):
        prune = []
        for name in VOLATILE:
            prune += ["-path", f"/{name}", "-o"]
        prune += ["-path", "/var/lib/dpkg/*-old"]
        return set(self.run("find", "/", "-xdev", "(", *prune, ")", "-prune", "-o", "-print").splitlines())
