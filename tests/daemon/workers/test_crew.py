"""What workers go by, as it is written for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.config import load
from meshd.daemon.workers import crew, messages
from meshd.exits.destinations import OwnListeners


class OfferedTests(SynchronousTestCase):
    def test_the_settings_are_written_once(self) -> None:
        """Whatever listeners and names there are by the time that a worker begins again, which it is told."""
        nobody: Any = None
        with mock.patch.object(crew, "Forks"), mock.patch.object(crew, "Station"):
            team = crew.Crew(Clock(), 2, nobody, nobody, mock.Mock(), nobody)
        settings, others = (load({}, {}, cwd=Path("/nowhere")) for _ in range(2))
        own = OwnListeners(frozenset({80}))
        written = mock.Mock(wraps=messages.pickled)
        self.patch(crew, "pickled", written)
        for config, beyond, part, times in (
            (settings, None, "a", 1),
            (settings, None, "a", 1),
            (settings, own, "a", 1),
            (settings, own, "b", 1),
            (others, own, "b", 2),
            (others, None, "b", 2),
        ):
            parts = team.offered(config, (), beyond, part=part).settings
            assert team._written is not None
            self.assertTrue(any(each is team._written.pickled for each in parts), "no copy of it is kept")
            came = messages.unpacked(b"".join(parts))
            self.assertEqual((came.part, came.own.ports), (part, beyond.ports if beyond else frozenset()))
            self.assertEqual((came.config, came.workers), (crew.portion(config, 2), 2))
            self.assertEqual(written.call_count, times)
