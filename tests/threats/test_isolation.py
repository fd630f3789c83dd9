"""Threats 35, 37 and 38: customers who share a connection, an origin and a daemon, and nothing else."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin
from tests.threats.support import PASSWORD, Talk, ask, basic, connect, get, world


class PipeliningTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = world()
        self.world.origin.forget()

    def test_threat_35_pipelining(self) -> None:
        """Forty requests sent at once by two accounts in turn are answered in order, each for its own account."""
        names = "odd", "even"
        for name in names:
            self.world.daemon.account(name, PASSWORD)
        heads = [get(self.world.url(f"/number/{number}"), basic(names[number % 2])) for number in range(40)]
        got = dict.fromkeys(names, 0)
        with Talk(self.world.daemon) as talk:
            talk.send(b"".join(heads))
            for number in range(40):
                answer = talk.answer()
                self.assertIn(f'"target": "/number/{number}"'.encode(), answer.body)
                lines = [f"{name}: {value}\r\n" for name, value in answer.fields]
                size = len(f"HTTP/1.1 {answer.status} {answer.reason}\r\n{''.join(lines)}\r\n") + len(answer.body)
                got[names[number % 2]] += size + len(heads[number])
        targets = sorted(int(request.target.rpartition("/")[2]) for request in self.world.origin.requests)
        self.assertEqual(targets, list(range(40)))

        def booked() -> bool:
            totals = self.world.daemon.totals()
            return {name: totals[name] for name in got} == got

        until(booked, f"each account is billed its own {got}")

    def test_threat_35_refused_in_between(self) -> None:
        """One without a credential, or with a wrong one, is refused in its place; those around it pass."""
        url = self.world.url
        with Talk(self.world.daemon, "127.0.0.90") as talk:
            talk.send(
                get(url("/1"), basic("alice"))
                + get(url("/2"))
                + get(url("/3"), basic("bob"))
                + get(url("/4"), basic("bob", "wrong"))
                + get("http://10.0.0.1/", basic("bob"))
                + get("http://meshd.internal/", basic("alice"))
            )
            answers = [talk.answer() for _ in range(6)]
        self.assertEqual([answer.status for answer in answers], [200, 407, 200, 407, 403, 200])
        self.assertIn(b'"account": "alice"', answers[-1].body)
        self.assertEqual([request.target for request in self.world.origin.requests], ["/1", "/3"])

    def test_threat_35_read_ahead(self) -> None:
        """While one answer is awaited no more is read than a buffer holds."""
        slow = RecordingOrigin(self)
        with Talk(self.world.daemon) as talk:
            talk.send(get(slow.url("/slow"), basic("alice")))
            talk.sock.settimeout(0.3)
            sent = 0
            filler = get(slow.url("/filler"), basic("alice")) * 1000
            try:
                while sent < 64 * 1024 * 1024:
                    sent += talk.sock.send(filler)
            except TimeoutError:
                pass
            self.assertLess(sent, 16 * 1024 * 1024)


class SharingTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = world()
        self.origin = RecordingOrigin(self)

    def peers_of(self, *requests: bytes) -> list[object]:
        """The origin's connection that each was sent on, sent one after the other on one client connection."""
        with Talk(self.world.daemon) as talk:
            for number, request in enumerate(requests):
                self.assertEqual(talk.ask(request.replace(b"/echo", b"/%d" % number)).status, 200)
        found: dict[str, object] = {}
        for connection in self.origin.connections:
            for request in connection.requests:
                found[request.target] = connection.peer
        return [found[f"/{number}"] for number in range(len(requests))]

    def test_threat_37_accounts(self) -> None:
        """Two accounts never share a connection to an origin; one account's next request does use its own again."""
        alice, bob = (get(self.origin.url(), basic(name)) for name in ("alice", "bob"))
        first, second, third, fourth = self.peers_of(alice, bob, alice, bob)
        self.assertEqual((first, second), (third, fourth))
        self.assertNotEqual(first, second)

    def test_threat_37_sessions(self) -> None:
        """Nor do two sticky keys of one account, however they are said."""
        plain = get(self.origin.url(), basic("alice"))
        one = get(self.origin.url(), basic("alice"), b"X-ProxyMesh-Session: one\r\n")
        two = get(self.origin.url(), basic("alice", f"two:{PASSWORD}"))
        peers = self.peers_of(plain, one, two, plain, one, two)
        self.assertEqual(peers[:3], peers[3:])
        self.assertEqual(len(set(peers)), 3)

    def test_threat_37_other_clients(self) -> None:
        """An idle connection of one account is not given to another's client either."""
        self.peers_of(get(self.origin.url(), basic("alice")))
        with Talk(self.world.daemon, "127.0.0.91") as talk:
            talk.ask(get(self.origin.url("/bob"), basic("bob")))
        self.assertEqual(self.origin.accepted, 2)


class FairnessTest(SynchronousTestCase):
    CONFIG = """
    [limits]
    tunnels_per_account = 5
    new_tunnels_per_second = 8
    requests_per_second = 10
    """

    def test_threat_38_fairness(self) -> None:
        """An account that floods gets 429 with Retry-After; another does not notice."""
        daemon = LiveDaemon(self, self.CONFIG)
        origin = RecordingOrigin(self, raw="sink")
        web = RecordingOrigin(self)
        for name in ("alice", "bob"):
            daemon.account(name, PASSWORD)
        talks = []
        for _ in range(7):
            talk = Talk(daemon)
            self.addCleanup(talk.sock.close)
            talks.append(talk.ask(connect(origin.authority, basic("alice")), "CONNECT"))
        self.assertEqual([answer.status for answer in talks], [200] * 5 + [429] * 2)
        self.assertEqual((talks[-1].why, talks[-1].field("retry-after")), ("rate-tunnels", "1"))
        self.assertEqual(ask(daemon, connect(origin.authority, basic("bob"))).status, 200)
        with Talk(daemon) as talk:
            answers = [talk.ask(get(web.url(), basic("bob"))) for _ in range(14)]
        self.assertEqual([answer.status for answer in answers[:10]], [200] * 10)
        self.assertIn((429, "rate-requests"), {(answer.status, answer.why) for answer in answers[10:]})
