"""ProxyHat's SDK, unmodified, in front of a daemon: every call of it noted, with what came of it.

An asynchronous client is called as a synchronous one is, so that one walk is both.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import proxyhat
from proxyhat import AsyncProxyHat, ProxyHat

from tests.support.daemon import LiveDaemon, at_end_of, free_port
from tests.support.origin import authority
from tests.support.upstreams import UpstreamProxy

CONFIG = """
[v1]
registration = "open"
gateway = ["tcp:{gateway}:interface=127.0.0.1"]
socks = ["tcp:{socks}:interface=127.0.0.1"]
domain = "127.0.0.1"
webhook_secret = "{folder}/webhook.secret"
[mail]
from = "meshd@mesh.example"
spool = "{folder}/mail"
[selling]
name = "Mesh Ltd"
address = ["1 Example Street"]
instructions = "Transfer {{amount}}, {{number}}."
[offers.ten]
gb = 10
price = "19.99"
currency = "EUR"
[offers.month]
kind = "subscription"
gb = 50
price = "49.00"
currency = "EUR"
[limits]
failures = 1000
names_per_address = 1000
unauthenticated_per_address = 400
{exits}
"""
WEBHOOK_SECRET = b"a secret of the payment processor's"


class Seller:
    """A daemon that sells traffic through two exits, one in New York and one in Berlin."""

    def __init__(self, owner: Any, store: str = "") -> None:
        self.new_york, self.berlin = UpstreamProxy(owner), UpstreamProxy(owner)
        self.daemon = LiveDaemon(owner, start=False, store=store)
        self.gateway, self.socks = free_port(), free_port()
        folder = self.daemon.folder
        self.mail = folder / "mail"
        secret = folder / "webhook.secret"
        secret.touch(mode=0o600)
        secret.write_bytes(WEBHOOK_SECRET)
        self.daemon.configure(self.config())
        self.daemon.start()

    def config(self) -> str:
        york = {"country": "US", "region": "New York", "city": "New York", "isp": "Verizon", "zip": "10001"}
        berlin = {"country": "DE", "region": "Berlin", "city": "Berlin", "isp": "Telekom", "zip": "10115"}
        exits = [
            self.new_york.toml("new-york", tags='["high"]', **{key: f'"{text}"' for key, text in york.items()}),
            self.berlin.toml("berlin", **{key: f'"{text}"' for key, text in berlin.items()}),
        ]
        return CONFIG.format(gateway=self.gateway, socks=self.socks, folder=self.daemon.folder, exits="\n".join(exits))

    @property
    def base_url(self) -> str:
        return f"{self.daemon.api}/v1"

    def customer(self, owner: Any, name: str, told: Told | None = None) -> Client:
        """Somebody who has registered and paid for 10 GB, with a key."""
        visitor = Client(self, told or Told({}))
        registered = visitor.auth.register(
            name=name.title(),
            email=f"{name}@mail.example",
            password="correct horse",
            password_confirmation="correct horse",
        )
        visitor.close()
        client = visitor.with_key(registered.access_token)
        at_end_of(owner, client.close)
        bought = client.payments.create(type="regular", plan_id="ten", cryptocurrency_code="BTC")
        self.daemon.cli("order", "settle", bought.payment_id)
        return client

    def letters(self) -> list[str]:
        """What was sent by mail, the oldest first."""
        files = sorted(self.mail.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_text() for path in files]


@contextmanager
def trusting(*certificates: Path | str) -> Iterator[None]:
    """Let HTTP libraries believe these certificates, as an operator does who has none of a public authority."""
    with mock.patch.dict(os.environ):
        for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
            del os.environ[name]
        folder = Path(certificates[0]).parent
        bundle = folder / "trusted.pem"
        bundle.write_text("".join(Path(each).read_text() for each in (*certificates, authority().file)))
        os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = str(bundle)
        yield


class Told:
    """What each method gave, over all clients of a walk."""

    def __init__(self, must: Mapping[str, Callable[[Any], None]]) -> None:
        self._must = must
        self.called: set[str] = set()
        self.wrong: dict[str, str] = {}
        """Why the latest answer of a method was not what it must be at least once; none for one that was."""
        self.right: set[str] = set()

    def note(self, name: str, result: Any) -> None:
        self.called.add(name)
        if name in self.right or name not in self._must:
            return
        try:
            assert self._must[name](result) is not False, "wrong"
        except AssertionError as error:
            self.wrong[name] = f"{error} in {result!r}"
        else:
            self.right.add(name)
            self.wrong.pop(name, None)


class Client:
    """A client of the SDK's, of either kind, that is called as the synchronous one is."""

    def __init__(
        self, seller: Seller, told: Told, key: str | None = None, *, runner: asyncio.Runner | None = None
    ) -> None:
        self._told, self._runner, self._seller = told, runner, seller
        self.key = key
        self.sdk: Any = (AsyncProxyHat if runner else ProxyHat)(api_key=key, base_url=seller.base_url)

    def with_key(self, key: str | None) -> Client:
        """Another one: the SDK's does not take a key later."""
        return Client(self._seller, self._told, key, runner=self._runner)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.sdk, name)
        return _Resource(self, name, found) if type(found).__name__.endswith("Resource") else self._plain(found)

    def _plain(self, method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: self.run(method(*args, **kwargs))

    def run(self, result: Any) -> Any:
        if not inspect.isawaitable(result):
            return result
        assert self._runner is not None
        return self._runner.run(_awaited(result))

    def called(self, name: str, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        try:
            result = self.run(method(*args, **kwargs))
        except proxyhat.ProxyHatError as error:
            self._told.note(name, error)
            raise
        self._told.note(name, result)
        return result

    def close(self) -> None:
        self.run(self.sdk.close())


class _Resource:
    def __init__(self, client: Client, name: str, resource: Any) -> None:
        self._client, self._name, self._resource = client, name, resource

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._resource, name)
        return lambda *args, **kwargs: self._client.called(f"{self._name}.{name}", method, *args, **kwargs)


async def _awaited(result: Any) -> Any:
    return await result


def methods(kind: type) -> set[str]:
    """All of the SDK's that ask the server something, as `resource.method`."""
    sdk = kind()
    found = {name: each for name, each in vars(sdk).items() if type(each).__name__.endswith("Resource")}
    return {
        f"{name}.{method}"
        for name, resource in found.items()
        for method, function in inspect.getmembers(type(resource), inspect.isfunction)
        if not method.startswith("_") and function is not None
    }


# What a method must give


def has(kind: type, **members: Any) -> Callable[[Any], None]:
    """An object of the SDK's of this type.  members: the value, a pattern of the text, a type, or a check of it."""

    def check(result: Any) -> None:
        assert isinstance(result, kind), f"no {kind.__name__}"
        for name, wanted in members.items():
            value = getattr(result, name)
            assert _fits(value, wanted), f"{name} is {value!r}"

    return check


def each(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """A list that is not empty, of such."""

    def check_all(result: Any) -> None:
        assert isinstance(result, list), "no list"
        assert result, "an empty list"
        for one in result:
            assert check(one) is not False, f"{one!r}"

    return check_all


def equal(wanted: Any) -> Callable[[Any], None]:
    def check(result: Any) -> None:
        assert result == wanted, f"not {wanted!r}"

    return check


def fails(kind: type) -> Callable[[Any], None]:
    """An exception of the SDK's that says something."""

    def check(result: Any) -> None:
        assert isinstance(result, kind), f"no {kind.__name__}"
        assert result.message, "no message"

    return check


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, re.Pattern):
        return isinstance(value, str) and wanted.fullmatch(value) is not None
    if isinstance(wanted, type):
        return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
    if inspect.isfunction(wanted):
        wanted_value = wanted(value)
        return wanted_value is None or bool(wanted_value)
    return bool(value == wanted and type(value) is type(wanted))
