"""Who was refused not long ago, so that neither the store nor the slow hash is needed to refuse the same again."""

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
    """Remembers wrong credentials, by their fields and by what they guess, and addresses that are nobody's."""

    def __init__(self, verifier: Verifier, failures: Failures, seconds: Callable[[], float]) -> None:
        """seconds: the monotonic clock."""
        self._verifier = verifier
        self._failures = failures
        self._seconds = seconds
        self._wrong: Recent[Key, Refusal] = Recent(MOST_NO, NO_LIFE)
        self._strangers: Recent[str, Refusal] = Recent(MOST_NO, NO_LIFE)

    def wrong(self, question: Asked) -> Refusal | None:
        """The refusal that is remembered for this very field; None for none."""
        return self._wrong.fresh(question.key, self._seconds())

    def counted(self, question: Asked) -> Refusal | None:
        """The refusal of what was found wrong, under whatever selection, if it need not be counted again; or None."""
        wrong, guess = self.wrong(question), self._verifier.guess(question)
        if wrong is None and self._verifier.one_account(question):
            wrong = self._wrong.fresh(guess, self._seconds())
        return wrong if wrong is not None and self._failures.counted(question, guess) else None

    def stranger(self, peer: str) -> Refusal | None:
        return self._strangers.fresh(peer, self._seconds())

    def was_stranger(self, peer: str, span: float) -> bool:
        """Whether the address was nobody's within the last `span` seconds, even if accounts have changed since."""
        return self._strangers.within(peer, self._seconds(), span) is not None

    def note(self, key: Key, question: Asked | None, refusal: Refusal) -> None:
        """Remember a refusal, if the same question would get it again."""
        if refusal == INVALID and question is not None:
            self._wrong.add(key, self._seconds(), refusal)
            if question.once and self._verifier.one_account(question):
                self._wrong.add(self._verifier.guess(question), self._seconds(), refusal)
        elif refusal == REQUIRED and isinstance(key, str):
            self._strangers.add(key, self._seconds(), refusal)

    def doubt(self) -> None:
        """Trust no remembered refusal any more: an account has changed, and may be let in now."""
        self._wrong.doubt()
        self._strangers.doubt()
