# SPDX-License-Identifier: BSD-2-Clause
"""Installed, in a DESTDIR: each thing is in its place, they find each other, and uninstall takes all."""
import contextlib
import json
import os
import re
import stat

from lab import BUILD, IFACE, POLICY, Lab
from system import check, check_equal, descendants, run, until

# What must be there, by the build's options; everything else has to be in one of these folders.
PROGRAMS = {"bindir": "xdpseg", "sbindir": "xdpsegd", "libexecdir": "xdpseg/xdpseg-worker"}
DATA = ["{mandir}/man1/xdpseg.1", "{mandir}/man5/xdpseg-policy.5", "{mandir}/man8/xdpsegd.8",
        "{datadir}/xdpseg/policy.schema.json", "{datadir}/doc/xdpseg/README.md",
        "{datadir}/doc/xdpseg/examples/edge.yaml", "lib/systemd/system/xdpsegd.service",
        "lib/systemd/system/xdpseg@.service", "lib/sysusers.d/xdpseg.conf"]
FOLDERS = [r"{mandir}/man\d/", "{datadir}/xdpseg/", "{datadir}/doc/xdpseg/", "{datadir}/bash-completion/",
           "{datadir}/zsh/", "{datadir}/fish/", "lib/systemd/system/", r"lib/sysusers\.d/"]


def options():
    """The build's, as far as they are folders, and its prefix."""
    found = {entry["name"]: entry["value"]
             for entry in json.loads(run("meson", "introspect", "--buildoptions", BUILD))}
    return {name: found[name] for name in
            ("prefix", "bindir", "sbindir", "libexecdir", "mandir", "datadir")}


def tree(root):
    """{path below it: type and mode} of everything there."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = stat.filemode(os.lstat(path).st_mode)
    return found


def check_places(files, places):
    """Each file is where such files belong, and may do what such files may."""
    programs = {f"{places[folder]}/{name}" for folder, name in PROGRAMS.items()}
    data = {name.format(**places) for name in DATA}
    missing = (programs | data) - files.keys()
    check(not missing, f"not installed: {sorted(missing)}")
    folders = "|".join(folder.format(**places) for folder in FOLDERS)
    for name, mode in files.items():
        check_equal(mode, "-rwxr-xr-x" if name in programs else "-rw-r--r--", f"mode of {name}")
        check(name in programs or re.match(folders, name), f"{name} is in nobody's place")


def executables(prefix):
    """What runs here out of the installed tree."""
    found = set()
    for pid in descendants(os.getpid()):
        with contextlib.suppress(FileNotFoundError):  # it ended
            found.add(os.path.relpath(os.readlink(f"/proc/{pid}/exe"), prefix))
    return found


def uninstall():
    """What `ninja uninstall` runs: it would first make anew what another machine has configured."""
    run("sh", "-c", f"cd {BUILD} && {run('ninja', '-C', BUILD, '-t', 'commands', 'uninstall')}")


def test_install_and_uninstall():
    places = options()
    with Lab() as lab:
        root = f"{lab.dir}/root"
        prefix = root + places["prefix"]
        os.makedirs(f"{prefix}/{places['bindir']}")
        with open(f"{prefix}/{places['bindir']}/other", "w", encoding="ascii"):
            pass  # of somebody else, who keeps it, and its folder
        before = tree(root)
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root)
        try:
            installed = {name: mode for name, mode in tree(prefix).items()
                         if mode[0] != "d" and not name.endswith("/other")}
            check_places(installed, places)
            client = f"{prefix}/{places['bindir']}/xdpseg"
            argv = lab.server.command(client, "--runtime-dir", lab.runtime)
            run(*argv, "attach", IFACE, "--policy", lab.write("policy.yaml", POLICY))
            # The daemon, its spawner and a worker: no program of the build. Before Linux 6.4 a
            # worker inherits its rings, and is a fork of the spawner.
            programs = {f"{places['sbindir']}/xdpsegd"}
            if lab.kernel() >= (6, 4):
                programs.add(f"{places['libexecdir']}/xdpseg/xdpseg-worker")
            until("these programs alone to run", lambda: executables(prefix) == programs)
            run(*argv, "detach", "--all")
        finally:
            uninstall()
        check_equal(tree(root), before, "after uninstall")
