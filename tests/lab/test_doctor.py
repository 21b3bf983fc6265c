# SPDX-License-Identifier: BSD-2-Clause
"""xdpseg doctor: what it finds on interfaces that are as they should be, and on others."""
import json
import subprocess

from lab import IFACE, XDPSEG, Lab
from system import check, check_equal

LEVELS = ["ok", "note", "warning", "error"]

# Programs that pass everything, as `ip` and `tc` load them.
PASS = """\
__attribute__((section("xdp"), used)) int foreign(void *ctx) { return 2; }
__attribute__((section("tc"), used)) int shaper(void *ctx) { return -1; }
char licence[] __attribute__((section("license"), used)) = "GPL";
"""


def doctor(lab, *argv, code=0):
    """{(subject, check): finding}, the worst of each; the answer's shape is looked at by the way."""
    answer = lab.xdpseg("doctor", *argv, code=code).json
    check_equal(sorted(answer), ["findings", "worst"], "members")
    worst = {}
    for finding in answer["findings"]:
        check_equal(sorted(finding), ["check", "level", "mend", "subject", "what"], "a finding")
        key, level = (finding["subject"], finding["check"]), LEVELS.index(finding["level"])
        if key not in worst or level > LEVELS.index(worst[key]["level"]):
            worst[key] = finding
    check_equal(LEVELS.index(answer["worst"]),
                max(LEVELS.index(finding["level"]) for finding in worst.values()), "worst")
    return worst


def expect(found, subject, name, level, *words):
    finding = found[subject, name]
    check_equal(finding["level"], level, f"{finding}")
    for word in words:
        check(word in finding["what"] + finding["mend"], f"{word!r} is not in {finding}")


def compile_pass(lab):
    source, code = lab.write("pass.c", PASS), f"{lab.dir}/pass.o"
    subprocess.run(["clang", "-O2", "-target", "bpf", "-c", source, "-o", code], check=True)
    return code


def without_root(lab, *argv):
    """What nobody's user is told, for whom nothing may be an error."""
    done = subprocess.run(lab.server.command(
        "setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps=-all", XDPSEG, "--json",
        "--runtime-dir", lab.runtime, "doctor", *argv), capture_output=True, text=True, check=False)
    check_equal(done.returncode, 0, f"exit, {done.stderr}")
    return json.loads(done.stdout)["findings"]


def test_healthy():
    with Lab() as lab:
        found = doctor(lab)
        check(not any(subject == "lo" for subject, _ in found), "loopback was looked at")
        for name in ("link", "native-xdp", "mtu", "queues", "xdp-hook"):
            expect(found, IFACE, name, "ok")
        expect(found, "daemon", "daemon", "ok", "nothing is attached")


def test_attached():
    with Lab() as lab:
        lab.attach()
        without_root(lab, IFACE)
        found = doctor(lab)
        check_equal({subject for subject, _ in found}, {"kernel", "host", IFACE, "daemon"},
                    "subjects, without xdpseg's own pairs")
        expect(found, IFACE, "xdp-hook", "ok", "is attached")
        check((IFACE, "tc-hook") not in found, "xdpseg's own tc programs are foreign")
        expect(found, "daemon", "policy", "ok", "lab")


def test_other_instance():
    with Lab() as lab:
        lab.attach()
        argv = lab.server.command(XDPSEG, "--runtime-dir", f"{lab.dir}/other", "--json", "doctor",
                                  IFACE)
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        check_equal(done.returncode, 1, "exit")
        check("another xdpseg" in done.stdout, done.stdout)


def test_foreign_programs():
    with Lab() as lab:
        code = compile_pass(lab)
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.server.ip("link", "set", "d0", "xdp", "obj", code, "sec", "xdp")
        lab.server.run("tc", "qdisc", "add", "dev", "d0", "clsact")
        lab.server.run("tc", "filter", "add", "dev", "d0", "egress", "bpf", "da", "obj", code,
                       "sec", "tc")
        found = doctor(lab, "d0", code=1)
        expect(found, "d0", "xdp-hook", "error", "foreign", "ip link set dev d0 xdp off")
        expect(found, "d0", "tc-hook", "note", "egress", "stays")
        lab.server.ip("link", "set", "d0", "xdp", "off")
        expect(doctor(lab, "d0"), "d0", "xdp-hook", "ok")
        lab.server.ip("link", "del", "d0")


def test_mtu_mend_works():
    with Lab(mtu=9000) as lab:
        found = doctor(lab, code=1)
        expect(found, IFACE, "mtu", "error", "9000")
        argv = found[IFACE, "mtu"]["mend"].split()
        check_equal(argv[:4], ["ip", "link", "set", IFACE], "mend")
        lab.server.run(*argv)
        lab.retake()
        expect(doctor(lab), IFACE, "mtu", "ok")
        lab.attach()


def test_down_and_missing():
    with Lab() as lab:
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        check(("d0", "link") not in doctor(lab), "what is down is looked at without its name")
        expect(doctor(lab, "d0"), "d0", "link", "note", "ip link set d0 up")
        lab.server.ip("link", "set", "d0", "up")
        expect(doctor(lab, "d0"), "d0", "link", "note", "carrier")
        lab.server.ip("link", "del", "d0")
        expect(doctor(lab, "d0", IFACE, code=1), "d0", "interface", "error", "ip link")


def test_bridge_port_and_big_tcp():
    with Lab() as lab:
        lab.server.ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
        lab.server.ip("link", "add", "br0", "type", "bridge")
        lab.server.ip("link", "set", "d0", "master", "br0")
        expect(doctor(lab, "d0"), "d0", "master", "warning", "br0")
        lab.server.ip("link", "set", "d0", "gso_max_size", "131072")
        expect(doctor(lab, "d0", code=1), "d0", "big-tcp", "error", "131072")
        lab.server.ip("link", "del", "d0")
        lab.server.ip("link", "del", "br0")


def test_without_root():
    with Lab() as lab:
        said = [finding for finding in without_root(lab, IFACE)
                if finding["check"] == "privilege"]
        check_equal([finding["level"] for finding in said], ["note", "note"], "privilege")
        check("CAP_BPF" in said[0]["what"], f"{said}")
        check("root" in said[1]["mend"], f"{said}")


def test_daemon_that_died():
    with Lab() as lab:
        lab.attach()
        lab.kill_all()
        found = doctor(lab, IFACE, code=1)
        expect(found, "daemon", "leftover", "error", "xdpseg attach IFACE")
        expect(found, IFACE, "xdp-hook", "note", "died")
        lab.attach()  # the mend
        check(("daemon", "leftover") not in doctor(lab), "a daemon that lives is no leftover")
