"""HTTP/2 wherever HTTP/1.1 is served: other stores, several processes, exits that are proxies, rates, and changes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from h2.errors import ErrorCodes
from twisted.trial.unittest import SynchronousTestCase

from tests.live import test_http2
from tests.live.test_http2 import Case
from tests.support import postgres
from tests.support.daemon import until
from tests.support.echoes import Echoes, body_of
from tests.support.http2 import Header, Session, basic, connect, get
from tests.support.origin import RecordingOrigin
from tests.support.stores import postgres_url
from tests.support.succession import SucceededDaemon
from tests.support.upstreams import UpstreamProxy

RESTARTS = 2
CLIENTS = 6
EXITS = {f"rack-{number}": f"127.0.0.8{number}" for number in range(4)}


class OnPostgres:
    """Mixed into a `Case`."""

    @classmethod
    def store(cls) -> str:
        server = postgres.server()
        database = server.new_database()
        cls.addClassCleanup(server.give_back, database)
        return server.url(database)


class WorkersTests(test_http2.ExchangeTests):
    settings = "workers = 2\n"


class PostgresTests(OnPostgres, test_http2.ExchangeTests):
    settings = "workers = 2\n"


class UpstreamTests(test_http2.ExchangeTests):
    """By an exit that is a proxy of somebody else's, which is asked itself for plain requests."""

    told_of_a_reset = None

    @classmethod
    def setUpClass(cls) -> None:
        cls.upstream = UpstreamProxy(cls, username="customer", password="s3cret")
        cls.tables = cls.upstream.toml("other")
        super().setUpClass()

    def test_secrets(self) -> None:
        """The other proxy hears its own credential and nothing of the client's."""
        session, uma = self.session(), self.customer("uma")
        self.assertEqual(session.ask(get(self.http, "/n/5/m", uma)).status, 200)
        asked = [each for each in self.upstream.asked if each.head.startswith(b"GET")][-1]
        self.assertEqual((asked.username, asked.password), ("customer", "s3cret"))
        self.assertNotIn(uma[1], asked.head)


class ShapedTests(test_http2.ExchangeTests):
    """By accounts that are held to rates, which are far above what is asked for here."""

    def customer(self, name: str, **options: str) -> Header:
        field = super().customer(name, **options)
        self.daemon.cli("account", "bounds", name, "kbit_up=800000", "kbit_down=800000")
        self.awaited(lambda: self.daemon.cli("account", "bounds", name))
        return field

    def awaited(self, what: Callable[[], Any]) -> Any:
        return until(what, "the bounds")

    def test_a_rate_holds_one_account_alone(self) -> None:
        """Of two on a session the one waits for its rate, the other for nobody."""
        session, fast = self.session(), super().customer("fast")
        slow = super().customer("slow")
        self.daemon.cli("account", "bounds", "slow", "kbit_down=400")
        held = session.begin(get(self.http, "/n/150000/m", slow))
        session.head(held)
        for _ in range(5):
            self.assertEqual(session.ask(get(self.http, "/n/100000/m", fast)).status, 200)
            self.assertFalse(session.came[held].over)
        self.assertEqual(session.answer(held).body, body_of(b"m", 150_000))
        self.balance("slow", 1)


class ExitsTests(Case):
    """Which exit a stream leaves by is its own question."""

    tables = "".join(f'[[exits]]\nname = "{n}"\nkind = "local"\naddress = "{a}"\n' for n, a in EXITS.items())

    def setUp(self) -> None:
        self.web = RecordingOrigin(self)
        self.password = self.daemon.account(self.id().rsplit("_", 1)[1])
        self.name = self.id().rsplit("_", 1)[1]

    def sources(self, session: Session, user: str, count: int) -> set[str]:
        """The addresses that the origin was asked from, by streams that are open at once."""
        self.web.forget()
        headers = get(self.web.authority, "/", basic(user, self.password))
        numbers = [session.begin(headers) for _ in range(count)]
        for number in numbers:
            self.assertEqual(session.answer(number).status, 200)
        return {each.peer[0] for each in self.web.connections if each.requests}

    def test_rotating(self) -> None:
        """Many streams leave by all exits, of one session as of many."""
        self.assertEqual(self.sources(self.session(), self.name, 60), set(EXITS.values()))

    def test_sticky(self) -> None:
        """One key leads to one exit, from any session; others lead elsewhere."""
        by_key = {key: self.sources(self.session(), f"{self.name}-session-{key}", 5) for key in range(12)}
        self.assertEqual({len(found) for found in by_key.values()}, {1})
        self.assertGreater(len(set().union(*by_key.values())), 1)
        again = self.sources(self.session(), f"{self.name}-session-3", 5)
        self.assertEqual(again, by_key[3])


class ChangesTests(Case):
    """Of two accounts on one session one loses its right; the other hears nothing of it."""

    def both(self, name: str) -> tuple[Session, int, int]:
        """A session with a tunnel of that account and one of another."""
        session, number = self.session(), 0
        mine = session.begin(connect(self.raw, self.customer(name)), None)
        others = session.begin(connect(self.raw, self.customer(f"beside-{name}")), None)
        for number in (mine, others):
            self.assertEqual(session.head(number).status, 200)
            session.send(number, b"E")
        return session, mine, others

    def ends_alone(self, name: str, *change: str, input: str | None = None) -> None:
        session, mine, others = self.both(name)
        self.daemon.cli(*(word.format(name) for word in change), input=input)
        self.assertEqual(session.answer(mine).reset, ErrorCodes.CONNECT_ERROR)
        session.send(others, b"still")
        self.assertEqual(session.until_body(others, 5), b"still")
        self.balance(name, 1)

    def test_deactivated(self) -> None:
        self.ends_alone("abel", "account", "deactivate", "{}")

    def test_a_limit_that_is_lowered(self) -> None:
        self.ends_alone("bill", "account", "set", "{}", "--total-limit", "0.0000001")

    def test_rules(self) -> None:
        self.ends_alone("bela", "account", "rules", "{}", "--only", "example.com")

    def test_password(self) -> None:
        self.ends_alone("cora", "account", "passwd", "{}", "--password-stdin", input="another one\n")

    def test_token(self) -> None:
        session, account = self.session(), self.customer("dina")
        made = self.daemon.new_token("dina")
        by_token = session.begin(connect(self.raw, basic("x", made["token"])), None)
        by_password = session.begin(connect(self.raw, account), None)
        for number in (by_token, by_password):
            self.assertEqual(session.head(number).status, 200)
            session.send(number, b"E")
        self.daemon.cli("token", "deactivate", str(made["id"]))
        self.assertEqual(session.answer(by_token).reset, ErrorCodes.CONNECT_ERROR)
        session.send(by_password, b"still")
        self.assertEqual(session.until_body(by_password, 5), b"still")

    def test_ban(self) -> None:
        """Of a name that was guessed at: its streams are refused, its tunnel and those of others go on."""
        session, mine, others = self.both("egon")
        for number in range(4):
            self.assertEqual(session.ask(get(self.http, "/n/5/m", basic("egon", f"wrong {number}"))).status, 407)
        refused = session.ask(get(self.http, "/n/5/m", basic("egon", "wrong again")))
        self.assertIn(refused.status, {403, 407, 429})
        for number in (mine, others):
            session.send(number, b"still")
            self.assertEqual(session.until_body(number, 5), b"still")

    def test_a_reload(self) -> None:
        """Ends nothing; what comes afterwards by the same session is judged by the new rules."""
        session, mine, _ = self.both("fina")
        gerd = self.customer("gerd")
        assert self.daemon.config_file is not None
        self.addCleanup(self.daemon.reload, self.daemon.config_file.read_text())
        denied = f'[destinations]\ndeny_ports = ["{self.origin.http}"]\n'
        self.daemon.reload(f"{self.settings}[limits]\nflush_seconds = 0.1\n{denied}")
        self.assertEqual(session.ask(get(self.http, "/n/5/m", gerd)).status, 403)
        session.send(mine, b"still")
        self.assertEqual(session.until_body(mine, 5), b"still")


class WorkersChangesTests(ChangesTests):
    settings = "workers = 2\n"


class PostgresChangesTests(OnPostgres, ChangesTests):
    pass


class RestartsTests(SynchronousTestCase):
    """Clients that come by sessions do not notice that processes follow one another."""

    store = ""
    workers = 1

    def setUp(self) -> None:
        settings = f"workers = {self.workers}\n[timeouts]\ndrain = 20\n"
        self.daemon = SucceededDaemon(self, settings, store=self.store)
        self.origin = Echoes(self)
        self.done, self.going = 0, True

    def client(self, name: str, credential: Header) -> int:
        """Ask by one session until that says goodbye, then by the next; how many were asked."""
        asked, http = 0, f"127.0.0.1:{self.origin.http}"
        while self.going:
            session = Session(self.daemon)
            tunnel = session.begin(connect(f"127.0.0.1:{self.origin.raw}", credential), None)
            session.head(tunnel)
            session.send(tunnel, b"E")
            asked += 1
            while self.going and not session.last:
                numbers = [session.begin(get(http, f"/n/{100 + at}/{name}", credential)) for at in range(5)]
                for at, number in enumerate(numbers):
                    came = session.answer(number)
                    assert (came.status, came.body) == (200, body_of(name.encode(), 100 + at)), (came, session.last)
                    del session.came[number]
                asked += len(numbers)
                self.done += len(numbers)
            session.send(tunnel, b"still")
            assert session.until_body(tunnel, 5) == b"still", "the tunnel goes on after the goodbye"
            session.end(tunnel)
            session.answer(tunnel)
            session.close()
        return asked

    def test_no_stream_is_lost(self) -> None:
        """Each is answered, and is in the log and in the store once."""
        people = {name: basic(name, self.daemon.account(name)) for name in ("anna", "bert")}
        names = [name for name in people for _ in range(CLIENTS // 2)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            running = [pool.submit(self.client, name, people[name]) for name in names]
            try:
                for _ in range(RESTARTS):
                    before = self.done
                    until(lambda before=before: self.done > before + 10 * CLIENTS, "more of them")
                    self.daemon.wait_for(self.daemon.hand_on())
            finally:
                self.going = False
            asked = sum(each.result() for each in running)
        lines = until(lambda: (found := self.daemon.exchanges()) and len(found) >= asked and found, "all lines")
        self.assertEqual((len(lines), {line["status"] for line in lines}), (asked, {200}))
        for name in people:
            total = sum(line["up"] + line["down"] for line in lines if line["username"] == name)
            until(lambda name=name, total=total: self.daemon.total(name) == total, f"the bill of {name}")


class WorkersRestartsTests(RestartsTests):
    workers = 2


class PostgresRestartsTests(RestartsTests):
    def setUp(self) -> None:
        self.store = postgres_url(self)
        super().setUp()
