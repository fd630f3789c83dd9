"""What is asked and answered in ways that nobody would think of comes out the same: with the native part and in Python
alone, and for a client and an origin that repeat themselves as for those of which no two messages are alike.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.live.conversing import Client, Origin
from tests.live.mutations import Draw
from tests.live.repeating import SETTINGS
from tests.support.daemon import LiveDaemon, until
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
        lines = [self.lines(daemon, client.source, 0) for daemon, _, client in self.clients]
        most = max(map(len, lines))
        lines = [self.lines(daemon, client.source, most) for daemon, _, client in self.clients]
        for place, those in enumerate(zip(*lines, strict=True)):
            self.assertEqual(len(set(those)), 1, f"line {place}: {those}")
        for daemon in self.daemons:
            for name in PEOPLE:
                counted = sum(line["up"] + line["down"] for line in daemon.exchanges() if line["username"] == name)
                until(lambda daemon=daemon, name=name, counted=counted: daemon.total(name) == counted, "a balance")

    def lines(self, daemon: LiveDaemon, source: str, count: int) -> list[tuple[Any, ...]]:
        """What the log says of a client's exchanges, in their order, once it has so many lines of them."""

        def written() -> list[dict[str, Any]] | None:
            found = [line for line in daemon.exchanges() if line["client"] == source]
            return found if len(found) >= max(count, 1) else None

        return [tuple(line.get(fact) for fact in FACTS) for line in until(written, "the lines of all exchanges")]
