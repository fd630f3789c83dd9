"""Judges files: whose they are, who else may read them, journals that nobody counts in, certificates that end."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshd.daemon.datafolder import foreign_file, foreign_folder, shared
from meshd.doctor.findings import Finding
from meshd.values.times import DAY, iso

SOON = 14 * DAY
"""Before the end of a certificate that its operator renews: authorities' own programs renew earlier."""


class Seen(NamedTuple):
    """A file or folder that is there."""

    path: str
    status: os.stat_result
    written: bool = False
    """Whether meshd writes to it."""


class Journals(NamedTuple):
    """What is in the folder of journals, by the names of the files."""

    counting: Sequence[str] = ()
    """Those that a process has locked, which counts in them."""
    left: Sequence[str] = ()
    """Those that nobody has locked."""
    damaged: Sequence[str] = ()


class Certificate(NamedTuple):
    path: str
    problem: str = ""
    """Why it cannot be served; "" where it can."""
    expires: int = 0


class Files(NamedTuple):
    folder: Seen | None
    """The data folder; None where it is not there yet."""
    kept: Sequence[str]
    """Names in it where nothing shows that it is meshd's."""
    above: Sequence[Seen]
    inside: Sequence[Seen]
    """The store's files, logs, keys."""
    journals: Journals
    certificates: Sequence[Certificate]
    runs: bool
    """Whether a daemon runs on the folder."""
    me: int


def judge(files: Files, now: int) -> Iterator[Finding]:
    if files.folder is not None:
        yield from _folder(files, files.folder)
    for above in files.above:
        if fault := shared(above.status):
            yield Finding("files", f"{above.path}, in which the data folder is, {fault}", f"chmod o-w {above.path}")
    yield from _journals(files)
    for each in files.certificates:
        yield from _certificate(each, now)


def _folder(files: Files, folder: Seen) -> Iterator[Finding]:
    owner = folder.status.st_uid
    if files.me != owner:
        yield Finding(
            "files",
            f"{folder.path} is user {owner}'s, and this is user {files.me}: some of it may not be readable from here",
            f"run the command as user {owner}",
            wrong=files.me != 0,
        )
    if fault := foreign_folder(folder.status, owner, files.kept):
        yield Finding("files", f"{folder.path} {fault}", f"chmod 700 {folder.path}, if it is meshd's alone")
    elif _open(folder.status):
        yield _closing(folder, 0o700)
    for each in files.inside:
        if fault := foreign_file(each.status, owner, written=each.written):
            yield Finding(
                "files", f"{each.path} {fault}", f"see to {each.path} before the next start, which refuses it"
            )
        elif _open(each.status) and each.written:
            yield _closing(each, 0o600)


def _open(status: os.stat_result) -> bool:
    return not stat.S_ISLNK(status.st_mode) and bool(stat.S_IMODE(status.st_mode) & 0o077)


def _closing(seen: Seen, mode: int) -> Finding:
    is_mode = stat.S_IMODE(seen.status.st_mode)
    return Finding("files", f"{seen.path} is open to others (mode {is_mode:04o})", f"chmod {mode:o} {seen.path}")


def _journals(files: Files) -> Iterator[Finding]:
    if files.journals.left:
        count = len(files.journals.left)
        when = "within a minute, by the daemon that runs" if files.runs else "by the next start on this folder"
        yield Finding(
            "files",
            f"{count} journal{'s' if count > 1 else ''} of processes that are dead hold bytes to be billed",
            f"they are billed {when}; remove none of them",
            wrong=False,
        )
    if files.journals.damaged:
        names = ", ".join(files.journals.damaged[:3])
        yield Finding(
            "files",
            f"journals were damaged, and some of their counts could not be billed: {names}",
            'read "A damaged journal" in docs/operating.md; move the files away once that is settled',
        )


def _certificate(each: Certificate, now: int) -> Iterator[Finding]:
    if each.problem:
        yield Finding("files", f"{each.path}: {each.problem}", "put another certificate there, and `meshd reload`")
    elif each.expires <= now:
        yield Finding("files", f"{each.path} has ended on {iso(each.expires)}", "renew it, and `meshd reload`")
    elif each.expires - now < SOON:
        left = f"ends in {(each.expires - now) // DAY} days, on {iso(each.expires)}"
        yield Finding("files", f"{each.path} {left}", "renew it, and `meshd reload`")
