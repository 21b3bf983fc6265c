# SPDX-License-Identifier: BSD-2-Clause
"""policy patch, history and diff: one rule changed in force, and what is known of it later."""
import json
import os
import subprocess
import time

from lab import OPEN_TCP, POLICY, Lab
from system import check, check_equal, until
from test_policy import apply, connects, in_force

EXIT_FAILED, EXIT_USAGE = 1, 2


def rules(lab):
    text = lab.xdpseg("policy", "show").json["text"]
    return [line.split("id: ")[1].split(",")[0] for line in text.splitlines() if "- {" in line]


def history(lab):
    return lab.xdpseg("policy", "history").json["revisions"]


def test_a_rule_is_added_moved_changed_removed():
    with Lab() as lab:
        lab.merged = True
        lab.listener(4, 8081)
        lab.attach()
        had = rules(lab)
        check(not connects(lab, 4, 8081), "8081 is open")
        said = lab.xdpseg("policy", "patch", "{id: more, service: tcp/8081, action: allow}").json
        check_equal((said["revision"], said["rules"], said["changed"]), (2, len(had) + 1, True),
                    "reply")
        check_equal(rules(lab), had + ["more"], "rules")
        check(connects(lab, 4, 8081), "8081 is shut")
        lab.xdpseg("policy", "patch", "{id: more, service: tcp/8081, action: deny}", "--before",
                   had[0])
        check_equal(rules(lab), ["more"] + had, "rules, moved")
        check(not connects(lab, 4, 8081), "8081 is open again")
        lab.xdpseg("policy", "patch", "{id: more, service: tcp/8082, action: allow}")
        check_equal(rules(lab), ["more"] + had, "rules, changed")
        lab.xdpseg("policy", "patch", "--remove", "more")
        check_equal(rules(lab), had, "rules, removed")


def own_text(lab):
    done = subprocess.run(["curl", "-s", "--unix-socket", f"{lab.runtime}/control.sock",
                           "http://x/v1/policy"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["policy"]["source"]["text"]


def test_the_daemon_changes_the_line_alone():
    with Lab() as lab:
        lab.attach()
        written = POLICY.replace("rules:\n", "# why\nrules:\n")
        apply(lab, written)
        lab.xdpseg("policy", "patch", "{id: more, service: tcp/8081, action: allow}",
                   "--before", "web")
        check_equal(own_text(lab), written.replace(
            "rules:\n", "rules:\n  - {id: more, service: tcp/8081, action: allow}\n"), "text")
        check_equal(history(lab)[-1]["what"], "patch: set more", "what")
        lab.xdpseg("policy", "patch", "--remove", "more")
        check_equal(own_text(lab), written, "text without it")
        check_equal(history(lab)[-1]["what"], "patch: remove more", "what")
        said = lab.xdpseg("policy", "patch", "--remove", "udp", "--confirm", "60s").json
        check(0 < said["confirm_s"] <= 61, f"it is no trial: {said}")
        lab.xdpseg("policy", "rollback")
        check_equal(own_text(lab), written, "text, rolled back")


def test_a_rule_on_two_lines_is_patched_too():
    with Lab() as lab:
        lab.attach()
        apply(lab, POLICY.replace("- {id: web, ", "- {id: web,\n     "))
        lab.xdpseg("policy", "patch", "{id: web, service: tcp/8081, action: allow}")
        check_equal(rules(lab), ["web", "udp", "ping"], "rules")
        check("  - {id: web, service: tcp/8081, action: allow}\n" in own_text(lab), "it is not there")


def test_a_wrong_patch_changes_nothing():
    with Lab() as lab:
        lab.attach()
        before = in_force(lab)
        for wrong, code in ((("{id: x, acton: allow}",), EXIT_FAILED),
                            (("{id: x, to: nobody, action: allow}",), EXIT_FAILED),
                            (("{id: x, action: allow}", "--after", "none"), EXIT_FAILED),
                            (("--remove", "none"), EXIT_FAILED),
                            ((), EXIT_USAGE),
                            (("{id: x, action: allow}", "--remove", "y"), EXIT_USAGE)):
            check(lab.xdpseg("policy", "patch", *wrong, code=code).failure,
                  f"{wrong}: no error")
            check_equal(in_force(lab), before, f"{wrong}: in force")


def test_a_patch_is_refused_where_another_policy_came_in_between():
    with Lab() as lab:
        lab.attach()
        first = lab.status()["policy"]["hash"]
        apply(lab, POLICY.replace("8080", "8082"))
        before = in_force(lab)
        body = f'{{"policy": {{"name": "x", "text": "version: 1", "files": {{}}}}, "replaces": "{first}"}}'
        done = subprocess.run(["curl", "-s", "--unix-socket", f"{lab.runtime}/control.sock",
                               "-d", body, "http://x/v1/policy"], capture_output=True, text=True,
                              check=True)
        check("meanwhile" in done.stdout, f"it said {done.stdout}")
        check_equal(in_force(lab), before, "in force")


def test_history_knows_who_and_what():
    with Lab() as lab:
        start = int(time.time())
        lab.attach()
        apply(lab, POLICY.replace("name: lab", "name: second"))
        lab.xdpseg("policy", "patch", "{id: more, service: tcp/8081, action: allow}")
        lab.xdpseg("policy", "rollback")
        known = history(lab)
        check_equal([(e["revision"], e["name"]) for e in known],
                    [(1, "lab"), (2, "second"), (3, "second"), (4, "second")], "revisions")
        check_equal([e["what"] for e in known],
                    ["attach", f"apply {lab.dir}/applied.yaml", "patch: set more", "rollback"],
                    "what")
        check_equal(known[1]["hash"], known[3]["hash"], "hash of what came back")
        check_equal({e["by"]["uid"] for e in known}, {os.getuid()}, "who")
        check_equal({e["by"]["program"] for e in known}, {"xdpseg"}, "program")
        check(all(start <= e["time"] <= time.time() for e in known), "time")


def test_history_knows_what_was_not_confirmed():
    with Lab() as lab:
        lab.attach()
        apply(lab, POLICY.replace("name: lab", "name: tried"), "1s")
        until("the way back", lambda: lab.status()["policy"]["name"] == "lab")
        last = history(lab)[-1]
        check_equal((last["name"], last["what"], last.get("by")), ("lab", "not confirmed", None),
                    "last entry")


def test_history_is_bounded():
    with Lab() as lab:
        lab.attach()
        for i in range(101):
            lab.xdpseg("policy", "patch",
                       f"{{id: more, service: tcp/{2000 + i}, action: allow}}")
        known = history(lab)
        check_equal((len(known), known[0]["revision"], known[-1]["revision"]), (100, 3, 102),
                    "how many, first, last")


def test_diff_against_what_is_in_force():
    with Lab() as lab:
        lab.attach()
        same = lab.write("same.yaml", POLICY)
        other = lab.write("other.yaml", POLICY.replace(str(OPEN_TCP), "8099"))
        check_equal(lab.xdpseg("policy", "diff", same).json["changes"], [], "the same")
        changes = lab.xdpseg("policy", "diff", other).json["changes"]
        check(changes, "no difference")
        check_equal({(c["before"]["verdict"], c["after"]["verdict"]) for c in changes},
                    {("allow", "deny"), ("deny", "allow")}, "verdicts")
