"""How times are written and read: ISO 8601, UTC.  A time is a number of seconds since the epoch.  Pure."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime
from functools import lru_cache
from time import gmtime

DAY = 86_400

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2})?\Z", re.ASCII)


@lru_cache(maxsize=64)  # of log lines, many of which are of one second
def iso(seconds: int) -> str:
    """The time as `2026-11-28T09:30:00`, without a zone."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


def today(now: float) -> str:
    """The UTC date of a time, as `2026-11-28`."""
    return iso(int(now))[:10]


def day_of(now: float) -> int:
    """The UTC day of the month of a time, from 1."""
    return gmtime(now).tm_mday


def is_date(text: str) -> bool:
    """Whether the text is a date as `today` writes it, of a day that exists."""
    return len(text) == len("2026-11-28") and read_time(text) is not None


def is_minute(text: str) -> bool:
    """Whether the text is a minute as `2026-11-28T09:30`, of a day that exists."""
    return len(text) == len("2026-11-28T09:30") and read_time(f"{text}:00") is not None


def end_of(expires_on: str) -> float:
    """The first second after a date, or of a minute, as `2026-11-28T09:30`; infinity for "" and any other text."""
    at = read_time(f"{expires_on}:00") if is_minute(expires_on) else None
    if at is not None:
        return float(at)
    last_day = read_time(expires_on) if is_date(expires_on) else None
    return float("inf") if last_day is None else float(last_day + DAY)


def read_time(text: str) -> int | None:
    """The time that a text as `iso` writes it means, or the midnight of a date; None for any other text."""
    try:
        return timegm(datetime.fromisoformat(text).timetuple()) if _MOMENT.match(text) else None
    except ValueError:
        return None


def read_typed(text: str) -> int | None:
    """The same, also of a time as people write it and pages show it: a blank in the place of the T, no seconds."""
    text = text.replace(" ", "T", 1)
    return read_time(f"{text}:00" if is_minute(text) else text)
