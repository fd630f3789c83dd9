"""The plots of a soak: memory, descriptors, and how long the daemon's own answer takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.plot import Point, over_time
from tests.soak.samples import Sample, by_minute, percentiles

NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def points(found: Sequence[tuple[float, float]]) -> list[Point]:
    return [Point(at / 60, value) for at, value in found]


def draw(samples: Mapping[str, Sequence[Sample]], folder: Path) -> None:
    """Write soak-memory.svg, soak-descriptors.svg and soak-lag.svg."""
    memory = {NAMES[kind]: points(by_minute(found, lambda each: each.rss / 1e6)) for kind, found in samples.items()}
    files = {NAMES[kind]: points(by_minute(found, lambda each: each.descriptors)) for kind, found in samples.items()}
    lag = {NAMES[kind]: points(percentiles(found, lambda each: each.lag)) for kind, found in samples.items()}
    bare = next(iter(samples.values()), [])
    lag["the machine itself"] = points(percentiles(bare, lambda each: each.bare))
    folder.mkdir(parents=True, exist_ok=True)
    across = "minutes"
    for name, title, up, series in (
        ("memory", "Memory in an hour of everything", "resident MB, median of each minute", memory),
        ("descriptors", "Descriptors in an hour of everything", "open, median of each minute", files),
        ("lag", "Lag of the reactor in an hour of everything", "ms until the daemon's own answer, p99", lag),
    ):
        if any(series.values()):
            (folder / f"soak-{name}.svg").write_text(over_time(title, across, up, series))
