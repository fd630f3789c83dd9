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
from meshd.metrics.catalogue import OF, labels_of
from tests.support import stores

EXITS = '[[exits]]\nname = "rack"\nkind = "direct"\n'
SILENT = {
    "auth_hashes_waiting_max": 4096.0,
    "exits": 1.0,
    "reload_successful": 1.0,
    "store_up": 1.0,
}
"""All that is not 0."""
MOVING = {
    "build_info",
    "change_feed_lag_seconds",
    "dataplane_max_fds",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "start_time_seconds",
}
"""Those that differ from one moment to the next, or from one machine to the other."""

OF_NOBODY = {"account_bytes_total", "account_exchanges_total", "destinations_observed_total", "api_requests_total"}
"""Those that have no sample before something has happened, or that are not asked for here."""
OF_WORKERS = {"worker_up", "worker_restarts_total", "worker_silent_seconds"}
OF_HOSTS = {name for name in OF if name.startswith("hosts_")}
NOT_STARTED = {"certificate_remaining_seconds"}


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
        """By name and labels, without those that move by themselves."""
        return {
            " ".join((name, *(f"{label}={value}" for label, value in labels))): value
            for name, labels, value in self.daemon.samples()
            if name not in MOVING
        }

    def test_every_metric_is_told_by_some_service(self) -> None:
        """No sample is unknown, each has its labels, and no two say the same."""
        found = list(self.daemon.samples())
        for name, labels, _ in found:
            self.assertEqual(tuple(label for label, _ in labels), labels_of(name), name)
        self.assertEqual(len({sample[:2] for sample in found}), len(found))
        self.assertEqual({name for name, _, _ in found}, set(OF) - OF_NOBODY - OF_WORKERS - OF_HOSTS - NOT_STARTED)

    def test_of_a_daemon_that_does_nothing(self) -> None:
        """Nothing has happened, and nothing is wrong."""
        self.assertEqual({name: value for name, value in self.samples().items() if value}, SILENT)

    def test_they_are_those_of_the_moment(self) -> None:
        """What changes is read when it is asked for."""
        outlet = self.daemon.plane.pools.outlets["rack"]
        before = self.samples()
        trial = outlet.take()
        outlet.failed(0.0)
        self.daemon.plane.caps.arrived(self, "192.0.2.1")  # type: ignore[arg-type]
        changed = {"exit_exchanges_open exit=rack": 1.0, "clients_unknown": 1.0, "exit_failures_total exit=rack": 1.0}
        self.assertEqual(self.samples(), before | changed)
        outlet.release(trial)
        outlet.succeeded()
        self.daemon.plane.caps.no_longer_unknown(self, "192.0.2.1")  # type: ignore[arg-type]
        self.assertEqual(self.samples(), before | {"exit_failures_total exit=rack": 1.0})
