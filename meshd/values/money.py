"""Amounts of money: whole numbers of a currency's minor unit inside, decimals where others read them.  Pure.

No amount is ever a float on its way: what is computed is computed in whole minor units, and rounded once.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

_NONE = ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF")
_THREE = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
DIGITS = MappingProxyType(dict.fromkeys(_NONE, 0) | dict.fromkeys(_THREE, 3))
"""Decimals of the currencies whose minor unit is no hundredth (ISO 4217)."""

MOST = 10**12
"""The largest amount, in minor units: a float holds it and all of its decimals exactly."""

_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_AMOUNT = re.compile(r"(?P<whole>[0-9]{1,13})(?:\.(?P<part>[0-9]{1,3}))?\Z", re.ASCII)


def is_currency(text: str) -> bool:
    """Whether the text has the form of a currency's code by ISO 4217: `EUR`."""
    return _CURRENCY.match(text) is not None


def digits(currency: str) -> int:
    """How many decimals an amount of the currency has."""
    return DIGITS.get(currency, 2)


def minor(text: str, currency: str) -> int:
    """The amount that a decimal means, in minor units: 999 for `9.99`.
    Raises: ValueError for no decimal, for more decimals than the currency has, and for more than MOST.
    """
    found, places = _AMOUNT.match(text), digits(currency)
    if found is None:
        raise ValueError("it is no decimal such as 9.99")
    part = found["part"] or ""
    if len(part) > places:
        raise ValueError(f"{currency} has {places or 'no'} decimals")
    amount: int = int(found["whole"]) * 10**places + int(part.ljust(places, "0") or 0)
    if amount > MOST:
        raise ValueError(f"it is more than {decimal(MOST, currency)}")
    return amount


def decimal(amount: int, currency: str) -> str:
    """The amount as a decimal with all places of its currency: `9.90`, `1200`."""
    return f"{Decimal(amount).scaleb(-digits(currency)):f}"


def shown(amount: int, currency: str) -> str:
    """The amount for people: `9.90 EUR`."""
    return f"{decimal(amount, currency)} {currency}"


def number(amount: int, currency: str) -> int | float:
    """The amount as a number of JSON, which programs read as a float."""
    return float(decimal(amount, currency)) if digits(currency) else amount


def share(amount: int, percent: int) -> int:
    """So many percent of an amount, to the nearest minor unit; a half is rounded up."""
    return (amount * percent + 50) // 100


def per(amount: int, count: int, currency: str) -> float:
    """The price of one where so many (count) cost the amount, two decimals more exact than the currency is."""
    one = Decimal(amount).scaleb(-digits(currency)) / count
    return float(one.quantize(Decimal(1).scaleb(-digits(currency) - 2), ROUND_HALF_UP))
