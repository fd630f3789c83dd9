"""Lists fetched from a real server on loopback: validators, redirects, bounds, and what is said of what goes wrong."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Event
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from meshd.config.exits.kept import State
from meshd.config.exits.remote import RemoteList
from meshd.dns.resolver import Resolver
from meshd.exits import fetching
from meshd.exits.destinations import OwnListeners
from meshd.exits.dialling import Dialler
from meshd.exits.fetching import REDIRECTS, Fetcher, FetchError
from meshd.sockets.poll import Poller
from meshd.topology import DestinationRules
from tests.support.daemon import free_port
from tests.support.listserver import ListServer, send


class FetchingCase(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.folder = Path(mkdtemp())
        self.addCleanup(rmtree, self.folder)
        self.server = ListServer(self.folder)
        self.addCleanup(self.server.close)
        self.server.text = b"gw.example:3128\n"
        poller, resolver = Poller(reactor), Resolver(reactor)  # type: ignore[arg-type]
        self.fetcher = Fetcher(reactor, poller, Dialler(poller, resolver, reactor, DestinationRules, OwnListeners))  # type: ignore[arg-type]
        poller.start()
        self.addCleanup(poller.stop)
        self.addCleanup(resolver.stop)
        self.source = RemoteList("seller", self.server.url(), ca=str(self.server.ca), private=True)

    def known(self, **given: Any) -> State:
        return State(source=self.source.digest, exits=1, **given)

    async def refused(self, wanted: str, source: RemoteList | None = None) -> None:
        """One reason, without a word of the URL's secrets."""
        try:
            await self.fetcher.fetch(source or self.source, State())
        except FetchError as error:
            self.assertIn(wanted, str(error))
            for secret in ("s3cret", "p@ss", "p%40ss", "token"):
                self.assertNotIn(secret, f"{error!r} {error.__cause__!r} {self.source!r}")
        else:
            self.fail("it was fetched")

    def moved(self, location: Callable[[int], str]) -> None:
        """The server sends whoever comes on."""
        self.server.handle = lambda request: send(request, 302, Location=location(len(self.server.requests)))


class AnswerTests(FetchingCase):
    async def test_a_list_and_its_validators(self) -> None:
        """As it stands, with name and password told as Basic."""
        found = await self.fetcher.fetch(self.source, State())
        self.assertEqual((found.body, found.etag), (b"gw.example:3128\n", self.server.etag))
        ((path, fields),) = self.server.requests
        self.assertEqual((path, fields["authorization"]), ("/list?token=s3cret", "Basic dXM6cEBzcw=="))
        self.assertNotIn("if-none-match", fields)

    async def test_a_list_that_is_known(self) -> None:
        """Is asked for by its validators, and not sent again; of another URL nothing is known."""
        known = self.known(etag=self.server.etag, modified="Sun, 29 Nov 2026 10:00:00 GMT")
        self.assertIsNone((await self.fetcher.fetch(self.source, known)).body)
        fields = self.server.requests[0][1]
        self.assertEqual(fields["if-modified-since"], "Sun, 29 Nov 2026 10:00:00 GMT")
        other = replace(known, source="another")
        self.assertIsNotNone((await self.fetcher.fetch(self.source, other)).body)
        self.assertNotIn("if-none-match", self.server.requests[1][1])

    async def test_not_modified_unasked(self) -> None:
        self.server.handle = lambda request: send(request, 304)
        await self.refused("the server answers 304")

    async def test_gzip(self) -> None:
        """As servers send it to who can read it."""
        body = gzip.compress(self.server.text)
        self.server.handle = lambda request: send(request, 200, body, Content_Encoding="gzip")
        found = await self.fetcher.fetch(self.source, State())
        self.assertEqual((found.body, found.packed), (body, True))
        self.assertIn("gzip", self.server.requests[0][1]["accept-encoding"])
        self.server.handle = lambda request: send(request, 200, body, Content_Encoding="br")
        await self.refused("an answer in a coding that was not asked for")

    async def test_statuses(self) -> None:
        for status in (204, 206, 401, 404, 500, 503):
            self.server.status = status
            await self.refused(f"the server answers {status}")

    async def test_redirects(self) -> None:
        """Are followed to https, with the password for its own server alone, and not for ever."""
        self.moved(lambda count: "/moved" if count == 1 else "")
        first = self.server.handle

        def handle(request: Any) -> None:
            (first if request.path != "/moved" else self.server.answer)(request)  # type: ignore[misc]

        self.server.handle = handle
        self.assertEqual((await self.fetcher.fetch(self.source, State())).body, self.server.text)
        self.assertIn("authorization", self.server.requests[-1][1])
        other = ListServer(Path(mkdtemp(dir=self.folder)))
        self.addCleanup(other.close)
        self.moved(lambda _: f"https://127.0.0.1:{other.port}/other")
        both = self.folder / "both.pem"
        both.write_bytes(self.server.ca.read_bytes() + other.ca.read_bytes())
        other.text = b"gw.example:1\n"
        source = replace(self.source, ca=str(both))
        self.assertEqual((await self.fetcher.fetch(source, State())).body, b"gw.example:1\n")
        self.assertNotIn("authorization", other.requests[0][1])

    async def test_redirects_that_are_not_followed(self) -> None:
        for location, wanted in (
            ("http://127.0.0.1/s3cret", "a redirect to what is not https"),
            ("", "a redirect that leads nowhere"),
            ("https://a:s3cret@127.0.0.1/", "a redirect that leads nowhere"),
            ("https://[s3cret/", "a redirect that leads nowhere"),
            ("https://h:99999999/", "a redirect that leads nowhere"),
        ):
            self.moved(lambda _, location=location: location)  # type: ignore[misc]
            await self.refused(wanted)
        self.server.requests.clear()
        self.moved(lambda count: f"/{count}")
        await self.refused(f"more than {REDIRECTS} redirects")
        self.assertEqual(len(self.server.requests), REDIRECTS + 1)


class BoundTests(FetchingCase):
    async def test_too_large(self) -> None:
        """The rest is not read."""
        self.patch(fetching, "BYTES", 1024 * 1024)
        self.server.text = b"x" * (64 * 1024 * 1024)
        await self.refused("the list has more than 64 MiB")

    async def test_too_slow(self) -> None:
        """In the head or in the body."""
        self.patch(fetching, "SECONDS", 0.3)
        ended = Event()
        self.addCleanup(ended.set)
        for begun in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ngw."):

            def handle(request: Any, begun: bytes = begun) -> None:
                request.wfile.write(begun)
                ended.wait(60)

            self.server.handle = handle
            await self.refused("no whole answer within 0.3 s")

    async def test_broken_off(self) -> None:
        """Half of a list is none, nor one whose end nobody told."""

        def half(request: Any) -> None:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ngw.example:1\n")
            request.close_connection = True

        def endless(request: Any) -> None:
            send(request, 200, self.server.text, length=False, Connection="close")

        def nonsense(request: Any) -> None:
            request.wfile.write(b"nonsense s3cret\r\n\r\n")
            request.close_connection = True

        for handle, wanted in (
            (half, "broke off"),
            (endless, "broke off"),
            (nonsense, "broke off"),
        ):
            self.server.handle = handle
            await self.refused(wanted)

    async def test_another_certificate(self) -> None:
        """Neither one that nobody vouches for, nor one for another name."""
        wanted = "no TLS with its server: its certificate is not trusted, or is another's"
        await self.refused(wanted, replace(self.source, ca=""))
        other = ListServer(Path(mkdtemp(dir=self.folder)), name="other.example")
        self.addCleanup(other.close)
        await self.refused(wanted, replace(self.source, url=other.url(), ca=str(other.ca)))
        await self.refused("(`ca`) cannot be read", replace(self.source, ca=str(self.folder / "none.pem")))

    async def test_nobody_there(self) -> None:
        url = f"https://127.0.0.1:{free_port()}/s3cret"
        await self.refused("its server cannot be reached (connection-refused)", replace(self.source, url=url))

    async def test_private_addresses(self) -> None:
        """Only where the settings say so; and a redirect there is judged too."""
        source = replace(self.source, private=False)
        await self.refused("its server is where customers may not go (acl-private): say private = true", source)
        self.assertEqual(self.server.requests, [])
        await self.refused("(acl-port)", replace(source, url="https://192.0.2.1:25/s3cret"))
