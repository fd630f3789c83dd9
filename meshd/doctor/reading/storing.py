"""What the store says of itself, of exits, of processes, and what time it has there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from meshd.doctor.store import Condition
from meshd.store import url as urls
from meshd.store.interface import SchemaBehind, StoreError
from meshd.store.migrate import shipped
from meshd.store.open import BlockingStore
from meshd.store.statements import condition, exits, nodes
from meshd.store.statements.nodes import Node

MOST = 4_000_000_000
"""Bytes of an SQLite store whose integrity is checked: its pages are read at some 500 MB a second."""
TIMES = 5


class Told(NamedTuple):
    """What a store that answers has told."""

    condition: Condition
    nodes: Sequence[Node] = ()
    resting: frozenset[str] = frozenset()
    drained: frozenset[str] = frozenset()
    ahead: float | None = None
    """Seconds by which its server's clock is ahead; None where it has none of its own."""
    doubt: float = 0.0


def told(url: str, now: int) -> Told:
    """Ask the store; what it cannot tell stays unsaid."""
    target = urls.read(url)
    match target:
        case urls.SQLiteURL(path):
            seen = Condition(path)
            if not Path(path).exists():
                return Told(seen._replace(missing=True))
        case urls.PostgresURL(settings):
            seen = Condition(f"PostgreSQL's database {settings.get('dbname', '')}")
    try:
        store = BlockingStore(url)
    except StoreError as error:
        return Told(seen._replace(failed=str(error)))
    try:
        return _asked(store, target, seen, now)
    except SchemaBehind as error:
        empty = shipped()[0].name in str(error)  # a database that is there, and no store yet
        return Told(seen._replace(missing=True) if empty else seen._replace(behind=str(error)))
    except StoreError as error:
        return Told(seen._replace(failed=f"{seen.url}: {error}"))
    finally:
        store.close()


def _asked(store: BlockingStore, target: urls.SQLiteURL | urls.PostgresURL, seen: Condition, now: int) -> Told:
    took = []
    for _ in range(TIMES):
        began = time.monotonic()
        store.run(exits.names_drained)
        took.append(time.monotonic() - began)
    seen = seen._replace(seconds=median(took[1:]))
    ahead, doubt = None, 0.0
    if isinstance(target, urls.SQLiteURL):
        seen = _of_file(store, target.path, seen)
    else:
        began = time.time()
        server, size, read_only, broken = store.run(condition.of_server)
        doubt = time.time() - began
        ahead = server - (began + doubt / 2)
        seen = seen._replace(size=size, read_only=read_only, broken=broken)
    resting = frozenset(each.exit for each in store.run(exits.resting, now))
    return Told(seen, store.run(nodes.listing, now - 60, now), resting, store.run(exits.names_drained), ahead, doubt)


def _of_file(store: BlockingStore, path: str, seen: Condition) -> Condition:
    size = Path(path).stat().st_size
    log = 0
    with suppress(OSError):
        log = Path(f"{path}-wal").stat().st_size
    seen = seen._replace(size=size, log=log)
    if size > MOST:
        what = f"the integrity of {path} was not checked, as it is large: sqlite3 {path} 'pragma quick_check'"
        return seen._replace(unchecked=what)
    return seen._replace(broken=store.run(condition.of_file))
