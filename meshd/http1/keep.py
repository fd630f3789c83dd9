"""The fields of a message that concern this connection alone (RFC 9110 7.6.1, RFC 9112 9.3)."""

from __future__ import annotations

from functools import lru_cache

from meshd.http1.errors import BadMessage
from meshd.http1.fields import Fields

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"upgrade",
    }
)
"""Fields that are never passed on, whether or not Connection names them."""

# Fields that frame or route the message are written anew.  If a sender could remove one by naming it in Connection, the
# sender would decide what the next reader takes for the end of the body, or for the host.
# Signatures are whose they are: what a hop could take off an end could not be held to (RFC 9421, 7.1).
_NOT_TO_BE_NAMED = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"signature", b"signature-input", b"signature-agent"}
)


_NONE = (b"", b"")

MOST_OPTIONS = 100
"""Members of Connection, over all its lines, blank ones too: it is read of clients that are not admitted yet."""


def options(fields: Fields, bad: int = 400) -> list[bytes]:
    """The names in Connection, in lower case.  Raises: BadMessage(bad) for more than MOST_OPTIONS."""
    lines = fields.all(b"connection")
    if len(lines) + sum(line.count(b",") for line in lines) > MOST_OPTIONS:
        raise BadMessage(bad, f"more than {MOST_OPTIONS} options in Connection")
    return fields.tokens(b"connection")


def keeps_alive(minor: int, fields: Fields, bad: int = 400) -> bool:
    """Whether the sender keeps the connection: 1.1 without "close", 1.0 with "keep-alive".  Raises: BadMessage(bad)."""
    if b"connection" not in fields:
        return minor == 1
    named = options(fields, bad)
    return b"close" not in named and (minor == 1 or b"keep-alive" in named)


def end_to_end(
    fields: Fields,
    drop: frozenset[bytes],
    prefixes: tuple[bytes, ...] = (),
    bad: int = 400,
    *,
    anew: tuple[bytes, bytes] = _NONE,
) -> list[tuple[bytes, bytes]]:
    """The fields to pass on, in order and case: without hop-by-hop ones, those that Connection names, and `drop`.

    drop: names, and prefixes: beginnings of names, to leave out, both in lower case; anew: the name in lower case of a
    field that stays where it is, whatever `drop` says, and its value.
    Raises: BadMessage(bad) for more than MOST_OPTIONS names in Connection.
    """
    own, value = anew
    gone = _gone(drop)
    if b"connection" in fields:
        gone = gone.union(option for option in options(fields, bad) if option not in _NOT_TO_BE_NAMED)
    return _passed(fields, gone, prefixes, own, value)


def _passed(
    fields: Fields, gone: frozenset[bytes], prefixes: tuple[bytes, ...], own: bytes, value: bytes, /
) -> list[tuple[bytes, bytes]]:
    """All fields but those with these names, or beginnings of names; own: the name of one that has this value."""
    return [
        (pair[0], value) if name == own else pair
        for name, pair in zip(fields.names, fields.pairs, strict=True)
        if name == own or (name not in gone and not name.startswith(prefixes))
    ]


@lru_cache(64)
def _gone(drop: frozenset[bytes]) -> frozenset[bytes]:
    return HOP_BY_HOP | drop
