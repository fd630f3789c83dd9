"""One try of one notice by letter; by webhook: test_webhook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.mail import smtp
from meshd.notify.queue import LEASE
from meshd.notify.retrying import Outcome
from meshd.notify.sending import LETTER, Sender
from meshd.values.mail import Mail
from meshd.values.notices import Mailbox, Notice

NOTICE = Notice("msg_1", "ban.begun", 1_800_000_000, '{"address":"192.0.2.1"}')


class LetterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.server = Clock(), Deferred[None]()
        self.patch(smtp, "send", self.send)
        mail = Mail(Path("spool"), smtp="mail.example:25", sender="meshd@mesh.example")
        sender = Sender(self.clock, None, lambda: mail, self.clock.seconds)  # type: ignore[arg-type]
        self.trying = Deferred.fromCoroutine(sender(Mailbox("ops@mesh.example"), NOTICE))

    async def send(self, *_: Any) -> None:
        await self.server

    def test_a_server_that_is_slow_is_given_up(self) -> None:
        """Before anybody else takes the notice in hand, however often it answers meanwhile."""
        self.assertLess(LETTER, LEASE)
        self.clock.advance(LETTER)
        why = "the server did not take the letter within 120 s"
        self.assertEqual(self.successResultOf(self.trying), Outcome("again", why))
        self.assertTrue(self.server.called, "the connection is given up")

    def test_given_up(self) -> None:
        """A letter that is cancelled, as by a stop, was not refused by anybody."""
        self.trying.cancel()
        self.failureResultOf(self.trying, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_taken(self) -> None:
        self.server.callback(None)
        self.assertEqual(self.successResultOf(self.trying).verdict, "taken")
        self.assertEqual(self.clock.getDelayedCalls(), [])
