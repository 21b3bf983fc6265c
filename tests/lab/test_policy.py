# SPDX-License-Identifier: BSD-2-Clause
"""policy apply and show, and that `why` foretells what real traffic meets."""
import json
import os
import signal
import socket
import subprocess

from lab import CLIENT, IFACE, INET, OPEN_TCP, POLICY, SERVER, Lab
from system import check, check_equal, slow, stopped, until

EXIT_FAILED, EXIT_NOT_ATTACHED, EXIT_PROTECTED = 1, 3, 5


def apply(lab, text, confirm=None, **options):
    trial = ("--confirm", confirm) if confirm else ()
    said = lab.xdpseg("policy", "apply", lab.write("applied.yaml", text), *trial, **options)
    return said.json if confirm else said


def in_force(lab):
    policy = lab.status()["policy"]
    return policy["name"], policy["revision"], policy["hash"], policy["generation"]


def test_apply_puts_in_force_and_says_so():
    with Lab() as lab:
        lab.attach()
        said = apply(lab, POLICY.replace("name: lab", "name: second")).json
        check_equal((said["name"], said["revision"], said["rules"], said["changed"],
                     said["observe"]), ("second", 2, 3, True, False), "reply")
        check_equal(in_force(lab), ("second", 2, said["hash"], said["generation"]), "in force")
        done = subprocess.run(lab.command("policy", "apply", f"{lab.dir}/applied.yaml"),
                              capture_output=True, text=True, check=False)
        check_equal((done.returncode, done.stdout),
                    (0, "revision 2 is in force already: second, 3 rules\n"), "again")
        check_equal(in_force(lab), ("second", 2, said["hash"], said["generation"]), "in force")


def test_apply_changes_what_is_allowed():
    with Lab() as lab:
        lab.merged = True
        lab.listener(4, 8081)
        lab.attach()
        check(not connects(lab, 4, 8081), "8081 is open")
        apply(lab, POLICY.replace("8080", "8081"))
        check(connects(lab, 4, 8081), "8081 is shut")


def test_workers_are_told_not_replaced():
    """Also of a policy of VLANs, with more rules, and with others' limits; by apply and by patch."""
    with Lab(queues=2) as lab:
        receiver = lab.receiver(4, 9900)
        lab.attach()
        before = lab.workers()
        more = POLICY.replace("rules:", "rules:\n  - {id: v, vlan: 5, action: deny}")
        apply(lab, more.replace("9000-9099", "9900"))
        lab.xdpseg("policy", "patch", "{id: extra, service: tcp/9, action: allow}")
        check_equal(lab.workers(), before, "workers")
        lab.sender(4, 9900).send(b"new")
        check_equal(receiver.recv(16), b"new", "by the new policy")
        until("its rule", lambda: lab.stats()["rules"]["udp"]["packets"] == 1)


def test_a_hanging_worker_does_not_keep_a_policy_away():
    with Lab() as lab:
        receiver = lab.receiver(4, 9900)
        lab.attach()
        pid = lab.worker()
        with stopped(pid):
            apply(lab, POLICY.replace("9000-9099", "9900"))
            check(lab.worker() != pid, "it is still there")
        lab.sender(4, 9900).send(b"new")
        check_equal(receiver.recv(16), b"new", "by the new policy")


def another_worker(lab, than):
    def found():
        pid = lab.worker()
        return pid if pid != than else None
    return until("another worker", found)


def test_a_worker_that_dies_while_it_is_told():
    """Its successor has the policy from the spawner, whichever of both was heard first."""
    with Lab() as lab:
        receiver = lab.receiver(4, 9900)
        lab.attach()
        killed = None
        for turn in range(10):
            port = (9901, 9900)[turn % 2]
            command = lab.command("policy", "apply", lab.write("next.yaml", POLICY.replace("9000-9099", str(port))))
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as applying:
                # The one before may have died just after it had acknowledged.
                killed = another_worker(lab, killed)
                os.kill(killed, signal.SIGKILL)
                check_equal(applying.wait(), 0, "apply")
        lab.sender(4, 9900).send(b"new")
        check_equal(receiver.recv(16), b"new", "by the last policy")


def test_a_generation_that_was_taken_back_is_no_others():
    """Workers knew that policy: sessions may hold its verdicts under that number."""
    with Lab() as lab:
        lab.attach()
        before = in_force(lab)
        in_the_way = f"{lab.runtime}/policy.json.next"
        os.mkdir(in_the_way)
        failure = apply(lab, POLICY.replace("8080", "8081"), code=EXIT_FAILED).failure
        os.rmdir(in_the_way)
        check("policy.json" in failure["what"], f"it failed for another reason: {failure}")
        check_equal(in_force(lab), before, "in force")
        apply(lab, POLICY.replace("8080", "8082"))
        check_equal(in_force(lab)[3], before[3] + 3, "generation")


def connects(lab, family, port, source=None):
    with lab.client.socket(INET[family], socket.SOCK_STREAM) as sock:
        sock.settimeout(slow(0.5))
        if source:
            sock.bind(source)
        try:
            sock.connect((SERVER[family], port))
        except TimeoutError:
            return False
        return True


WRONG = {
    "syntax": POLICY + "  - {id: broken",
    "name": POLICY.replace("action: allow", "acton: allow", 1),
    "refused": POLICY.replace("action: allow", "action: allow, limit: {rate: 1/s}", 1),
    "missing file": POLICY + "include: [none.yaml]\n",
}


def test_what_fails_leaves_the_old_policy():
    with Lab() as lab:
        lab.merged = True
        lab.listener(4, OPEN_TCP)
        lab.attach()
        before = in_force(lab)
        for name, text in WRONG.items():
            failure = apply(lab, text, code=EXIT_FAILED).failure
            check_equal(failure["file"], f"{lab.dir}/applied.yaml", f"{name}: file")
            check(failure["line"], f"{name}: no line")
            check_equal(in_force(lab), before, f"{name}: in force")
        huge = POLICY.replace("rules:", "defaults: {limits: {sessions: 64M}}\nrules:").replace(
            "defaults: {ingress: deny, egress: allow, on-worker-loss: sessions}\n", "")
        apply(lab, huge, code=EXIT_PROTECTED)
        check_equal(in_force(lab), before, "too many sessions: in force")
        check(connects(lab, 4, OPEN_TCP), "the open port is shut")


def test_the_daemon_opens_no_path():
    """What a request does not bring along is not looked for."""
    with Lab() as lab:
        lab.attach()
        before = in_force(lab)
        path = lab.write("list.txt", "10.0.0.1\n")
        text = POLICY + f"groups: {{g: {{file: {path}}}}}\n"
        body = lab.write("body.json", json.dumps(
            {"policy": {"name": "x.yaml", "text": text, "files": {}}}))
        done = subprocess.run(["curl", "-s", "--unix-socket", f"{lab.runtime}/control.sock",
                               "-d", f"@{body}", "http://x/v1/policy"], capture_output=True,
                              text=True, check=True)
        check('"error"' in done.stdout and path in done.stdout, f"it said {done.stdout}")
        check_equal(in_force(lab), before, "in force")


def test_apply_keeps_observing():
    with Lab() as lab:
        lab.observing = True
        lab.attach(POLICY, "--observe")
        said = apply(lab, POLICY.replace("8080", "8081")).json
        check_equal((said["observe"], said["revision"]), (True, 2), "observe, revision")
        check(lab.status()["policy"]["observe"], "no longer observed")
        why = lab.xdpseg("why", "tcp 10.0.0.1:1 > 10.0.0.2:80").json
        check_equal(why["verdict"], "deny", "verdict")
        check("only observed" in why["notes"][-1], f"notes: {why['notes']}")


def test_apply_enforces_where_there_was_no_policy():
    with Lab() as lab:
        lab.merged = True
        lab.listener(4, 8081)
        lab.xdpseg("attach", IFACE)
        check_equal(lab.status()["policy"], None, "policy")
        lab.xdpseg("why", "tcp 10.0.0.1:1 > 10.0.0.2:80", code=EXIT_FAILED)
        check(connects(lab, 4, 8081), "8081 is shut")
        check_equal(apply(lab, POLICY).json["observe"], False, "observe")
        check(not connects(lab, 4, 8081), "8081 is open")


def test_apply_without_a_daemon():
    with Lab() as lab:
        failure = apply(lab, POLICY, code=EXIT_NOT_ATTACHED).failure
        check("attach" in failure["mend"], f"mend: {failure['mend']!r}")


def test_apply_loses_nothing_of_a_known_flow():
    """Datagrams of a flow that is allowed before and after all arrive, in order."""
    rounds, burst = 20, 50
    with Lab() as lab:
        receiver = lab.receiver(4, 9000)
        lab.attach()
        sender = lab.sender(4, 9000)
        sent = 0
        for turn in range(rounds):
            path = lab.write(f"{turn}.yaml", POLICY.replace("8080", str(8080 + turn + 1)))
            with subprocess.Popen(lab.command("-j", "policy", "apply", path),
                                  stdout=subprocess.PIPE) as process:
                while process.poll() is None:
                    for number in range(sent, sent + burst):
                        sender.send(number.to_bytes(4, "big"))
                    for number in range(sent, sent + burst):
                        check_equal(int.from_bytes(receiver.recv(16), "big"), number, "datagram")
                    sent += burst
                check_equal(process.returncode, 0, "exit of apply")
        check(sent > rounds * burst, "nothing was sent")
        check_equal(lab.status()["policy"]["revision"], rounds + 1, "revision")
        lost = {name: n for name, n in lab.exits().items()
                if n and name not in ("session-allow", "rule-allow", "arp", "neighbour-discovery")}
        check_equal(lost, {}, "exits that should not be")


def test_show_prints_what_is_in_force():
    with Lab() as lab:
        lab.attach()
        lab.write("list.txt", "10.9.9.0/24\n")
        said = apply(lab, POLICY + "  - {id: last, from: far, action: deny}\n"
                     "groups: {far: {file: list.txt}}\n").json
        shown = lab.xdpseg("policy", "show").json
        check_equal({key: shown[key] for key in ("name", "revision", "hash", "observe")},
                    {key: said[key] for key in ("name", "revision", "hash", "observe")}, "show")
        check("10.9.9.0/24" in shown["text"] and "last" in shown["text"],
              f"shown: {shown['text']}")
        done = subprocess.run(lab.command("policy", "show"), capture_output=True, text=True,
                              check=False)
        check_equal(done.stdout, shown["text"], "for people")
        lab.write("shown.yaml", done.stdout)
        lab.xdpseg("policy", "check", f"{lab.dir}/shown.yaml")


def second():
    return POLICY.replace("name: lab", "name: second").replace("8080", "8081")


def test_trial_that_is_not_confirmed_goes_back():
    with Lab() as lab:
        lab.merged = True
        lab.listener(4, 8081)
        lab.attach()
        said = apply(lab, second(), confirm="1s")
        check_equal((said["name"], said["confirm_s"] in (1, 2)), ("second", True), "reply")
        check(connects(lab, 4, 8081), "8081 is shut during the trial")
        until("the way back", lambda: lab.status()["policy"]["name"] == "lab")
        check("confirm_s" not in lab.status()["policy"], "still on trial")
        check(not connects(lab, 4, 8081), "8081 is open after the trial")
        lab.xdpseg("policy", "confirm", code=EXIT_FAILED)


def test_trial_that_is_confirmed_stays():
    with Lab() as lab:
        lab.attach()
        apply(lab, second(), confirm="1h")
        check_equal(lab.xdpseg("policy", "confirm").json["name"], "second", "confirmed")
        check("confirm_s" not in lab.status()["policy"], "still on trial")
        check_equal(lab.xdpseg("policy", "rollback").json["name"], "lab", "rolled back")
        check_equal(lab.xdpseg("policy", "rollback").json["name"], "second", "and forth")


def test_trials_on_top_of_each_other_go_back_to_the_first():
    with Lab() as lab:
        lab.attach()
        apply(lab, second(), confirm="1h")
        apply(lab, POLICY.replace("name: lab", "name: third"), confirm="1s")
        until("the way back", lambda: lab.status()["policy"]["name"] == "lab")


def test_an_apply_ends_the_trial():
    with Lab() as lab:
        lab.attach()
        apply(lab, second(), confirm="1h")
        said = apply(lab, POLICY.replace("name: lab", "name: third")).json
        check("confirm_s" not in said, "still on trial")
        check_equal(lab.xdpseg("policy", "rollback").json["name"], "second", "rolled back")


def test_no_way_back_where_there_was_nothing():
    with Lab() as lab:
        lab.attach()
        failure = lab.xdpseg("policy", "rollback", code=EXIT_FAILED).failure
        check("apply" in failure["mend"], f"mend: {failure['mend']!r}")
    with Lab() as lab:
        lab.observing = True
        lab.xdpseg("attach", IFACE)
        path = lab.write("applied.yaml", POLICY)
        failure = lab.xdpseg("policy", "apply", path, "--confirm", "1m", code=EXIT_FAILED).failure
        check("--confirm" in failure["mend"], f"mend: {failure['mend']!r}")
        check_equal(lab.status()["policy"], None, "policy")
        lab.xdpseg("policy", "apply", path, "--confirm", "soon", code=2)
