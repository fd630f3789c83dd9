"""A store by its URL: for the daemon on the reactor, and for the command line without a reactor."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from meshd.store import url as urls
from meshd.store.interface import Store, StoreError
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.sqlite.store import SQLiteStore
from meshd.store.unit import Unit

P = ParamSpec("P")
T = TypeVar("T")

CACHE = 24_000
"""KiB of pages of a command: one that adds many rows comes back to those of their indexes."""


def open_store(reactor: Any, url: str) -> Store:
    """The store of that URL, not started.  Raises: StoreError for a wrong URL or a missing package."""
    match urls.read(url):
        case urls.SQLiteURL(path):
            return SQLiteStore(reactor, path)
        case urls.PostgresURL():
            return cast(Store, postgres("store").PostgresStore(reactor, url))


class _Blocking(Protocol):
    def migrate(self) -> list[str]: ...

    def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T: ...

    def close(self) -> None: ...


class BlockingStore:
    """Runs units on a store without a reactor: each call blocks until its unit has ended.

    The store is opened by the first call, and its calls raise what those of Store raise.
    """

    def __init__(self, url: str) -> None:
        self._opened = _blocking(url)

    def migrate(self) -> list[str]:
        """Create the database file if need be and bring the schema up to date; the names of the migrations applied."""
        return self._opened.migrate()

    def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._opened.run(unit, *args, **kwargs)

    def close(self) -> None:
        self._opened.close()


def _blocking(url: str) -> _Blocking:
    match urls.read(url):
        case urls.SQLiteURL(path):
            return SQLiteFile(path, cache=CACHE)
        case urls.PostgresURL() as target:
            return cast(_Blocking, postgres("blocking").BlockingPostgres(target))


def postgres(name: str) -> Any:
    """Import a module of store/postgres.  Raises: StoreError where the packages of `meshd[postgres]` are missing."""
    try:
        return import_module(f"meshd.store.postgres.{name}")
    except ImportError as error:
        if (error.name or "").startswith("meshd"):
            raise
        raise StoreError("PostgreSQL needs packages that are missing: pip install 'meshd[postgres]'") from error
