"""What a daemon and its workers tell each other.

A daemon's settings are pickled: they are values of the program's own, and come over a socket pair from the process that
made the worker.  A worker reads strangers' bytes, so its word is JSON, and no more than JSON is read from it.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from meshd.config import Config
from meshd.config.endpoints import TCP
from meshd.exits.destinations import OwnListeners

ORDER = 1024 * 1024 * 1024
"""Most bytes of a daemon's word: settings with a million exits are a fifth of it."""

WORD = 1024 * 1024
"""Most bytes of a worker's word: a line of the log with a long traceback, or 5,000 rows
of each kind of bounds."""

FORK = b"fork"
"""Asks a nursery for a worker, whose channel comes with it."""
NUMBER = b"#"
"""Begins the first frame: which worker it is, from 1, and of how many: `2/4`."""
SETTINGS = b"="
"""Begins pickled settings."""
TOLD = b"~"
"""Begins what processes tell each other of accounts' bounds, which the daemon passes on; then one byte, the process's
number, where the daemon says it."""
PROVEN = b"!"
"""Begins what one process has found of a password, which the daemon passes on; at first, all that the daemon knows."""
SHARED = (TOLD, PROVEN)
STOP = b"stop"
"""The order to end, once what is open has ended or the time for that is over."""
LEAVE = b"leave"
"""The same order, where another daemon has taken over: clients with nothing under way may stay until then."""
PING = b"ping"
"""Asks for a word, which a worker whose event loop hangs does not have."""
REOPEN = b"reopen"
"""The order to begin new files of lines."""
LOOK = b"look"
"""The order to look at the change feed."""

Word = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a worker goes by."""

    config: Config
    """As the worker is to have it."""
    workers: int
    """How many there are."""
    part: str
    """Tells the daemon apart in the store from the one before or after it."""
    own: OwnListeners
    """The listeners of the whole daemon."""
    places: tuple[TCP, ...]
    """What the sockets are for that come with it, in their order."""


_BESIDE = [field.name for field in fields(Settings)][1:]
"""What goes beside the config: little, which may change without that."""


def packed(settings: Settings, written: bytes = b"") -> tuple[bytes, ...]:
    """The content of a frame, in parts: who keeps it keeps `written` itself, and no copy of what may be much.

    written: what `pickled` gave for the config, where that was done before.
    """
    others = pickled(tuple(getattr(settings, name) for name in _BESIDE))
    return SETTINGS, written or pickled(settings.config), others


def pickled(value: object) -> bytes:
    """A value of the program's own, of settings with a million exits within seconds."""
    written = io.BytesIO()
    _Pickler(written).dump(value)
    return written.getvalue()


def unpacked(content: bytes) -> Settings:
    """In a worker: the settings of a frame that begins with SETTINGS."""
    read = io.BytesIO(content)
    read.seek(len(SETTINGS))
    config = pickle.load(read)  # noqa: S301 (only its daemon has the other end)
    return Settings(config, *pickle.load(read))  # noqa: S301 (likewise)


def said(kind: str, **more: object) -> bytes:
    """A worker's word: the content of a frame."""
    return json.dumps({"kind": kind, **more}).encode()


def heard(content: bytes) -> Word:
    """In a daemon: a worker's word; one of kind "" where it makes no sense."""
    try:
        word = json.loads(content)
    except (ValueError, RecursionError):
        word = None
    return word if isinstance(word, dict) and isinstance(word.get("kind"), str) else {"kind": ""}


def _mapping(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(items)


class _Pickler(pickle.Pickler):
    """Writes values of the program's own.  Python's way with dataclasses that have slots takes seven times as long, in
    a list of exits a second for 100,000.
    """

    dispatch_table = {MappingProxyType: lambda mapping: (_mapping, (dict(mapping),))}

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._values: dict[type, Callable[[object], tuple[object, ...]] | None] = {}

    def reducer_override(self, value: object) -> Any:
        kind = type(value)
        if kind not in self._values:
            self._values[kind] = _values(kind)
        values = self._values[kind]
        return NotImplemented if values is None else (_made, (kind, values(value)))


def _values(kind: type) -> Callable[[object], tuple[object, ...]] | None:
    """What gives the values of all fields of such a value; None where it is pickled in a way of its own."""
    if not is_dataclass(kind) or "__slots__" not in vars(kind) or "__reduce__" in vars(kind):
        return None
    first, *others = [field.name for field in fields(kind)] or [""]
    # attrgetter gives a tuple of two names and more.
    return attrgetter(first, *others) if others else None


def _made(kind: type, values: tuple[object, ...]) -> object:
    """A dataclass's value with these in its fields."""
    made: object = object.__new__(kind)
    for setter, value in zip(_setters(kind), values, strict=True):
        setter(made, value)
    return made


@cache
def _setters(kind: type) -> tuple[Callable[[object, object], None], ...]:
    return tuple(getattr(kind, field.name).__set__ for field in fields(kind))
