"""A visitor of published hosts who says exactly what it is told to, and the daemon and the origin that hear it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.published.rows import Row
from tests.http1.oracle import read_as_request
from tests.live.hostedworld import HostedWorld
from tests.support.daemon import PATIENCE
from tests.support.origin import Connection, Received, RecordingOrigin
from tests.threats.support import Answer, Talk

NAME = "hostile.example"
"""The host that most requests are for."""
OTHER = "other.example"


class Visit(Talk):
    """One connection to a published host; by TLS where a name is asked for."""

    def __init__(self, world: HostedWorld, asked: str = "", source: str = "127.0.0.1") -> None:
        super().__init__(world.daemon, source, port=world.https if asked else world.http)
        if asked:
            context = ssl.create_default_context()
            context.check_hostname = False
            world.authority.configure_trust(context)
            self.sock = context.wrap_socket(self.sock, server_hostname=asked)


def own(answer: Answer) -> bool:
    """Whether meshd made an answer: the origin stores nothing and shows no page."""
    return answer.field("cache-control") == "no-store"


def get(path: str = "/echo", *lines: bytes, host: str = NAME, method: str = "GET", body: bytes = b"") -> bytes:
    """A request in origin-form."""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n".encode() + b"".join(lines) + b"\r\n" + body


class HostileCase(SynchronousTestCase):
    """A daemon for the class, with two hosts before one origin, which plain HTTP and TLS lead to."""

    world: HostedWorld
    origin: RecordingOrigin
    SETTINGS: Mapping[str, str] = {}
    """Lines for `[hosts]`."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.world = HostedWorld(cls, **cls.SETTINGS)
        cls.origin = RecordingOrigin(cls)
        certificate = cls.world.certificate(NAME, OTHER, "*.wild.example")
        for name in (NAME, OTHER, "*.wild.example"):
            cls.publish(name, certificate_id=certificate.id)
        cls.publish_more()
        cls.publish("last.example", certificate_id=certificate.id)
        cls.world.until(lambda: cls.ask(get(host="last.example")).status == 200, "what is published is served")

    @classmethod
    def publish_more(cls) -> None:
        """What the class's own tests need."""

    @classmethod
    def publish(cls, name: str, **more: Any) -> Row:
        upstream = {"forward_host": "127.0.0.1", "forward_port": cls.origin.port}
        return cls.world.publish("proxy-hosts", domain_names=[name], **upstream, **more)

    def setUp(self) -> None:
        self.origin.forget()

    @classmethod
    def ask(cls, data: bytes, asked: str = "", source: str = "127.0.0.1") -> Answer:
        """One request on a connection of its own."""
        with Visit(cls.world, asked, source) as visit:
            return visit.ask(data, data.split(b" ", 1)[0].decode("latin-1"))

    def played(self, data: bytes, asked: str = "", least: int = 1) -> list[Answer]:
        """Every final answer to these bytes and the end of the client's side.  least: how many are waited for."""
        with Visit(self.world, asked) as visit:
            visit.send(data)
            if not asked:
                visit.end()  # TLS has no end of one side alone
            method = "HEAD" if data.startswith(b"HEAD ") else "GET"
            return [answer for answer in self.answers(visit, method, asked, least) if answer.status >= 200]

    def answers(self, visit: Visit, method: str, asked: str, least: int) -> Iterator[Answer]:
        while (answer := visit.answer(method)) is not None:
            yield answer
            least -= answer.status >= 200
            if asked and least <= 0 and answer.field("connection") != "close":
                visit.sock.settimeout(0.3)  # whether more comes without being asked for
                try:
                    while not visit.buffer and visit._more():
                        pass
                except TimeoutError:
                    return
                visit.sock.settimeout(PATIENCE)

    @property
    def arrived(self) -> list[Received]:
        return self.origin.requests

    @property
    def connections(self) -> list[Connection]:
        return [each for each in self.origin.connections if each.received]

    def arrived_one_way(self, what: object, *, hidden: bool = True) -> int:
        """See that whatever has arrived is read by llhttp as by the recorder; how many whole requests that is.

        hidden: whether the request that the corpora hide may be none of them.
        """
        whole = 0
        for connection in self.connections:
            sent = b"".join(request.raw for request in connection.requests)
            reading = read_as_request(sent)
            if "InvalidMethod" not in reading.fault:  # llhttp knows some methods only
                self.assertEqual((reading.fault, reading.messages), ("", len(connection.requests)), what)
                self.assertIsNone(reading.tunnel_at, what)
            self.assertEqual(read_as_request(bytes(connection.received)[len(sent) :]).messages, 0, what)
            whole += len(connection.requests)
            for request in connection.requests:
                self.assertFalse(hidden and request.path == "/hidden", what)
                self.assert_clean(request, what)
        return whole

    def assert_clean(self, request: Received, what: object) -> None:
        """See that the fields that frame, route and vouch are there once, and are meshd's."""
        names = [name.lower() for name, _ in request.fields]
        for name in ("host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip"):
            self.assertEqual(names.count(name), 1, (what, name))
        self.assertLessEqual(names.count("content-length") + names.count("transfer-encoding"), 1, what)
        self.assertFalse({"connection", "keep-alive", "te", "proxy-connection", "upgrade"} & set(names), what)

    def nothing_arrived(self, what: object = "") -> None:
        """See that the origin has got no byte, by asking it for something that it does get."""
        self.assertEqual(self.ask(get("/sentinel", host="last.example")).status, 200, what)
        self.assertEqual([request.target for request in self.arrived], ["/sentinel"], what)
        self.origin.forget()
