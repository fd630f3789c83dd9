"""A plot of what work costs as it grows: an SVG, text alone, that a browser and a code host show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import log10
from typing import NamedTuple

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 50
STYLE = (
    "text{font:12px sans-serif;fill:#555}.title{font-weight:bold;fill:#333}"
    "line{stroke:#ccc}polyline{fill:none;stroke:#06c;stroke-width:2}circle{fill:#06c}"
)


class Point(NamedTuple):
    """One measurement."""

    size: float
    """How much of what grows there was: above 0."""
    value: float


def plotted(title: str, across: str, up: str, points: Sequence[Point]) -> str:
    """The SVG of one line; sizes on a scale of powers of ten, values from 0.

    across, up: what the axes say; points: at least one, in the order of their sizes or the other way round.
    """
    powers = [log10(point.size) for point in points]
    low, high = min(powers), max(powers)
    most = _ceiling(max(point.value for point in points))

    def x(power: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((power - low) / (high - low) if high > low else 0.5)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / most

    middle = (LEFT + WIDTH - RIGHT) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>',
        f'<text x="{middle:.0f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="{LEFT}" y="{TOP - 6}">{escape(up)}</text>',
    ]
    for step in range(5):
        value = most * step / 4
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.10g}</text>')
    for point, power in zip(points, powers, strict=True):
        parts.append(f'<text x="{x(power):.1f}" y="{HEIGHT - 30}" text-anchor="middle">{point.size:,.10g}</text>')
        parts.append(f'<circle cx="{x(power):.1f}" cy="{y(point.value):.1f}" r="3"/>')
    line = " ".join(f"{x(power):.1f},{y(point.value):.1f}" for point, power in zip(points, powers, strict=True))
    return "\n".join([*parts, f'<polyline points="{line}"/>', "</svg>\n"])


COLOURS = ("#06c", "#c60", "#999")


def over_time(title: str, across: str, up: str, series: Mapping[str, Sequence[Point]]) -> str:
    """The SVG of up to three lines over the same time, from 0 to its end; values from 0.

    series: by what each line is called; `size` of a point is its time, 0 or more.
    """
    every = [point for points in series.values() for point in points]
    end = max((point.size for point in every), default=0.0) or 1.0
    most = _ceiling(max((point.value for point in every), default=0.0))

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * at / end

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / most

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="20">{escape(title)}</text>',
        f'<text x="{LEFT}" y="{TOP - 6}">{escape(up)}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 10}">{escape(across)}</text>',
    ]
    for step in range(5):
        value, at = most * step / 4, end * step / 4
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.10g}</text>')
        parts.append(f'<text x="{x(at):.1f}" y="{HEIGHT - 30}" text-anchor="middle">{at:.3g}</text>')
    for number, ((name, points), colour) in enumerate(zip(series.items(), COLOURS, strict=False)):
        line = " ".join(f"{x(point.size):.1f},{y(point.value):.1f}" for point in points)
        parts.append(f'<polyline points="{line}" style="stroke:{colour}"/>')
        place = f'x="{WIDTH - RIGHT - 140 * (len(series) - number)}" y="{HEIGHT - 10}"'
        parts.append(f'<text {place} style="fill:{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _ceiling(value: float) -> float:
    """The next number above value that has one digit, or 1, 1.5 or 2.5 of a power of ten."""
    if value <= 0:
        return 1.0
    power = 10 ** int(log10(value) - (value < 1))
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value)
