"""Connections through exits on an operator's word."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from meshd.exits.client import ExitClient
from meshd.exits.trial import Trials, Tried
from meshd.topology import Exit
from tests.exits.test_client import DIRECT, Case
from tests.support.daemon import free_port


class TrialTests(Case):
    def try_(
        self, exit_: Exit, port: int, host: str = "127.0.0.1", client: ExitClient | None = None
    ) -> Deferred[Tried]:
        trials = Trials(reactor, client or self.client, lambda: 5.0)  # type: ignore[arg-type]
        return Deferred.fromCoroutine(trials.connect(exit_, "127.0.0.1", port))

    async def test_a_connection(self) -> None:
        """Made, timed, and closed again with nothing said."""
        tried = await self.try_(DIRECT, self.origin.port)
        self.assertEqual(tried.problem, "")
        self.assertGreater(tried.seconds, 0)

    async def test_none(self) -> None:
        """The reason is the exchange log's."""
        self.assertEqual((await self.try_(DIRECT, free_port())).problem, "connection-refused")

    async def test_by_the_rules_for_destinations(self) -> None:
        """What customers may not reach, nobody looks at through here."""
        judged = ExitClient(reactor, self.poller, self.customers)
        self.assertEqual((await self.try_(DIRECT, self.origin.port, client=judged)).problem, "acl-private")

    async def test_an_exit_that_cannot_be_used(self) -> None:
        """A source address that this machine does not have."""
        tried = await self.try_(Exit("rack-9", "local", address="192.0.2.9"), self.origin.port)
        self.assertNotEqual(tried.problem, "")
