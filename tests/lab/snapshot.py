# SPDX-License-Identifier: BSD-2-Clause
"""The state of the system that xdpseg must leave as it was.

Other programs use BPF meanwhile, so loaded objects are not compared as a
whole: those that the daemon's processes held are looked for by their ids.
"""
import ctypes
import os
import re

from system import until

LIBBPF = ctypes.CDLL("libbpf.so.1")
BPF_PATH = "/sys/fs/bpf"


def files_below(path):
    return sorted(os.path.join(folder, name) for folder, folders, names in os.walk(path)
                  for name in folders + names)


def links(space):
    """Links of a namespace; what XDP program they have is part of it. That nobody is at the other
    end of one the kernel notes up to a second late."""
    found = space.run_json("ip", "-j", "-d", "link")
    keep = ("ifname", "mtu", "flags", "qdisc", "address", "link_type", "promiscuity", "allmulti")
    for link in found:
        link["flags"] = [flag for flag in link["flags"] if flag != "NO-CARRIER"]
    return [{**{key: link.get(key) for key in keep}, "xdp": "xdp" in link} for link in found]


def take(lab):
    """Links, qdiscs and filters of both namespaces, pins, files, namespaces."""
    state = {"files": files_below(lab.runtime), "pins": files_of_instance(lab)}
    for name, space in {"server": lab.server, "client": lab.client}.items():
        state[f"{name} links"] = links(space)
        state[f"{name} qdiscs"] = space.run_json("tc", "-j", "qdisc")
    state["filters"] = lab.server.run("tc", "filter", "show", "dev", "s0", ok=False)
    return state


def differences(before, after):
    """{what: (before, after)} of what is not the same."""
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def files_of_instance(lab):
    """Pins that name this lab: other instances come and go meanwhile."""
    return [path for path in files_below(BPF_PATH) if lab.name in path]


# --- BPF objects by id ------------------------------------------------------

KINDS = {"prog_id": "prog", "map_id": "map", "link_id": "link"}


def bpf_objects_of(pids):
    """{(kind, id)} of every BPF object that these processes hold a descriptor of."""
    found = set()
    for pid in pids:
        folder = f"/proc/{pid}/fdinfo"
        for name in list_or_none(folder):
            found |= objects_in(f"{folder}/{name}")
    return found


def list_or_none(folder):
    try:
        return os.listdir(folder)
    except (FileNotFoundError, ProcessLookupError):
        return []


def objects_in(path):
    try:
        with open(path, encoding="ascii") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return set()
    pairs = re.findall(r"^(prog_id|map_id|link_id):\s*(\d+)$", text, re.MULTILINE)
    return {(KINDS[key], int(number)) for key, number in pairs if int(number)}


def is_alive(kind, number):
    fd = getattr(LIBBPF, f"bpf_{kind}_get_fd_by_id")(number)
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def alive(objects):
    """Those that the kernel still knows."""
    return {(kind, number) for kind, number in objects if is_alive(kind, number)}


def check_gone(objects):
    """The kernel frees maps after a grace period: wait, but not for ever."""
    until(f"these BPF objects to go: {sorted(objects)}", lambda: not alive(objects), 10)
