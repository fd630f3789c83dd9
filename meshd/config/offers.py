"""Kinds of settings about what the operator sells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshd.config.kinds import PATH, TRUTH, Kind, choice, number, pattern, text_kind
from meshd.values import money
from meshd.values.offers import KINDS, Offer

LONGEST = 1000
"""Characters of the longest text that customers read."""


def _words(longest: int, *, lines: bool) -> Kind:
    """Text that can be seen, of at most so many characters, perhaps of several lines."""

    def read(text: str) -> str:
        text = text.strip()
        if len(text) > longest or not all(line.isprintable() for line in (text.split("\n") if lines else [text])):
            raise ValueError
        return text

    return text_kind(f"text of at most {longest} characters", read)


LINE = _words(100, lines=False)
TEXT = _words(LONGEST, lines=True)
FONT = Kind("a path", lambda raw, base: str(PATH.read(raw, base)))


def _gb(raw: Any, base: Path) -> int:
    gb: int = _WHOLE.read(raw, base)
    return gb


_WHOLE = number(1, 10**6)

OFFER: Mapping[str, Kind] = {
    "kind": choice(*KINDS),
    "gb": Kind("a whole number of GB from 1 to 1000000", _gb),
    "price": pattern('a decimal in quotes such as "9.99"', r"[0-9]{1,13}(\.[0-9]{1,3})?"),
    "currency": pattern('a currency\'s code such as "EUR"', r"[A-Z]{3}"),
    "title": LINE,
    "period": pattern('"monthly"', "monthly"),
    "rollover_enabled": TRUTH,
}


def offer(name: str, given: Mapping[str, Any]) -> Offer:
    """The offer that a section of the settings describes.  Raises: ValueError with what is wrong."""
    for key in ("gb", "price", "currency"):
        if key not in given:
            raise ValueError(f"{key} is missing")
    kind, currency = given.get("kind", KINDS[0]), given["currency"]
    if kind == "regular":
        for key in ("period", "rollover_enabled"):
            if key in given:
                raise ValueError(f'{key} is for kind = "subscription" alone')
    try:
        price = money.minor(given["price"], currency)
    except ValueError as error:
        raise ValueError(f"price must be an amount of {currency}: {error}") from error
    if not price:
        raise ValueError("price must be more than 0: give bytes away by a coupon, or by `meshd account topup`")
    period = "monthly" if kind == "subscription" else ""
    title = given.get("title") or f"{given['gb']} GB" + (" a month" if period else "")
    return Offer(name, kind, given["gb"], price, currency, title, period, given.get("rollover_enabled", False))  # type: ignore[arg-type]
