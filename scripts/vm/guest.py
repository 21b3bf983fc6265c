# SPDX-License-Identifier: BSD-2-Clause
"""What guests of QEMU are made of: machines, cards, first file systems, the kernel's complaints."""
import contextlib
import ctypes
import dataclasses
import lzma
import mmap
import os
import re
import shutil
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


@dataclasses.dataclass
class Machine:
    options: str
    console: str
    bus: str = "pci"
    share: str = "virtiofs"  # speaks the guest's byte order, which the daemon has not got: or 9p


# erms, fsrm: instructions for strings that are slow here.
MACHINES = {
    "amd64": Machine("-M q35,memory-backend=memory -cpu max,erms=off,fsrm=off", "ttyS0"),
    "arm64": Machine("-M virt,memory-backend=memory -cpu neoverse-n1", "ttyAMA0"),
    "s390x": Machine("-M s390-ccw-virtio,memory-backend=memory -cpu max",
                     "ttysclp0", "ccw", "9p"),
}
NATIVE = "amd64"

# No processor here has what the mitigations are against; a grace period is not waited for, but made.
QUICK = "mitigations=off rcupdate.rcu_expedited=1"

COMPLAINT = re.compile(r"WARNING: |BUG: |Oops|Kernel panic|blocked for more than|"
                       r"general protection fault|Unable to handle kernel|Out of memory: Killed")
LINES_AROUND = 30

NIC = ("-netdev hubport,id=n{cable}{end},hubid={cable} "
       "-device {model},netdev=n{cable}{end},mac=52:54:00:77:0{cable}:0{end} ")


class Wrong(Exception):
    """What stops the guest, for its user."""


def output(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


# --- the kernel and its first file system ------------------------------------------------

def find_kernel(series, arch=NATIVE):
    """The folder of Debian's newest kernel of a series."""
    return output(f"{HERE}/kernel", series, arch).strip()


def kernel_version(kernel):
    return os.listdir(f"{kernel}/lib/modules")[0]


def module_files(kernel, modules):
    """Their paths and those of what they need, in the order of loading."""
    found = {}
    for module in modules:
        listed = output("modprobe", "-S", kernel_version(kernel), "-d", kernel, "--show-depends", module)
        for line in listed.splitlines():
            if line.startswith("insmod "):
                found[line.split()[1]] = None
    return list(found)


def copy_module(path, target):
    """Plain: busybox's insmod knows no compression."""
    opened = lzma.open if path.endswith(".xz") else open
    with opened(path, "rb") as file, open(target, "wb") as out:
        shutil.copyfileobj(file, out)


def make_initramfs(folder, kernel, modules, texts, busybox="/bin/busybox"):
    """Its path: busybox, init, modules, and files of these names and texts."""
    tree = f"{folder}/initramfs"
    os.makedirs(f"{tree}/bin")
    os.makedirs(f"{tree}/modules")
    shutil.copy(busybox, f"{tree}/bin/busybox")
    shutil.copy(f"{HERE}/init", f"{tree}/init")
    for number, path in enumerate(module_files(kernel, modules)):
        copy_module(path, f"{tree}/modules/{number:02}-{os.path.basename(path).split('.')[0]}.ko")
    for name, text in texts.items():
        with open(f"{tree}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    with open(f"{folder}/initramfs.cpio", "wb") as out:
        names = "\n".join(os.path.relpath(os.path.join(where, name), tree)
                          for where, folders, files in os.walk(tree) for name in folders + files)
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=tree, input=names.encode(),
                       stdout=out, check=True)
    return out.name


def qemu_words(arch, memory, console, nics=(), cpus=2):
    """A machine that QEMU emulates, without a disk or a kernel."""
    words = f"""{output(f"{HERE}/qemu", arch).strip()} {MACHINES[arch].options} -accel tcg,thread=multi
        -smp {cpus} -m {memory} -object memory-backend-memfd,id=memory,size={memory},share=on
        -nodefaults -no-user-config -display none
        -device virtio-serial-{MACHINES[arch].bus} -serial file:{console}""".split()
    for cable, model in enumerate(nics):
        for end in (1, 2):
            words += NIC.format(cable=cable, end=end, model=model).split()
    return words


def boot_words(arch, kernel, initramfs):
    return ["-kernel", f"{kernel}/boot/vmlinuz-{kernel_version(kernel)}", "-initrd", initramfs, "-append",
            f"console={MACHINES[arch].console} panic=-1 net.ifnames=0 {QUICK} {clock_words(arch)}"]


# --- the guest's clock -------------------------------------------------------------------

RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")  # rdtsc; shl rdx, 32; or rax, rdx; ret


def tsc_khz():
    """How fast this processor counts, which the emulated one's instruction returns."""
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as memory:
        memory.write(RDTSC)
        place = ctypes.c_char.from_buffer(memory)
        count = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(place))
        ticks, begun = count(), time.monotonic_ns()
        time.sleep(0.1)
        khz = (count() - ticks) * 1000000 // (time.monotonic_ns() - begun)
        del count, place
    return khz


def clock_words(arch):
    """Where nothing is said, the kernel measures that clock beside an emulated one, finds it wrong,
    and takes one that is a device, at every look."""
    if arch != "amd64" or os.uname().machine != "x86_64":
        return ""
    return f"tsc=reliable clocksource=tsc tsc_early_khz={tsc_khz()}"


# --- processes -----------------------------------------------------------------------

@contextlib.contextmanager
def process(name, argv, log, pass_on=None):
    """It ends with the block; `pass_on` is given its standard output, in a thread of its own.
    Its standard input stays open: QEMU's port would close with it."""
    with open(log, "wb") as file:
        child = subprocess.Popen(argv, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE if pass_on else file, stderr=file)
    copier = threading.Thread(target=pass_on, args=(child.stdout,)) if pass_on else None
    if copier:
        copier.start()
    try:
        yield child
    except Wrong as wrong:
        with open(log, encoding="utf-8", errors="replace") as file:
            raise Wrong(f"{wrong}\n{name} says: {file.read().strip()}") from wrong
    finally:
        child.kill()
        child.wait()
        if copier:
            copier.join()


# --- what the kernel said ------------------------------------------------------------

def console_lines(console):
    with open(console, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def complaints(lines):
    """The log's part around the first complaint."""
    for number, line in enumerate(lines):
        if COMPLAINT.search(line):
            return lines[max(0, number - 2):number + LINES_AROUND]
    return []
