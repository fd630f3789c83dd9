"""A move while a daemon serves: it goes on with the old store until the new one is equal, and changes over in a moment.

The order is the offline move's, and so are the marks.  Between the copy and the end the source's triggers write down
which rows change.  At the end the daemon holds back what it asks of the store, the source is locked, the last changes
are brought, and the daemon goes on with the target.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, Protocol

from meshd.store import marks
from meshd.store.interface import StoreError, StoreUnavailable
from meshd.store.moving import offline
from meshd.store.moving import open as ends
from meshd.store.moving.copying import Copying, whole
from meshd.store.moving.end import End
from meshd.store.moving.following import Following
from meshd.store.moving.outcome import Moved, Progress
from meshd.store.moving.sums import Sum

ATTEMPTS = 5
"""How often the daemon is asked to hold still."""

LOCK_SECONDS, HOLD_SECONDS = 0.5, 1.0
"""What an attempt takes at most: for the lock of the source, and for all until the source is marked."""


WAIT_SECONDS = 2.0
"""What a lock beside a daemon that serves may take, which waits as long."""


class Serving(Protocol):
    """The daemon that works on the source.  Its methods raise StoreError where it does not do what it is asked."""

    def prepare(self, url: str) -> None:
        """Have it reach the target."""

    def freeze(self) -> None:
        """Have it hold back what it asks of the store, and wait for what is under way."""

    def go_on(self) -> None:
        """Have it go on with the source."""

    def cut(self) -> None:
        """Have it go on with the target."""


class Stores(NamedTuple):
    """The ends of a live move."""

    source: End
    source_url: str
    target: End
    target_url: str


def move(
    source_url: str, target_url: str, *, now: int, progress: Progress, ours: Callable[[str], bool], serving: Serving
) -> list[Moved]:
    """Move everything.  ours: whether a process of that name is the daemon that serves.

    Raises: Unmovable; StoreError, SchemaError: the daemon goes on with the source, and no change is written down there.
    """
    with offline.both(source_url, target_url) as (source, target):
        if offline.finished(source, source_url, target, target_url):
            return []
        stores = Stores(source, source_url, target, target_url)
        ends.require_current(source, source_url)
        if others := [name for name in ends.living(source, now) if not ours(name)]:
            raise StoreError(f"{', '.join(others)} works on the store too: a live move takes one daemon alone")
        offline.begin(source, target, target_url, now)
        serving.prepare(target_url)
        try:
            copying = _copied(stores, progress)
            _prove(stores, copying, progress)
            given = _cut_over(stores, copying, serving, now)
        except Exception:
            _give_up(stores)
            raise
        return _look_back(stores, given, progress)


def cancel(source_url: str) -> None:
    """Have a store write no more changes down, as after a move that was killed and is not to go on.

    Raises: MovedAway where it is too late; StoreError.
    """
    with ends.opened(source_url) as source:
        ends.require_current(source, source_url)
        with source.transaction():
            source.unfollow()


def _copied(stores: Stores, progress: Progress) -> Copying:
    """Copy all tables, or go on with it, while changes are written down.  Raises: Unmovable, StoreError."""
    source, target = stores.source, stores.target
    with progress("rows copied", sum(map(source.count, source.tables.values()))) as steps:
        copying = Copying(source, target, steps.step)
        if not source.followed():
            for table in source.tables.values():  # nobody knows what has changed since some of it was copied
                copying.start_over(table)
            with _locked(source):
                source.follow()
        for table in source.tables.values():
            copying.copy(table)
    offline.require_fit(copying)
    return copying


def _prove(stores: Stores, copying: Copying, progress: Progress) -> None:
    """Compare both stores as of one moment, while the daemon goes on.  Raises: StoreError where they differ."""
    following = Following(copying, stores.target)
    following.catch_up()
    tables = stores.source.tables.values()
    with ExitStack() as stack:
        moment = stack.enter_context(ends.opened(stores.source_url))
        with _locked(stores.source):
            following.catch_up(frozen=True)
            stack.enter_context(moment.snapshot())
            moment.execute("select seq from change_counter")  # from this first read on it sees nothing new
        with progress("rows compared", sum(copying.record.read(table).sum.rows for table in tables)) as steps:
            for table in tables:
                _require_equal(table.name, whole(moment, table, steps.step), whole(stores.target, table, _nobody))
    offline.require_fit(copying)


def _cut_over(stores: Stores, copying: Copying, serving: Serving, now: int) -> dict[str, Sum]:
    """Have the daemon hold still, bring the last changes, and have it go on with the target; what that has by then.

    Raises: StoreError.  A connection that ends without a word has the daemon look for itself where the store is.
    """
    following = Following(copying, stores.target)
    for _ in range(ATTEMPTS):
        following.catch_up()
        try:
            serving.freeze()
            sums = _close(stores, copying, following, now)
        except StoreUnavailable:  # others write, or too much has changed
            serving.go_on()
            with stores.target.transaction():
                stores.target.loosen()
            continue
        offline.open_up(stores.target)
        serving.cut()
        return sums
    raise StoreUnavailable(
        f"the store was not still for {HOLD_SECONDS:g} s, {ATTEMPTS} times: nothing has moved, try at a quieter hour"
    )


def _close(stores: Stores, copying: Copying, following: Following, now: int) -> dict[str, Sum]:
    """Make the target equal and whole, and mark the source, in one transaction of the source.  Raises: StoreError."""
    source, target = stores.source, stores.target
    until = time.monotonic() + HOLD_SECONDS
    with source.locked(LOCK_SECONDS):
        while following.take(frozen=True):
            _require_time(until)
        offline.require_fit(copying)
        with target.transaction():
            target.set_sequences(source.sequences())
            target.tighten()
        sums = {name: copying.record.read(table).sum for name, table in source.tables.items()}
        source.run(marks.put(marks.MOVED, target.place, now))
        source.seal()
        _require_time(until)
    return sums


def _require_time(until: float) -> None:
    if time.monotonic() > until:
        raise StoreUnavailable("it took too long")


def _look_back(stores: Stores, given: Mapping[str, Sum], progress: Progress) -> list[Moved]:
    """Compare what the target was given with the source, which nobody can change any more.  Raises: StoreError."""
    source = stores.source
    with source.transaction():
        source.unfollow()
    with progress("rows compared once more", sum(each.rows for each in given.values())) as steps:
        before = {name: whole(source, table, steps.step) for name, table in source.tables.items()}
    offline.look_through(source, stores.target)
    for name, found in before.items():
        _require_equal(name, found, given[name], "the store has moved, look into this")
    return [Moved(name, found.rows, found.text, given[name].text) for name, found in before.items()]


@contextmanager
def _locked(source: End) -> Iterator[None]:
    """Lock the source beside a daemon that serves, whose transactions may be in each other's way."""
    with ExitStack() as stack:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                stack.enter_context(source.locked(WAIT_SECONDS))
                break
            except StoreUnavailable:
                if attempt == ATTEMPTS:
                    raise
        yield


def _give_up(stores: Stores) -> None:
    """Write no more changes down, unless the source has moved in spite of all."""
    if ends.mark(stores.source, stores.source_url) is None:
        with stores.source.transaction():
            stores.source.unfollow()


def _require_equal(table: str, before: Sum, after: Sum, then: str = "nothing has moved") -> None:
    if before != after:
        raise StoreError(
            f"table {table} is not the same after it was copied: {before.rows} rows, checksum {before.text},"
            f" against {after.rows} rows, {after.text}: {then}"
        )


def _nobody(count: int) -> None:
    """Nobody is told."""
