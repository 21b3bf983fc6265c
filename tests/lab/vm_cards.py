# SPDX-License-Identifier: BSD-2-Clause
"""The lab between two network cards instead of a veth: what their drivers make of it."""
import test_connect
import test_frames
import test_worker
from lab import IFACE, POLICY, Lab, use_cards
from system import check, check_equal

# What tells drivers apart: first packets and their return, metadata, headroom, bad frames, loss.
CHOSEN = (test_connect.test_connects_ipv4, test_connect.test_ping,
          test_connect.test_the_hosts_own_connections,
          test_frames.test_bad_frames_are_counted_under_their_reasons,
          test_frames.test_good_frames_pass, test_worker.test_hanging_worker_is_replaced,
          test_worker.test_on_worker_loss_sessions)


def between(driver, function):
    def test():
        use_cards(driver)
        function()
    return test


for chosen in CHOSEN:
    globals()[f"test_virtio_net_{chosen.__name__[5:]}"] = between("virtio_net", chosen)


def check_mode(driver, mode):
    use_cards(driver)
    with Lab() as lab:
        lab.attach()
        iface = lab.status()["interfaces"][IFACE]
        check_equal(iface["mode"], mode, f"{driver}: mode")
        check_equal({queue["xsk"] for queue in iface["queues"]}, {"copy"}, "AF_XDP sockets")


def test_virtio_net_is_native():
    check_mode("virtio_net", "native")


def test_vmxnet3_is_native_or_says_why_not():
    """Native from Linux 6.6 on; before, generic, and status says why."""
    use_cards("vmxnet3")
    with Lab() as lab:
        lab.attach()
        iface = lab.iface()
        if lab.kernel() >= (6, 6):
            check_equal((iface["mode"], iface.get("mode_why")), ("native", None), "mode, and why")
        else:
            check_equal(iface["mode"], "generic", "mode")
            check("refused native mode" in iface["mode_why"], f"why: {iface['mode_why']!r}")
        lab.client.run("ping", "-c", "1", "-W", "5", "10.77.0.2")
