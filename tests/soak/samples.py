"""What is seen of a daemon every few seconds, and whether an hour of it is steady; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

WARM = 600.0
"""Seconds after which memory has to stay where it is."""
GROWTH = 0.05
MINUTE = 60.0
SPARE = 8
"""Descriptors that more or less are no trend: connections that come and go at the moment of a sample."""


class Sample(NamedTuple):
    """One look at a daemon with all its workers."""

    at: float
    """Seconds since the load began."""
    rss: int
    """Bytes.  Unlike the proportional set size it does not depend on what else the machine runs."""
    pss: int
    descriptors: int
    cpu: float
    """Seconds so far."""
    lag: Sequence[float]
    """Seconds that answers of the daemon's own took, asked for one after another from a process of its own."""
    bare: Sequence[float]
    """The same of an origin without a proxy: what the machine itself adds."""
    api: Sequence[float]
    """Seconds that answers of the account API took."""
    gets: Sequence[float]
    """Seconds that clients' exchanges took."""


def by_minute(samples: Sequence[Sample], of: Callable[[Sample], float]) -> list[tuple[float, float]]:
    """The median of each whole minute: where it begins, and what it is."""
    return [(at, median(of(each) for each in some)) for at, some in minutes(samples)]


def minutes(samples: Sequence[Sample]) -> Iterator[tuple[float, list[Sample]]]:
    """The samples of each whole minute, with its beginning in seconds."""
    if not samples:
        return
    for number in range(int(samples[-1].at // MINUTE)):
        some = [each for each in samples if number * MINUTE <= each.at < (number + 1) * MINUTE]
        if some:
            yield number * MINUTE, some


def percentiles(samples: Sequence[Sample], of: Callable[[Sample], Sequence[float]]) -> list[tuple[float, float]]:
    """The 99th percentile of each whole minute, in milliseconds."""
    found = []
    for at, some in minutes(samples):
        values = sorted(value for each in some for value in of(each))
        if values:
            found.append((at, 1000 * values[min(len(values) - 1, int(0.99 * len(values)))]))
    return found


def unsteady(samples: Sequence[Sample]) -> list[str]:
    """A line for each thing that grows once the daemon is warm; none of a run that ends before that."""
    found = []
    memory = [value for at, value in by_minute(samples, lambda each: each.rss) if at >= WARM]
    if memory and max(memory) > memory[0] * (1 + GROWTH):
        found.append(f"memory went from {memory[0] / 1e6:.1f} to {max(memory) / 1e6:.1f} MB after ten minutes")
    open_files = [value for at, value in by_minute(samples, lambda each: each.descriptors) if at >= WARM]
    if open_files:
        part = max(1, len(open_files) // 4)
        first, last = median(open_files[:part]), median(open_files[-part:])
        if last > first * (1 + GROWTH) + SPARE:
            found.append(f"descriptors went from {first:.0f} to {last:.0f} after ten minutes")
    return found


def as_json(sample: Sample) -> dict[str, Any]:
    """With times of answers in whole microseconds."""
    return {
        name: [round(each * 1e6) for each in value] if isinstance(value, list | tuple) else value
        for name, value in sample._asdict().items()
    }


def from_json(found: Mapping[str, Any]) -> Sample:
    return Sample(
        **{name: [each / 1e6 for each in value] if isinstance(value, list) else value for name, value in found.items()}
    )
