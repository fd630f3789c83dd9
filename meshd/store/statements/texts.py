"""What arrives from outside, made into something that both databases can hold and look for."""

from __future__ import annotations

KEY_LENGTH = 64
"""Characters of a key: more than a username may have (30), few enough that tried names cannot fill the store."""

LARGEST = 2**63 - 1


def searchable(text: str) -> str:
    """The text without what a column cannot hold (NUL, lone surrogates); such a text equals nothing stored."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def username_key(username: str) -> str:
    """The key by which a username is unique whatever its case."""
    return searchable(username[:KEY_LENGTH].lower())


def storable(number: int) -> bool:
    """Whether an id can exist at all: callers pass what a client wrote."""
    return 0 < number <= LARGEST
