"""The time that each phase of a request may take: one timer, which the next phase sets anew."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

CONNECT, HANDSHAKE, ANSWER = 5.0, 10.0, 15.0
"""Seconds for each."""


class Deadline:
    """Cancels what it follows when a phase takes too long, and knows why."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._call: IDelayedCall | None = None
        self._followed: Deferred[Any] | None = None
        self._ended = False
        self.why = ""
        """The phase that took too long, in words; "" for none."""

    def follow(self, asking: Deferred[Any]) -> None:
        """Cancel this one."""
        self._followed = asking

    def connecting(self) -> None:
        self._begin(CONNECT, "no connection")

    def handshaking(self) -> None:
        self._begin(HANDSHAKE, "no end of the TLS handshake")

    def asking(self) -> None:
        self._begin(ANSWER, "no answer")

    def end(self) -> None:
        """Nothing is late any more, whatever comes."""
        self._ended = True
        self._cancel()

    def _begin(self, seconds: float, text: str) -> None:
        self._cancel()
        if not self._ended:
            self._call = self._clock.callLater(seconds, self._fire, f"{text} within {seconds:g} s")

    def _cancel(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _fire(self, why: str) -> None:
        self._call = None
        self.why = why
        if self._followed is not None:
            self._followed.cancel()
