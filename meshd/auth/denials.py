"""Who was refused not long ago, so that the same need not be asked again: neither the store nor the slow hash."""

from __future__ import annotations

from collections.abc import Callable

from meshd.auth.failures import Failures
from meshd.auth.identity import Key
from meshd.auth.policy import INVALID, REQUIRED
from meshd.auth.question import Asked
from meshd.auth.recent import Recent
from meshd.auth.verify import Verifier
from meshd.model import Refusal

NO_LIFE = 10.0
"""Seconds for which a "no" is remembered; a change of any account ends it before."""
MOST_NO = 10_000


class Denials:
    """Wrong credentials by their fields, and by what they guess; addresses that are nobody's."""

    def __init__(self, verifier: Verifier, failures: Failures, seconds: Callable[[], float]) -> None:
        """seconds: the monotonic clock."""
        self._verifier = verifier
        self._failures = failures
        self._seconds = seconds
        self._wrong: Recent[Key, Refusal] = Recent(MOST_NO, NO_LIFE)
        self._strangers: Recent[str, Refusal] = Recent(MOST_NO, NO_LIFE)

    def wrong(self, question: Asked) -> Refusal | None:
        """The "no" to this very field."""
        return self._wrong.fresh(question.key, self._seconds())

    def counted(self, question: Asked) -> Refusal | None:
        """The "no" to what was found wrong, under whatever selection, if it need not be counted again."""
        wrong, guess = self.wrong(question), self._verifier.guess(question)
        if wrong is None and self._verifier.one_account(question):
            wrong = self._wrong.fresh(guess, self._seconds())
        return wrong if wrong is not None and self._failures.counted(question, guess) else None

    def stranger(self, peer: str) -> Refusal | None:
        return self._strangers.fresh(peer, self._seconds())

    def was_stranger(self, peer: str, span: float) -> bool:
        """Whether it was nobody's within that span, changes or not."""
        return self._strangers.within(peer, self._seconds(), span) is not None

    def note(self, key: Key, question: Asked | None, refusal: Refusal) -> None:
        """What came of it; only what would come of it again is remembered."""
        if refusal == INVALID and question is not None:
            self._wrong.add(key, self._seconds(), refusal)
            if question.once and self._verifier.one_account(question):
                self._wrong.add(self._verifier.guess(question), self._seconds(), refusal)
        elif refusal == REQUIRED and isinstance(key, str):
            self._strangers.add(key, self._seconds(), refusal)

    def doubt(self) -> None:
        """An account has changed: perhaps some are let in now."""
        self._wrong.doubt()
        self._strangers.doubt()
