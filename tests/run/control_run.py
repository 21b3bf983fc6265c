#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""control_run.py - the daemon's life in network namespaces of its own, as root.

    control_run.py XDPSEGD XDPSEGD_FAULTY XDPSEG_WORKER

What is under test here is what the daemon makes and removes: after a detach, a
refusal or a failure at any step, links, qdiscs, pins, maps, programs, processes
and files are as they were. Traffic is only there to make workers work.
"""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

XDPSEGD, FAULTY, WORKER = (os.path.abspath(path) for path in sys.argv[1:4])
NAME = f"kp-{os.getpid()}"
DEADLINE = 30 * float(os.environ.get("XDPSEG_SLOW", "1"))

POLICY = """
version: 1
name: edge
defaults: {ingress: deny}
rules:
  - {id: ping, service: icmp/echo-request, action: allow}
"""
ASKING = POLICY.replace("ingress: deny", "ingress: deny, egress: deny")
DENY = POLICY.replace("allow", "deny")
# Before Linux 6.4 a worker is a fork of its spawner (handover.h).
OLD_RINGS = tuple(map(int, os.uname().release.split(".")[:2])) < (6, 4)
STEPS = ["check", "enter", "hook", "queues", "pair", "return", "zones", "load", "sockets",
         "workers", "xsks", "arm"]


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout


def inside(space, *command, check=True):
    return run("nsenter", f"--net=/run/netns/{NAME}-{space}", *command, check=check)


def await_that(what, condition):
    deadline = time.monotonic() + DEADLINE
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE} s: {what}")
        time.sleep(0.01)
    return value


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("xdpsegd", timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self.path)


class Daemon:
    """An xdpsegd in namespace `a`, with a runtime folder of its own."""

    def __init__(self, folder, binary=XDPSEGD, worker=WORKER, arguments=(),
                 environment=()):
        self.folder = folder
        ready, theirs = os.pipe()
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{NAME}-a", binary, "--runtime-dir", folder,
             "--worker", worker, "--ready-fd", str(theirs), *arguments],
            pass_fds=[theirs], stderr=subprocess.PIPE, text=True,
            env={**os.environ, **dict(environment)})
        os.close(theirs)
        with os.fdopen(ready) as pipe:
            self.said = pipe.read()

    def ask(self, path, body=None):
        text = json.dumps(body) if body is not None else None
        with contextlib.closing(Connection(f"{self.folder}/control.sock")) as connection:
            connection.request("POST" if body is not None else "GET", path, text)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def attach(self, *names, policy=POLICY, **more):
        text = {"name": "edge.yaml", "text": policy} if policy else None
        return self.ask("/v1/attach", {"interfaces": list(names), "policy": text, "learn_ms": 0,
                                        **more})

    def detach(self, **what):
        return self.ask("/v1/detach", what or {"all": True})

    def workers(self, iface="a0"):
        status = self.ask("/v1/status")[1]
        return [queue["worker"] for queue in status["interfaces"][iface]["queues"]]

    def ready_worker(self, but=None):
        def find():
            worker = self.workers()[0]
            return worker if worker["state"] == "ready" and worker["pid"] != but else None
        return await_that("a worker is ready", find)

    def ready_workers(self):
        def find():
            workers = self.workers()
            return all(worker["state"] == "ready" for worker in workers) and workers
        return await_that("all workers are ready", find)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(DEADLINE)


def objects_of(pid):
    """Ids of the BPF maps, programs and links that a process holds."""
    found = set()
    for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            for line in info.read_text().splitlines():
                key, _, value = line.partition(":")
                if key in ("map_id", "prog_id", "link_id"):
                    found.add((key[:-3], value.strip()))
    return found


def exists(kind, number):
    return subprocess.run(["bpftool", kind, "show", "id", number],
                          capture_output=True, check=False).returncode == 0


def snapshot():
    return {
        "links": [link["ifname"] for link in json.loads(inside("a", "ip", "-j", "link"))],
        "xdp": [link.get("xdp") for link in json.loads(inside("a", "ip", "-j", "link"))],
        "qdiscs": inside("a", "tc", "qdisc"),
        "pins": sorted(name for name in os.listdir("/sys/fs/bpf") if NAME[3:] in name),
    }


def lasting():
    """What a daemon that takes over leaves alone; programs it loads again."""
    return {key: value for key, value in snapshot().items() if key != "xdp"}


def processes():
    """Of this test: the workers and spawners in its namespaces."""
    space = os.stat(f"/run/netns/{NAME}-a").st_ino
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.stat(entry / "ns/net").st_ino == space:
                found.add(entry.name)
    return found


def parent_if_spawner(pid):
    """Its parent, None if it is not called a spawner, or gone."""
    with contextlib.suppress(OSError):
        name, _, rest = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        return rest.split()[1] if name.endswith("(xdpseg-spawner") else None
    return None


def spawner_pid():
    """A worker bears its name, too, until it executes."""
    parents = {pid: parent for pid in processes() if (parent := parent_if_spawner(pid))}
    return next(int(pid) for pid, parent in parents.items() if parent not in parents)


def rule_of(daemon):
    return daemon.ask("/v1/stats")[1]["rules"]["ping"]


class Ping:
    """An echo request every 5 ms from `b`, until the end of the block."""

    def __enter__(self):
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{NAME}-b", "ping", "-q", "-i", "0.005", "10.77.0.1"],
            stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *what):
        self.process.terminate()
        self.process.wait()


def ping_works():
    return subprocess.run(
        ["nsenter", f"--net=/run/netns/{NAME}-b", "ping", "-q", "-c", "1", "-W", "1", "10.77.0.1"],
        capture_output=True, check=False).returncode == 0


class Control(unittest.TestCase):
    def setUp(self):
        for space in "ab":
            run("ip", "netns", "add", f"{NAME}-{space}")
            self.addCleanup(run, "ip", "netns", "delete", f"{NAME}-{space}")
        for end in "01":
            run("ip", "link", "add", f"a{end}", "netns", f"{NAME}-a", "numrxqueues", "2",
                "numtxqueues", "2", "type", "veth", "peer", "name", f"b{end}",
                "netns", f"{NAME}-b", "numrxqueues", "2", "numtxqueues", "2")
            inside("a", "ip", "link", "set", f"a{end}", "up")
            inside("b", "ip", "link", "set", f"b{end}", "up")
        inside("a", "ip", "address", "add", "10.77.0.1/24", "dev", "a0")
        inside("b", "ip", "address", "add", "10.77.0.2/24", "dev", "b0")
        folder = tempfile.TemporaryDirectory(prefix=NAME)
        self.addCleanup(folder.cleanup)
        self.folder = f"{folder.name}/run"
        self.before = snapshot()

    def start(self, *arguments, **more):
        daemon = Daemon(self.folder, *arguments, **more)
        self.addCleanup(daemon.process.stderr.close)
        self.addCleanup(daemon.end)
        return daemon

    def attached(self, *names, **more):
        daemon = self.start()
        status, reply = daemon.attach(*names or ["a0"], **more)
        self.assertEqual(status, 200, reply)
        return daemon

    def assert_nothing_left(self, objects=()):
        self.assertEqual(snapshot(), self.before)
        self.assertEqual(processes(), set())
        self.assertFalse(os.path.exists(self.folder))
        for kind, number in objects:
            await_that(f"{kind} {number} is gone", lambda k=kind, n=number: not exists(k, n))

    def refused(self, answer, *words):
        status, reply = answer
        self.assertGreaterEqual(status, 400)
        for word in words:
            self.assertIn(word, reply["error"]["what"] + reply["error"].get("mend", ""))
        return reply["error"]

    # --- attach and detach ----------------------------------------------------------------

    def test_detach_leaves_nothing(self):
        daemon = self.attached("a0", "a1")
        self.assertTrue(ping_works())
        objects = objects_of(daemon.process.pid)
        self.assertTrue(objects)
        status, reply = daemon.detach(interfaces=["a1"])
        self.assertEqual((status, list(reply["interfaces"])), (200, ["a0"]))
        self.assertTrue(ping_works())
        self.assertEqual(daemon.detach()[0], 200)
        self.assertEqual(daemon.process.wait(DEADLINE), 0)
        self.assert_nothing_left(objects)

    def test_sigterm_detaches(self):
        daemon = self.attached()
        objects = objects_of(daemon.process.pid)
        self.assertEqual(daemon.end(), 0)
        self.assert_nothing_left(objects)

    def check_faults(self, running, *arguments, **more):
        """`running`: processes without an interface."""
        fault = f"{os.path.dirname(self.folder)}/fault"
        daemon = self.start(binary=FAULTY, arguments=["--foreground", *arguments],
                            environment={"SEG_FAULT": fault}.items())
        held = self.descriptors(daemon)
        for step in STEPS:
            with self.subTest(step=step):
                pathlib.Path(fault).write_text(step)
                self.refused(daemon.attach("a0", **more), f"step {step} ")
                self.assertEqual(snapshot(), self.before)
                await_that("all descriptors are closed", lambda: self.descriptors(daemon) == held)
                self.assertEqual(len(processes()), running)
        os.unlink(fault)
        self.assertEqual(daemon.attach("a0", **more)[0], 200)
        pathlib.Path(fault).write_text("arm")
        with_one = snapshot()
        self.refused(daemon.attach("a1", **more), "step arm ")
        self.assertEqual(snapshot(), with_one)
        self.assertTrue(ping_works())
        self.assertEqual(daemon.detach()[0], 200)
        self.assertEqual(daemon.end(), 0)
        self.assert_nothing_left()

    def test_a_failure_at_any_step_undoes_all(self):
        self.check_faults(2)  # keeper and spawner

    def test_a_failure_at_any_step_undoes_all_of_a_shared_one(self):
        self.check_faults(3, "--shared", shared=True)  # and sharer

    @staticmethod
    def descriptors(daemon):
        return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))

    def test_two_at_once_or_none(self):
        daemon = self.start()
        self.refused(daemon.attach("a0", "a9"), "a9")
        self.assertEqual(daemon.process.wait(DEADLINE), 0)
        self.assert_nothing_left()

    def test_refusals_name_thing_and_mend(self):
        daemon = self.start(arguments=["--foreground"])
        self.refused(daemon.attach("nosuch0"), "nosuch0")
        self.refused(daemon.attach("lo"), "lo")
        inside("a", "ip", "link", "set", "a1", "mtu", "9000")
        self.refused(daemon.attach("a1"), "9000", "ip link set a1 mtu")
        self.refused(daemon.attach("a1", shared=True), "shared")
        self.refused(daemon.attach("a0", policy="version: 1\nrule: []\n"), "rule")
        self.refused(daemon.detach(interfaces=["a0"]), "a0")
        self.assertEqual(snapshot(), self.before)

    def test_a_foreign_program_stays(self):
        daemon = self.attached("a1")
        during = snapshot()
        other = Daemon(f"{self.folder}2")
        self.addCleanup(other.process.stderr.close)
        self.addCleanup(other.end)
        self.refused(other.attach("a1"), "a1", "xdp off")
        other.process.wait(DEADLINE)
        self.assertEqual(snapshot(), during)
        self.assertEqual(daemon.workers("a1")[0]["restarts"], 0)

    def test_generic_only_when_told(self):
        daemon = self.attached(mode="generic")
        iface = daemon.ask("/v1/status")[1]["interfaces"]["a0"]
        self.assertEqual(iface["mode"], "generic")

    # --- one daemon a folder ------------------------------------------------------------------

    def test_a_second_daemon_changes_nothing(self):
        first = self.attached()
        during = snapshot()
        second = self.start()
        self.assertIn("another xdpsegd", second.said)
        self.assertNotEqual(second.process.wait(DEADLINE), 0)
        self.assertEqual(snapshot(), during)
        self.assertEqual(first.ask("/v1/status")[0], 200)

    def test_another_user_is_refused(self):
        daemon = self.attached()
        os.chmod(self.folder, 0o755)
        os.chmod(os.path.dirname(self.folder), 0o755)
        os.chmod(f"{self.folder}/control.sock", 0o666)
        code = run("setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "curl", "-s",
                   "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket",
                   f"{self.folder}/control.sock", "http://x/v1/status")
        self.assertEqual(code, "403")
        self.assertEqual(daemon.ask("/v1/status")[0], 200)

    def test_what_cannot_be_taken_over_is_attached_again(self):
        first = self.attached()
        worker = first.ready_worker()["pid"]
        objects = objects_of(first.process.pid)
        first.process.kill()
        first.process.wait()
        self.assertTrue(ping_works())  # invariant 7
        os.kill(worker, signal.SIGKILL)
        await_that("the spawner started another worker", lambda: len(processes()) == 3)
        os.kill(spawner_pid(), signal.SIGKILL)
        await_that("its workers are gone too", lambda: not processes())
        second = self.start()
        self.assertEqual(second.said, "\n")
        self.assertEqual(list(second.ask("/v1/status")[1]["interfaces"]), ["a0"])
        self.assertFalse(objects & objects_of(second.process.pid), "what was there was not ended")
        self.assertTrue(ping_works())
        second.end()
        self.assert_nothing_left(objects)

    # --- a daemon takes over ----------------------------------------------------------------

    def follow(self, daemon, number=signal.SIGKILL, **more):
        """End a daemon; the next one."""
        daemon.process.send_signal(number)
        daemon.process.wait(DEADLINE)
        following = self.start(**more)
        self.assertEqual(following.said, "\n")
        return following

    def test_a_daemon_that_died_is_followed(self):
        daemon = self.attached(policy=ASKING)
        spawner, before = spawner_pid(), daemon.ask("/v1/status")[1]
        there = lasting()
        count = 1500
        ping = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{NAME}-b", "ping", "-q", "-i", "0.01", "-c", str(count),
             "10.77.0.1"], stdout=subprocess.PIPE, text=True)
        await_that("it runs", lambda: rule_of(daemon)["packets"] > 20)
        for number in (signal.SIGKILL, signal.SIGUSR2, signal.SIGKILL):
            seen = rule_of(daemon)
            daemon = self.follow(daemon, number)
            now = rule_of(daemon)
            self.assertGreater(now["packets"], seen["packets"])
            self.assertEqual(now["sessions"], 1)
            self.assertEqual(lasting(), there)
        after = daemon.ask("/v1/status")[1]
        self.assertEqual(after["policy"], before["policy"])
        self.assertEqual(spawner_pid(), spawner)
        said = ping.communicate(timeout=DEADLINE)[0]
        self.assertIn(f"{count} received", said)
        await_that("all are counted", lambda: rule_of(daemon)["packets"] == 2 * count)
        objects = objects_of(daemon.process.pid)
        self.assertEqual(daemon.detach()[0], 200)
        self.assertEqual(daemon.process.wait(DEADLINE), 0)
        self.assert_nothing_left(objects)

    def test_who_is_told_to_hand_over_says_so(self):
        daemon = self.attached()
        daemon.process.send_signal(signal.SIGUSR2)
        self.assertEqual(daemon.process.wait(DEADLINE), 75)
        self.start()

    def test_a_trial_ends_in_the_next_life(self):
        daemon = self.attached()
        policy = {"policy": {"name": "deny.yaml", "text": DENY}, "confirm_ns": 20 * 10**9}
        self.assertEqual(daemon.ask("/v1/policy", policy)[0], 200)
        self.assertFalse(ping_works())
        daemon = self.follow(daemon)
        left = daemon.ask("/v1/status")[1]["policy"]
        self.assertEqual(left["revision"], 2)
        self.assertIn(left["confirm_s"], range(1, 21))
        self.assertFalse(ping_works())
        await_that("it goes back", ping_works)
        daemon = self.follow(daemon)
        self.assertEqual(daemon.ask("/v1/status")[1]["policy"]["revision"], 3)
        self.assertTrue(ping_works())
        self.assertEqual(daemon.ask("/v1/policy", {"policy": policy["policy"]})[0], 200)
        self.assertFalse(ping_works())

    def test_an_attach_that_was_cut_off_is_undone_alone(self):
        fault = f"{os.path.dirname(self.folder)}/fault"
        faulty = {"binary": FAULTY, "environment": {"SEG_FAULT": fault}.items()}
        daemon = self.start(**faulty)
        self.assertEqual(daemon.attach("a0")[0], 200)
        with_one = lasting()
        for step in STEPS:
            with self.subTest(step=step):
                pathlib.Path(fault).write_text(f"{step} kill")
                with self.assertRaises((http.client.HTTPException, OSError)):
                    daemon.attach("a1")
                self.assertTrue(ping_works())
                daemon = self.follow(daemon, **faulty)
                self.assertEqual(list(daemon.ask("/v1/status")[1]["interfaces"]), ["a0"])
                self.assertEqual(lasting(), with_one)
                self.assertTrue(ping_works())
        os.unlink(fault)
        self.assertEqual(daemon.attach("a1")[0], 200)
        self.assertEqual(daemon.detach()[0], 200)
        self.assertEqual(daemon.process.wait(DEADLINE), 0)
        self.assert_nothing_left()

    def test_one_that_went_meanwhile_is_forgotten(self):
        daemon = self.attached("a0", "a1")
        daemon.process.kill()
        daemon.process.wait()
        inside("a", "ip", "link", "delete", "a1")
        daemon = self.start()
        self.assertEqual(list(daemon.ask("/v1/status")[1]["interfaces"]), ["a0"])
        self.assertTrue(ping_works())

    # --- workers -------------------------------------------------------------------------------

    def test_a_killed_worker_is_replaced(self):
        self.kill_and_replace(self.attached())

    def test_a_killed_worker_is_replaced_before_6_4(self):
        daemon = self.start(FAULTY, environment={"SEG_OLD_RINGS": "1"}.items())
        self.assertEqual(daemon.attach("a0", "a1")[0], 200)
        worker = daemon.ready_worker()["pid"]
        self.assertEqual(os.readlink(f"/proc/{worker}/exe"), FAULTY)
        self.kill_and_replace(daemon)
        daemon.detach()
        self.assertEqual(daemon.process.wait(DEADLINE), 0)
        self.assert_nothing_left()

    def kill_and_replace(self, daemon):
        with Ping():
            for _ in range(10):
                worker = daemon.ready_worker()
                os.kill(worker["pid"], signal.SIGKILL)
                daemon.ready_worker(but=worker["pid"])
        self.assertTrue(ping_works())

    def test_a_worker_that_hangs_is_replaced(self):
        daemon = self.attached("a0", policy=DENY)
        workers = {worker["pid"] for worker in daemon.ready_workers()}
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        begin = time.monotonic()
        # Which of them is asked is a matter of the packet's hash, and that of the boot.
        while {worker["pid"] for worker in daemon.workers()} == workers:
            # Time enough to be told who 10.77.0.1 is: before that it sends nothing.
            inside("b", "ping", "-q", "-c", "1", "-W", f"{DEADLINE / 600}", "10.77.0.1", check=False)
            if time.monotonic() - begin > DEADLINE:
                self.fail(f"nobody saw it: {daemon.ask('/v1/stats')[1]['interfaces']}")
        self.assertLess(time.monotonic() - begin, DEADLINE / 15)

    def test_a_worker_that_cannot_live_is_named(self):
        if OLD_RINGS:
            return  # it is no program of its own there
        for _ in range(10):
            daemon = self.start(worker="/bin/false")
            self.refused(daemon.attach("a0"), "xdpseg-worker ends")
            self.assertEqual(daemon.process.wait(DEADLINE), 0)
            self.assert_nothing_left()

    # --- policies --------------------------------------------------------------------------------

    def test_a_new_policy_judges_what_runs(self):
        daemon = self.attached()
        with Ping():
            self.assertTrue(ping_works())
            status, reply = daemon.attach("a0", policy=DENY)
            self.assertEqual((status, reply["policy"]["revision"]), (200, 2))
            self.assertFalse(ping_works())
            status, reply = daemon.attach("a0", policy=None)  # the one in force stays
            self.assertEqual((status, reply["policy"]["revision"]), (200, 2))
            self.assertFalse(ping_works())
            self.assertEqual(daemon.attach("a0")[0], 200)
            self.assertTrue(ping_works())
        self.assertEqual(daemon.attach("a0")[1]["policy"]["revision"], 3)
        self.refused(daemon.attach("a0", mode="generic"), "in another way")

    def test_a_refused_policy_changes_nothing(self):
        daemon = self.attached()
        error = self.refused(daemon.attach("a0", policy=POLICY + "  - {id: x, acton: deny}\n"))
        self.assertEqual((error["file"], error["line"]), ("edge.yaml", 7))
        self.assertTrue(ping_works())
        huge = POLICY.replace("defaults: {", "defaults: {limits: {sessions: 4M}, ")
        self.assertEqual(self.refused(daemon.attach("a0", policy=huge), "sessions")["exit"], 5)
        self.assertTrue(ping_works())

    def test_without_a_policy_everything_passes(self):
        daemon = self.attached(policy=None)
        self.assertTrue(ping_works())
        self.assertIsNone(daemon.ask("/v1/status")[1]["policy"])

    # --- reports -----------------------------------------------------------------------------------

    def test_every_packet_has_one_exit(self):
        daemon = self.attached(policy=DENY)
        inside("b", "ping", "-q", "-c", "50", "-i", "0.002", "10.77.0.1", check=False)
        stats = self.settled(daemon)
        iface = stats["interfaces"]["a0"]
        sums = {part: sum(count["packets"] for count in iface[part].values())
                for part in ("reasons", "verdicts", "paths")}
        self.assertEqual(set(sums.values()), {iface["packets"]})
        self.assertEqual(stats["rules"]["ping"]["packets"], 50)
        self.assertEqual(stats["rules"]["ping"]["sessions"], 1)
        self.assertEqual(stats["sessions"]["denied"], 1)

    def settled(self, daemon):
        def settle():
            stats = daemon.ask("/v1/stats")[1]
            return stats if stats["interfaces"]["a0"]["in_flight"] == 0 else None
        return await_that("nothing is in flight", settle)

    def test_sessions_age_and_their_counters_stay(self):
        short = POLICY.replace("defaults: {", "defaults: {timeouts: {icmp: 1s}, ")
        daemon = self.attached(policy=short)
        inside("b", "ping", "-q", "-c", "5", "-i", "0.01", "10.77.0.1")
        sessions = daemon.ask("/v1/sessions")[1]
        self.assertEqual(len(sessions), 1)
        self.assertEqual((sessions[0]["src"], sessions[0]["rule"], sessions[0]["iface"]),
                         ("10.77.0.2", "ping", "a0"))
        self.assertEqual(sessions[0]["orig"]["packets"], 5)
        self.assertEqual(sessions[0]["reply"]["packets"], 5)
        await_that("the session ages", lambda: daemon.ask("/v1/sessions")[1] == [])
        await_that("its slot is free", lambda: daemon.ask("/v1/stats")[1]["sessions"]["half_open"] == 0)
        rule = daemon.ask("/v1/stats")[1]["rules"]["ping"]
        self.assertEqual((rule["packets"], rule["sessions"]), (10, 1))  # and the answers
        self.assertTrue(ping_works())  # the clock stood; the first packet starts it again
        await_that("the next one ages", lambda: daemon.ask("/v1/sessions")[1] == [])

    def test_sessions_are_chosen_and_ended(self):
        daemon = self.attached()
        for _ in range(2):  # an echo's identifier each
            inside("b", "ping", "-q", "-c", "2", "-i", "0.01", "10.77.0.1")

        def listed(*body):
            return [session["sport"] for session in daemon.ask("/v1/sessions", *body)[1]]
        both = listed()
        self.assertEqual(len(both), 2)
        self.assertEqual(listed({}), both)
        one = {"filter": {"sport": [str(both[0])]}}
        self.assertEqual(listed(one), both[:1])
        self.assertEqual(daemon.ask("/v1/sessions/count", one)[1], {"count": 1})
        self.assertEqual(len(listed({"limit": 1})), 1)
        self.refused(daemon.ask("/v1/sessions", {"filter": {"scr": ["10.0.0.1"]}}), "no 'scr'")
        self.refused(daemon.ask("/v1/sessions/delete", {}), "needs a filter")
        before = self.settled(daemon)["rules"]
        self.assertEqual(daemon.ask("/v1/sessions/delete", one), (200, {"deleted": 1}))
        self.assertEqual(listed(), both[1:])
        self.assertEqual(daemon.ask("/v1/sessions/flush", {}), (200, {"deleted": 1}))
        self.assertEqual(listed(), [])
        self.assertEqual(daemon.ask("/v1/stats")[1]["rules"], before)

    def test_asking_for_sessions_ends_no_daemon(self):
        daemon = self.start()
        for path in ("/v1/sessions", "/v1/sessions/count", "/v1/sessions/flush"):
            self.assertEqual(daemon.ask(path, {})[0], 200)
        stats = daemon.ask("/v1/stats")[1]
        self.assertEqual((stats["rules"], stats["sessions"]), ({}, {}))
        self.assertEqual(daemon.attach("a0")[0], 200)

    # --- the world around it ---------------------------------------------------------------------------

    def test_a_deleted_interface_is_cleaned_up_after(self):
        daemon = self.attached("a0", "a1")
        inside("a", "ip", "link", "delete", "a1")
        await_that("a1 is gone", lambda: list(daemon.ask("/v1/status")[1]["interfaces"]) == ["a0"])
        self.assertTrue(ping_works())
        inside("a", "ip", "link", "delete", "a0")
        self.assertEqual(daemon.process.wait(DEADLINE), 0)
        self.assertEqual(processes(), set())
        self.assertEqual(snapshot()["links"], ["lo"])
        self.assertEqual(snapshot()["pins"], [])

    def test_a_renamed_interface_goes_on(self):
        daemon = self.attached()
        inside("a", "ip", "link", "set", "a0", "down")  # before Linux 6.2 only then
        inside("a", "ip", "link", "set", "a0", "name", "wan0", "up")
        await_that("the new name", lambda: "wan0" in daemon.ask("/v1/status")[1]["interfaces"])
        self.assertTrue(ping_works())
        self.assertEqual(daemon.detach(interfaces=["wan0"])[0], 200)

    def test_the_socket_bears_fools(self):
        daemon = self.attached()
        idle = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for one in idle:
            one.connect(f"{self.folder}/control.sock")
            one.send(b"POST /v1/attach HTTP/1.1\r\nContent-Length: 99999999999\r\n")
        self.assertEqual(daemon.ask("/v1/status")[0], 200)
        self.assertEqual(daemon.ask("/v1/nosuch")[0], 404)
        self.assertEqual(daemon.ask("/v1/attach", ["a0"])[0], 400)
        self.assertEqual(daemon.ask("/v1/attach", {"interfaces": "a0"})[0], 400)
        threads = [threading.Thread(target=daemon.ask, args=["/v1/stats"]) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in idle:
            one.close()
        self.assertTrue(ping_works())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
