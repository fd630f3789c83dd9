"""What the fields of an account may hold.  Pure.

Each function answers None, or the message that is shown beside the field; `require` gathers them, so that a form
with three mistakes is told all three at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import ip_address
from unicodedata import category

from meshd.accounts.errors import Invalid
from meshd.auth.secrets import normal_address
from meshd.model import GB
from meshd.selection import SelectionError, candidates, read_selection
from meshd.topology import Plan
from meshd.values.addresses import ends_in_number, is_name
from meshd.values.times import is_date, today

# An explicit set, since str.isalnum() lets in look-alikes of other scripts.
_USERNAME = re.compile(r"[A-Za-z0-9.@+_-]+\Z")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\Z")

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that show nothing, or that turn about what stands beside them."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that show nothing either."""
_JOINERS = frozenset("\u200c\u200d")
"""How Persian, the scripts of India and pictures are written: between characters of theirs they may stand."""

USERNAME, PASSWORD, NAME, EMAIL, LABEL = 30, 128, 20, 255, 100
"""Characters at most."""

MAX_LIMIT = 10**18
"""An exabyte: larger limits are typing errors, and BIGINT has room for sums of them."""


def require(**problems: str | None) -> None:
    """Raise Invalid with every problem that is not None, by field."""
    found = {name: [text] for name, text in problems.items() if text is not None}
    if found:
        raise Invalid(found)


def username(text: str) -> str | None:
    if not text:
        return "This field is required."
    if len(text) > USERNAME:
        return f"Use at most {USERNAME} characters."
    if not _USERNAME.match(text):
        return "Use letters, digits and .@+-_ only."
    # Whether or not there is such an account: there may be one tomorrow, whose requests would be taken for this one's.
    base, selection = candidates(text)[-1]
    if not selection:
        return None
    return f"This reads as the name {base} with a selection; leave out -{selection.partition('-')[0]}."


def password(text: str) -> str | None:
    if not text:
        return "A password cannot be empty."
    return None if len(text) <= PASSWORD else f"Use at most {PASSWORD} characters."


def short_text(text: str, longest: int) -> str | None:
    if len(text) > longest:
        return f"Use at most {longest} characters."
    return "Control and invisible characters are not allowed." if _invisible(text) else None


def _invisible(text: str) -> bool:
    """Whether there is something in it that nobody sees: two texts that look alike are to be the same."""
    if text.isascii() and text.isprintable():
        return False
    around = zip(f"\0{text[:-1]}", text, f"{text[1:]}\0", strict=True)
    return any(_hidden(char) and not (char in _JOINERS and _joins(before, after)) for before, char, after in around)


def _hidden(char: str) -> bool:
    return char in _BLANK or category(char) in _UNSEEN


def _joins(before: str, after: str) -> bool:
    """Whether a joiner can do something there."""
    return all(not each.isascii() and each not in _JOINERS for each in (before, after))


def label(text: str) -> str | None:
    return short_text(text, LABEL)


def email(text: str) -> str | None:
    """Only its shape: whether mail arrives there is for whoever sends some."""
    if not text:
        return None
    problem = short_text(text, EMAIL)
    return problem or (None if _EMAIL.match(text) else "Enter an e-mail address.")


def limit(size: int) -> str | None:
    """size is in bytes, 0 for none."""
    return None if 0 <= size <= MAX_LIMIT else "Enter a number of GB from 0 (no limit) to 1000000000."


def within(size: int, ceiling: int) -> str | None:
    """A limit, 0 for none, against the highest that the operator allows, 0 for any; both in bytes."""
    if not ceiling or 0 < size <= ceiling:
        return None
    return f"The operator allows a limit of {Decimal(ceiling) / GB:f} GB at most."


def billing_day(day: int) -> str | None:
    return None if 1 <= day <= 31 else "Enter a day of the month, 1 to 31."


def plan(name: str, plans: Mapping[str, Plan]) -> str | None:
    return None if name in plans else f"There is no plan {name!r}; there are {', '.join(plans)}."


def expiry(text: str, now: int) -> str | None:
    """text is "" (never) or the last day on which the token is valid."""
    if not text:
        return None
    if not is_date(text):
        return "Enter a date as YYYY-MM-DD."
    return None if text >= today(now) else "This day is in the past."


def selection(text: str) -> str | None:
    """What a token asks for where its user does not."""
    try:
        read_selection(text)
    except SelectionError as error:
        return f"{error}."
    return None


def address(text: str, *, private: bool) -> str | None:
    """One address, no range.  Where private is false it must be one that the whole Internet agrees on.

    An "any" or multicast address is no client's, and neither is the broadcast address.
    """
    normal = normal_address(text)
    if normal is None:
        return "Enter one IPv4 or IPv6 address."
    parsed = ip_address(normal)
    if parsed.is_multicast or parsed.is_unspecified or normal == "255.255.255.255":
        return "No client connects from this address."
    return None if private or parsed.is_global else "This is not a public address."


def normal_hostname(text: str) -> str:
    """Lower case, no final dot: the form that is stored and compared."""
    return text.strip().lower().removesuffix(".")


def hostname(text: str, *, private: bool) -> str | None:
    """A name of the DNS, in its ASCII form.  Where private is false it needs a dot: `localhost` is everybody's."""
    name = normal_hostname(text)
    if not name.isascii():
        return "Enter the hostname in its ASCII form (xn--…)."
    if not is_name(name) or ends_in_number(name):
        return "Enter a hostname."
    return None if private or "." in name else "Enter a full hostname, with its domain."
