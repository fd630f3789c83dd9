"""What exits cost: an amount of a currency for each GB (10^9 bytes), always a decimal.  Pure."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, localcontext

from meshd.values.money import digits

GB = 10**9
_RATE = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,6})?\Z", re.ASCII)


def read_rate(text: str) -> Decimal:
    """The amount for a GB that a decimal means, such as `2.50`.  Raises: ValueError."""
    if not _RATE.match(text):
        raise ValueError("it has up to seven digits, and up to six behind the point")
    return Decimal(text)


def cost(rate: Decimal, moved: int) -> Decimal:
    """What so many bytes (moved) cost, exactly."""
    with localcontext() as context:
        context.prec = 60  # of 2**63 bytes at the dearest rate every digit
        return rate * moved / GB


def amount(value: Decimal, currency: str) -> str:
    """An amount with the decimals of its currency; a half is rounded up."""
    return f"{value.quantize(Decimal(1).scaleb(-digits(currency)), ROUND_HALF_UP):f}"
