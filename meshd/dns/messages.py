"""DNS messages (RFC 1035, section 4): a question as bytes, and what an answer to it says.

Nothing is believed of an answer that is not sound to its last record, and no question is answered by a message that
does not repeat it, byte for byte: the spelling of its letters is drawn, and a forger has to guess it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from socket import AF_INET6, inet_ntoa, inet_ntop
from typing import NamedTuple

A, CNAME, AAAA = 1, 5, 28
NO_ERROR, NAME_ERROR = 0, 3
"""Response codes (RFC 1035, section 4.1.1)."""

MOST_RECORDS = 256
"""Records of an answer that are read; sixteen addresses at the end of eight aliases are what is used."""

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_RESPONSE, _OPCODE, _TRUNCATED, _CODE = 0x8000, 0x7800, 0x0200, 0x000F
_QUERY = (0x0100).to_bytes(2, "big") + b"\x00\x01\x00\x00\x00\x00\x00\x00"
"""A header behind its id: recursion desired, one question, and nothing else."""
_IN = b"\x00\x01"
_TO_QUESTION = b"\xc0\x0c"
"""The pointer to the question's name, with which nearly every record begins."""
_LONGEST_NAME = 255

_CASE = bytes(0x20 if chr(byte).isalpha() and byte < 0x80 else 0 for byte in range(256))
"""The bit that tells a letter's two spellings apart; a label's length, at most 63, is no letter."""

Record = tuple[bytes, int, int, str | bytes]
"""Of an owner, a type and a TTL in seconds: an address as text, or of a CNAME the name that it leads to."""


class Reply(NamedTuple):
    """A whole and sound answer; names are as in messages, without compression and in lower case."""

    code: int
    truncated: bool = False
    records: tuple[Record, ...] = ()
    folded: bool = False
    """Whether it repeats the question in other letters: its server folds them, or it is forged."""


class Malformed(Exception):
    """A message that ends too early, or says what no message may."""


def wire_name(name: str) -> bytes:
    """An ASCII host name, whose labels have 1 to 63 characters, as it stands in a message."""
    return b"".join([bytes((len(label),)) + label for label in name.encode("ascii").split(b".")]) + b"\0"


def question(name: bytes, kind: int, noise: bytes = b"") -> bytes:
    """The question section for a name; with as much noise as the name is long, in letters of random case."""
    if noise:
        flips = int.from_bytes(name.translate(_CASE), "big") & int.from_bytes(noise, "big")
        name = (int.from_bytes(name, "big") ^ flips).to_bytes(len(name), "big")
    return name + kind.to_bytes(2, "big") + _IN


def query(number: int, section: bytes) -> bytes:
    """A message that asks just that, with an id of 16 bits."""
    return number.to_bytes(2, "big") + _QUERY + section


def reply(data: bytes, section: bytes) -> Reply | None:
    """What a message says to the question of that section; None where it is no sound answer to it.

    The id is the caller's to compare.
    """
    try:
        return _reply(data, section)
    except (Malformed, struct.error, IndexError):
        return None


def _reply(data: bytes, section: bytes, /) -> Reply | None:
    _, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
    code = flags & _CODE
    if not flags & _RESPONSE or flags & _OPCODE:
        return None
    if not questions:  # as some servers refuse
        return Reply(code) if code not in (NO_ERROR, NAME_ERROR) else None
    end = _HEADER.size + len(section)
    repeated = data[_HEADER.size : end]
    folded = repeated != section
    if questions != 1 or (folded and repeated.lower() != section.lower()):
        return None
    if code or flags & _TRUNCATED:
        return Reply(code, bool(flags & _TRUNCATED), folded=folded)
    own = section[:-4].lower()
    records = _records(data, end, min(answers, MOST_RECORDS), own) if answers else ()
    return Reply(code, False, tuple(records), folded)


def _records(data: bytes, at: int, count: int, own: bytes) -> list[Record]:
    """So many records from a place on, but for those of types that are not asked for; own: the question's name."""
    found: list[Record] = []
    for _ in range(count):
        if data[at : at + 2] == _TO_QUESTION:
            owner, at = own, at + 2
        else:
            owner, at = _name(data, at)
        kind, class_, ttl, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        end = at + length
        if end > len(data):
            raise Malformed
        if class_ == 1 and kind in _VALUES:
            # RFC 2181, section 8: a TTL with the highest bit is none.
            found.append((owner, kind, ttl if ttl < 2**31 else 0, _VALUES[kind](data, at, end)))
        at = end
    return found


def _name(data: bytes, at: int) -> tuple[bytes, int]:
    """The name at a place, and the place behind it.  Each pointer leads before the last one's aim, so they end."""
    labels: list[bytes] = []
    size, behind, bound = 1, 0, at
    while length := data[at]:
        if length >= 0xC0:
            behind = behind or at + 2
            at = (length & 0x3F) << 8 | data[at + 1]
            if at >= bound:
                raise Malformed
            bound = at
            continue
        size += length + 1
        if length > 63 or size > _LONGEST_NAME:
            raise Malformed
        labels.append(data[at : at + length + 1])
        at += length + 1
    return b"".join(labels).lower() + b"\0", behind or at + 1


def _ipv4(data: bytes, at: int, end: int) -> str:
    if end - at != 4:
        raise Malformed
    return inet_ntoa(data[at:end])


def _ipv6(data: bytes, at: int, end: int) -> str:
    if end - at != 16:
        raise Malformed
    return inet_ntop(AF_INET6, data[at:end])


def _alias(data: bytes, at: int, end: int) -> bytes:
    target, behind = _name(data, at)
    if behind != end:
        raise Malformed
    return target


_VALUES: dict[int, Callable[[bytes, int, int], str | bytes]] = {A: _ipv4, AAAA: _ipv6, CNAME: _alias}
