"""The listener of metrics of a real daemon: who is told, what, and what becomes of it when workers die."""

from __future__ import annotations

import asyncio
import socket
import ssl

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import basic as field
from tests.support import crews
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.echoes import Echoes
from tests.support.load import Book, Link, basic
from tests.support.scraping import ask, scraped
from tests.threats.support import Talk

TOKEN = "f00d" * 8


def listening(port: int, more: str = "") -> str:
    return f'[metrics]\nlisten = ["tcp:{port}"]\n{more}'


class ListenerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.port = free_port()

    def daemon(self, more: str = "") -> LiveDaemon:
        return LiveDaemon(self, listening(self.port, more))

    def test_there_are_two_paths_and_two_methods(self) -> None:
        """And whatever else is sent is refused, in plain text."""
        self.daemon()
        cases = [
            ("GET", "/metrics", 200),
            ("HEAD", "/metrics", 200),
            ("GET", "/metrics?x=1", 200),
            ("GET", "/healthz", 200),
            ("POST", "/metrics", 405),
            ("DELETE", "/healthz", 405),
            ("GET", "/", 404),
            ("GET", "/metrics/", 404),
            ("GET", "/api/proxies/", 404),
            ("GET", "/%6detrics", 404),
            ("OPTIONS", "/x", 404),
        ]
        for method, path, wanted in cases:
            answered = ask(self.port, path, method=method)
            self.assertEqual(answered.status, wanted, (method, path))
            self.assertTrue(answered.fields["content-type"].startswith("text/plain"), (method, path))
            self.assertEqual(answered.fields["cache-control"], "no-store")
        self.assertEqual(ask(self.port, "/healthz").body, "ok\n")
        self.assertEqual(ask(self.port, "/x", method="POST").fields.get("allow"), None)
        self.assertEqual(ask(self.port, method="POST").fields["allow"], "GET, HEAD")
        self.assertEqual(ask(self.port).fields["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        found = scraped(self.port)
        self.assertEqual(found["api_requests_total{api=metrics,status=404}"], 6.0)

    def test_what_is_no_request_is_answered_below_the_paths(self) -> None:
        self.daemon()
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.settimeout(60)
            sock.sendall(b"EVIL\r\n\r\n")
            answer = b""
            while data := sock.recv(4096):
                answer += data
        self.assertIn(b"HTTP/1.1 400 ", answer)
        self.assertTrue(answer.endswith(b"malformed request\n"), answer)

    def test_it_is_on_loopback_and_speaks_no_tls(self) -> None:
        daemon = self.daemon()
        daemon.wait_for_log(f"metrics on 127.0.0.1:{self.port} listens")
        with socket.create_connection(("127.0.0.1", self.port)) as sock, self.assertRaises(ssl.SSLError):
            ssl._create_unverified_context().wrap_socket(sock)

    def test_without_a_word_of_it_there_is_none(self) -> None:
        """A reload brings it, and takes it away again."""
        daemon = LiveDaemon(self)
        self.assertNotIn("metrics on", daemon.log_text())
        self.assertIn("settings reloaded", daemon.reload(listening(self.port)))
        self.assertEqual(scraped(self.port)["reloads_total{outcome=taken}"], 1.0)
        self.assertIn("not reloaded", daemon.reload(listening(self.port, 'accounts = ["no such name"]')))
        found = scraped(self.port)
        self.assertEqual((found["reload_successful"], found["reloads_total{outcome=refused}"]), (0.0, 1.0))
        self.assertIn("settings reloaded", daemon.reload(""))
        self.assertRaises(ConnectionRefusedError, ask, self.port)

    def test_a_token_is_wanted_where_there_is_one(self) -> None:
        """Not for the health; and a reload changes it."""
        daemon = LiveDaemon(self, start=False)
        file = daemon.folder / "token"
        file.write_text(TOKEN + "\n")
        file.chmod(0o600)
        daemon.configure(listening(self.port, 'token_file = "token"'))
        daemon.start()
        self.assertEqual(ask(self.port).status, 401)
        self.assertEqual(ask(self.port).fields["www-authenticate"], 'Bearer realm="meshd metrics"')
        self.assertEqual(ask(self.port, token=TOKEN[:-1]).status, 401)
        self.assertEqual(ask(self.port, token=TOKEN).status, 200)
        self.assertEqual(ask(self.port, "/healthz").status, 200)
        daemon.wait_for_log("metrics are refused to 127.0.0.1 (401)")
        self.assertNotIn(TOKEN, daemon.log_text())
        file.write_text("beef" * 8)
        daemon.reload()
        self.assertEqual((ask(self.port, token=TOKEN).status, ask(self.port, token="beef" * 8).status), (401, 200))
        file.chmod(0o644)
        self.assertIn("is open to others", daemon.reload())

    def test_who_is_not_listed_is_refused(self) -> None:
        self.daemon('networks = ["192.0.2.0/24"]')
        self.assertEqual((ask(self.port).status, ask(self.port, "/healthz").status), (403, 403))

    def test_customers_cannot_reach_it(self) -> None:
        """Through the proxy, though destinations on loopback are allowed."""
        daemon = self.daemon()
        password = daemon.account("anna")
        with Talk(daemon) as talk:
            request = b"GET http://127.0.0.1:%d/metrics HTTP/1.1\r\nHost: x\r\n%b\r\n"
            answer = talk.ask(request % (self.port, field("anna", password)))
        self.assertEqual(answer.status if answer else 0, 403)
        until(lambda: scraped(self.port)["refusals_total{reason=acl-private}"] == 1.0)


class CountingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.port = free_port()
        self.origin = Echoes(self)

    def customer(self, more: str) -> None:
        self.daemon = LiveDaemon(self, more + listening(self.port, 'accounts = ["Anna", "nobody"]'))
        self.who = basic("anna", "anna", self.daemon.account("anna"))

    async def work(self, requests: int) -> Book:
        """So many requests on connections of their own, all of which go well."""
        book = Book()
        for number in range(requests):
            link = await Link.open(book, ("127.0.0.1", self.daemon.proxy_port))
            head, _ = await link.get(self.who, self.origin.http, f"/n/100/{number}")
            self.assertEqual(head.status, 200)
            link.close()
        return book

    def served(self) -> float:
        return scraped(self.port)["exchanges_total{proxy=local,outcome=served}"]

    def test_what_is_counted_is_what_is_billed(self) -> None:
        """To the byte, also of accounts that are told apart."""
        self.customer("")
        asyncio.run(self.work(20))
        until(lambda: self.served() == 20.0, "all exchanges")
        found = scraped(self.port)
        both = (found["transferred_bytes_total{direction=up}"], found["transferred_bytes_total{direction=down}"])
        until(lambda: self.daemon.total("anna") == sum(both), "all billed")
        self.assertEqual(
            tuple(found[f"account_bytes_total{{account=anna,direction={each}}}"] for each in ("up", "down")), both
        )
        self.assertEqual(found["account_exchanges_total{account=anna}"], 20.0)
        self.assertEqual(found["account_exchanges_total{account=nobody}"], 0.0)
        self.assertEqual((found["store_up"], found["store_failures_total"]), (1.0, 0.0))

    def test_workers_that_die_take_nothing_back(self) -> None:
        """All counters over all workers, before and after each dies."""
        self.customer("workers = 2\n")
        asyncio.run(self.work(20))
        until(lambda: self.served() == 20.0, "both workers have told")
        before = scraped(self.port)
        for number in (1, 2):
            gone = crews.kill(self.daemon, number)
            crews.filled(self.daemon, number, gone)
            until(lambda: scraped(self.port)[f"worker_up{{worker={number}}}"] == 1.0, "it serves")  # noqa: B023 (it is called here)
            after = scraped(self.port)
            for name, value in before.items():
                if "_total" in name or "_bucket" in name:
                    self.assertGreaterEqual(after[name], value, name)
            self.assertEqual(after[f"worker_restarts_total{{worker={number}}}"], 1.0)
            before = after
        asyncio.run(self.work(10))
        until(lambda: self.served() == 30.0, "those of the new ones too")
        counted = sum(value for name, value in scraped(self.port).items() if "account_bytes" in name)
        until(lambda: self.daemon.total("anna") == counted, "all billed")
