"""Plots as SVG that a strict Content-Security-Policy lets through: attributes and classes, no style, no script.  Pure.

Colours are the style sheet's, by class, so that a plot is right in light and in dark.  Each has a table beside it: the
plot itself is one picture to those who cannot see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from meshd.web.dashboard.figures import size

WIDTH, HEIGHT = 720, 220
BOTTOM, TOP = 26, 26
MOST_BARS = 120
"""Bars of one plot: more could not be told apart, and would make the page long."""


class Bar(NamedTuple):
    """What was moved in one span of time."""

    label: str
    down: int
    up: int

    @property
    def total(self) -> int:
        return self.down + self.up


def bars(found: Sequence[Bar], title: str) -> Markup:
    """Stacked bars, from left to right, with a scale of bytes."""
    shown = found[-MOST_BARS:]
    top = _ceiling(max((bar.total for bar in shown), default=0))
    parts = [*_scale(top), *_bars(shown, top), *_labels(shown)]
    head = f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 (its texts are escaped, the rest are numbers)


def _ceiling(most: int) -> int:
    """The top of the scale: one, two or five of a power of ten, the first that is not below."""
    power = 1000
    while True:
        for factor in (1, 2, 5):
            if factor * power >= most:
                return factor * power
        power *= 10


def _scale(top: int) -> list[str]:
    """Three lines; the top one is labelled, above the bars, where there is room on a telephone too."""
    lines = [f'<line class="grid" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>' for y in map(_y, (0, 0.5, 1))]
    return [*lines, f'<text class="scale" x="0" y="{_y(1) - 6}">{size(top)}</text>']


def _bars(shown: Sequence[Bar], top: int) -> list[str]:
    step = WIDTH / max(len(shown), 1)
    gap = min(step * 0.25, 6)
    drawn = []
    for place, bar in enumerate(shown):
        x, width = place * step + gap / 2, round(max(step - gap, 1), 1)
        hint = escape(f"{bar.label}: {size(bar.total)} ({size(bar.down)} down, {size(bar.up)} up)")
        stack = [("down", 0.0, bar.down / top), ("up", bar.down / top, bar.total / top)]
        rects = "".join(_rect(name, x, width, low, high) for name, low, high in stack if high > low)
        drawn.append(f"<g><title>{hint}</title>{rects}</g>")
    return drawn


def _rect(name: str, x: float, width: float, low: float, high: float) -> str:
    y, height = _y(high), round(max(_y(low) - _y(high), 0.5), 1)
    return f'<rect class="{name}" x="{x:.1f}" y="{y}" width="{width}" height="{height}"/>'


def _labels(shown: Sequence[Bar]) -> list[str]:
    """The first, a middle and the last label: as many as there is room for on a telephone."""
    if not shown:
        return []
    step, last = WIDTH / len(shown), len(shown) - 1
    places = {0: "start", last // 2: "middle", last: "end"} if last > 1 else {last: "end"}
    drawn = []
    for place, anchor in places.items():
        x = {"start": 0.0, "middle": (place + 0.5) * step, "end": float(WIDTH)}[anchor]
        text = escape(shown[place].label)
        drawn.append(f'<text class="scale" x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{text}</text>')
    return drawn


def _y(part: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - part), 1)
