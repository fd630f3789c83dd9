"""Threat 38, and its honest look-alike: who begins much at once waits for its turn, and is refused where none comes."""

from __future__ import annotations

import signal
import socket
import ssl
import threading
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin
from tests.threats.support import PASSWORD, Answer, Names, Talk, ask, basic, connect, get

ALICE, BOB = basic("alice"), basic("bob")
INTERNAL = "http://meshd.internal/"


class TurnsCase(SynchronousTestCase):
    def serve(self, config: str) -> None:
        self.daemon = LiveDaemon(self, config)
        for name in ("alice", "bob"):
            self.daemon.account(name, PASSWORD)
        self.sink = RecordingOrigin(self, raw="sink")

    def said(self, data: bytes) -> Talk:
        """A connection on which this was sent, and nothing read."""
        talk = Talk(self.daemon)
        self.addCleanup(talk.sock.close)
        talk.send(data)
        return talk

    def tunnel(self, who: bytes = ALICE) -> Talk:
        return self.said(connect(self.sink.authority, who))

    def answer(self, talk: Talk, method: str = "CONNECT") -> Answer:
        talk.sock.settimeout(60)
        answer = talk.answer(method)
        assert answer is not None, "no answer"
        return answer

    def assert_waits(self, *talks: Talk) -> None:
        """By the time that the daemon has done what it had to do, none of them is answered."""
        self.assertEqual(ask(self.daemon, get(INTERNAL, BOB)).status, 200)
        for talk in talks:
            talk.sock.setblocking(False)
            self.assertRaises(BlockingIOError, talk.sock.recv, 1)


class RateTest(TurnsCase):
    def test_tunnels(self) -> None:
        """More than a second's worth at once: all of them stand, one after another; another account does not wait."""
        self.serve("[limits]\nnew_tunnels_per_second = 10\n")
        talks = [self.tunnel() for _ in range(40)]
        self.assertEqual(self.answer(self.tunnel(BOB)).status, 200)
        self.assertEqual([self.answer(talk).status for talk in talks], [200] * 40)

    def test_more_than_can_be_served_in_time(self) -> None:
        """They are told so at once, and not kept waiting for nothing."""
        self.serve("[limits]\nnew_tunnels_per_second = 2\n[timeouts]\nturn = 3\n")
        begun = time.monotonic()
        answers = [self.answer(talk) for talk in [self.tunnel() for _ in range(14)]]
        self.assertEqual({(answer.status, answer.why) for answer in answers}, {(200, ""), (429, "rate-tunnels")})
        served = sum(answer.status == 200 for answer in answers)
        self.assertGreaterEqual(served, 7)
        self.assertLessEqual(served, 2 + 2 * (time.monotonic() - begun) + 1)

    def test_socks(self) -> None:
        """It waits in the same row."""
        self.serve("[limits]\nnew_tunnels_per_second = 4\n")
        name, word = b"alice", PASSWORD.encode()
        login = b"\x05\x01\x02\x01" + bytes([len(name)]) + name + bytes([len(word)]) + word
        asking = b"\x05\x01\x00\x01\x7f\x00\x00\x01" + self.sink.port.to_bytes(2, "big")
        for talk in [self.said(login + asking) for _ in range(10)]:
            talk.sock.settimeout(60)
            self.assertEqual(talk.some(14)[:6], b"\x05\x02\x01\x00\x05\x00")

    def test_requests_of_many(self) -> None:
        """A crowd that is too fast together waits; whoever is too fast alone is told, for it would never hear of it."""
        self.serve("[limits]\nrequests_per_second = 4\n")
        web = RecordingOrigin(self)
        talks = [self.said(get(web.url(), ALICE)) for _ in range(12)]
        self.assertEqual([self.answer(talk, "GET").status for talk in talks], [200] * 12)
        with Talk(self.daemon) as talk:  # of an account that has its whole second, and does not wait between two
            refused = next(answer for _ in range(100) if (answer := talk.ask(get(web.url(), BOB))).status != 200)
        self.assertEqual((refused.status, refused.why), (429, "rate-requests"))

    def test_who_does_not_want_to_wait(self) -> None:
        """Where the operator says so, or the client has said how long."""
        self.serve("[limits]\nnew_tunnels_per_second = 1\n[timeouts]\nturn = 0\n")
        answers = [self.answer(talk) for talk in [self.tunnel() for _ in range(12)]]
        self.assertEqual({answer.status for answer in answers}, {200, 429})
        self.daemon.reload("[limits]\ntunnels_per_account = 1\n")
        until(lambda: self.answer(self.tunnel(BOB)).status == 200, "the new settings hold")
        talks = [self.tunnel(BOB + b"X-ProxyMesh-Timeout: 1\r\n") for _ in range(2)]
        self.assertEqual([self.answer(talk).status for talk in talks], [429, 429])


class CrowdTest(TurnsCase):
    """As many exchanges under way as there may be."""

    def test_the_next_one_waits_for_an_end(self) -> None:
        """And comes as soon as there is one."""
        self.serve("[limits]\ntunnels_per_account = 2\n")
        first, second = self.tunnel(), self.tunnel()
        self.assertEqual([self.answer(talk).status for talk in (first, second)], [200, 200])
        third, fourth = self.tunnel(), self.tunnel()
        self.assert_waits(third, fourth)
        first.sock.close()
        self.assertEqual(self.answer(third).status, 200)
        self.assert_waits(fourth)
        second.sock.close()
        self.assertEqual(self.answer(fourth).status, 200)

    def test_in_vain(self) -> None:
        """Nobody ends: then it is refused, with when to come again."""
        self.serve("[limits]\ntunnels_per_account = 1\n[timeouts]\nturn = 1\n")
        self.assertEqual(self.answer(self.tunnel()).status, 200)
        answer = self.answer(self.tunnel())
        self.assertEqual((answer.status, answer.why, answer.field("retry-after")), (429, "rate-tunnels", "1"))

    def test_as_many_wait_as_may_be_under_way(self) -> None:
        """One more is refused at once: another's flood does not hold on to connections without end."""
        self.serve("[limits]\ntunnels_per_account = 3\n")
        open_ = [self.tunnel() for _ in range(3)]
        self.assertEqual([self.answer(talk).status for talk in open_], [200] * 3)
        waiting = [self.tunnel() for _ in range(3)]
        self.assert_waits(*waiting)
        self.assertEqual(self.answer(self.tunnel()).status, 429)
        self.assert_waits(*waiting)

    def test_who_leaves_gives_its_place_up(self) -> None:
        """And nothing is dialled for it."""
        self.serve("[limits]\ntunnels_per_account = 1\n")
        first = self.tunnel()
        self.assertEqual(self.answer(first).status, 200)
        leaving = self.tunnel()
        self.assert_waits(leaving)
        leaving.sock.close()
        until(lambda: any(line["reason"] == "client-gone" for line in self.daemon.exchanges()), "it is noticed")
        last = self.tunnel()
        self.assert_waits(last)
        first.sock.close()
        self.assertEqual(self.answer(last).status, 200)
        until(lambda: self.sink.accepted == 2, "the origin has taken the second")

    def test_who_may_ask_is_decided_when_its_turn_comes(self) -> None:
        """Not when it came to wait."""
        self.serve("[limits]\ntunnels_per_account = 1\n")
        self.assertEqual(self.answer(self.tunnel()).status, 200)
        waiting = self.tunnel()
        self.assert_waits(waiting)
        self.daemon.cli("account", "deactivate", "alice")
        answer = self.answer(waiting)
        self.assertEqual((answer.status, answer.why), (402, "account-inactive"))
        self.assertEqual(self.sink.accepted, 1)

    def test_idle_connections_are_no_exchanges(self) -> None:
        """However many are kept: the oldest make room, and the account may do as much as ever."""
        self.serve("[limits]\ntunnels_per_account = 4\n")
        web = RecordingOrigin(self)
        kept: list[Talk] = []
        for _ in range(10):
            kept.append(self.said(get(web.url(), ALICE)))
            self.assertEqual(self.answer(kept[-1], "GET").status, 200)
        self.assertEqual([talk.rest() for talk in kept[:6]], [b""] * 6)
        tunnels = []
        for _ in range(4):
            tunnels.append(self.tunnel())
            self.assertEqual(self.answer(tunnels[-1]).status, 200)
        tunnels[0].sock.close()
        self.assertEqual(kept[-1].ask(get(web.url(), ALICE)).status, 200)


class SlowNames(Names):
    """Answers nothing until it is told to."""

    def __init__(self) -> None:
        self.told = threading.Event()
        super().__init__()

    def _answer(self, message: object) -> object:
        self.told.wait(60)
        return super()._answer(message)


class NamesTest(TurnsCase):
    def test_a_page_of_many_hosts(self) -> None:
        """Forty names at once, none of them known: all of them are reached."""
        names = SlowNames()
        hosts = [f"h{number}.test" for number in range(40)]
        for host in hosts:
            names.say(host, ("127.0.0.1",))
        self.serve(f'[dns]\nservers = ["{names.address}"]\n')
        talks = [self.said(connect(f"{host}:{self.sink.port}", ALICE)) for host in hosts]
        self.assert_waits(*talks)
        names.told.set()
        self.assertEqual([self.answer(talk).status for talk in talks], [200] * 40)


class SilentTest(TurnsCase):
    def test_connections_that_come_by_tls(self) -> None:
        """Thirty of one address, opened ahead and silent for a while: all are served when they speak."""
        self.serve("[timeouts]\nhead = 60\n")
        context = ssl.create_default_context(cafile=str(self.daemon.certificate))
        opened = [self._opened(context) for _ in range(30)]
        until_ = time.monotonic() + 1.5
        while (left := until_ - time.monotonic()) > 0:  # as long as they are silent, nothing comes either
            opened[0].settimeout(left)
            self.assertRaises(TimeoutError, opened[0].recv, 1)
        for each in opened:
            each.settimeout(60)
            each.sendall(get(INTERNAL, ALICE, b"Connection: close\r\n"))
        self.assertEqual([each.recv(12) for each in opened], [b"HTTP/1.1 200"] * 30)

    def test_that_we_could_not_hear(self) -> None:
        """Time in which the daemon was not there to listen is not held against a client that spoke meanwhile."""
        self.serve("[timeouts]\nhead = 3\n[limits]\nunauthenticated_per_address = 2\n")
        head = get(INTERNAL, ALICE)
        talks = [self.said(head[:50]) for _ in range(2)]
        self.assert_waits(*talks)
        self.daemon.signal(signal.SIGSTOP)
        try:
            for talk in talks:
                talk.sock.setblocking(True)
                talk.send(head[50:])
            time.sleep(4)
        finally:
            self.daemon.signal(signal.SIGCONT)
        self.assertEqual([self.answer(talk, "GET").status for talk in talks], [200] * 2)

    def test_without_a_word(self) -> None:
        """Who never speaks is let go without one: a browser that had opened ahead would show it to people."""
        self.serve("[timeouts]\nhead = 2\n[limits]\nunauthenticated_per_address = 2\n")
        context = ssl.create_default_context(cafile=str(self.daemon.certificate))
        opened = self._opened(context)
        self.assertEqual(opened.recv(100), b"")
        with Talk(self.daemon) as plain:
            self.assertEqual(plain.rest(), b"")
        with Talk(self.daemon) as begun:
            begun.send(b"GET ")
            self.assertEqual(self.answer(begun, "GET").status, 408)
        self.assertEqual([line["status"] for line in until(self.daemon.exchanges, "its line")], [408])

    def _opened(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        sock = socket.create_connection(("127.0.0.1", self.daemon.proxy_port), 60)
        opened = context.wrap_socket(sock, server_hostname="127.0.0.1")
        self.addCleanup(opened.close)
        return opened
