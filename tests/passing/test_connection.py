"""A client's connection, as every edge has it."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.caps import Caps
from meshd.passing.connection import Connection
from meshd.sockets.ends import Stopped
from meshd.sockets.task import READING, Pause, parked
from meshd.sockets.wheel import Wheel
from tests.support.live import settings


class Cut(Connection):
    """One whose exchange waits until it is cut."""

    __slots__ = ("__weakref__",)

    async def _serve(self) -> None:
        meter: Any = SimpleNamespace(stop=self._stopped)
        record: Any = SimpleNamespace(meter=meter)
        self.meter, self.record = meter, record
        try:
            await parked(Pause(), READING)
        except Stopped:
            return


class LetGoTests(SynchronousTestCase):
    def test_one_whose_exchange_is_cut(self) -> None:
        """Goes at once, with its record and its meter, which can stop it."""
        gc.disable()
        self.addCleanup(gc.enable)
        live = settings()
        plane: Any = SimpleNamespace(
            caps=Caps(live, 100), connections=set(), live=live, relay=None, wheel=Wheel(Clock()), seldom=None
        )
        wire: Any = SimpleNamespace(peer="192.0.2.1", fd=-1, watcher=None, close=lambda: None)
        connection = Cut(plane, wire)
        connection.begin()
        gone = weakref.ref(connection)
        connection.stop()
        self.assertEqual((plane.connections, connection.task.over), (set(), True))
        wire.watcher = None  # a wire that is closed is nobody's
        del connection
        self.assertIsNone(gone())
