"""What the fields of an account may hold.  Pure.

Each check returns None, or the message that is shown beside the field; `require` gathers the messages, so that a form
with three mistakes gets all three at once.
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
from meshd.selection import LONGEST, SelectionError, candidates, read_selection, render, stem
from meshd.topology import Plan
from meshd.values.addresses import ends_in_number, is_name
from meshd.values.internet import is_public
from meshd.values.times import end_of, is_date, is_minute

# An explicit set, since str.isalnum() lets in look-alikes of other scripts.
_USERNAME = re.compile(r"[A-Za-z0-9.@+_-]+\Z")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\Z")

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that are invisible, or that change the direction of their neighbours."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that are invisible."""
_JOINERS = frozenset("\u200c\u200d")
"""ZWNJ and ZWJ: invisible, but needed between characters of Persian, of Indian scripts and of emoji."""

USERNAME, PASSWORD, NAME, EMAIL, LABEL = 30, 128, 20, 255, 100
"""The most characters of each field."""

NOTES = 4000
"""The most characters of notes about an account."""
_BREAKS = re.compile(r"[\r\n\t]")

MAX_LIMIT = 10**18
"""An exabyte: larger limits are typing errors, and BIGINT has room for sums of limits."""


def require(**problems: str | None) -> None:
    """Raise Invalid if a problem is not None, with all such problems by field."""
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
    # Even if no account is called `base`: one may be tomorrow, whose requests would be taken for this account's.
    if stem(text) == text:
        return None
    base, selection = candidates(text)[-1]
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
    """Whether a text holds invisible characters: two texts that look alike are to be equal."""
    if text.isascii() and text.isprintable():
        return False
    around = zip(f"\0{text[:-1]}", text, f"{text[1:]}\0", strict=True)
    return any(_hidden(char) and not (char in _JOINERS and _joins(before, after)) for before, char, after in around)


def _hidden(char: str) -> bool:
    return char in _BLANK or category(char) in _UNSEEN


def _joins(before: str, after: str) -> bool:
    """Whether a joiner between these two characters may change how they are shown."""
    return all(not each.isascii() and each not in _JOINERS for each in (before, after))


def label(text: str) -> str | None:
    return short_text(text, LABEL)


def email(text: str) -> str | None:
    """Check the shape of an e-mail address only, not whether mail arrives there."""
    if not text:
        return None
    problem = short_text(text, EMAIL)
    return problem or (None if _EMAIL.match(text) else "Enter an e-mail address.")


def limit(size: int) -> str | None:
    """Check a limit in bytes; 0 for no limit."""
    return None if 0 <= size <= MAX_LIMIT else "Enter a number of GB from 0 (no limit) to 1000000000."


def within(size: int, ceiling: int) -> str | None:
    """Check a limit against the highest that the operator allows; both in bytes, 0 for no limit, and for any."""
    if not ceiling or 0 < size <= ceiling:
        return None
    return f"The operator allows a limit of {Decimal(ceiling) / GB:f} GB at most."


def billing_day(day: int) -> str | None:
    return None if 1 <= day <= 31 else "Enter a day of the month, 1 to 31."


def plan(name: str, plans: Mapping[str, Plan]) -> str | None:
    return None if name in plans else f"There is no plan {name!r}; there are {', '.join(plans)}."


def reference(text: str) -> str | None:
    """Check what a payment is called."""
    return short_text(text, LABEL) if text.strip() else "This field is required."


def last_day(text: str) -> str | None:
    """Check the last day of an account, which may be in the past; "" for none."""
    return None if not text or is_date(text) else "Enter a date as YYYY-MM-DD."


def notes(text: str) -> str | None:
    """Check notes: lines of text."""
    if len(text) > NOTES:
        return f"Use at most {NOTES} characters."
    return "Control and invisible characters are not allowed." if _invisible(_BREAKS.sub(" ", text)) else None


def expiry(text: str, now: int) -> str | None:
    """Check the last day on which a token is valid, or the minute up to which it is; "" for one that never expires."""
    if not text:
        return None
    if is_minute(text):
        return None if now < end_of(text) else "This time is in the past."
    if not is_date(text):
        return "Enter a date as YYYY-MM-DD, or a time as YYYY-MM-DDTHH:MM (UTC)."
    return None if now < end_of(text) else "This day is in the past."


def selection(text: str) -> str | None:
    """Check the selection that a token asks for where its user asks for none."""
    try:
        rendered = render(read_selection(text))
    except SelectionError as error:
        return f"{error}."
    return None if len(rendered) <= LONGEST else f"Use at most {LONGEST} characters, with %XX for what is special."


def address(text: str, *, private: bool) -> str | None:
    """Check a single IP address; unless `private`, it must be a public one.

    The unspecified, multicast and broadcast addresses are refused, since no client connects from them.
    """
    normal = normal_address(text)
    if normal is None:
        return "Enter one IPv4 or IPv6 address."
    parsed = ip_address(normal)
    if parsed.is_multicast or parsed.is_unspecified or normal == "255.255.255.255":
        return "No client connects from this address."
    return None if private or is_public(parsed) else "This is not a public address."


def normal_hostname(text: str) -> str:
    """The host name in lower case without a final dot, as it is stored and compared."""
    return text.strip().lower().removesuffix(".")


def hostname(text: str, *, private: bool) -> str | None:
    """Check a DNS name in ASCII form; unless `private` it needs a dot, since names like `localhost` are everybody's."""
    name = normal_hostname(text)
    if not name.isascii():
        return "Enter the hostname in its ASCII form (xn--…)."
    if not is_name(name) or ends_in_number(name):
        return "Enter a hostname."
    return None if private or "." in name else "Enter a full hostname, with its domain."
