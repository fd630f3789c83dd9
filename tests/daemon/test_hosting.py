"""When a daemon opens the ports of what is published."""

from __future__ import annotations

import resource
import socket
import time
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase

from meshd.config.build import load
from meshd.daemon.assembly import Daemon
from meshd.daemon.handover import Handover
from meshd.daemon.inherited import Inherited
from meshd.daemon.notices import Notices
from meshd.values.published import Published, Stream, Upstream
from tests.support import stores
from tests.support.daemon import free_port

UP = Upstream("10.0.0.1", 5432)


class OpenedTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(stores.folder(self))
        (folder / "meshd.toml").write_text('[hosts]\nlisten = ["tcp:81"]\n')
        config = load({"config": str(folder / "meshd.toml"), "data_dir": str(folder)}, {}, cwd=folder)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)  # which a data plane raises, for itself
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        parts = reactor, config, lambda: config, time.time, Inherited(), Notices("", reactor), 0.0, Handover(None)
        daemon = Daemon(*parts)  # which does not start: the test says what is published
        self.addCleanup(daemon.plane.poller.stop)
        self.hosted = daemon._hosted
        self.addCleanup(self.hosted.leave)
        self.hosted._begun = True

    def listens(self, port: int) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    def test_not_before_clients_are_let_in(self) -> None:
        """However often what is published changes meanwhile; from then on every change is served."""
        one, other, third = free_port(), free_port(), free_port()
        self.hosted.book.take(Published(streams=(Stream(1, one, UP),)))
        self.hosted.book.take(Published(streams=(Stream(1, one, UP), Stream(2, other, UP))))
        self.assertEqual((self.listens(one), self.listens(other), self.hosted.kept()), (False, False, []))
        self.hosted.opened()
        self.assertTrue(self.listens(one) and self.listens(other))
        self.hosted.book.take(Published(streams=(Stream(3, third, UP),)))
        self.assertEqual((self.listens(one), self.listens(third)), (False, True))
