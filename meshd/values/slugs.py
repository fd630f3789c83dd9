"""Names of places and tags as they are compared, and as a user name has them."""

from __future__ import annotations

import re
from unicodedata import normalize
from urllib.parse import unquote_to_bytes

_BARE = re.compile(r"%(?![0-9A-Fa-f]{2})")
"""A percent sign that encodes nothing."""


def slug(text: str) -> str:
    """A name as names are compared: trimmed, in lower case, `_` for each run of blanks."""
    composed = text if text.isascii() else normalize("NFC", text)
    return "_".join(composed.lower().split())


def read_slug(text: str) -> str:
    """The slug of a name that may have `%XX` in it.  Raises: ValueError, whose text is for people."""
    if _BARE.search(text):
        raise ValueError("needs a name, with %25 for a %")
    try:
        name = slug(unquote_to_bytes(text).decode())
    except UnicodeError:
        raise ValueError("has %XX that are not UTF-8") from None
    if not name or not name.isprintable():
        raise ValueError("needs a name of characters that can be printed")
    return name
