"""`scrapy-proxymesh-py3`, as its users have it: the middleware and its settings, and what they send besides."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.live.clients import Answer, Asked, Credential, Scrapy
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import Connection, RecordingOrigin

EXITS = tuple(f"127.0.0.{n}" for n in range(2, 10))

CONFIG = "".join(f'[[exits]]\nname = "rack-{each[-1]}"\nkind = "local"\naddress = "{each}"\n' for each in EXITS)
CONFIG += "[limits]\nflush_seconds = 0.1\n"

DRAWS = 40
"""That so many bring less than four of eight exits has a chance below 1 in 10 to the 14."""

daemon: LiveDaemon
origin: RecordingOrigin
secure: RecordingOrigin
patient: Scrapy
hasty: Scrapy
"""With a timeout of a second."""


def setUpModule() -> None:
    global daemon, origin, secure, patient, hasty  # noqa: PLW0603
    daemon = LiveDaemon(config=CONFIG)
    origin, secure = RecordingOrigin(), RecordingOrigin(tls=True)
    urls = [f"http://{name}:{daemon.account(name)}@{daemon.proxy}" for name in ("anna", "berta")]
    middlewares = {"DOWNLOADER_MIDDLEWARES": {"scproxymesh.SimpleProxymeshMiddleware": 100}}
    patient = Scrapy({**middlewares, "PROXYMESH_URL": urls})
    hasty = Scrapy({**middlewares, "PROXYMESH_URL": urls[0], "PROXYMESH_TIMEOUT": 1})


def tearDownModule() -> None:
    for each in (patient, hasty, origin, secure, daemon):
        each.close()


def fetched(url: str, scrapy: Scrapy | None = None, **fields: str) -> Answer:
    """fields: of the request, with underscores."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return (scrapy or patient)(Asked(url, "", Credential(), "", fields=named))


class ScrapyProxymeshTests(SynchronousTestCase):
    def setUp(self) -> None:
        for each in (origin, secure):
            each.forget()

    def seen(self, url: str) -> Connection:
        """The connection that brought this URL's one request to an origin; nothing of the proxy's was in it."""
        path = url.split("/", 3)[3]
        found = [
            (connection, request)
            for connection in [*origin.connections, *secure.connections]
            for request in connection.requests
            if request.target == f"/{path}"
        ]
        ((connection, request),) = found
        self.assertEqual([name for name in request.names if name.startswith(("proxy-", "x-proxymesh-"))], [])
        return connection

    def exit_of(self, answer: Answer, url: str) -> str:
        """What the answer says of it, which is what the origin has seen."""
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.fields["x-proxymesh-ip"], self.seen(url).peer[0])
        return answer.fields["x-proxymesh-ip"]

    def test_rotation(self) -> None:
        """Each request leaves by an exit of its own, whichever connection to the proxy it came by."""
        urls = [origin.url(f"/echo?{n}") for n in range(DRAWS)]
        used = [self.exit_of(fetched(url), url) for url in urls]
        self.assertEqual(set(used) - set(EXITS), set())
        self.assertGreaterEqual(len(set(used)), 4)

    def test_a_list_of_proxies_is_taken_in_turn(self) -> None:
        """Here the proxy under two accounts."""
        before = daemon.totals()
        for n in range(4):
            fetched(origin.url(f"/echo?{n}"))
        until(lambda: all(daemon.total(name) > before[name] for name in ("anna", "berta")), "both have been billed")

    def test_https(self) -> None:
        """Through a tunnel, which leaves by one exit; the middleware's own field is not needed for it."""
        url = secure.url("/echo?tunnel")
        self.assertEqual(fetched(url).status, 200)
        self.assertIn(self.seen(url).peer[0], EXITS)

    def test_pinning(self) -> None:
        """Each exit that is asked for is taken, as often as it is asked for, and the answer repeats it."""
        for n, wanted in enumerate(EXITS * 2):
            url = origin.url(f"/echo?{n}")
            answer = fetched(url, X_ProxyMesh_IP=wanted)
            self.assertEqual(self.exit_of(answer, url), wanted)
            self.assertNotIn("x-proxymesh-ip-not-found", answer.fields)

    def test_a_pin_that_is_gone(self) -> None:
        url = origin.url("/echo?gone")
        answer = fetched(url, X_ProxyMesh_IP="192.0.2.1")
        self.assertEqual(answer.fields["x-proxymesh-ip-not-found"], "192.0.2.1")
        self.assertIn(self.exit_of(answer, url), EXITS)

    def test_a_list_that_grows(self) -> None:
        """The crawler's way: whatever has served is blocked from then on, until none is left; an empty list is none."""
        blocked: list[str] = []
        while len(blocked) < len(EXITS):
            url = origin.url(f"/echo?{len(blocked)}")
            used = self.exit_of(fetched(url, X_ProxyMesh_Not_IP=",".join(blocked)), url)
            self.assertNotIn(used, blocked)
            blocked.append(used)
        answer = fetched(origin.url("/echo?none"), X_ProxyMesh_Not_IP=",".join(blocked))
        self.assertEqual((answer.status, answer.fields["x-proxymesh-error"]), (503, "no exit available"))
        self.assertEqual(sorted(blocked), sorted(EXITS))
        self.assertEqual(len(origin.requests), len(EXITS))

    def test_timeout_by_setting(self) -> None:
        """The middleware's field is heard, and goes no further."""
        answer = fetched(origin.url("/hang"), hasty)
        self.assertEqual((answer.status, answer.fields["x-proxymesh-error"]), (504, "timed out"))
        self.assertEqual([request.path for request in origin.requests], ["/hang"])
        self.seen(origin.url("/hang"))
        self.assertEqual(fetched(origin.url("/echo?fast"), hasty).status, 200)

    def test_timeout_of_one_request(self) -> None:
        """A field that the spider sets itself is left alone by the middleware."""
        self.assertEqual(fetched(origin.url("/hang"), X_ProxyMesh_Timeout="1").status, 504)
