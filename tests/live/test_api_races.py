"""Fifty calls of the API at the same moment: what may be once is made once, and a limit is met exactly.

Once in one process on SQLite, and once spread over three processes on one PostgreSQL database.
"""

from __future__ import annotations

import http.client
import json
import ssl
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.open import BlockingStore
from meshd.store.statements import accounts, addresses, hostnames, tokens
from meshd.store.unit import Statement, Unit
from tests.support import postgres
from tests.support.daemon import LiveDaemon

AT_ONCE = 50
LIMIT = 10

ONE, MANY = ["a"], [*"abcdefghij"]
"""Accounts that want the same."""

CONFIG = f"""
[limits]
unauthenticated_per_address = {4 * AT_ONCE}
[plans.small]
bearer_tokens = {LIMIT}
ips = {LIMIT}
hostnames = {LIMIT}
sub_accounts = {LIMIT}
"""


@dataclass(frozen=True)
class Call:
    """One of those that are made at once."""

    username: str
    password: str
    path: str
    form: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    status: int
    json: Any


@dataclass(frozen=True)
class Kind:
    """A thing that an account has some of: how it is made, and where the store has it."""

    path: str
    form: Callable[[int], Mapping[str, str]]
    """Of the call of that number."""
    action: str
    """In the audit."""
    key: str
    """Of the answer, telling one from another."""
    stored: Callable[[int], Unit[list[Any]]]
    """An account's, by its id."""
    attribute: str
    """Of what stored gives; equal to the key's value."""


TOKENS = Kind(
    "/api/token/create/", lambda number: {"label": f"number {number}"}, "token.create", "id", tokens.of_account, "id"
)
ADDRESSES = Kind(
    "/api/ip/add/", lambda number: {"ip": f"8.8.8.{number}"}, "ip.add", "ip", addresses.of_account, "address"
)
HOSTNAMES = Kind(
    "/api/hostname/add/",
    lambda number: {"domain": f"host{number}.example"},
    "hostname.add",
    "domain",
    hostnames.of_account,
    "hostname",
)
SUB_ACCOUNTS = Kind(
    "/api/sub/create/",
    lambda number: {"username": f"sub{number}", "password": f"password {number}"},
    "account.create",
    "username",
    accounts.children,
    "username",
)


class RaceTests(SynchronousTestCase):
    """One process on SQLite."""

    daemons: Sequence[LiveDaemon]
    passwords: dict[str, str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemons, cls.passwords = cls.started(), {}

    @classmethod
    def started(cls) -> Sequence[LiveDaemon]:
        return [LiveDaemon(cls, CONFIG)]

    def tearDown(self) -> None:
        for daemon in self.daemons:
            self.assertNotIn("Traceback", daemon.log_text())

    # The limits

    def test_tokens_at_a_limit(self) -> None:
        self.check_limit(TOKENS, "plan small allows 10 bearer tokens an account")

    def test_addresses_at_a_limit(self) -> None:
        self.check_limit(ADDRESSES, "plan small allows 10 authenticated IPs")

    def test_hostnames_at_a_limit(self) -> None:
        self.check_limit(HOSTNAMES, "plan small allows 10 authenticated hostnames")

    def test_sub_accounts_at_a_limit(self) -> None:
        self.check_limit(SUB_ACCOUNTS, "plan small allows 10 sub-accounts")

    def check_limit(self, kind: Kind, refusal: str) -> None:
        """Exactly so many are made; the others are refused in the plan's words, and leave nothing."""
        name = self.customer("limited", kind)
        answers = self.race([self.call(name, kind, number) for number in range(AT_ONCE)])
        self.assertEqual(Counter(each.status for each in answers), {200: LIMIT, 402: AT_ONCE - LIMIT}, answers)
        self.assertEqual({each.json["detail"] for each in answers if each.status == 402}, {refusal})
        self.check_stored(kind, [name], answers)

    # What may be there once

    def test_one_address(self) -> None:
        self.check_once(ADDRESSES, ONE, {"ip": ["IP address is already authorized"]})

    def test_one_address_that_many_accounts_claim(self) -> None:
        self.check_once(ADDRESSES, MANY, {"ip": ["IP address is already authorized"]})

    def test_one_hostname(self) -> None:
        self.check_once(HOSTNAMES, ONE, {"domain": ["Hostname is already authorized"]})

    def test_one_hostname_that_many_accounts_claim(self) -> None:
        self.check_once(HOSTNAMES, MANY, {"domain": ["Hostname is already authorized"]})

    def test_one_username(self) -> None:
        self.check_once(SUB_ACCOUNTS, ONE, {"username": ["This username is taken."]})

    def test_one_username_that_many_accounts_want(self) -> None:
        self.check_once(SUB_ACCOUNTS, MANY, {"username": ["This username is taken."]})

    def check_once(self, kind: Kind, owners: Sequence[str], refusal: Mapping[str, list[str]]) -> None:
        """Exactly one is made, of claims one for each account; the others are told beside the field."""
        names = [self.customer(f"{owner}of{len(owners)}", kind) for owner in owners]
        same = 100 + len(owners)
        # The owners change with every round of the processes, so that each process is asked by each of them.
        turns = [names[number // len(self.daemons) % len(names)] for number in range(AT_ONCE)]
        answers = self.race([self.call(name, kind, same) for name in turns])
        # An address or a hostname that is another's is accepted like any other, so that nobody learns whose it is.
        made = 1 if kind is SUB_ACCOUNTS else len(owners)
        self.assertEqual(Counter(each.status for each in answers), {200: made, 400: AT_ONCE - made}, answers)
        self.assertEqual([each.json for each in answers if each.status == 400], [refusal] * (AT_ONCE - made))
        self.check_stored(kind, names, answers)

    # What they share

    def customer(self, name: str, kind: Kind) -> str:
        """A new one of the small plan; its name."""
        name = f"{name}.{kind.action}"
        self.passwords[name] = self.daemons[0].account(name, plan="small")
        return name

    def call(self, name: str, kind: Kind, number: int) -> Call:
        return Call(name, self.passwords[name], kind.path, kind.form(number))

    def race(self, calls: Sequence[Call]) -> list[Answer]:
        """All at once, each on a connection that is open already, in turn over the processes."""
        start = Barrier(len(calls))
        with ThreadPoolExecutor(len(calls)) as threads:
            running = [
                threads.submit(made, self.daemons[number % len(self.daemons)], call, start)
                for number, call in enumerate(calls)
            ]
            return [each.result() for each in running]

    def check_stored(self, kind: Kind, names: Sequence[str], answers: Sequence[Answer]) -> None:
        """The store has what was answered 200, once, and as many lines in the audit."""
        store = BlockingStore(self.daemons[0].store_url)
        self.addCleanup(store.close)
        found = [each for name in names for each in store.run(of, kind, name)]
        answered = [each.json[kind.key] for each in answers if each.status == 200]
        self.assertEqual(sorted(getattr(each, kind.attribute) for each in found), sorted(answered))
        self.assertEqual(sum(store.run(written, kind, name) for name in names), len(answered))


class ThreeProcessesTests(RaceTests):
    """Three processes on PostgreSQL."""

    @classmethod
    def started(cls) -> Sequence[LiveDaemon]:
        server = postgres.server()
        database = server.new_database()
        cls.addClassCleanup(server.give_back, database)
        return [LiveDaemon(cls, CONFIG, store=server.url(database)) for _ in range(3)]


def made(daemon: LiveDaemon, call: Call, start: Barrier) -> Answer:
    """Sign in, wait for the others, and make the call: no password's hash stands between the first and the last."""
    context = ssl.create_default_context(cafile=str(daemon.certificate))
    connection = http.client.HTTPSConnection("127.0.0.1", daemon.api_port, context=context, timeout=60)
    signed = b64encode(f"{call.username}:{call.password}".encode()).decode()
    fields = {"Authorization": f"Basic {signed}"}
    try:
        connection.request("GET", "/api/proxies/", headers=fields)
        with connection.getresponse() as greeting:
            assert greeting.status == 200, greeting.read()
            greeting.read()
        start.wait(60)
        fields["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("POST", call.path, urlencode(call.form), fields)
        with connection.getresponse() as answer:
            return Answer(answer.status, json.loads(answer.read()))
    except BaseException:
        start.abort()
        raise
    finally:
        connection.close()


def of(kind: Kind, name: str) -> Unit[list[Any]]:
    """What the account of that name has in the store."""
    account = yield from accounts.by_username(name)
    assert account is not None
    return (yield from kind.stored(account.id))


def written(kind: Kind, name: str) -> Unit[int]:
    """How often the account of that name has made one, by the audit."""
    rows = yield Statement(
        "select count(*) from audit where actor = :name and action = :action", {"name": name, "action": kind.action}
    )
    return int(rows[0][0])
