"""What the store knows of an account and of the exits, for an explanation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meshd.model import Identity, RestingExit, Token
from meshd.store.statements import exits, identities, tokens
from meshd.store.unit import Unit


class Known(NamedTuple):
    """All of one moment."""

    identity: Identity | None
    token: Token | None
    drained: frozenset[str]
    resting: Sequence[RestingExit]


def known(usernames: Sequence[str], token_id: int | None, now: int) -> Unit[Known]:
    """Of the first account that one of the names is, and of a token, whosever it is."""
    identity = yield from identities.by_usernames(usernames, now)
    token = (yield from tokens.by_id(token_id)) if token_id is not None else None
    drained = yield from exits.names_drained()
    return Known(identity, token, drained, (yield from exits.resting(now)))
