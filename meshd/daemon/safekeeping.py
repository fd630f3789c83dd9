"""The sockets that the service manager keeps for the next process (FDSTORE= in sd_notify(3)).

So nobody is refused while there is no process: who connects waits.  What is closed here is taken back from it at once,
or clients would wait for a listener that is no more.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable

from meshd.daemon.keeping import LONGEST, Kept
from meshd.daemon.notices import Notices

AT_ONCE = 250
"""Descriptors in one notice; Linux takes 253."""


class Safekeeping:
    """Has the service manager keep what is open, and nothing else."""

    def __init__(self, notices: Notices, names: Iterable[str]) -> None:
        """names: of what it keeps already, for this process or the one before it."""
        self._notices = notices
        self._stored: dict[str, frozenset[int]] = dict.fromkeys(names, frozenset())
        """By name, what is kept: inodes, as a number of a descriptor may be given again."""

    def keep(self, sockets: Iterable[Kept]) -> None:
        """Have these kept from now on, and no others."""
        if not self._notices:
            return
        wanted: dict[str, list[int]] = defaultdict(list)
        for name, sock in sockets:
            if len(name) <= LONGEST:
                wanted[name].append(sock.fileno())
        stored = {name: frozenset(os.fstat(each).st_ino for each in found) for name, found in wanted.items()}
        for name, inodes in list(self._stored.items()):
            if name not in stored or inodes - stored[name]:
                self._take_back(name)
        for name, found in wanted.items():
            if self._stored.get(name) != stored[name]:
                for at in range(0, len(found), AT_ONCE):
                    some = found[at : at + AT_ONCE]
                    self._notices.tell("FDSTORE=1", f"FDNAME={name}", "FDPOLL=0", descriptors=some)
        self._stored = stored

    def _take_back(self, name: str) -> None:
        self._stored.pop(name, None)
        self._notices.tell("FDSTOREREMOVE=1", f"FDNAME={name}")
