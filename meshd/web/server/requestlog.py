"""The request log: a file with a line for each request to the API, JSON, buffered, many to a write.

A line through the daemon's own log takes as long as answering the request.  A line that cannot be written is dropped,
and that is logged once: the clients of the API are served all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.logs.linelog import LineLog
from meshd.values.times import iso

MANY = 32
"""Lines that may wait to be written; at more, all are written at once, which takes half a millisecond."""
CAP = 300
"""Characters of a text in a line; longer texts are cut."""

GONE = "client gone"
"""The detail of a request whose client hung up before the answer; its status is that of the unsent answer."""

_log = Logger()
_json = json.JSONEncoder(separators=(",", ":")).encode


class Answered(NamedTuple):
    """A request and how it ended; the attributes are the fields of a line."""

    at: float
    """When the request was answered, in seconds since the epoch."""
    client: str
    method: str
    """The method; "" for a request that was refused below the routes."""
    path: str
    """The path without the query."""
    status: int
    username: str
    """The username of the caller; "" for a caller who is not signed in."""
    sent: int
    """Bytes of the answer's body."""
    seconds: float
    detail: str = ""
    """Why the request was refused below the routes, a remark on the answer, or GONE; "" for none."""
    request: str = ""
    """The request's id: the client's, or one of ours; "" where it was refused before it was read."""
    trace: str = ""
    """The client's trace id; "" for none."""


class RequestLog(LineLog[Answered]):
    """The request log in the file `path`; with "" nothing is written."""

    def __init__(self, path: str, clock: IReactorTime, now: Callable[[], float]) -> None:
        super().__init__("request log", path, clock, _log, many=MANY, kept=0)
        self.now = now

    def add(self, answered: Answered) -> None:
        if self._file.path:
            self._put(answered)

    def _write(self, records: list[Answered]) -> int:
        return self._file.append("".join(map(_line, records)).encode("ascii"))


def _line(answered: Answered) -> str:
    facts = {name: fact[:CAP] if isinstance(fact, str) else fact for name, fact in answered._asdict().items()}
    seconds = int(answered.at)
    facts["at"] = f"{iso(seconds)}.{int((answered.at - seconds) * 1000):03}Z"
    facts["seconds"] = round(answered.seconds, 3)
    for name in ("detail", "request", "trace"):
        if not facts[name]:
            del facts[name]
    return _json(facts) + "\n"
