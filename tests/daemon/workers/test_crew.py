"""What workers go by, as it is written for them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.config import load
from meshd.daemon.workers import crew
from meshd.exits.destinations import OwnListeners


class OfferedTests(SynchronousTestCase):
    def test_it_is_written_once(self) -> None:
        """For the same settings, doors and addresses: workers that begin again cost no time."""
        nobody: Any = None
        with mock.patch.object(crew, "Forks"), mock.patch.object(crew, "Station"):
            team = crew.Crew(Clock(), 2, nobody, nobody, mock.Mock(), nobody)
        settings, others = (load({}, {}, cwd=Path("/nowhere")) for _ in range(2))
        own = OwnListeners(frozenset({80}))
        written = [
            team.offered(settings, (), part="a"),
            team.offered(settings, (), part="a"),
            team.offered(settings, (), own, part="a"),
            team.offered(settings, (), own, part="b"),
            team.offered(others, (), own, part="b"),
            team.offered(others, (), own, part="b"),
        ]
        self.assertEqual([one is other for one, other in pairwise(written)], [True, False, False, False, True])
