"""A client that repeats itself gets the same as one that does not by whatever way, and is counted alike."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any

from twisted.trial.unittest import SynchronousTestCase

from tests.live.repeating import SETTINGS, Client, Origin, told, unvaried, walk
from tests.support import stores
from tests.support.daemon import LiveDaemon, until
from tests.support.upstreams import UpstreamProxy
from tests.threats.support import basic

BESIDE = """
[[exits]]
name = "two"
kind = "local"
address = "127.0.0.2"
[[exits]]
name = "three"
kind = "local"
address = "127.0.0.3"
[[exits]]
name = "four"
kind = "local"
address = "127.0.0.4"
"""

if TYPE_CHECKING:
    Case = SynchronousTestCase
else:
    Case = object


class WayTests(Case):
    """What is asked by every way."""

    secure = False

    def setUp(self) -> None:
        self.daemon = LiveDaemon(self, self.settings(), store=self.store())
        self.origin = Origin()
        self.addCleanup(self.origin.close)

    def settings(self) -> str:
        return SETTINGS

    def store(self) -> str:
        return ""

    def between(self) -> None:
        """What happens between two answers."""

    def test_answers(self) -> None:
        """Both are told the same, the origin is asked the same, and log and store have the same of both."""
        found = [self.walked(name, varies=varies) for name, varies in (("anna", False), ("bert", True))]
        for one, other in zip(*map(self.comparable, found), strict=True):
            self.assertEqual(one, other)
        asked, half = self.origin.asked, len(self.origin.asked) // 2
        self.assertEqual([unvaried(each) for each in asked[:half]], [unvaried(each) for each in asked[half:]])
        lines = [self.lines(name, len(found[0])) for name in ("anna", "bert")]
        self.assertEqual(*lines)
        sums = {name: sum(line["up"] + line["down"] for line in self.of(name)) for name in ("anna", "bert")}
        until(lambda: {name: self.daemon.total(name) for name in sums} == sums, "a balance of log and store")

    def comparable(self, answers: list[Any]) -> list[Any]:
        """The answers without what may differ."""
        return answers

    def walked(self, name: str, *, varies: bool) -> list[object]:
        credential = basic(name, self.daemon.account(name))
        beginning = f"http://127.0.0.1:{self.origin.port}"
        client = Client(self.daemon, beginning, [credential], varies=varies, secure=self.secure)
        self.addCleanup(client.close)
        return walk(client, self.between)

    def of(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.daemon.exchanges() if line["username"] == name]

    def lines(self, name: str, count: int) -> list[tuple[object, ...]]:
        """What the log says of an account's exchanges, in no order, once it has so many lines of them."""
        found = until(lambda: (lines := self.of(name)) and len(lines) >= count and lines, "the lines of all exchanges")
        return sorted(told([line | {"exit": ""} for line in found]), key=repr)


class SecureTests(WayTests, SynchronousTestCase):
    """By TLS to the proxy."""

    secure = True


class WorkersTests(WayTests, SynchronousTestCase):
    """Where two workers take the clients."""

    def settings(self) -> str:
        return f"workers = 2\n{SETTINGS}"


class PostgresTests(WayTests, SynchronousTestCase):
    def store(self) -> str:
        return stores.postgres_url(self)


class ReloadTests(WayTests, SynchronousTestCase):
    """While the settings are reloaded, to others and back."""

    def setUp(self) -> None:
        super().setUp()
        self.answers = count(1)

    def between(self) -> None:
        number = next(self.answers)
        if number % 3 == 0:
            self.daemon.reload(self.settings() + ("" if number % 2 else "[timeouts]\nfirst_byte = 7\n"))


class RotatingTests(WayTests, SynchronousTestCase):
    """By three exits in turn."""

    def settings(self) -> str:
        return f'[proxies.local]\nrotation = "round-robin"\n{SETTINGS}{BESIDE}'

    def comparable(self, answers: list[Any]) -> list[Any]:
        """All but which of the exits it was, of which each had its turn."""
        addresses = re.findall(r"'127\.0\.0\.[234]'", repr(answers))
        self.assertEqual(len(set(addresses)), 3)
        return [re.sub(r"127\.0\.0\.[234]", "", repr(each)) for each in answers]


class UpstreamTests(WayTests, SynchronousTestCase):
    """By somebody else's proxy."""

    def settings(self) -> str:
        proxy = UpstreamProxy(self)
        return f"{SETTINGS}\n{proxy.toml('pipe')}"
