"""Clients as people have them, each for each kind of origin with each credential that it can send.

One daemon serves all of it, so whatever it mixed up between two requests would show here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.clients import CLIENTS, Answer, Asked, Credential, NoTunnelError, scrapy
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin, authority, pattern

CONFIG = """
[limits]
flush_seconds = 0.05
"""


class World:
    """The daemon, an origin of each kind, and an account for each client and way of showing who one is."""

    def __init__(self) -> None:
        self.daemon = LiveDaemon(config=CONFIG)
        self.origins = {"http": RecordingOrigin(), "https": RecordingOrigin(tls=True)}
        self.credentials: dict[str, Credential] = {}
        self.carried: Counter[tuple[str, str, int]] = Counter()
        """Exchanges that have to be in the log: by account, method and port of the origin."""
        self.booked: Counter[str] = Counter()
        """Bytes of each account, when they were looked at last."""

    def credential(self, client: str, kind: str) -> Credential:
        """Of the account that is named after both."""
        name = account_of(client, kind)
        if name not in self.credentials:
            self.credentials[name] = self._new(name, client, kind)
        return self.credentials[name]

    def _new(self, name: str, client: str, kind: str) -> Credential:
        daemon = self.daemon
        password = daemon.account(name, password="a:b::c:" if kind == "colons" else "")
        match kind:
            case "bearer" | "field":
                return Credential(bearer=daemon.token(name))
            case "token":
                return Credential(name, daemon.token(name))
            case "token-first":
                return Credential(daemon.token(name))
            case "sticky":
                return Credential(name, f"browser-7:{password}")
            case "listed" | "listed6":
                source = f"127.0.0.{100 + list(CLIENTS).index(client)}" if kind == "listed" else "::1"
                daemon.cli("ip", "add", name, source)
                return Credential(source=source)
        return Credential(name, password)

    def close(self) -> None:
        scrapy.close()
        for origin in self.origins.values():
            origin.close()
        self.daemon.close()


def account_of(client: str, kind: str) -> str:
    """All clients share the one IPv6 loopback address."""
    return kind if kind == "listed6" else f"{client}-{kind}"


world: World


def setUpModule() -> None:
    global world  # noqa: PLW0603
    world = World()


def tearDownModule() -> None:
    world.close()


class ClientCase(SynchronousTestCase):
    """What every case shares."""

    def setUp(self) -> None:
        for origin in world.origins.values():
            origin.forget()

    def asked(self, scheme: str, credential: Credential, path: str = "/echo") -> Asked:
        """A source of its own asks an address of its own: Scrapy's pool would else hand it a connection of another."""
        host = {"": "127.0.0.1", "::1": "[::1]"}.get(credential.source, "127.0.0.2")
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

    def check_booked(self, name: str, asked: Asked) -> None:
        """To an account that nothing else passes by; that all others stayed with their own, the log tells at last."""
        method = "CONNECT" if asked.url.startswith("https:") else asked.method
        world.carried[name, method, int(asked.url.split(":")[2].split("/")[0])] += 1
        before = world.booked[name]
        until(lambda: world.daemon.total(name) > before, f"bytes booked to {name}")
        world.booked[name] = world.daemon.total(name)


class CredentialTests(ClientCase):
    """Every client, origin and credential."""

    def passes(self, client: str, scheme: str, kind: str) -> None:
        credential = world.credential(client, kind)
        asked = self.asked(scheme, credential)
        if scheme == "http":  # within TLS it would be the origin's to see
            asked = replace(asked, fields={"X-ProxyMesh-Session": "abc", "X-ProxyMesh-Country": ""})
        answer = self.fetch(client, asked)
        self.assertEqual((answer.status, answer.json["method"]), (200, "GET"))
        if scheme == "http":
            self.assertEqual(answer.fields["x-proxymesh-ip"], "127.0.0.1")
        self.check_arrived_clean(scheme, credential)
        self.check_booked(account_of(client, kind), asked)


class OriginsOwnTests(ClientCase):
    """`Authorization` is the origin's, unless it is one of our tokens on a request that shows nothing else."""

    def reaches(self, client: str, scheme: str) -> None:
        credential = world.credential(client, "basic")
        asked = replace(self.asked(scheme, credential), fields={"Authorization": "Basic b3JpZ2luOnNlY3JldA=="})
        answer = self.fetch(client, asked)
        self.assertEqual(answer.status, 200)
        (request,) = world.origins[scheme].requests
        self.assertEqual(request.field("authorization"), "Basic b3JpZ2luOnNlY3JldA==")
        self.check_arrived_clean(scheme, credential)
        self.check_booked(account_of(client, "basic"), asked)

    def admits(self, client: str) -> None:
        token = world.credential(client, "field").bearer
        asked = replace(self.asked("http", Credential()), fields={"Authorization": f"Bearer {token}"})
        answer = self.fetch(client, asked)
        self.assertEqual(answer.status, 200)
        self.assertNotIn(b"authorization", world.origins["http"].received.lower())
        self.check_arrived_clean("http", Credential(bearer=token))
        self.check_booked(account_of(client, "field"), asked)


class BodyTests(ClientCase):
    """What is sent and fetched arrives whole."""

    def carries(self, client: str, scheme: str) -> None:
        credential = world.credential(client, "body")
        body = pattern(100_000)
        asked = replace(self.asked(scheme, credential), method="POST", body=body)
        answer = self.fetch(client, asked)
        self.assertEqual(answer.json["body"].encode("latin-1"), body)
        self.check_booked(account_of(client, "body"), asked)
        for path in ("/bytes/300000", "/chunked/300000", "/until-close/300000"):
            asked = self.asked(scheme, credential, path)
            self.assertEqual(self.fetch(client, asked).body, pattern(300_000), path)
            self.check_booked(account_of(client, "body"), asked)


class RefusedTests(ClientCase):
    """A typing error is told in words that the client shows, and is no ban."""

    def is_told(self, client: str, scheme: str) -> None:
        credential = world.credential(client, f"typo-{scheme}")
        before = world.origins[scheme].accepted
        try:
            answer = self.fetch(client, self.asked(scheme, replace(credential, password="wrong")))
        except NoTunnelError as error:
            self.assertEqual(scheme, "https")
            self.assertRegex(str(error), "407|invalid credentials")
        else:
            self.assertEqual((answer.status, answer.fields["x-proxymesh-error"]), (407, "invalid credentials"))
            self.assertTrue(answer.body.endswith(b"invalid credentials\n"), answer.body)
        self.assertEqual(world.origins[scheme].accepted, before)
        asked = self.asked(scheme, credential)
        self.assertEqual(self.fetch(client, asked).status, 200)
        self.check_booked(account_of(client, f"typo-{scheme}"), asked)


class SumTests(SynchronousTestCase):
    """What all of the above has left behind."""

    def test_the_log_holds_each_exchange_under_its_own_account_and_adds_up_to_what_was_booked(self) -> None:
        """For each account, the lines of the log are what its client did, and their bytes are the store's."""
        scrapy.close()  # its tunnels stay open with it
        daemon = world.daemon

        def agree() -> bool:
            sums = dict.fromkeys(daemon.totals(), 0)
            for line in lines():
                sums[line["username"]] += line["up"] + line["down"]
            return sums == daemon.totals()

        def lines() -> list[dict[str, Any]]:
            return [line for line in daemon.exchanges() if line["username"]]

        until(agree, "the exchange log and the store agree")
        carried = [line for line in lines() if line["status"] != 407]  # whose credential was wrong is named too
        seen = Counter((line["username"], line["method"], line["port"]) for line in carried)
        self.assertEqual({key: seen[key] for key in world.carried if key[1] != "CONNECT"}, _plain(world.carried))
        self.assertEqual(set(seen), set(world.carried))


def _plain(carried: Counter[tuple[str, str, int]]) -> dict[tuple[str, str, int], int]:
    """Without tunnels: a client may send several requests through one."""
    return {key: count for key, count in carried.items() if key[1] != "CONNECT"}


WAYS = {
    "basic": "a name and its password",
    "bearer": "a bearer token",
    "token": "a token as the password",
    "token-first": "a token as the name and no password",
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
