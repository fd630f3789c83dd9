"""Cursors: where the next page of a list begins, as a text that callers give back as it is.  Pure."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from meshd.accounts.errors import Invalid
from meshd.store.statements.scan import Key
from meshd.store.statements.texts import LARGEST, searchable

LONGEST = 400
"""Characters of a cursor: more than the longest key makes."""


def written(kind: str, key: Key | None) -> str:
    """The cursor of a list of that kind; "" where nothing follows."""
    if key is None:
        return ""
    return urlsafe_b64encode(json.dumps([kind, *key], separators=(",", ":")).encode()).decode().rstrip("=")


def read(kind: str, text: str, types: Sequence[type]) -> Key | None:
    """The key in a cursor, of values of these types; None for "".
    Raises: Invalid (field `cursor`) for what is no cursor of a list of that kind.
    """
    if not text:
        return None
    try:
        if len(text) > LONGEST or not text.isascii():
            raise ValueError
        found, *key = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if found != kind or [type(value) for value in key] != list(types):
            raise ValueError
        return tuple(_storable(value) for value in key)
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid({"cursor": ["This is no cursor of this list with these filters."]}) from error


def _storable(value: str | int) -> str | int:
    """The value, if a column can hold it.  Raises: ValueError."""
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError
    return searchable(value) if isinstance(value, str) else value
