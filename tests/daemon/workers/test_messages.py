"""Settings on their way to a worker."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.config import Config, load
from meshd.config.endpoints import TCP
from meshd.daemon.workers.messages import Settings, packed, unpacked
from meshd.exits.destinations import OwnListeners
from meshd.topology import Exit, Limits

FILE = """
data_dir = "{folder}"
exits_from = ["{folder}/exits.txt"]
[proxy]
listen = ["tcp:18080:interface=127.0.0.1"]
[[exits]]
name = "rack"
kind = "direct"
country = "DE"
[limits]
tunnels_per_account = 7
"""


class SettingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp())
        (folder / "exits.txt").write_text("".join(f"10.0.0.{n}:8080:user:secret{n}\n" for n in range(1, 200)))
        file = folder / "meshd.toml"
        file.touch(mode=0o600)
        file.write_text(FILE.format(folder=folder))
        config = load({"config": str(file)}, {}, cwd=folder)
        place = TCP(18080, "127.0.0.1")
        self.settings = Settings(config, 2, "part", OwnListeners(), (place, place))

    def test_they_arrive_as_they_are(self) -> None:
        """Every value of every field."""
        came = unpacked(b"".join(packed(self.settings)))
        self.assertEqual(came, self.settings)
        self.assertGreater(len(came.config.topology.exits), 199)
        self.assertEqual(came.config.topology.limits.tunnels_per_account, 7)

    def test_no_fields_are_looked_up_for_each_value(self) -> None:
        """As Python does it for dataclasses that have slots: seven times as long as all else."""
        looked: list[str] = []
        for kind in (Config, Exit, Limits, Settings):
            self.patch(kind, "__getstate__", looked.append)
        packed(self.settings)
        self.assertEqual(looked, [])
