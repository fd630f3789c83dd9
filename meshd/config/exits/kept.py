"""Lists of exits that were fetched, kept in the data folder: the last good one of each, and how the last fetch went.

A list that has too few exits is not kept: an error page, an empty answer or a half of a list takes no exit away.  The
files are of mode 0600 and put whole in their place, so any process may read them at any time.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from meshd import wholefile
from meshd.config.exits.lists import TooLong, first_of, read_fetched
from meshd.config.exits.remote import RemoteList, list_file

MIB = 64
BYTES = MIB * 1024 * 1024
"""Of one list: a million lines of usual length."""
LONGEST = 1024
"""Characters of a validator (`ETag`, `Last-Modified`) that is kept; a longer one is not."""
MOST = 64 * 1024
"""Bytes of a state that are read."""


@dataclass(frozen=True, slots=True)
class State:
    """How it is with one list."""

    source: str = ""
    """The digest of the URL that it came from; "" where it was never fetched."""
    etag: str = ""
    modified: str = ""
    """What the server said the list's version is, to be asked for a newer one alone."""
    exits: int = 0
    """In the list that is kept."""
    checked: int = 0
    """When the server last said that this is its list; like the other times in seconds since the epoch, 0 for never."""
    changed: int = 0
    """When the list was last another one."""
    tried: int = 0
    """When it was last asked for, whatever came of it."""
    error: str = ""
    """Why the last fetch has failed; "" where it has not."""
    failures: int = 0
    """In a row."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server has answered."""

    body: bytes | None
    """None where its list is that of the last fetch."""
    etag: str = ""
    modified: str = ""
    packed: bool = False
    """Whether the body is packed by gzip."""


class Unusable(ValueError):
    """A list cannot be taken; the text says why, and has nothing of the list."""


def state_of(data_dir: Path, source: RemoteList) -> State:
    """The state that was noted last; an empty one where there is none, or none that can be read."""
    try:
        with _state_file(data_dir, source).open("rb") as file:
            raw = json.loads(file.read(MOST))
        state = State(**{key: type(value)(raw[key]) for key, value in asdict(State()).items()})
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return State()
    return state if list_file(data_dir, source.name).is_file() else replace(state, etag="", modified="", exits=0)


def take(data_dir: Path, source: RemoteList, fetched: Fetched, now: int) -> State:
    """Keep a list that has come, or that is the one that is kept.  Raises: Unusable, OSError."""
    before = state_of(data_dir, source)
    if fetched.body is None:
        state = replace(before, checked=now, tried=now, error="", failures=0)
    else:
        body = _unpacked(fetched.body) if fetched.packed else fetched.body
        count, path = _count(source, body), list_file(data_dir, source.name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        news = not path.is_file() or path.read_bytes() != body
        if news:
            wholefile.put(path, body)
        changed = now if news else before.changed
        state = State(source.digest, _short(fetched.etag), _short(fetched.modified), count, now, changed, now)
    _write(data_dir, source, state)
    return state


def fail(data_dir: Path, source: RemoteList, error: str, now: int) -> State:
    """Note that a fetch has failed; the list that is kept stays.  Raises: OSError."""
    before = state_of(data_dir, source)
    state = replace(before, tried=now, error=error, failures=before.failures + 1)
    list_file(data_dir, source.name).parent.mkdir(mode=0o700, exist_ok=True)
    _write(data_dir, source, state)
    return state


def _unpacked(body: bytes) -> bytes:
    """Raises: Unusable for what is no whole gzip, or too much."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        bare = unpacker.decompress(body, BYTES + 1)
    except zlib.error:
        raise Unusable("the list is packed, and damaged") from None
    if len(bare) > BYTES:
        raise Unusable(f"the list has more than {MIB} MiB")
    if not unpacker.eof:
        raise Unusable("the list is packed, and breaks off")
    return bare


def _count(source: RemoteList, body: bytes) -> int:
    """How many exits the list has.  Raises: Unusable."""
    try:
        found = read_fetched(body, source, {})
    except TooLong as error:
        raise Unusable(str(error)) from None
    if not body.strip():
        raise Unusable("the list is empty")
    if len(found.exits) < source.least:
        problems = tuple(f"line {line}: {reason}" for line, reason in found.problems)
        why = f" ({first_of(problems)})" if problems else ""
        least = f", fewer than the {source.least} of `least`" if found.exits else ""
        raise Unusable(f"the list has {len(found.exits) or 'no line that is an'} exit{'s' * bool(least)}{least}{why}")
    return len(found.exits)


def _short(validator: str) -> str:
    return validator if len(validator) <= LONGEST and validator.isprintable() else ""


def _state_file(data_dir: Path, source: RemoteList) -> Path:
    return list_file(data_dir, source.name).with_suffix(".json")


def _write(data_dir: Path, source: RemoteList, state: State) -> None:
    wholefile.put(_state_file(data_dir, source), json.dumps(asdict(state)).encode())
