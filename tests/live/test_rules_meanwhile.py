"""Rules that change while a destination's name is looked up hold for what is connected to then."""

from __future__ import annotations

import threading
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin
from tests.threats.support import Names

NAME = "slow.example"


class HeldNames(Names):
    """Answers no question before it is told to."""

    def __init__(self) -> None:
        self.came, self.go = threading.Event(), threading.Event()
        super().__init__()

    def _reply(self, data: bytes, peer: tuple[str, int]) -> None:
        self.came.set()
        self.go.wait(60)
        super()._reply(data, peer)


class MeanwhileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.names = HeldNames()
        self.addCleanup(self.names.go.set)
        self.names.say(NAME, ("127.0.0.1",))
        self.settings = f'[dns]\nservers = ["{self.names.address}"]\n[timeouts]\ndns = 60\n'
        self.daemon = LiveDaemon(self, self.settings)
        self.field = basic("anna", self.daemon.account("anna"))
        self.origin = RecordingOrigin(self)

    def asked(self, line: bytes) -> Raw:
        """Something for which that name is looked up, or another one, of the same account."""
        raw = Raw(self, self.daemon.proxy_port)
        raw.send(b"%b HTTP/1.1\r\nHost: h\r\n%b\r\n" % (line, self.field))
        return raw

    def connect(self, host: str) -> Raw:
        return self.asked(f"CONNECT {host}:{self.origin.port}".encode())

    def get(self, host: str) -> Raw:
        return self.asked(f"GET http://{host}:{self.origin.port}/".encode())

    def refused(self, change: Callable[[], object], reason: bytes) -> None:
        """By the change, that is in force once the daemon refuses what needs no look-up."""
        waiting = [self.connect(NAME), self.get(NAME)]
        self.assertTrue(self.names.came.wait(60))
        change()
        until(lambda: b" 403 " in self.get("127.0.0.1").head(), "the new rules")
        self.origin.forget()
        self.names.go.set()
        for each in waiting:
            head = each.head()
            self.assertTrue(head.startswith(b"HTTP/1.1 403 "), head)
            self.assertIn(reason, head)
        self.assertEqual((self.origin.received, self.origin.requests), (b"", []))

    def test_of_the_account(self) -> None:
        """That had none before."""
        self.refused(lambda: self.daemon.cli("account", "rules", "anna", "--except", "127.0.0.0/8"), b"acl-account")

    def test_of_the_operator(self) -> None:
        denied = f'[destinations]\ndeny_ports = ["{self.origin.port}"]\n'
        self.refused(lambda: self.daemon.reload(self.settings + denied), b"acl-port")
        self.assertEqual(self.origin.connections, [])
