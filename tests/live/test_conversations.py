"""What is asked and answered in ways that nobody would think of comes out the same: with the native part and in Python
alone, and for a client and an origin that repeat themselves as for those of which no two messages are alike.
"""

from __future__ import annotations

from itertools import zip_longest
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.live.conversing import Client, Origin
from tests.live.mutations import Draw
from tests.live.repeating import SETTINGS
from tests.support.daemon import LiveDaemon
from tests.threats.support import basic

NUMBERS = range(50)
"""Of the conversations; a number is the seed of one.  Any others can be tried by hand."""

PEOPLE = {"anna": "correct horse", "bert": "battery staple"}
FACTS = ("username", "method", "exit", "status", "reason", "detail", "up", "down")


class ConversationTests(SynchronousTestCase):
    def setUp(self) -> None:
        daemons = [LiveDaemon(self, SETTINGS, environ={"MESHD_NATIVE": native}) for native in "10"]
        for daemon in daemons:
            for name, password in PEOPLE.items():
                daemon.account(name, password)
        self.daemons = daemons
        self.clients = [
            self.client(daemons[0], "127.0.0.2", varies=False),
            self.client(daemons[1], "127.0.0.3", varies=False),
            self.client(daemons[1], "127.0.0.4", varies=True),
        ]

    def client(self, daemon: LiveDaemon, source: str, *, varies: bool) -> tuple[LiveDaemon, Origin, Client]:
        origin = Origin(varies=varies)
        self.addCleanup(origin.close)
        return daemon, origin, Client(daemon, origin, source, varies=varies)

    def test_all_alike(self) -> None:
        """Answers, what the origin was asked, the lines of the log, and the sums in the store."""
        credentials = tuple(basic(name, password).removesuffix(b"\r\n") for name, password in PEOPLE.items())
        for number in NUMBERS:
            steps = Draw(Random(number), number, credentials).steps()
            found = []
            for _, origin, client in self.clients:
                origin.asked = []
                found.append((client.converse(steps), origin.asked))
            for other in found[1:]:
                self.assertEqual(found[0], other, f"conversation {number}")
        for daemon in self.daemons:
            daemon.terminate()  # which writes all lines and sums
        lines = [self.lines(daemon, client.source) for daemon, _, client in self.clients]
        for place, those in enumerate(zip_longest(*lines)):
            self.assertEqual(len(set(those)), 1, f"line {place}: {those}")
        for daemon in self.daemons:
            sums = dict.fromkeys(PEOPLE, 0)
            for line in daemon.exchanges():
                if line["username"] in sums:
                    sums[line["username"]] += line["up"] + line["down"]
            self.assertEqual({name: daemon.total(name) for name in PEOPLE}, sums)

    def lines(self, daemon: LiveDaemon, source: str) -> list[tuple[Any, ...]]:
        """What the log says of a client's exchanges, in their order."""
        return [tuple(line.get(fact) for fact in FACTS) for line in daemon.exchanges() if line["client"] == source]
