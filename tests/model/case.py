# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the model share."""
import os
import tempfile
import unittest

from build import icmp_packet
from policy import Policy

A, B, C = "10.0.0.1", "10.0.0.2", "192.0.2.7"
A6, B6, C6, L6 = "2001:db8::1", "2001:db8::2", "2001:db8:f::7", "fe80::1"
MS, S = 10**6, 10**9


class Folder(unittest.TestCase):
    """A test that writes files."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def policy(self, text):
        return Policy(self.file("policy.yaml", "version: 1\n" + text))


def quoting(about, kind=(3, 1), rest=bytes(4), to=A, router=C):
    return icmp_packet(router, to, *kind, rest, about)
