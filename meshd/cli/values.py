"""Sizes and times as people type and read them."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from decimal import Decimal

from meshd.model import GB
from meshd.values.times import iso, read_time

_DECIMAL = re.compile(r"\d{1,12}(\.\d{1,12})?\Z", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,30}\Z")
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def limit_bytes(text: str) -> int:
    """A limit typed in GB, fractions allowed, in bytes; 0 is no limit.  Raises: ValueError."""
    if not _DECIMAL.match(text):
        raise ValueError(f"{text[:40]!r} is not a number of GB")
    size = Decimal(text) * GB
    if size and size < 1:
        raise ValueError(f"{text[:40]!r} GB is less than a byte")
    return int(size)


def number_argument(text: str) -> int:
    """A whole number in decimal digits, for argparse, whose own `int` reads `1_0` and the digits of every script.
    Raises: ArgumentTypeError.
    """
    if not _NUMBER.match(text):
        raise ArgumentTypeError(f"{text[:40]!r} is not a whole number")
    return int(text)


def percent(text: str) -> int:
    """A whole number of percent, 1 to 100, for argparse.  Raises: ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= 100):
        raise ArgumentTypeError(f"{text[:40]!r} is not a number of percent, 1 to 100")
    return int(text)


def time_argument(text: str) -> int:
    """A time typed as a date or as `2026-11-28T09:30:00`, UTC, for argparse.  Raises: ArgumentTypeError."""
    found = read_time(text)
    if found is None:
        raise ArgumentTypeError(f"{text[:40]!r} is neither YYYY-MM-DD nor YYYY-MM-DDTHH:MM:SS")
    return found


def limit_argument(text: str) -> int:
    """A limit in bytes, as `limit_bytes` gives it, for argparse.  Raises: ArgumentTypeError."""
    try:
        return limit_bytes(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def seconds(text: str) -> float:
    """Seconds to wait, an hour at most, for argparse.  Raises: ArgumentTypeError."""
    if not _DECIMAL.match(text) or float(text) > 3600:
        raise ArgumentTypeError(f"{text[:40]!r} is not a number of seconds up to 3600")
    return float(text)


def gigabytes(size: int) -> str:
    """Bytes as GB, exactly; the reverse of `limit_bytes`."""
    return format((Decimal(size) / GB).normalize(), "f")


def human_bytes(size: int) -> str:
    """A size with three digits and a unit, in steps of a thousand."""
    value = float(size)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def human_limit(size: int) -> str:
    return human_bytes(size) if size else "none"


def moment(at: int) -> str:
    """A time in ISO 8601, UTC."""
    return f"{iso(at)}Z"


def human_moment(at: int) -> str:
    return iso(at).replace("T", " ")
