"""A move while no daemon works on the store: nobody else writes there until all of it is in the other one.

At every moment at most one of the stores can be used.  The target is marked as half filled first.  Once every table has
the same checksum in both, the source is marked as moved; then the target's mark is taken away.  A move that was killed
anywhere is taken up where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from meshd.store import marks
from meshd.store.interface import StoreError, StoreUnavailable
from meshd.store.moving import open as ends
from meshd.store.moving.copying import Copying, Unfit, whole
from meshd.store.moving.end import Dangling, End
from meshd.store.moving.fitting import MOST
from meshd.store.moving.outcome import Moved, Progress, Unmovable
from meshd.store.moving.record import Record
from meshd.store.moving.shape import SEEDED, require_alike
from meshd.store.moving.sums import Sum


def move(
    source_url: str, target_url: str, *, now: int, progress: Progress, ours: Callable[[str], bool] = lambda name: False
) -> list[Moved]:
    """Move everything.  ours: whether a process of that name is known to be dead, although it spoke a moment ago.

    Raises: Unmovable; StoreError, SchemaError: what may be done about it, and both stores are as usable as before.
    """
    with both(source_url, target_url) as (source, target):
        if finished(source, source_url, target, target_url):
            return []
        ends.require_current(source, source_url)
        with source.locked():
            if alive := [name for name in ends.living(source, now) if not ours(name)]:
                raise StoreError(f"{', '.join(alive)} works on the store: stop it, or say --live")
            begin(source, target, target_url, now)
            moved = _fill(source, target, progress)
            close(source, target, now)
        open_up(target)
        return moved


@contextmanager
def both(source_url: str, target_url: str) -> Iterator[tuple[End, End]]:
    """Both ends; a target that is not there is made.  Raises: StoreError."""
    with ends.opened(source_url) as source:
        source_place = source.place
        try:
            with ends.opened(target_url) as target:
                unmade = ends.mark(target, target_url) is None
                target_place = target.place
        except StoreUnavailable:
            ends.make(target_url)  # which says better why it cannot be reached
            unmade, target_place = False, ""
        if source_place == target_place:
            raise StoreError(f"{source_place} is the store that the settings name already")
        if unmade:
            ends.make(target_url)
        with ends.opened(target_url) as target:
            yield source, target


def finished(source: End, source_url: str, target: End, target_url: str) -> bool:
    """Whether the move was over but for its last step, which is then taken.  Raises: StoreError, MovedAway."""
    source_mark, target_mark = ends.mark(source, source_url), ends.mark(target, target_url)
    if source_mark != (marks.MOVED, target.place):
        return False
    if target_mark == (marks.FILLING, source.place):
        open_up(target)
    return True


def begin(source: End, target: End, target_url: str, now: int) -> None:
    """Mark the target as half filled, or find that it is so by this move.  Raises: StoreError."""
    found = ends.mark(target, target_url)
    if found is not None and found != (marks.FILLING, source.place):
        state = "is half filled by a move from" if found[0] == marks.FILLING else "has itself moved to"
        raise StoreError(f"{target.place} {state} {found[1]}: name another store, or remove that one")
    ends.require_same(source, target)
    require_alike(source.tables, target.tables)
    with target.locked():
        if found is None:
            ends.require_empty(target)
            target.run(marks.put(marks.FILLING, source.place, now))
            for name in SEEDED:
                target.wipe(target.tables[name])
            Record(target).make()
        target.loosen()


def _fill(source: End, target: End, progress: Progress) -> list[Moved]:
    """Copy all tables, and compare them.  Raises: Unmovable, StoreError."""
    total = sum(map(source.count, source.tables.values()))
    with progress("rows copied", total) as steps:
        copying = Copying(source, target, steps.step)
        before = {name: _copied(copying, source, name) for name in source.tables}
    require_fit(copying)
    with progress("rows compared", total) as steps:
        return [_compared(copying, source, target, name, before[name], steps.step) for name in source.tables]


def _copied(copying: Copying, source: End, name: str) -> Sum | None:
    """Copy a table; its sum in the source, None where only some of it was read."""
    table = source.tables[name]
    begun = copying.record.read(table)
    read = copying.copy(table)
    return None if begun.after or begun.done else read


def require_fit(copying: Copying) -> None:
    """Raises: Unmovable; the tables with rows that do not fit are copied anew the next time."""
    if copying.unfit_count:
        for name in copying.spoiled:
            copying.start_over(copying.source.tables[name])
        raise Unmovable(tuple(copying.unfit), copying.unfit_count)


def _compared(
    copying: Copying, source: End, target: End, name: str, before: Sum | None, step: Callable[[int], None]
) -> Moved:
    """Compare a table; copy it anew where somebody has changed it since it was copied.  Raises: StoreError."""
    table = source.tables[name]
    before = whole(source, table, lambda count: None) if before is None else before
    after = whole(target, table, step)
    if before != after:
        copying.start_over(table)
        copying.copy(table)
        require_fit(copying)
        after = whole(target, table, lambda count: None)
    if before != after:
        raise StoreError(
            f"table {name} is not the same in {target.place} after it was copied: {before.rows} rows,"
            f" checksum {before.text}, against {after.rows} rows, {after.text}"
        )
    return Moved(name, before.rows, before.text, after.text)


def close(source: End, target: End, now: int) -> None:
    """Make the target whole, then mark the source as moved; a transaction of the source is open."""
    with target.transaction():
        target.set_sequences(source.sequences())
        target.tighten()
    look_through(source, target)
    source.run(marks.put(marks.MOVED, target.place, now))
    source.seal()


def look_through(source: End, target: End) -> None:
    """Raises: Unmovable, where rows of the source point at others that are not there."""
    try:
        target.look_through()
    except Dangling:
        found = [Unfit(*row[:2], f"points at {row[2]} that are not there") for row in source.dangling(MOST)]
        if not found:
            raise
        raise Unmovable(found, len(found)) from None


def open_up(target: End) -> None:
    """Let the target be used."""
    with target.transaction():
        Record(target).drop()
        target.run(marks.take_away(marks.FILLING))
