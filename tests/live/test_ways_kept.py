"""What carries datagrams, streams of HTTP/2 and tunnels at the API's address while processes die and follow each other:
what is another's goes on, and all is billed once.
"""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support import crews, stores
from tests.support.daemon import LiveDaemon
from tests.support.http2 import Session
from tests.support.succession import SucceededDaemon, descendants
from tests.support.ways import AT_API, AT_PROXY, SETTINGS, Way, Ways

WORKERS = 2
TRIES = 60
"""Of connections, which the kernel shares out by a hash: that one of two has fewer than one in sixty is no accident."""


class KilledWorkerTests(SynchronousTestCase):
    """One of two workers is killed while all ways are in use."""

    store = ""

    def setUp(self) -> None:
        self.daemon = LiveDaemon(self, f"workers = {WORKERS}\n{SETTINGS}", store=self.store)
        self.ways = Ways(self, self.daemon)

    def at_each(self) -> dict[int, list[Any]]:
        """Of each kind one at each worker, at least, by worker."""
        found: dict[int, list[Any]] = {number: [] for number in range(1, WORKERS + 1)}
        for kind in AT_PROXY:
            for _ in range(TRIES):
                way = self.ways.open(kind)
                found[crews.owner(self.daemon, self.daemon.proxy_port, way.port)].append(way)
                if all(any(type(each) is kind for each in ways) for ways in found.values()):
                    break
            else:
                self.fail(f"{kind} is at one worker alone")
        return found

    def test_it_takes_its_own_alone(self) -> None:
        """What it had ends, and stands in the log and the store; the other's and the daemon's go on; its place is
        filled, and everything works there again.
        """
        at_api = [self.ways.open(kind) for kind in AT_API]
        by_worker = self.at_each()
        for way in by_worker[1]:
            if way.datagrams:
                self.assertTrue(way.asked(b""))  # by now all before it is counted
        before = crews.kill(self.daemon, 1)
        for way in by_worker[1]:
            self.assertTrue(way.ended(), type(way))
        for way in (*by_worker[2], *at_api):
            self.assertTrue(way.asked(), type(way))
        crews.filled(self.daemon, 1, before)
        again = self.at_each()
        for way in (*by_worker[2], *at_api, *again[1], *again[2]):
            self.assertTrue(way.asked(), type(way))
            way.end()
        self.ways.balance(len(by_worker[1]))
        self.assertNotIn("Traceback", self.daemon.log_text())

    def test_the_api_by_http2(self) -> None:
        """Goes on with what it has, and begins new sessions, whatever becomes of a worker."""
        session = self.session()
        self.assertEqual(self.proxies(session), [self.daemon.proxy])
        before = crews.kill(self.daemon, 1)
        for each in (session, self.session()):
            self.assertEqual(self.proxies(each), [self.daemon.proxy])
        crews.filled(self.daemon, 1, before)
        for each in (session, self.session()):
            self.assertEqual(self.proxies(each), [self.daemon.proxy])

    def session(self) -> Session:
        session = Session(self.daemon, port=self.daemon.api_port)
        self.addCleanup(session.close)
        self.assertEqual(session.protocol, "h2")
        return session

    def proxies(self, session: Session) -> Any:
        pseudo = {":method": "GET", ":scheme": "https", ":authority": "h", ":path": "/api/proxies/"}
        fields = [(name.encode(), value.encode()) for name, value in pseudo.items()]
        found = session.ask([*fields, (b"authorization", self.ways.field[1])])
        self.assertEqual(found.status, 200)
        return json.loads(found.body)["proxies"]


class PostgresKilledWorkerTests(KilledWorkerTests):
    """The same on PostgreSQL."""

    def setUp(self) -> None:
        self.store = stores.postgres_url(self)
        super().setUp()


class SuccessorTests(SynchronousTestCase):
    """`meshd restart` while all ways are open."""

    store = ""
    workers = 1

    def begun(self, drain: float) -> tuple[SucceededDaemon, Ways]:
        settings = f"workers = {self.workers}\n{SETTINGS}[timeouts]\ndrain = {drain}\n"
        daemon = SucceededDaemon(self, settings, store=self.store)
        return daemon, Ways(self, daemon)

    def served_by(self, daemon: LiveDaemon, way: Way, pid: int) -> bool:
        """Whether a process, or one that it has begun, has the way's connection."""
        ports = daemon.proxy_port, daemon.api_port
        inodes = {found for port in ports if (found := crews.at(port).get(way.port)) is not None}
        return any(crews.has(each, inodes) for each in (pid, *descendants(pid)))

    def test_what_is_open_goes_on(self) -> None:
        """In the process before, until its clients end it; what is new is the successor's; each is billed once."""
        daemon, ways = self.begun(60)
        before = ways.all()
        old = daemon.hand_on()
        after = ways.all()
        for way, pid in (*((way, old) for way in before), *((way, daemon.pid) for way in after)):
            self.assertTrue(way.asked(), type(way))
            self.assertTrue(self.served_by(daemon, way, pid), type(way))
        for way in before:
            way.end()
        daemon.wait_for(old)
        for way in after:
            self.assertTrue(way.asked(), type(way))
            way.end()
        self.assertEqual({line["reason"] for line in ways.balance()}, {""})
        self.assertNotIn("Traceback", daemon.log_text())

    def test_what_is_left_is_ended(self) -> None:
        """When its time is over, with its reason; none of it touches what the successor has."""
        daemon, ways = self.begun(0.5)
        before = ways.all()
        old = daemon.hand_on()
        after = ways.all()
        for way in before:
            self.assertTrue(way.ended(), type(way))
        daemon.wait_for(old)
        for way in after:
            self.assertTrue(way.asked(), type(way))
            way.end()
        reasons = [line["reason"] for line in ways.balance()]
        self.assertEqual((reasons.count("overloaded"), reasons.count("")), (len(before), len(after)))

    def test_a_predecessor_that_dies(self) -> None:
        """Loses what it had left, which its successor bills; what the successor has goes on."""
        daemon, ways = self.begun(60)
        before = ways.all()
        old = daemon.hand_on()
        for way in before:
            if way.datagrams:
                self.assertTrue(way.asked(b""))  # by now all before it is counted
        os.kill(old, signal.SIGKILL)
        daemon.wait_for(old)
        after = ways.all()
        for way in before:
            self.assertTrue(way.ended(), type(way))
        for way in after:
            self.assertTrue(way.asked(), type(way))
            way.end()
        ways.balance(len(before))


class WorkersSuccessorTests(SuccessorTests):
    workers = WORKERS


class PostgresSuccessorTests(SuccessorTests):
    workers = WORKERS

    def setUp(self) -> None:
        self.store = stores.postgres_url(self)
