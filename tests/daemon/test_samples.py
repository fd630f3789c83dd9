"""What a daemon tells of itself in numbers."""

from __future__ import annotations

import resource
import time
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase

from meshd.config.build import load
from meshd.daemon.assembly import Daemon
from meshd.daemon.handover import Handover
from meshd.daemon.inherited import Inherited
from meshd.daemon.notices import Notices
from tests.support import stores

EXITS = '[[exits]]\nname = "rack"\nkind = "direct"\n'
SILENT = {
    "api_connections": 0.0,
    "api_connections_unauthenticated": 0.0,
    "auth_identities": 0.0,
    "dns_names": 0.0,
    "exit_exchanges_open exit=rack": 0.0,
    "exit_resting exit=rack": 0.0,
    "log_failing log=exchange log": 0.0,
    "log_failing log=request log": 0.0,
    "log_records_dropped log=exchange log": 0.0,
    "log_records_dropped log=request log": 0.0,
    "proxy_clients_unknown": 0.0,
    "proxy_connections": 0.0,
    "proxy_descriptors": 0.0,
    "proxy_exchanges_waiting": 0.0,
    "proxy_origins_kept": 0.0,
    "store_available": 1.0,
    "usage_exchanges_open": 0.0,
    "usage_reports_lost": 0.0,
}


class SamplesTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(stores.folder(self))
        (folder / "meshd.toml").write_text(EXITS)
        config = load({"config": str(folder / "meshd.toml"), "data_dir": str(folder)}, {}, cwd=folder)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)  # which a data plane raises, for itself
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        self.daemon = Daemon(
            reactor, config, lambda: config, time.time, Inherited(), Notices("", reactor), 0.0, Handover(None)
        )
        self.addCleanup(self.daemon.plane.poller.stop)

    def samples(self) -> dict[str, float]:
        """By name and labels."""
        return {
            " ".join((name, *(f"{label}={value}" for label, value in labels))): value
            for name, labels, value in self.daemon.samples()
        }

    def test_of_a_daemon_that_does_nothing(self) -> None:
        """Every service has its say, and no two say the same."""
        self.assertEqual(self.samples(), SILENT)
        self.assertEqual(len(list(self.daemon.samples())), len(SILENT))

    def test_they_are_those_of_the_moment(self) -> None:
        """What changes is read when it is asked for."""
        outlet = self.daemon.plane.pools.outlets["rack"]
        trial = outlet.take()
        self.daemon.plane.caps.arrived(self, "192.0.2.1")  # type: ignore[arg-type]
        changed = {"exit_exchanges_open exit=rack": 1.0, "proxy_clients_unknown": 1.0}
        self.assertEqual(self.samples(), SILENT | changed)
        outlet.release(trial)
        self.daemon.plane.caps.no_longer_unknown(self, "192.0.2.1")  # type: ignore[arg-type]
        self.assertEqual(self.samples(), SILENT)
