"""What has to hold within a second, by the clock that the services keep: nobody wakes them, they look by themselves."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.config.build import load
from meshd.daemon.core import Among, Core
from meshd.daemon.enforcement import Enforcement
from meshd.model import Change
from meshd.store.statements import changes, exits
from tests.support import stores

SOON = 0.5
"""Seconds from a commit to its being read at most: as much is left for what follows from it."""

STEP = 1 / 64

EXITS = '[[exits]]\nname = "rack"\nkind = "direct"\n'

PROCESSES = (Among(), Among(part="1", worker=2, workers=2))
"""A daemon, and a worker of one."""


class Timed(Clock):
    """A reactor whose time is the test's."""

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class Told:
    """A store that answers at once, and wakes nobody: what was committed is in it from then on."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.drained: frozenset[str] = frozenset()

    async def start(self) -> None:
        """It is there."""

    async def stop(self) -> None:
        """It stays."""

    def on_change(self, wake: Callable[[], None]) -> None:
        """Wake nobody, as where a notification is lost."""

    async def run(self, unit: Any, *args: Any) -> Any:
        if unit is changes.newest:
            return 0
        if unit is changes.since:
            return [change for change in self.changes if change.seq > args[0]]
        return self.drained if unit is exits.names_drained else []


class SoonTests(SynchronousTestCase):
    def core(self, among: Among) -> Core:
        self.clock, self.store = Timed(), Told()
        folder = Path(stores.folder(self))
        (folder / "meshd.toml").write_text(EXITS)
        config = load({"config": str(folder / "meshd.toml"), "data_dir": str(folder)}, {}, cwd=folder)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)  # which a data plane raises, for itself
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        self.patch(Core, "_begin_native", lambda core, *, alone: None)
        nobody: Any = mock.Mock()
        with mock.patch("meshd.daemon.core.open_store", return_value=self.store):
            core = Core(self.clock, config, lambda: 0.0, among, own=nobody, beside=nobody)
        self.addCleanup(core.plane.poller.stop)
        return core

    def waits(self, seen: Callable[[], bool]) -> float:
        """Seconds until then."""
        began = self.clock.seconds()
        while not seen():
            self.clock.advance(STEP)
            self.assertLess(self.clock.seconds() - began, 60)
        return self.clock.seconds() - began

    def test_what_is_changed(self) -> None:
        """Is enforced, in each process, whenever between two looks it was committed."""
        for among in PROCESSES:
            told: list[Change] = []

            async def changed(enforcement: Enforcement, change: Change) -> None:
                told.append(change)  # noqa: B023 (of this process)

            self.patch(Enforcement, "changed", changed)
            core = self.core(among)
            core.feed.start()
            for number in range(1, 60):
                self.clock.advance(STEP * (number % 7))
                self.store.changes.append(change := Change(number, 7))
                self.assertLessEqual(self.waits(lambda: change in told), SOON)  # noqa: B023 (called at once)

    def test_what_is_drained(self) -> None:
        """Is not chosen any more."""
        core = self.core(PROCESSES[0])
        outlet = core.plane.pools.outlets["rack"]
        self.successResultOf(Deferred.fromCoroutine(core._exit_book.start()))
        for number in range(1, 60):
            self.clock.advance(STEP * (number % 7))
            self.store.drained = frozenset({"rack"} if number % 2 else ())
            self.assertLessEqual(self.waits(lambda: outlet.drained is bool(number % 2)), SOON)  # noqa: B023 (at once)
