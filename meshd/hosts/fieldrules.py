"""Changes of header fields that a host's operator has asked for.  Pure.

Fields that frame a message or manage its connection are not theirs to change: rules about those have no effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from meshd.http1.grammar import METHOD
from meshd.http1.keep import HOP_BY_HOP
from meshd.values.published import FieldRule

UNTOUCHED = HOP_BY_HOP | {b"content-length", b"transfer-encoding", b"trailer"}

_PLACEHOLDER = re.compile(r"\{(remote_host|scheme|host|method|uri|request_id)\}")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*+")

Pairs = list[tuple[bytes, bytes]]


class Known(NamedTuple):
    """What placeholders stand for."""

    remote_host: bytes
    scheme: bytes
    host: bytes
    method: bytes
    uri: bytes
    request_id: bytes


class _Change(NamedTuple):
    operation: Literal["set", "add", "delete"]
    name: bytes
    plain: bytes
    """The name in lower case."""
    parts: tuple[bytes | int, ...]
    """The value: literal bytes, and indices of a Known."""

    def value(self, known: Known) -> bytes:
        return b"".join(each if isinstance(each, bytes) else known[each] for each in self.parts).strip(b" \t")


class FieldRules:
    """The rules of one direction."""

    __slots__ = ("_changes", "steady")

    def __init__(self, rules: Iterable[FieldRule], direction: Literal["request", "response"]) -> None:
        changes = [_change(rule) for rule in rules if rule.direction == direction and rule.name]
        self._changes = tuple(each for each in changes if each is not None)
        moving = {Known._fields.index(each) for each in ("method", "uri", "request_id")}
        self.steady = not any(moving.intersection(each.parts) for each in self._changes)
        """Whether the outcome is the same for all requests of a connection that have the same fields."""

    def __bool__(self) -> bool:
        return bool(self._changes)

    def apply(self, pairs: Pairs, known: Known) -> Pairs:
        """The fields after all changes, in the rules' order."""
        for change in self._changes:
            if change.operation != "add":
                pairs = [pair for pair in pairs if pair[0].lower() != change.plain]
            if change.operation != "delete":
                value = change.value(known)
                if _VALUE.fullmatch(value):
                    pairs = [*pairs, (change.name, value)]
        return pairs


def _change(rule: FieldRule) -> _Change | None:
    """The rule, read; None where it could not be carried out without harm."""
    try:
        name = rule.name.encode("ascii")
        pieces = _PLACEHOLDER.split(rule.value)
        parts = [
            Known._fields.index(piece) if at % 2 else piece.encode("latin-1")
            for at, piece in enumerate(pieces)
            if piece
        ]
    except UnicodeEncodeError:
        return None
    if not METHOD.fullmatch(name) or name.lower() in UNTOUCHED:
        return None
    if not all(_VALUE.fullmatch(part) for part in parts if isinstance(part, bytes)):
        return None
    return _Change(rule.operation, name, name.lower(), tuple(parts))
