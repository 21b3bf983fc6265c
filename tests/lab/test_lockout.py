# SPDX-License-Identifier: BSD-2-Clause
"""No policy locks out who puts it in force, unless they insist: exit 5, and nothing is sent."""
import os

from lab import CLIENT, IFACE, POLICY, SERVER, Lab
from system import check, check_equal

EXIT_PROTECTED = 5
WITHOUT = {name: value for name, value in os.environ.items() if not name.startswith("SSH_")}
SSH = "  - {id: ssh, direction: ingress, service: tcp/22, action: allow}\n"
NO_SSH = "  - {id: no-ssh, direction: ingress, service: tcp/22, action: deny}\n"


def logged_in(client=CLIENT[4], server=SERVER[4]):
    """An environment of a session by SSH."""
    return {**WITHOUT, "SSH_CONNECTION": f"{client} 5000 {server} 22"}


def refused(lab, *argv, says=(), env=None, prefix=()):
    failure = lab.xdpseg(*argv, code=EXIT_PROTECTED, env=env or logged_in(), prefix=prefix).failure
    check_equal(failure["exit"], EXIT_PROTECTED, "exit in the error")
    for word in (f"{CLIENT[4]}:5000", f"{SERVER[4]}:22", IFACE, *says):
        check(word in failure["what"], f"{word!r} is not in {failure['what']!r}")
    for word in (f"failsafe: [tcp/22 from {CLIENT[4]}]", "--force"):
        check(word in failure["mend"], f"{word!r} is not in {failure['mend']!r}")
    return failure


def test_attach_refuses():
    with Lab() as lab:
        path = lab.write("policy.yaml", POLICY + NO_SSH)
        failure = refused(lab, "attach", IFACE, "--policy", path, says=["no-ssh"])
        check_equal((failure["file"], failure["line"]), (path, POLICY.count("\n") + 1), "place")
        check("--confirm" not in failure["mend"], failure["mend"])
        path = lab.write("policy.yaml", POLICY)
        failure = refused(lab, "attach", IFACE, "--policy", path, says=["default for ingress"])
        check_equal(failure["file"], path, "place")
        check(not lab.attached(), "something was sent")


def test_attach_goes_through():
    """By a rule, by insisting, observing, over lo, and without a session."""
    ways = [(POLICY + SSH, [], logged_in()),
            (POLICY, ["--force"], logged_in()),
            (POLICY, ["--observe"], logged_in()),
            (POLICY, [], logged_in("127.0.0.1", "127.0.0.1")),
            (POLICY, [], logged_in(server="203.0.113.1")),
            (POLICY, [], {**WITHOUT, "SSH_CONNECTION": "nonsense"}),
            (POLICY, [], WITHOUT)]
    for policy, options, env in ways:
        with Lab() as lab:
            lab.observing = "--observe" in options
            lab.xdpseg("attach", IFACE, "--policy", lab.write("policy.yaml", policy), *options,
                       env=env)


def test_sudo_drops_the_environment():
    """A parent's has it still."""
    with Lab() as lab:
        shell = ["sh", "-c", 'env -u SSH_CONNECTION "$@"; exit $?', "sh"]
        path = lab.write("policy.yaml", POLICY)
        refused(lab, "attach", IFACE, "--policy", path, prefix=shell)
        check(not lab.attached(), "something was sent")


def test_the_address_of_another_interface():
    """The session comes by the one that its answers are routed by."""
    with Lab() as lab:
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.server.ip("link", "set", "d0", "up")
        lab.server.ip("route", "add", "10.88.0.7/32", "dev", "d0")
        lab.retake()
        path = lab.write("policy.yaml", POLICY + SSH.replace("service", f"iface: {IFACE}, service"))
        failure = lab.xdpseg("attach", "d0", "--policy", path, code=EXIT_PROTECTED,
                             env=logged_in("10.88.0.7")).failure
        check("by d0" in failure["what"], failure["what"])
        lab.xdpseg("attach", "d0", "--policy", path, env=logged_in())
        lab.xdpseg("attach", IFACE, env=logged_in())


def test_apply():
    with Lab() as lab:
        lab.attach(POLICY + SSH)
        bad = lab.write("bad.yaml", POLICY + NO_SSH)
        failure = refused(lab, "policy", "apply", bad, says=["no-ssh"])
        check("--confirm 1m" in failure["mend"], failure["mend"])
        check_equal(lab.status()["policy"]["revision"], 1, "revision")
        lab.xdpseg("policy", "apply", bad, "--confirm", "1m", env=logged_in())
        lab.xdpseg("policy", "rollback", env=logged_in())
        lab.xdpseg("policy", "apply", bad, "--force", env=logged_in())
        check_equal(lab.status()["policy"]["revision"], 4, "revision")
        lab.xdpseg("policy", "rollback", env=logged_in())
        lab.xdpseg("policy", "rollback", env=logged_in())


def test_apply_where_it_only_observes():
    with Lab() as lab:
        lab.observing = True
        lab.attach(POLICY, "--observe")
        lab.xdpseg("policy", "apply", lab.write("bad.yaml", POLICY + NO_SSH), env=logged_in())


def test_the_policy_in_force_on_one_more():
    """Named or not, it is judged where it was not before; what is there already counts with it."""
    with Lab() as lab:
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.server.ip("link", "set", "d0", "up")
        lab.retake()
        lab.xdpseg("attach", "d0", "--policy", lab.write("policy.yaml", POLICY), env=WITHOUT)
        refused(lab, "attach", IFACE, says=["default"])
        lab.xdpseg("attach", IFACE, "--force", env=logged_in())
        lab.xdpseg("detach", "d0")
        bad = lab.write("bad.yaml", POLICY + NO_SSH)
        refused(lab, "attach", "d0", "--policy", bad, says=["no-ssh"])
