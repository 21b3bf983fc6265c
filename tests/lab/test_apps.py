# SPDX-License-Identifier: BSD-2-Clause
"""Real programs run through attach, changes of the policy, a worker's death, detach: none notices."""
import os
import signal

from apps import Chat, Dns, Idle, Iperf, Ssh, all_get_on, resent
from lab import IFACE, Lab, packets_of
from system import check, until

SERVES, SSH, CHAT, MOUNT, UNNAMED = 5201, 2222, 9001, 2049, 2223

# What is begun later is judged; of what runs, nothing is picked up.
FIRST = f"""\
version: 1
name: first
defaults: {{ingress: deny, egress: allow, pickup: 0, timeouts: {{tcp-established: 5m}}}}
rules:
  - {{id: iperf, direction: ingress, service: tcp/{SERVES}, action: allow}}
  - {{id: ssh, direction: ingress, service: tcp/{SSH}, action: allow}}
  - {{id: chat, direction: ingress, service: tcp/{CHAT}, action: allow}}
  - {{id: mount, direction: ingress, service: tcp/{MOUNT}, action: allow}}
"""
# Other rules, and a limit that needs another program: all that runs may go on.
SECOND = f"""\
version: 1
name: second
defaults: {{ingress: deny, egress: allow, pickup: 0, on-worker-loss: drop}}
rules:
  - {{id: no-dns, direction: ingress, service: udp/53, action: deny}}
  - {{id: all, direction: ingress, service: tcp/2000-9999, action: allow}}
"""
THIRD = SECOND.replace("second", "third").replace("drop", "sessions")


def programs(family):
    """Inbound on ports that the policy names, one that it does not, and what the host begins."""
    return [Iperf(family, True, SERVES), Iperf(family, False, 5202),
            Ssh(family, True, SSH), Ssh(family, True, UNNAMED), Ssh(family, False, 2224),
            Dns(family, False, 53),
            Idle(family, True, MOUNT), Idle(family, False, 2050),
            Chat(family, True, CHAT), Chat(family, False, 9002)]


def apply(lab, name, text, *options):
    lab.xdpseg("policy", "apply", lab.write(name, text), *options)


def kill_worker(lab):
    pid = lab.worker()
    os.kill(pid, signal.SIGKILL)
    until("another worker", lambda: lab.workers()[0][0] not in (pid, 0))
    lab.worker()


def confirm(lab):
    apply(lab, "third.yaml", THIRD, "--confirm", "1h")
    lab.xdpseg("policy", "confirm")


def lost(lab):
    iface = lab.stats()["interfaces"][IFACE]
    return {name: packets_of(n) for way in (iface, iface["egress"])
            for name, n in way["losses"].items() if packets_of(n)}


def check_all(lab, apps, after):
    """Nobody complains."""
    wrong = [app.verdict() for app in apps if app.wrong]
    said = f"; {resent(lab)} TCP segments sent again"
    if lab.attached():
        said += f", losses {lost(lab)}"
    check(not wrong, f"after {after}: {'; '.join(wrong)}{said}")


def check_through(family, *options):
    with Lab() as lab:
        lab.merged = True
        apps = programs(family)
        for app in apps:
            app.start(lab)
        begun = resent(lab)
        through = (
            ("attach", lambda: lab.attach(FIRST, "--learn", "1s", *options)),
            ("apply", lambda: apply(lab, "second.yaml", SECOND)),
            ("confirm", lambda: confirm(lab)),
            ("a worker's death", lambda: kill_worker(lab)),
            ("detach", lambda: lab.xdpseg("detach", "--all")),
        )
        for what, step in through:
            step()
            all_get_on(apps)
            check_all(lab, apps, what)
        for app in apps:
            app.stop()
        check_all(lab, apps, "the end")


def test_programs_ipv4():
    check_through(4)


def test_programs_ipv6():
    check_through(6)


def test_programs_in_generic_mode():
    check_through(4, "--mode", "generic")
