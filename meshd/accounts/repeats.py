"""Changes that a client may ask for twice and that are made once: the answer is kept in the change's own transaction.

A client whose connection broke cannot know whether its account was created.  It sends the request again under the same
key, and gets the answer that it missed.  The answer may hold a secret that is shown once, so it is kept encrypted under
a key that only the client's key gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from meshd.accounts.errors import OtherRequest
from meshd.store.statements import repeats as stored
from meshd.store.unit import Unit

T = TypeVar("T")

KEPT = 24 * 3600
"""Seconds for which a request may come again; longer than any client goes on trying."""

SWEPT = 20
"""Old requests that a new one sweeps away: more than one, so that they do not pile up."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """How one request is recognised, and how its answer is kept."""

    key: bytes
    """A digest of the client's key and of who sent it."""
    request: bytes
    """A digest of what is asked for."""
    seal: Callable[[bytes], bytes]
    """Encrypts an answer."""


@dataclass(frozen=True, slots=True)
class Made:
    """The answer to a request, encrypted as it is kept, and whether it was carried out now."""

    sealed: bytes
    now: bool


def once(repeat: Repeat, change: Callable[[], Unit[T]], answer: Callable[[T], bytes], *, now: int) -> Unit[Made]:
    """Make the change and keep its answer, or give the answer that was kept.
    Raises: OtherRequest where the key was used for something else; whatever the change raises, then nothing is kept.
    """
    kept = yield from stored.find(repeat.key)
    if kept is not None:
        if kept.request != repeat.request:
            raise OtherRequest("this key was used for another request within a day; use a new one for each")
        return Made(kept.answer, False)
    yield from stored.sweep(now - KEPT, SWEPT)
    yield from stored.claim(repeat.key, repeat.request, now)
    sealed = repeat.seal(answer((yield from change())))
    yield from stored.answer(repeat.key, sealed)
    return Made(sealed, True)
