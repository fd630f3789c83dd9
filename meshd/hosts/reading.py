"""What is published, read from the store: all of it at first, then what has changed since."""

from __future__ import annotations

from typing import TypeVar

from twisted.logger import Logger

from meshd.accounts.published import reading, served
from meshd.accounts.published.rows import Row
from meshd.store.interface import Store
from meshd.values.published import (
    AccessList,
    Certificate,
    DeadHost,
    PortForward,
    ProxyHost,
    Published,
    Redirection,
    Resource,
    Stream,
)

AT_ONCE = 500
"""Rows of one question to the store."""

T = TypeVar("T")

log = Logger()


class Reader:
    """Remembers what was read, by id."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._revision = 0
        self._resources: dict[int, Resource] = {}

    async def newer(self, known: Published) -> Published:
        """What is published now; `known` itself where nothing has changed.  Raises: StoreError."""
        changed = await self._catch_up()
        challenges = tuple(await self._store.run(reading.challenges))
        if not changed and challenges == known.challenges:
            return known
        return Published(
            hosts=(*self._all(ProxyHost), *self._all(Redirection), *self._all(DeadHost)),
            streams=self._all(Stream),
            forwards=self._all(PortForward),
            lists=self._all(AccessList),
            certificates=self._all(Certificate),
            challenges=challenges,
        )

    async def _catch_up(self) -> bool:
        """Read what has changed since the last call; whether anything has.  Raises: StoreError."""
        revision, resources, changed = self._revision, dict(self._resources), False
        while True:
            news = await self._store.run(reading.newer, revision, AT_ONCE)
            if news.lost:
                revision, resources, changed = 0, {}, True
                continue
            for row in news.rows:
                changed = True
                resource = _served(row)
                if resource is None:
                    resources.pop(row.id, None)
                else:
                    resources[row.id] = resource
            revision = news.revision
            if not news.more:
                break
        self._revision, self._resources = revision, resources
        return changed

    def _all(self, kind: type[T]) -> tuple[T, ...]:
        return tuple(each for _, each in sorted(self._resources.items()) if isinstance(each, kind))


def _served(row: Row) -> Resource | None:
    """What is served by a row; None for one that cannot be read, which another version of meshd has written."""
    try:
        return served.resource(row)
    except (ValueError, KeyError, TypeError) as error:
        log.error("{kind} {id} cannot be read and is not served: {error}", kind=row.kind, id=row.id, error=repr(error))
        return None
