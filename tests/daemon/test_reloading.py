"""A reload that meets a stop."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.listening import Plan
from meshd.daemon.reloading import Reloads


class Crew:
    def __init__(self) -> None:
        self.taken: list[object] = []

    def offered(self, *what: object, part: str) -> object:
        raise AssertionError("it is written in a thread")

    async def take(self, offer: object) -> list[str]:
        self.taken.append(offer)
        return ["worker 1 is replaced: it was slow"]


class HandedOnTests(SynchronousTestCase):
    """Settings on their way to the workers, which are written in a thread."""

    def setUp(self) -> None:
        self.written: Deferred[object] = Deferred()
        self.plane = SimpleNamespace(draining=False)
        watch = SimpleNamespace(in_thread=lambda write: self.written)
        core: Any = SimpleNamespace(plane=self.plane, exit_watch=watch, config=None, part="a")
        self.crew = Crew()
        reloads = Reloads(core, cast(Any, SimpleNamespace(own=None)), cast(Any, self.crew))
        handing = reloads._handed_on(cast(Any, None), Plan([], []))
        self.handed = Deferred.fromCoroutine(handing)

    def test_they_are_handed_on(self) -> None:
        """And what the workers say is said."""
        self.written.callback("offer")
        self.assertEqual(self.successResultOf(self.handed), ["worker 1 is replaced: it was slow"])
        self.assertEqual(self.crew.taken, ["offer"])

    def test_a_stop_meanwhile(self) -> None:
        """They are not: workers that are being stopped would refuse them."""
        self.plane.draining = True
        self.written.callback("offer")
        self.assertEqual((self.successResultOf(self.handed), self.crew.taken), ([], []))
