"""A store that counts what it is asked: how long units took, and how many it did not carry out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from meshd.metrics.histogram import Histogram
from meshd.store.interface import Conflict, Store, StoreError
from meshd.store.unit import Unit
from meshd.values.samples import Sample

P = ParamSpec("P")
T = TypeVar("T")


class TimedStore:
    """Passes everything on; a refusal of the unit's own, or a Conflict, is no failure of the store."""

    def __init__(self, store: Store, seconds: Callable[[], float]) -> None:
        """seconds: the monotonic clock."""
        self._store = store
        self._seconds = seconds
        self._took = Histogram("store_unit_seconds")
        self._failures = 0

    def samples(self) -> Iterable[Sample]:
        """How long units took, waiting for their turn included, and how many failed."""
        return *self._took.samples(), ("store_failures_total", (), float(self._failures))

    async def start(self) -> None:
        await self._store.start()

    async def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        began = self._seconds()
        try:
            return await self._store.run(unit, *args, **kwargs)
        except Conflict:
            raise
        except StoreError:
            self._failures += 1
            raise
        finally:
            self._took.observe(self._seconds() - began)

    def on_change(self, wake: Callable[[], None]) -> None:
        self._store.on_change(wake)

    async def stop(self) -> None:
        await self._store.stop()
