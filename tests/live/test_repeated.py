"""A client that repeats itself gets what one whose fields differ each time gets, and both are counted alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.published.rows import Row
from tests.live.hostedworld import HostedWorld
from tests.live.repeating import HELLO, OTHER, SETTINGS, Client, Origin, told, unvaried, walk
from tests.support.daemon import LiveDaemon, until
from tests.threats.support import Talk, basic


class RepeatedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = LiveDaemon(config=SETTINGS)
        self.addCleanup(self.daemon.close)
        self.origin = Origin()
        self.addCleanup(self.origin.close)

    def people(self, *names: str) -> list[bytes]:
        return [basic(name, self.daemon.account(name)) for name in names]

    def client(self, credentials: Sequence[bytes], *, varies: bool = False) -> Client:
        client = Client(self.daemon, f"http://127.0.0.1:{self.origin.port}", credentials, varies=varies)
        self.addCleanup(client.close)
        return client

    def lines(self, name: str, count: int) -> list[tuple[object, ...]]:
        """What the log says of an account's exchanges, once it has so many lines of them."""

        def written() -> list[dict[str, Any]] | None:
            found = [line for line in self.daemon.exchanges() if line["username"] == name]
            return found if len(found) >= count else None

        return told(until(written, "the lines of all exchanges"))

    def test_answers(self) -> None:
        """Whatever the origin does after two answers alike, the client is told the same, and the log says the same."""
        anna, bert = self.people("anna", "bert")
        repeated, varying = walk(self.client([anna])), walk(self.client([bert], varies=True))
        for one, other in zip(repeated, varying, strict=True):
            self.assertEqual(one, other)
        asked, half = self.origin.asked, len(self.origin.asked) // 2
        self.assertEqual([unvaried(each) for each in asked[:half]], [unvaried(each) for each in asked[half:]])
        count = len(repeated)
        self.assertEqual(self.lines("anna", count), self.lines("bert", count))
        self.balance("anna", "bert")

    def test_by_turns(self) -> None:
        """Two accounts that use one connection by turns: each pays for its own, and nobody for what follows."""
        people = ("anna", "bert", "carl")
        credentials = self.people(*people)
        client = self.client([*credentials, credentials[0]])
        for _ in range(40):
            self.assertEqual([each[0] for each in client.ask("/hello", "GET")], [200])
        for name, share in zip(people, (20, 10, 10), strict=True):
            self.assertEqual(len(self.lines(name, share)), share)
        self.balance(*people)

    def test_a_wrong_one_among_them(self) -> None:
        """A credential that is wrong is refused where right ones came before, and is nobody's traffic."""
        (anna,) = self.people("anna")
        client = self.client([anna] * 9 + [basic("anna", "not hers at all")])
        found = [client.ask("/hello", "GET")[-1][0] for _ in range(20)]
        self.assertEqual(found, ([200] * 9 + [407]) * 2)
        self.balance("anna")

    def test_several_at_once(self) -> None:
        """Requests that come together are served one by one, and those after them as ever."""
        (anna,) = self.people("anna")
        head = b"GET http://127.0.0.1:%d/hello HTTP/1.1\r\nHost: h\r\n%b\r\n" % (self.origin.port, anna)
        with Talk(self.daemon) as talk:
            for together in (1, 1, 3, 1, 2, 1):
                talk.send(head * together)
                for _ in range(together):
                    answer = talk.answer()
                    self.assertEqual((200, b"hello"), (answer.status, answer.body) if answer is not None else None)
        self.assertEqual(len(self.lines("anna", 9)), 9)
        self.balance("anna")

    def test_the_wish_for_a_time(self) -> None:
        """Of a request that repeats another is heeded as of any."""
        (anna,) = self.people("anna")
        client = self.client([anna + b"X-ProxyMesh-Timeout: 1\r\n"])
        for path in ("/hello", "/hello", "/hello", "/silent"):
            status = client.ask(path, "GET")[-1][0]
            self.assertEqual(status, 504 if path == "/silent" else 200)

    def test_revoked(self) -> None:
        """Whoever may no longer pass is refused at the next request, and a limit ends the one that reaches it."""
        (anna,) = self.people("anna")
        client = self.client([anna])
        for _ in range(5):
            client.ask("/hello", "GET")
        self.daemon.cli("account", "set", "anna", "--expires", "2020-01-01")
        until(lambda: client.ask("/hello", "GET")[-1][0] == 402, "the refusal")
        self.balance("anna")

    def test_limit(self) -> None:
        """A limit is met to the byte by answers that repeat."""
        credential = basic("anna", self.daemon.account("anna", **{"total-limit": "0.000005"}))
        client = self.client([credential])
        found: list[object] = []
        while not found or found[-1] == 200:
            found.append((client.ask("/hello", "GET") or [[0]])[-1][0])
        self.assertIn(found[-1], (0, 509))
        self.assertEqual(until(lambda: self.daemon.total("anna") == 5000 and 5000, "the total"), 5000)
        self.balance("anna")

    def balance(self, *names: str) -> None:
        """The log's sums are the store's totals."""

        def even() -> bool | None:
            totals, lines = self.daemon.totals(), self.daemon.exchanges()
            sums = {
                name: sum(each["up"] + each["down"] for each in lines if each["username"] == name) for name in names
            }
            return sums == {name: totals[name] for name in names} or None

        until(even, "a balance of log and store")


class RepeatedVisitsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = HostedWorld(self)
        self.origin = Origin()
        self.addCleanup(self.origin.close)

    def client(self, *, varies: bool = False) -> Client:
        client = Client(self.world.daemon, "", varies=varies, port=self.world.http)
        self.addCleanup(client.close)
        return client

    def publish(self, **more: Any) -> Row:
        host = {"forward_host": "127.0.0.1", "forward_port": self.origin.port}
        row = self.world.publish("proxy-hosts", domain_names=["h.test"], **host, **more)
        client = self.client(varies=True)
        self.world.until(lambda: client.ask("/hello", "GET")[-1][0] == 200, "the host is served")
        self.asked = client.asked
        return row

    def test_answers(self) -> None:
        """A visitor of a published host is told the same, whatever its server does, and the log says the same."""
        self.publish()
        self.origin.asked.clear()
        before = until(lambda: len(self.world.daemon.exchanges()) == self.asked and self.asked, "earlier lines")
        repeated, varying = walk(self.client()), walk(self.client(varies=True))
        for one, other in zip(repeated, varying, strict=True):
            self.assertEqual(one, other)
        asked, half = self.origin.asked, len(self.origin.asked) // 2
        self.assertEqual([unvaried(each) for each in asked[:half]], [unvaried(each) for each in asked[half:]])
        count = len(repeated)
        lines = until(
            lambda: (found := self.world.daemon.exchanges()[before:]) and len(found) >= 2 * count and found, "all lines"
        )
        self.assertEqual(told(lines[:count]), told(lines[count:]))

    def test_changes(self) -> None:
        """Each change of the host holds for the next request of a visitor who repeats himself."""
        row, client = self.publish(), self.client()
        page = {"error_pages": {"404": "ours"}}
        forced = {"ssl_forced": True, "certificate_id": self.world.certificate("h.test").id}
        for settings, path, expected in (
            ({}, "/hello", (200, b"hello")),
            (page, "/missing", (404, b"ours")),
            (forced, "/hello", (301, b"")),
            ({"ssl_forced": False}, "/hello", (200, b"hello")),
            ({"enabled": False}, "/hello", (404, b"")),
        ):
            host = {"domain_names": ["h.test"], "forward_host": "127.0.0.1", "forward_port": self.origin.port}
            self.world.change(row, **host, **settings)

            def held(path: str = path, expected: tuple[int, bytes] = expected) -> bool:
                status, _, _, body, _ = client.ask(path, "GET")[-1]
                return status == expected[0] and expected[1] in body

            self.world.until(held, str(settings))
            for _ in range(3):
                self.assertEqual(client.ask(path, "GET")[-1][0], expected[0])

    def test_another_upstream(self) -> None:
        """Is asked where the one that was asked so far says nothing, and the visitor is told nothing of that."""
        assert self.world.daemon.config_file is not None
        settings = self.world.daemon.config_file.read_text()
        self.assertIn("reloaded", self.world.daemon.reload(settings + "\n[timeouts]\nfirst_byte = 4\n"))
        second = Origin()
        self.addCleanup(second.close)
        second.answers = {"/silent": (OTHER,), "/hello": (HELLO,)}
        self.publish(upstreams=[{"host": "127.0.0.1", "port": second.port}], lb_policy="first")
        client = self.client()
        for path, body in (("/hello", b"hello"), ("/hello", b"hello"), ("/hello", b"hello"), ("/silent", b"you")):
            status, _, _, found, _ = client.ask(path, "GET")[-1]
            self.assertEqual((status, found), (200, body))
        self.assertEqual([each.split(b" ")[1].partition(b"?")[0] for each in second.asked], [b"/silent"])

    def test_another_name(self) -> None:
        """What one host shows in its own way is not shown to who asks for another on the same connection."""
        self.publish(error_pages={"404": "ours"})
        head = b"GET /hello HTTP/1.1\r\nHost: %b\r\n\r\n"
        with Talk(self.world.daemon, port=self.world.http) as talk:
            for _ in range(4):
                self.assertEqual(talk.ask(head % b"h.test").status, 200)
            answer = talk.ask(head % b"unknown.test")
        self.assertEqual((answer.status, b"ours" in answer.body), (404, False))
