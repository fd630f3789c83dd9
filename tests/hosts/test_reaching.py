"""A connection to an upstream by TLS, for which another descriptor stands than the one that has connected."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.reaching import reach
from meshd.sockets.race import DialError, Dialled
from meshd.sockets.task import Task
from meshd.values.published import Upstream
from tests.passing.hand import Hand, take_no_more

UPSTREAM = Upstream("127.0.0.1", 443)


class ReachTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hand = Hand(self)
        self.failed: list[BaseException | None] = []
        ours, self.theirs = socket.socketpair()
        self.theirs.settimeout(60)
        self.addCleanup(self.theirs.close)
        self.given: int | None = ours.detach()

    async def dial(self, upstream: Upstream) -> Dialled:
        with socket.socket() as sock:
            self.hand.poller.hold(fd := sock.detach())
        return Dialled(fd, upstream.host, "", False)

    async def secure(self, fd: int, name: str) -> int | None:
        os.close(fd)
        return self.given

    def reach(self) -> None:
        plane: Any = SimpleNamespace(dialler=self, poller=self.hand.poller, secure=self.secure)

        async def reaching() -> None:
            dialled = await reach(plane, "https", UPSTREAM)
            self.assertEqual((dialled.fd, dialled.readable), (self.given, True))

        Task(reaching(), self.failed.append).resume()

    def reason(self) -> str:
        """Why it could not be reached."""
        self.reach()
        (error,) = self.failed
        assert isinstance(error, DialError), error
        return error.refusal.reason

    def test_what_stands_for_it(self) -> None:
        """Is registered, for whoever takes it over."""
        self.reach()
        self.assertEqual((self.failed, len(self.hand.poller)), ([None], 1))
        self.hand.close()

    def test_no_tls(self) -> None:
        os.close(self.given or 0)
        self.given = None
        self.assertEqual((self.reason(), len(self.hand.poller)), ("tls-failed", 0))

    def test_epoll_takes_no_more(self) -> None:
        """What stands for it is closed."""
        take_no_more(self, lambda fd: fd == self.given)
        self.assertEqual((self.reason(), len(self.hand.poller)), ("overloaded", 0))
        self.assertEqual(self.theirs.recv(1), b"")
