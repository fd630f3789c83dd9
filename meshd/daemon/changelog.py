"""The change log: a file with a line for each change, JSON, as the audit has it; and one for each reload.

The audit is followed by the numbers of its entries.  With several writers a lower number may be committed after a
higher one, so numbers that are left out are asked for again for a while.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.accounts.auditing import changed
from meshd.config import Config, rows
from meshd.logs.linelog import LineLog
from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import audit
from meshd.store.statements.audit import AuditEntry
from meshd.values.times import iso

SECONDS = 1.0
"""Between two looks at the audit; a change that is published is looked at sooner."""
AT_ONCE = 500
"""Entries of one read."""
MANY, KEPT = 64, 8192
"""Lines of one write, and lines kept while the file cannot be written: of more, the audit has the rest."""
PATIENCE = 60.0
"""Seconds for which a number that was left out is asked for: a transaction that takes longer is none of meshd's."""
GAPS = 1000
"""Numbers that are asked for; of more, those that were left out last."""
TAIL = 64 * 1024
"""Bytes at the file's end in which the last number stands."""
SILENT = (None, None)
"""Of a file that is not there, or has other lines alone."""
UNKNOWN = -1
"""Before the first look."""
SETTINGS, VALUE = 200, 300
"""Settings of a reload that are told, and characters of each value."""

_log = Logger()
_json = json.JSONEncoder(separators=(",", ":")).encode


class ChangeLog(LineLog[str]):
    """Follows the audit from where the file ends; with "" there is no file, and nothing is asked."""

    def __init__(self, path: str, store: Store, clock: IReactorTime, now: Callable[[], float]) -> None:
        super().__init__("change log", path, clock, _log, many=MANY, kept=KEPT)
        self._store = store
        self._now = now
        self._began: tuple[int | None, int | None] = SILENT
        """What `began` gave of the file."""
        self._seen = UNKNOWN
        """The highest number that was seen."""
        self._gaps: dict[int, float] = {}
        """Lower numbers that were not, with the time until which they are asked for."""
        away = "the change log waits for the store"
        back = "the change log follows the audit again"
        self._looks = Regularly(
            clock, self._look, lambda: SECONDS, log=_log, away=away, back=back, expected=(StoreError,)
        )

    def open(self) -> None:
        """Open the file, and note where it ends, or since when it is empty: what was done in the second of its making,
        as the account that a first start makes, was done before.  Raises: OSError.
        """
        if self._file.path:
            self._began = began(self._file.path)
            super().open()

    async def prepare(self) -> None:
        """Of a file that says nothing: note what was before, as soon as the store is open.  Raises: StoreError."""
        if self._file.path and self._began == SILENT:
            self._began = await self._store.run(audit.newest), None

    def start(self) -> None:
        """Follow from where the file ends by now: a process before this one may have written since it was opened."""
        if self._file.path:
            number, _ = began(self._file.path)
            self._began = self._began if number is None else (number, None)
            self._looks.start(at_once=True)

    def leave(self) -> None:
        """Write what was seen, and no more: another process goes on where the file ends, and must not wait for a last
        look, which the store may hold up.
        """
        self._looks.stop(cut=True)
        self.close()

    async def stop(self) -> None:
        if self._looks.running:
            await self._looks.finish()
        self.close()

    def wake(self) -> None:
        """Look soon."""
        if self._looks.running:
            self._looks.hasten()

    def reloaded(self, before: Config, after: Config) -> None:
        """Tell what of the settings is another now, if anything is."""
        changes = differences(rows(before), rows(after)) if self._file.path else {}
        if changes:
            entry = AuditEntry(int(self._now()), "operator", "settings.reload", 0, "", way="reload")
            self._put(line(entry, changes))

    async def _look(self) -> None:
        if self._seen == UNKNOWN:
            number, at = self._began
            self._seen = number if number is not None else await self._store.run(audit.until, at or 0)
        while True:
            found = await self._store.run(audit.following, self._seen, AT_ONCE)
            self._tell(found)
            if len(found) < AT_ONCE:
                break
        if self._gaps:
            self._tell(await self._store.run(audit.among, list(self._gaps)))
            now = self._clock.seconds()
            self._gaps = {number: until for number, until in self._gaps.items() if until > now}

    def _tell(self, entries: Iterable[AuditEntry]) -> None:
        for entry in entries:
            for number in range(max(self._seen + 1, entry.id - GAPS), entry.id):
                self._gaps[number] = self._clock.seconds() + PATIENCE
            self._gaps.pop(entry.id, None)
            self._seen = max(self._seen, entry.id)
            self._put(line(entry, changed(entry)))
        for number in list(self._gaps)[:-GAPS]:
            del self._gaps[number]

    def _write(self, records: list[str]) -> int:
        return self._file.append("".join(records).encode("ascii"))


def began(path: str) -> tuple[int | None, int | None]:
    """The number in the last line of the file, or where it is empty the second of its making; else SILENT."""
    with suppress(OSError), open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if not status.st_size:
            return None, int(status.st_mtime)
        file.seek(max(status.st_size - TAIL, 0))
        for text in reversed(file.read(TAIL).splitlines()):
            with suppress(ValueError, TypeError, KeyError):
                return int(json.loads(text)["id"]), None
    return SILENT


def line(entry: AuditEntry, changes: dict[str, Any]) -> str:
    """The JSON of one change, with its end; what there is nothing to say of is left out."""
    facts: dict[str, Any] = {
        "at": f"{iso(entry.at)}Z",
        "id": entry.id,
        "actor": entry.actor,
        "way": entry.way,
        "request": entry.request,
        "action": entry.action,
        "account": entry.username,
        "account_id": entry.account_id,
        "detail": entry.detail,
        "changed": changes,
    }
    return _json({name: fact for name, fact in facts.items() if fact or name in ("at", "actor", "action")}) + "\n"


def differences(before: Iterable[tuple[str, str, str]], after: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """By setting what was and what is, "" for nothing, secrets masked as `meshd config show` does."""
    was, now = ({key: value for key, value, _ in each} for each in (before, after))
    found = (key for key in {**was, **now} if was.get(key) != now.get(key))
    return {key: [was.get(key, "")[:VALUE], now.get(key, "")[:VALUE]] for key in _some(found)}


def _some(keys: Iterator[str]) -> Iterator[str]:
    return (key for _, key in zip(range(SETTINGS), keys, strict=False))
