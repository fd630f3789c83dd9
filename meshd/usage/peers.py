"""The other processes that bill to the same store, as far as the store knows of them.

Each flush brings the number of the newest batch of every other journal.  A journal whose number has not changed for a
while, by this process's own clock, spends nothing: no two machines' clocks are compared.  A process that is alone
may lend all that a limit leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

LIVE = 30.0
"""Seconds without a new batch after which a journal counts for nothing: its process counts nothing, or is dead."""

SILENT = LIVE / 2
"""Seconds without a flush of our own after which others may soon count this process for nothing."""


class Peers:
    """The other journals; each flush brings news of them by heard()."""

    def __init__(self, seconds: Callable[[], float], every: Callable[[], float], *, processes: int = 1) -> None:
        """seconds: a monotonic clock; every: seconds between two flushes; processes: of how many of one daemon this is
        one; of several none is alone, as they all may begin to spend in the same moment.
        """
        self._seconds = seconds
        self._every = every
        self.processes = processes
        self._batches: Mapping[str, int] = {}
        self._moved: dict[str, float] = {}
        """When each journal was last seen to have another batch."""
        self._heard = float("-inf")
        self._joined = float("-inf")

    def heard(self, others: Iterable[tuple[str, int]]) -> None:
        """Take what a flush of ours brought: the other journals' ids, each with the number of its newest batch."""
        monotonic = self._seconds()
        batches = dict(others)
        self._moved = {
            journal: monotonic if self._batches.get(journal) != batch else self._moved[journal]
            for journal, batch in batches.items()
        }
        self._batches = batches
        if monotonic - self._heard > SILENT and self._others(monotonic):
            self._joined = monotonic
        self._heard = monotonic

    @property
    def alone(self) -> bool:
        """Whether no other process is known to spend; False where the last flush is more than LIVE seconds ago."""
        monotonic = self._seconds()
        return self.processes == 1 and monotonic - self._heard <= LIVE and not self._others(monotonic)

    @property
    def joining(self) -> bool:
        """Whether others spend that may not know of this process yet, for two flushes after it has met them."""
        return self._seconds() - self._joined <= 2 * self._every()

    def _others(self, monotonic: float) -> bool:
        return any(monotonic - moved <= LIVE for moved in self._moved.values())
