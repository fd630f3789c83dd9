"""The request log: a file with a line for each request to the API, JSON, buffered, many to a write.

A line through the daemon's own log takes as long as answering the request.  A line that cannot be written is given up,
and that is said once: who asks the API pays nothing by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.logs.linelog import LineLog
from meshd.values.times import iso

MANY = 1024
"""Lines that may wait, 200 KB of them: more are written at once."""
CAP = 300
"""Characters of any one text."""

GONE = "client gone"
"""The detail of a request whose client hung up before the answer, with the status that it would have been told."""

_log = Logger()
_json = json.JSONEncoder(separators=(",", ":")).encode


class Answered(NamedTuple):
    """A request and how it ended; its fields are the line's."""

    at: float
    """When it was answered."""
    client: str
    method: str
    """ "" for one that never reached a route, whose head was not taken."""
    path: str
    """Without the query."""
    status: int
    username: str
    """Of who signed in; "" for nobody."""
    sent: int
    """Bytes of the body."""
    seconds: float
    detail: str = ""
    """Why it was refused below the routes; or GONE."""


class RequestLog(LineLog[Answered]):
    """Appends to `path`; with "" nothing is written."""

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
    if not answered.detail:
        del facts["detail"]
    return _json(facts) + "\n"
