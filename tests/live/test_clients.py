"""Clients as people have them, each for each kind of origin with each credential that it can send.

One daemon serves all of it, so whatever it mixed up between two requests would show here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.clients import CLIENTS, Answer, Asked, Credential, NoTunnelError, scrapy
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin, authority, pattern

LISTED = "127.0.0.9"

CONFIG = """
[limits]
flush_seconds = 0.05
"""


class World:
    """The daemon, an origin of each kind, and an account for each way of showing who one is."""

    def __init__(self) -> None:
        self.daemon = daemon = LiveDaemon(config=CONFIG)
        self.origins = {"http": RecordingOrigin(), "https": RecordingOrigin(tls=True)}
        token = {name: daemon.token(name) for name in ("bearer", "token", "field") if daemon.account(name)}
        colons = daemon.account("colons", password="a:b::c:")
        self.credentials = {
            "basic": Credential("basic", daemon.account("basic")),
            "bearer": Credential(bearer=token["bearer"]),
            "token": Credential("token", token["token"]),
            "colons": Credential("colons", colons),
            "sticky": Credential("sticky", "browser-7:" + daemon.account("sticky")),
            "listed": Credential(source=LISTED),
            "listed6": Credential(source="::1"),
        }
        self.field_token = token["field"]
        for name, address in (("listed", LISTED), ("listed6", "::1")):
            daemon.account(name)
            daemon.cli("ip", "add", name, address)
        self.names = [*self.credentials, "field"]
        self.booked = dict.fromkeys(self.names, 0)

    def totals(self) -> dict[str, int]:
        found = self.daemon.totals()
        return {name: found[name] for name in self.names}

    def close(self) -> None:
        scrapy.close()
        for origin in self.origins.values():
            origin.close()
        self.daemon.close()


world: World


def setUpModule() -> None:  # noqa: N802
    global world
    world = World()


def tearDownModule() -> None:  # noqa: N802
    world.close()


class ClientCase(SynchronousTestCase):
    """What every case shares."""

    def setUp(self) -> None:
        for origin in world.origins.values():
            origin.forget()

    def asked(self, scheme: str, credential: Credential, path: str = "/echo") -> Asked:
        """A source of its own asks an address of its own: Scrapy's pool would else hand it a connection of another."""
        host = {"": "127.0.0.1", LISTED: "127.0.0.2", "::1": "[::1]"}[credential.source]
        proxy = f"{host}:{world.daemon.proxy_port}"
        return Asked(world.origins[scheme].url(path), proxy, credential, authority().file if scheme == "https" else "")

    def fetch(self, client: str, asked: Asked) -> Answer:
        try:
            return CLIENTS[client](asked)
        except NotImplementedError as error:
            raise SkipTest(str(error)) from error

    def check_arrived_clean(self, scheme: str, credential: Credential) -> None:
        """One request, with nothing in it that was the proxy's."""
        origin = world.origins[scheme]
        (request,) = origin.requests
        self.assertEqual(request.field("host"), origin.authority)
        self.assertTrue(request.target.startswith("/"), request.target)
        foreign = [name for name in request.names if name.startswith(("proxy-", "x-proxymesh-", "via", "x-forwarded"))]
        self.assertEqual(foreign, [])
        for secret in credential.secrets:
            self.assertNotIn(secret, origin.received)

    def check_booked(self, name: str) -> None:
        """To this account something, to every other nothing."""
        daemon = world.daemon
        until(lambda: daemon.total(name) > world.booked[name], f"bytes booked to {name}")
        now = world.totals()
        self.assertEqual([each for each in world.names if now[each] != world.booked[each]], [name])
        world.booked = now


class CredentialTests(ClientCase):
    """Every client, origin and credential."""

    def passes(self, client: str, scheme: str, kind: str) -> None:
        credential = world.credentials[kind]
        asked = self.asked(scheme, credential)
        if scheme == "http":  # within TLS it would be the origin's to see
            asked = replace(asked, fields={"X-ProxyMesh-Session": "abc", "X-ProxyMesh-Country": ""})
        answer = self.fetch(client, asked)
        self.assertEqual((answer.status, answer.json["method"]), (200, "GET"))
        if scheme == "http":
            self.assertEqual(answer.fields["x-proxymesh-ip"], "127.0.0.1")
        self.check_arrived_clean(scheme, credential)
        self.check_booked(kind)


class OriginsOwnTests(ClientCase):
    """`Authorization` is the origin's, unless it is one of our tokens on a request that shows nothing else."""

    def reaches(self, client: str, scheme: str) -> None:
        asked = self.asked(scheme, world.credentials["basic"])
        answer = self.fetch(client, replace(asked, fields={"Authorization": "Basic b3JpZ2luOnNlY3JldA=="}))
        self.assertEqual(answer.status, 200)
        (request,) = world.origins[scheme].requests
        self.assertEqual(request.field("authorization"), "Basic b3JpZ2luOnNlY3JldA==")
        self.check_arrived_clean(scheme, world.credentials["basic"])
        self.check_booked("basic")

    def admits(self, client: str) -> None:
        asked = self.asked("http", Credential())
        answer = self.fetch(client, replace(asked, fields={"Authorization": f"Bearer {world.field_token}"}))
        self.assertEqual(answer.status, 200)
        self.assertNotIn(b"authorization", world.origins["http"].received.lower())
        self.check_arrived_clean("http", Credential(bearer=world.field_token))
        self.check_booked("field")


class BodyTests(ClientCase):
    """What is sent and fetched arrives whole."""

    def carries(self, client: str, scheme: str) -> None:
        credential = world.credentials["basic"]
        body = pattern(100_000)
        answer = self.fetch(client, replace(self.asked(scheme, credential), method="POST", body=body))
        self.assertEqual(answer.json["body"].encode("latin-1"), body)
        for path in ("/bytes/300000", "/chunked/300000", "/until-close/300000"):
            self.assertEqual(self.fetch(client, self.asked(scheme, credential, path)).body, pattern(300_000), path)
        until(lambda: world.daemon.total("basic") > world.booked["basic"] + 1_100_000)
        world.booked = world.totals()


class RefusedTests(ClientCase):
    """A typing error is told in words that the client shows, and is no ban."""

    def is_told(self, client: str, scheme: str) -> None:
        name = f"typo-{client}-{scheme}"
        password = world.daemon.account(name)
        before = world.origins[scheme].accepted
        try:
            answer = self.fetch(client, self.asked(scheme, Credential(name, "wrong")))
        except NoTunnelError as error:
            self.assertEqual(scheme, "https")
            self.assertRegex(str(error), "407|invalid credentials")
        else:
            self.assertEqual((answer.status, answer.fields["x-proxymesh-error"]), (407, "invalid credentials"))
            self.assertTrue(answer.body.endswith(b"invalid credentials\n"), answer.body)
        self.assertEqual(world.origins[scheme].accepted, before)
        self.assertEqual(self.fetch(client, self.asked(scheme, Credential(name, password))).status, 200)


class LedgerTests(SynchronousTestCase):
    def test_zz_the_exchange_log_adds_up_to_what_was_booked(self) -> None:
        """After all of the above: for each account, the lines of the log and the store say the same."""

        def sums() -> dict[str, int]:
            found = dict.fromkeys(world.names, 0)
            for line in world.daemon.exchanges():
                if line["username"] in found:
                    found[line["username"]] += line["up"] + line["down"]
            return found

        def agree() -> bool:
            return sums() == world.totals()

        until(agree, "the exchange log and the store agree")
        self.assertTrue(any(world.booked.values()))


WAYS = {
    "basic": "a name and its password",
    "bearer": "a bearer token",
    "token": "a token as the password",
    "colons": "a password with colons",
    "sticky": "a sticky key before its password",
    "listed": "the address it comes from",
    "listed6": "the IPv6 address it comes from",
}


def _add(case: type[ClientCase], name: str, sentence: str, test: Callable[[ClientCase], None]) -> None:
    """One method of the case, with its name and sentence."""
    test.__name__ = test.__qualname__ = name
    test.__doc__ = sentence
    setattr(case, name, test)


for _client, _scheme in product(CLIENTS, ("http", "https")):
    for _kind, _words in WAYS.items():
        _add(
            CredentialTests,
            f"test_{_client}_to_{_scheme}_by_{_kind}",
            f"{_client} reaches an {_scheme} origin with {_words}.",
            lambda self, c=_client, s=_scheme, k=_kind: self.passes(c, s, k),  # type: ignore[misc]
        )
    _add(
        OriginsOwnTests,
        f"test_{_client}_to_{_scheme}",
        f"The Authorization that {_client} sends to an {_scheme} origin arrives there.",
        lambda self, c=_client, s=_scheme: self.reaches(c, s),  # type: ignore[misc]
    )
    _add(
        BodyTests,
        f"test_{_client}_to_{_scheme}",
        f"{_client} posts and fetches bodies of each framing at an {_scheme} origin.",
        lambda self, c=_client, s=_scheme: self.carries(c, s),  # type: ignore[misc]
    )
    _add(
        RefusedTests,
        f"test_{_client}_to_{_scheme}",
        f"{_client} with a wrong password for an {_scheme} origin is refused, and passes with the right one.",
        lambda self, c=_client, s=_scheme: self.is_told(c, s),  # type: ignore[misc]
    )
for _client in CLIENTS:
    _add(
        OriginsOwnTests,
        f"test_{_client}_by_authorization",
        f"{_client} passes with our token in Authorization, and the origin does not see it.",
        lambda self, c=_client: self.admits(c),  # type: ignore[misc]
    )
