"""Requests of HTTP/2, one after the other on a session: each its own account's, by whichever connection it goes."""

from __future__ import annotations

import contextlib
import os
import signal
from itertools import cycle, islice
from typing import Any

from h2.errors import ErrorCodes

from tests.live.test_http2 import Case
from tests.support.daemon import LiveDaemon, until
from tests.support.echoes import body_of
from tests.support.http2 import Session, basic, get

TOGETHER = 8


def sockets(pid: int) -> int:
    """How many a daemon has open."""
    count = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
    return count


class KeptTests(Case):
    def test_accounts_by_turns(self) -> None:
        """Each request is counted for who has asked, to the byte, whoever has asked before on the session."""
        session, names = self.session(), ("aldo", "bina", "cleo")
        credentials = [self.customer(name) for name in names]
        for at, credential in enumerate(islice(cycle(credentials), 30)):
            found = session.ask(get(self.http, f"/n/{100 + at}/m", credential))
            self.assertEqual((found.status, found.body), (200, body_of(b"m", 100 + at)))
        for place, name in enumerate(names):
            lines = self.lines(name, 10)
            self.assertEqual({line["up"] for line in lines}, {self.up(credentials[place])})
            self.balance(name, 10)

    def up(self, credential: Any) -> int:
        """Bytes of a request with a path of eight."""
        head = b"GET http://%b/n/100/m HTTP/1.1\r\nhost: %b\r\n%b: %b\r\n\r\n"
        return len(head % (self.http.encode(), self.http.encode(), *credential))

    def test_what_they_cost(self) -> None:
        """Many requests take the sockets of those that were under way at once, and give them back with the session."""
        session, dora = self.session(), self.customer("dora")
        session.ask(get(self.http, "/n/5/m", dora))
        before = sockets(self.daemon.pid)
        for _ in range(10):
            for number in [session.begin(get(self.http, "/n/5/m", dora)) for _ in range(TOGETHER)]:
                self.assertEqual(session.answer(number).status, 200)
        self.assertLessEqual(sockets(self.daemon.pid) - before, 3 * TOGETHER)
        session.close()
        until(lambda: sockets(self.daemon.pid) < before + TOGETHER, "the pairs of the session closed")
        self.balance("dora", 1 + 10 * TOGETHER)

    def test_a_limit(self) -> None:
        """Is met to the byte in the midst of an answer, and what comes after it is refused."""
        session, emma = self.session(), self.customer("emma", **{"total-limit": "0.0002"})
        for _ in range(3):
            self.assertEqual(session.ask(get(self.http, "/n/50000/m", emma)).status, 200)
        cut = session.ask(get(self.http, "/n/100000/m", emma))
        self.assertEqual((cut.ended, cut.reset), (False, ErrorCodes.INTERNAL_ERROR))
        self.assertEqual(self.balance("emma", 4), 200_000)
        self.assertEqual(session.ask(get(self.http, "/n/5/m", emma)).status, 509)
        self.assertEqual(session.ask(get(self.http, "/n/5/m", self.customer("flor"))).status, 200)

    def test_one_who_may_no_more(self) -> None:
        """Is refused, though the connection has served the credential before; others are served."""
        session, names = self.session(), ("gina", "hans")
        gina, hans = (self.customer(name) for name in names)
        for who in (gina, hans):
            self.assertEqual(session.ask(get(self.http, "/n/5/m", who)).status, 200)
        self.daemon.cli("account", "deactivate", "gina")
        until(lambda: session.ask(get(self.http, "/n/5/m", gina)).status != 200, "the end of an account")
        self.assertEqual(session.ask(get(self.http, "/n/5/m", hans)).status, 200)
        self.assertEqual(session.ask(get(self.http, "/n/5/m", basic("hans", "wrong"))).status, 407)
        self.assertEqual(session.ask(get(self.http, "/n/5/m", hans)).status, 200)

    def test_whatever_was_asked_before(self) -> None:
        """Bodies, HEAD, refusals and answers of the proxy's own leave nothing behind for the next one."""
        session, ines = self.session(), self.customer("ines")
        for _ in range(2):
            for method, path, body in (
                ("GET", "/n/70000/m", b""),
                ("HEAD", "/n/9/m", b""),
                ("POST", "/p/m", b"x" * 3000),
                ("GET", "/c/30000/m", b""),
                ("GET", "/n/0/m", b""),
            ):
                found = session.ask(get(self.http, path, ines, method=method), body)
                self.assertEqual((found.status, found.ended), (200, True), (method, path))
                size = int(path.split("/")[2]) if path[1] != "p" else 0
                whole = body or (b"" if method == "HEAD" else body_of(b"m", size))
                self.assertEqual(found.body, whole, (method, path))
            self.assertEqual(session.ask(get("10.1.2.3", "/", ines)).status, 403)
            self.assertEqual(session.ask(get("meshd.internal", "/", ines)).status, 200)
        self.balance("ines", 14)

    def test_one_that_is_reset(self) -> None:
        """Takes its pair with it: no answer of it is ever another's."""
        session, jule = self.session(takes=False), self.customer("jule")
        stalled = session.begin(get(self.http, "/n/4000000/a", jule))
        session.head(stalled)
        session.http.reset_stream(stalled, ErrorCodes.CANCEL)
        session.flush()
        for _ in range(3):
            self.assertEqual(session.ask(get(self.http, "/n/500/m", jule)).body, body_of(b"m", 500))


class RateTests(Case):
    tables = "requests_per_second = 10\n"

    def test_more_than_a_second_may_have(self) -> None:
        """Waits for its turn, as the client of a new connection does: no stream is told that it outruns the rate."""
        session, lara = self.session(), self.customer("lara")
        self.assertEqual([session.ask(get(self.http, "/n/5/m", lara)).status for _ in range(14)], [200] * 14)
        self.balance("lara", 14)


class StopTests(Case):
    def test_a_stop_with_pairs_that_wait(self) -> None:
        """Is not held up by them."""
        other = LiveDaemon(self, "[timeouts]\ndrain = 600\n")
        kira = basic("kira", other.account("kira"))
        with contextlib.closing(Session(other)) as session:
            for number in [session.begin(get(self.http, "/n/5/m", kira)) for _ in range(TOGETHER)]:
                self.assertEqual(session.answer(number).status, 200)
            other.signal(signal.SIGTERM)
            self.assertEqual(session.until_gone(), ErrorCodes.NO_ERROR)
            self.assertEqual(other.wait(), 0)
