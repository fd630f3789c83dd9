"""What ends a right ends its open tunnels within a second, whoever changes it, on both stores."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from tests.support import stores
from tests.support.daemon import LiveDaemon
from tests.support.echoes import Echoes
from tests.support.figures import FULL, figure, milliseconds, percentile, sized
from tests.support.load import Book, Credential, Link, basic, bearer, ended_at

TRIALS = sized(3, 100)
"""Of each kind of change."""
AT_ONCE = 4
WITHIN = 1.0
"""Seconds, where nothing else runs on the machine."""


@dataclass
class Trial:
    """One way to lose a right: who has it, how it is taken, how it is given back."""

    kind: str
    who: Credential
    take: Callable[[], Any]
    give: Callable[[], Any]
    source: str = ""


class RevocationTests(SynchronousTestCase):
    store = ""

    def test_a_right_that_is_gone_ends_its_tunnels(self) -> None:
        """Token, account, parent, address and password; the time from the end of the change to the tunnel's end."""
        daemon = LiveDaemon(self, store=self.store)
        origin, book = Echoes(self), Book()
        people = [Person(daemon, number) for number in range(AT_ONCE)]
        bystander = basic("bystander", "bystander", daemon.account("bystander"))
        results: dict[str, list[tuple[float, float]]] = defaultdict(list)

        async def tunnel(who: Credential, source: str) -> tuple[Link, Any]:
            link = await Link.open(book, ("127.0.0.1", daemon.proxy_port), source)
            head, counted = await link.connect(who, origin.raw)
            assert head.status == 200, head
            await link.send(b"E", counted)
            await link.echo(b"here", counted)
            return link, counted

        async def attempt(trial: Trial) -> None:
            link, counted = await tunnel(trial.who, trial.source)
            ending = asyncio.ensure_future(ended_at(link, counted))
            began = time.monotonic()
            await asyncio.to_thread(trial.take)
            changed = time.monotonic()
            _, ended = await asyncio.wait_for(ending, 60)
            results[trial.kind].append((ended - changed, ended - began))
            await asyncio.to_thread(trial.give)

        async def work(person: Person, count: int) -> None:
            for _ in range(count):
                for trial in person.trials():
                    await attempt(trial)

        async def scenario() -> None:
            kept, counted = await tunnel(bystander, "")
            shares = [len(range(number, TRIALS, AT_ONCE)) for number in range(AT_ONCE)]
            await asyncio.gather(*(work(person, share) for person, share in zip(people, shares, strict=True)))
            await kept.echo(b"untouched", counted)
            await kept.finish(counted)

        asyncio.run(scenario())
        for kind, times in results.items():
            after, whole = [each[0] for each in times], [each[1] for each in times]
            figure(
                f"tunnel's end after {kind} ({self.store.partition(':')[0] or 'sqlite'})",
                trials=len(times),
                p50=milliseconds(percentile(after, 0.5)),
                p99=milliseconds(percentile(after)),
                most=milliseconds(max(after)),
                p99_with_the_change_itself=milliseconds(percentile(whole)),
            )
        self.assertEqual(set(results), KINDS)
        worst = max(percentile([after for after, _ in times]) for times in results.values())
        if FULL:
            self.assertLess(worst, WITHIN)
        self.assertNotIn("Traceback", daemon.log_text())


class PostgresRevocationTests(RevocationTests):
    """The same on PostgreSQL."""

    def setUp(self) -> None:
        self.store = stores.postgres_url(self)


KINDS = {
    "token deactivated, API",
    "token deactivated, command",
    "account deactivated, command",
    "parent deactivated, command",
    "address removed, command",
    "password changed, command",
}


class Person:
    """A customer with one of each right, and a sub-account."""

    def __init__(self, daemon: LiveDaemon, number: int) -> None:
        self._daemon = daemon
        self._name = name = f"person{number}"
        self._password = daemon.account(name)
        self._sub = f"{name}-sub"
        self._sub_password = daemon.account(self._sub, parent=name)
        self._signed = f"{name}-signed"
        self._signed_password = daemon.account(self._signed)
        self._token = daemon.new_token(name)
        self._address = f"127.0.1.{number + 1}"
        daemon.cli("ip", "add", name, self._address)
        self._number = 0

    def trials(self) -> list[Trial]:
        name, token, cli = self._name, str(self._token["id"]), self._daemon.cli
        by_token = bearer(name, self._token["token"])
        return [
            Trial(
                "token deactivated, API",
                by_token,
                lambda: self._post("deactivate"),
                lambda: self._post("activate"),
            ),
            Trial(
                "token deactivated, command",
                by_token,
                lambda: cli("token", "deactivate", name, token),
                lambda: cli("token", "activate", name, token),
            ),
            Trial(
                "account deactivated, command",
                basic(name, name, self._password),
                lambda: cli("account", "deactivate", name),
                lambda: cli("account", "activate", name),
            ),
            Trial(
                "parent deactivated, command",
                basic(self._sub, self._sub, self._sub_password),
                lambda: cli("account", "deactivate", name),
                lambda: cli("account", "activate", name),
            ),
            Trial(
                "address removed, command",
                Credential(name),
                lambda: cli("ip", "delete", name, self._address),
                lambda: cli("ip", "add", name, self._address),
                source=self._address,
            ),
            Trial(
                "password changed, command",
                basic(self._signed, self._signed, self._signed_password),
                self._change_password,
                lambda: None,
            ),
        ]

    def _change_password(self) -> None:
        self._number += 1
        self._signed_password = f"another one, {self._number}"
        self._daemon.cli("account", "passwd", self._signed, "--password-stdin", input=self._signed_password + "\n")

    def _post(self, verb: str) -> None:
        context = ssl.create_default_context(cafile=str(self._daemon.certificate))
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", self._daemon.api_port, context=context, timeout=60)
        signed = b64encode(f"{self._name}:{self._password}".encode()).decode()
        fields = {"Authorization": f"Basic {signed}", "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", f"/api/token/{verb}/", urlencode({"id": self._token["id"]}), fields)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        assert answer.status == 200, (answer.status, said)
