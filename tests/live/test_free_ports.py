"""Ports that tests draw."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from tests.support import daemon


class FreePortTests(SynchronousTestCase):
    def test_each_is_drawn_once(self) -> None:
        """And is free, for both kinds."""
        ports = [daemon.free_port(kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM) for _ in range(20)]
        self.assertEqual(len(set(ports)), len(ports))

    def test_where_none_is_left(self) -> None:
        """That is said, and not looked for without end."""
        self.patch(daemon, "_claimed", lambda port: False)
        self.assertRaisesRegex(OSError, "ports are drawn", daemon.free_port)
