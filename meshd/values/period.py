"""Billing periods: from the billing day of one month to that of the next, at midnight UTC.

A billing day that a month lacks means the month's last day, so every month has exactly one.
"""

from __future__ import annotations

import re
from calendar import monthrange, timegm
from functools import lru_cache
from time import gmtime

from meshd.values.times import DAY

_MONTH = re.compile(r"(?:19[7-9]\d|2\d{3})-(?:0[1-9]|1[0-2])\Z", re.ASCII)


def start(billing_day: int, at: int) -> int:
    """The first second of the period that `at` lies in."""
    return _bounds(billing_day, at // DAY)[0]


def following(billing_day: int, at: int) -> int:
    """The first second after the period that `at` lies in."""
    return _bounds(billing_day, at // DAY)[1]


def before(billing_day: int, at: int) -> tuple[int, int]:
    """The first second of the period before that which `at` lies in, and the first second after it."""
    end = start(billing_day, at)
    return start(billing_day, end - 1), end


def month(text: str) -> tuple[int, int] | None:
    """The first second of a calendar month, such as `2026-10`, and the first one after it; None for any other text."""
    if not _MONTH.match(text):
        return None
    year, number = int(text[:4]), int(text[5:])
    return _opening(year, number, 1), _opening(year, number + 1, 1)


# A batch asks for at most 31 billing days of one and the same UTC day.
@lru_cache(maxsize=128)
def _bounds(billing_day: int, day: int) -> tuple[int, int]:
    now = gmtime(day * DAY)
    if now.tm_mday >= _day_in(now.tm_year, now.tm_mon, billing_day):
        return _opening(now.tm_year, now.tm_mon, billing_day), _opening(now.tm_year, now.tm_mon + 1, billing_day)
    return _opening(now.tm_year, now.tm_mon - 1, billing_day), _opening(now.tm_year, now.tm_mon, billing_day)


def _opening(year: int, month: int, billing_day: int) -> int:
    """Midnight of the billing day; month 0 is December of the year before, month 13 January of the next."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return timegm((year, month, _day_in(year, month, billing_day), 0, 0, 0))


def _day_in(year: int, month: int, billing_day: int) -> int:
    return min(billing_day, monthrange(year, month)[1])
