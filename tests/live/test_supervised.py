"""A daemon under a service manager: what it tells, and sockets that outlive it."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import free_port, until
from tests.support.servicemanager import ServiceManager
from tests.support.succession import SucceededDaemon, children_of

INTERNAL = b"GET http://meshd.internal/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


class SupervisedTests(SynchronousTestCase):
    def start(self, config: str = "", *, watchdog: float = 0.0, abstract: bool = False) -> SucceededDaemon:
        self.daemon = daemon = SucceededDaemon(self, config, start=False)
        self.manager = ServiceManager(self, daemon.folder, abstract=abstract)
        self.manager.supervise(daemon, watchdog)
        daemon.start()
        self.field = basic("admin", daemon.root_password)
        self.manager.wait_for("READY=1")
        return daemon

    def ask(self, raw: Raw) -> None:
        raw.send(INTERNAL + self.field + b"\r\n")

    def test_its_life(self) -> None:
        """Ready, reloading with the time in the same notice, ready again, stopping; and what it does meanwhile."""
        daemon = self.start(abstract=True)
        self.assertRegex(self.manager.wait_for("STATUS="), r"^STATUS=0 exchanges open; 2 listeners$")
        since = len(self.manager.heard)
        before = int(time.monotonic() * 1e6)
        self.assertIn("settings reloaded", daemon.reload())
        found = re.fullmatch(r"RELOADING=1 MONOTONIC_USEC=(\d+)", self.manager.wait_for("RELOADING=1", since))
        assert found is not None
        self.assertGreaterEqual(int(found[1]), before)
        self.manager.wait_for("READY=1", since)
        daemon.finish()
        self.manager.wait_for("STOPPING=1")

    def test_the_watchdog_hears_the_event_loop(self) -> None:
        """And nothing more where that hangs: a process that is stopped stands for one."""
        daemon = self.start(watchdog=0.4)
        since = len(self.manager.heard)
        self.manager.wait_for("WATCHDOG=1", since)
        daemon.signal(signal.SIGSTOP)
        stat = Path(f"/proc/{daemon.pid}/stat")
        until(lambda: stat.read_text().split()[2] == "T", "it is stopped")
        since = len(self.manager.heard)
        daemon.signal(signal.SIGCONT)
        self.manager.wait_for("WATCHDOG=1", since)

    def test_the_watchdog_hears_of_a_worker_that_hangs(self) -> None:
        """By nothing; and again when the worker answers."""
        daemon = self.start("workers = 2\n", watchdog=0.4)
        self.manager.wait_for("WATCHDOG=1")
        (nursery,) = children_of(daemon.pid)
        worker = children_of(nursery)[0]
        os.kill(worker, signal.SIGSTOP)
        try:
            beats = [self.beats()]
            until(lambda: beats.append(self.beats()) or self.quiet(beats), "no beat is heard any more")
        finally:
            os.kill(worker, signal.SIGCONT)
        since = len(self.manager.heard)
        self.manager.wait_for("WATCHDOG=1", since)

    def beats(self) -> int:
        return self.manager.heard.count("WATCHDOG=1")

    def quiet(self, beats: list[int]) -> bool:
        """Whether the newest two hundred looks, some seconds, saw no other beat."""
        return len(beats) > 200 and len(set(beats[-200:])) == 1

    def test_sockets_outlive_the_process(self) -> None:
        """Who connects while there is none waits, at a port as at a Unix socket; killed or stopped, it is the same."""
        daemon = self.start()
        listen = f'["tcp:{daemon.proxy_port}", "unix:p.sock"]'
        self.assertIn("settings reloaded", daemon.reload(f"[proxy]\nlisten = {listen}\n"))
        tcp = {f"meshd/tcp/{port}/*" for port in (daemon.proxy_port, daemon.api_port)}
        path = daemon.folder / "p.sock"
        until(lambda: tcp < set(self.manager.names()) and len(self.manager.names()) == 3, "all are kept")
        for number in (signal.SIGTERM, signal.SIGKILL):
            daemon.signal(number)
            daemon.wait()
            with socket.socket(socket.AF_UNIX) as unix:
                unix.connect(str(path))
                waiting = [Raw(self, daemon.proxy_port), Raw(self, unix)]
                for raw in waiting:
                    self.ask(raw)
                since = len(self.manager.heard)
                self.manager.supervise(daemon)
                daemon.start()
                self.manager.wait_for("READY=1", since)
                for raw in waiting:
                    self.assertIn(b'"proxy"', raw.rest())
            until(lambda: len(self.manager.names()) == 3, "each is kept once")

    def test_what_is_closed_is_taken_back(self) -> None:
        """By a reload at once, and by a start with other settings: whoever connects there is refused."""
        daemon = self.start()
        one, other = daemon.proxy_port, free_port()
        self.assertIn("settings reloaded", daemon.reload(f'[proxy]\nlisten = ["tcp:{other}"]\n'))
        until(lambda: f"meshd/tcp/{one}/*" not in self.manager.names(), "it is taken back")
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", one))
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        daemon.configure("")
        self.manager.supervise(daemon)
        daemon.start()
        until(lambda: self.manager.names() == sorted(f"meshd/tcp/{port}/*" for port in (one, daemon.api_port)), "kept")

    def test_all_sockets_of_a_port_with_workers(self) -> None:
        """They are kept by one name; fewer workers leave none of them alone."""
        daemon = self.start("workers = 2\n")
        name = f"meshd/tcp/{daemon.proxy_port}/*"
        until(lambda: self.manager.names().count(name) == 2, "both are kept")
        daemon.signal(signal.SIGTERM)
        daemon.wait()
        waiting = [Raw(self, daemon.proxy_port) for _ in range(20)]
        for raw in waiting:
            self.ask(raw)
        daemon.configure("workers = 1\n")
        self.manager.supervise(daemon)
        daemon.start()
        for raw in waiting:
            self.assertIn(b'"proxy"', raw.rest())

    def test_the_process_that_takes_over_is_told(self) -> None:
        """By the one before it; the new one speaks from then on, and what is kept stays."""
        daemon = self.start()
        names = self.manager.names()
        since = len(self.manager.heard)
        old = daemon.hand_on()
        self.assertEqual(self.manager.wait_for("MAINPID=", since), f"MAINPID={daemon.pid}")
        daemon.wait_for(old)
        self.assertNotIn("STOPPING=1", self.manager.heard)
        self.assertEqual(set(self.manager.names()), set(names))
        since = len(self.manager.heard)
        self.assertIn("settings reloaded", daemon.reload())
        self.manager.wait_for("RELOADING=1", since)

    def test_a_service_manager_that_does_not_listen(self) -> None:
        """Its queue fills up; nobody waits for it."""
        daemon = SucceededDaemon(self, start=False)
        deaf = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(deaf.close)
        deaf.bind(str(daemon.folder / "deaf"))
        daemon.environ["NOTIFY_SOCKET"] = str(daemon.folder / "deaf")
        daemon.start()
        self.field = basic("admin", daemon.root_password)
        for _ in range(12):
            self.assertIn("settings reloaded", daemon.reload())
        raw = Raw(self, daemon.proxy_port)
        self.ask(raw)
        self.assertIn(b'"proxy"', raw.rest())
        hearing = threading.Thread(target=lambda: [deaf.recv(4096) for _ in range(28)], daemon=True)
        hearing.start()
        hearing.join(20.0)
        self.assertFalse(hearing.is_alive())
