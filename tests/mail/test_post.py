"""The queue of letters: in order, again after a while, into the spool at last, and flushed by a stop."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from meshd.mail.letter import Letter
from meshd.mail.post import FLUSH, MOST, PAUSES, Post
from meshd.mail.smtp import Undelivered
from meshd.values.mail import Mail
from tests.web.support import NOON, result

SECRET = "a token in a letter"


class Server:
    """In the place of SMTP: what it was given, and what it answers."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.error: Exception | None = None
        self.hangs: Deferred[None] | None = None

    async def send(self, reactor: object, mail: Mail, to: str, content: bytes) -> None:
        self.got.append(to)
        if self.hangs is not None:
            await self.hangs
        if self.error is not None:
            raise self.error


class PostTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.folder = Path(self.mktemp())
        self.mail = Mail(self.folder, "mail.example:25", "meshd@mesh.example")
        self.server = Server()
        self.count = 0
        self.logged: list[str] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)
        self.post = Post(self.clock, lambda: self.mail, lambda: NOON, self.number, self.server.send)

    def note(self, event: dict) -> None:  # type: ignore[type-arg]
        from twisted.logger import formatEvent

        if event.get("log_namespace", "").startswith("meshd"):
            self.logged.append(formatEvent(event))

    def number(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size, "big")

    def give(self, name: str = "ann") -> bool:
        return self.post.post(Letter(f"{name}@mail.example", "Hello", f"{SECRET}\n"))

    def pass_(self, *seconds: float) -> None:
        for each in seconds:
            self.clock.advance(each)

    def spooled(self) -> list[str]:
        return sorted(os.listdir(self.folder)) if self.folder.exists() else []

    def test_in_order(self) -> None:
        for name in ("ann", "bob", "cy"):
            self.give(name)
        self.assertEqual(self.server.got, [])  # whoever asks waits for no server
        self.pass_(0)
        self.assertEqual(self.server.got, [f"{name}@mail.example" for name in ("ann", "bob", "cy")])
        self.assertEqual((self.clock.getDelayedCalls(), self.spooled()), ([], []))

    def test_without_a_server(self) -> None:
        """Into the folder at once, whole."""
        self.mail = Mail(self.folder)
        self.give()
        self.pass_(0)
        (name,) = self.spooled()
        self.assertIn(SECRET.encode(), (self.folder / name).read_bytes())
        self.assertEqual(self.server.got, [])

    def test_again_after_a_while(self) -> None:
        """As often as there are pauses, then into the spool; and that it works again is said too."""
        self.server.error = Undelivered("the server answered 451")
        self.give()
        self.pass_(0, *PAUSES)
        self.assertEqual(len(self.server.got), 1 + len(PAUSES))
        self.assertEqual((len(self.spooled()), self.clock.getDelayedCalls()), (1, []))
        self.server.error = None
        self.give("bob")
        self.pass_(0)
        self.assertEqual(len(self.spooled()), 1)
        self.assertEqual(len(self.logged), 3)

    def test_not_before_its_time(self) -> None:
        """A new letter is not held up by one that waits, and does not hasten it."""
        self.server.error = Undelivered("the server answered 451")
        self.give()
        self.pass_(0)
        self.server.error = None
        self.give("bob")
        self.pass_(1)
        self.assertEqual(self.server.got, ["ann@mail.example", "bob@mail.example"])
        self.pass_(PAUSES[0] - 2)
        self.assertEqual(len(self.server.got), 2)
        self.pass_(1)
        self.assertEqual(self.server.got[2:], ["ann@mail.example"])

    def test_what_will_never_be_taken(self) -> None:
        self.server.error = Undelivered("the server answered 550", final=True)
        self.give()
        self.pass_(0)
        self.assertEqual((len(self.server.got), len(self.spooled())), (1, 1))

    def test_too_many(self) -> None:
        for _ in range(MOST):
            self.assertTrue(self.give())
        self.assertFalse(self.give())

    def test_a_letter_that_comes_meanwhile(self) -> None:
        """Is sent when the one before has gone."""
        self.server.hangs = Deferred()
        self.give()
        self.pass_(0)
        self.give("bob")
        self.pass_(0)
        self.assertEqual(self.server.got, ["ann@mail.example"])
        hangs, self.server.hangs = self.server.hangs, None
        hangs.callback(None)
        self.pass_(0)
        self.assertEqual(self.server.got, ["ann@mail.example", "bob@mail.example"])

    def test_a_stop_sends_what_waits(self) -> None:
        self.give()
        self.give("bob")
        result(self.post.stop())
        self.assertEqual((len(self.server.got), self.spooled(), self.clock.getDelayedCalls()), (2, [], []))
        self.assertFalse(self.give("cy"))

    def test_a_stop_spools_what_cannot_be_sent(self) -> None:
        self.server.error = Undelivered("the server answered 451")
        self.give()
        self.pass_(0)
        result(self.post.stop())
        self.assertEqual((len(self.spooled()), self.clock.getDelayedCalls()), (1, []))

    def test_a_stop_waits_so_long_and_no_longer(self) -> None:
        """The letter that hangs is in the spool then, with those behind it."""
        self.server.hangs = Deferred()
        self.give()
        self.pass_(0)
        self.give("bob")
        stopped = ensureDeferred(self.post.stop())
        self.assertFalse(stopped.called)
        self.pass_(FLUSH)
        self.successResultOf(stopped)
        self.assertEqual((len(self.spooled()), self.clock.getDelayedCalls()), (2, []))

    def test_nothing_of_a_letter_is_logged(self) -> None:
        self.server.error = Undelivered("the server answered 451")
        self.give()
        self.pass_(0, *PAUSES)
        self.folder.chmod(0)
        self.addCleanup(self.folder.chmod, 0o700)
        self.mail = Mail(self.folder / "absent" / "deep")
        self.give()
        self.pass_(0)
        self.assertGreaterEqual(len(self.logged), 3)
        for line in self.logged:
            self.assertNotIn("mail.example", line)
            self.assertNotIn(SECRET, line)
