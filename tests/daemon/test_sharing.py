"""Several sockets at one port, among which the kernel shares out clients."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.endpoints import parsed
from meshd.daemon.inherited import Inherited
from meshd.daemon.opening import ListenError
from meshd.daemon.sharing import SharedSocket, open_shared


class SharingTests(SynchronousTestCase):
    def opened(self, text: str, count: int, *, beside: bool = False) -> list[SharedSocket]:
        made = open_shared(parsed(text), count, Inherited(), beside=beside)
        for each in made:
            self.addCleanup(each.close)
            each.listen(64)
        return made

    def test_each_has_clients(self) -> None:
        """And none of them makes anybody wait for it."""
        made = self.opened("tcp:0:interface=127.0.0.1", 3)
        addresses = {each.sock.getsockname() for each in made}
        self.assertEqual(len(addresses), 1)
        clients = [socket.create_connection(addresses.copy().pop()) for _ in range(96)]
        counts = []
        for each in made:
            self.assertFalse(each.sock.getblocking())
            counts.append(sum(1 for _ in iter(lambda: self._accepted(each), False)))  # noqa: B023
        self.assertEqual(sum(counts), 96)
        self.assertGreater(min(counts), 0)
        for client in clients:
            client.close()

    def _accepted(self, each: SharedSocket) -> bool:
        try:
            each.sock.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def test_a_port_that_somebody_has_is_refused(self) -> None:
        """Whether or not it would be shared; and nobody else gets in beside ours unasked."""
        for shares in (0, 1):
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shares)
                other.bind(("127.0.0.1", 0))
                other.listen()
                with self.assertRaisesRegex(ListenError, "in use"):
                    self.opened(f"tcp:{other.getsockname()[1]}:interface=127.0.0.1", 2)
        ours = self.opened("tcp:0:interface=127.0.0.1", 2)
        with socket.socket() as other, self.assertRaises(OSError):
            other.bind(ours[0].sock.getsockname())
