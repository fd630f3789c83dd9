"""The store moves under load: no customer is refused, and what clients counted is in the new store, to the byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import sys
from asyncio.subprocess import PIPE
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.store import url as urls
from meshd.store.open import BlockingStore
from tests.load.moving import ACCOUNTS, fill
from tests.load.world import LISTED, People
from tests.support import stores
from tests.support.daemon import LiveDaemon, clean_environment
from tests.support.echoes import Echoes
from tests.support.figures import figure, milliseconds, percentile, sized
from tests.support.load import Book, Client, Credential, Link, bearer, crowd

CLIENTS = sized(8, 24)
STRANGERS = sized(30, 90)
"""Tokens that the daemon has not heard of before: each of them asks the store."""

HELD = re.compile(r"the store has moved to \S+ \(held for ([0-9.]+) s\)")


class _Contract:
    """From whichever store to whichever other one."""

    def setUp(self) -> None:
        here, self.there = self.ways()
        self.daemon = LiveDaemon(self, "[limits]\ntunnels_per_account = 0\n", store=here)
        self.people, self.origin = People(self.daemon), Echoes(self)
        self.strangers = [bearer("berta", self.daemon.token("berta")) for _ in range(STRANGERS)]
        self.book, self.unknown = Book(), Book()

    async def begun(self) -> asyncio.subprocess.Process:
        """The command, which runs."""
        words = ["--data-dir", str(self.daemon.data_dir), "--json", "move", "--live", "--to", self.there]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "meshd.cli.main", *words), env=clean_environment(), stdout=PIPE, stderr=PIPE
        )

    async def moved(self) -> Any:
        """What the command says, once this machine is quick enough for it."""
        while True:
            command = await self.begun()
            out, err = await command.communicate()
            if b"try at a quieter hour" not in err:
                self.assertEqual(command.returncode, 0, err.decode())
                return json.loads(out)

    async def under_load(self, work: Any) -> Any:
        """What the work gives, while known and unknown customers use the proxy."""
        address, going = ("127.0.0.1", self.daemon.proxy_port), True

        async def ask_as_strangers(credentials: list[Credential]) -> None:
            while going and credentials:
                link = await Link.open(self.unknown, address)
                await link.get(credentials.pop(), self.origin.http, "/n/10/m")
                link.close()
                await asyncio.sleep(0.05)

        clients = [
            Client(self.book, address, self.origin, self.people.credentials, random.Random(seed), source=LISTED)
            for seed in range(CLIENTS)
        ]
        loads = asyncio.gather(crowd(clients, lambda: going, 0.02), ask_as_strangers(list(self.strangers)))
        while len(self.book.done) < CLIENTS:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        found = await work
        after = len(self.book.done) + 20 * CLIENTS
        while len(self.book.done) < after:  # noqa: ASYNC110  (the new store is used for a while)
            await asyncio.sleep(0.02)
        going = False
        await loads
        return found

    def require_balance(self) -> None:
        """Every byte that clients counted is in the new store, once."""
        for book in (self.book, self.unknown):
            self.assertEqual((book.wrong, set(book.statuses)), ([], {200}), book.statuses)
        expected = self.people.with_parents(self.book.totals() + self.unknown.totals())
        self.assertEqual(self.people.settle(expected), expected)

    def test_customers_never_notice(self) -> None:
        """And the daemon that still names the old store does not start again; one that names the new one does."""
        told = asyncio.run(self.under_load(self.moved()))
        for each in told["tables"]:
            self.assertEqual(each["before"], each["after"], each["table"])
        self.daemon.moved_to(self.there)
        self.require_balance()
        (held,) = HELD.findall(self.daemon.log_text())
        slowest = max(self.book.seconds + self.unknown.seconds)
        figure(
            "live move",
            rows=told["rows"],
            exchanges=len(self.book.done),
            strangers=len(self.unknown.done),
            held=float(held),
            slowest=milliseconds(slowest),
            p99=milliseconds(percentile(self.book.seconds)),
        )
        self.assertEqual(self.daemon.terminate(), 0)
        status, said = self.daemon.failed_start()
        self.assertEqual(status, 1)
        self.assertIn(f"the store has moved to {urls.place(self.there)}", said)
        self.daemon.configure(f"[limits]\ntunnels_per_account = 0\n[store]\nurl = {json.dumps(self.there)}\n")
        self.daemon.start()
        self.require_balance()

    def test_a_command_that_dies(self) -> None:
        """At any moment: the daemon goes on with the store that is whole, and the next command ends it."""
        chance = random.Random()

        async def killed_and_moved() -> Any:
            for _ in range(sized(2, 10)):
                command = await self.begun()
                await asyncio.sleep(0.4 + chance.random() * 2)
                with contextlib.suppress(ProcessLookupError):  # it has come to its end
                    command.kill()
                await command.communicate()
            return await self.moved()

        told = asyncio.run(self.under_load(killed_and_moved()))
        self.assertEqual(told["moved"], urls.place(self.there))
        self.daemon.moved_to(self.there)
        self.require_balance()
        self.assertNotIn("Traceback", self.daemon.log_text())


class SQLiteToPostgres(_Contract, SynchronousTestCase):
    """Growing out of one file, which has many accounts."""

    def ways(self) -> tuple[str, str]:
        path = stores.sqlite_path(self)
        url = f"sqlite:///{path}"
        store = BlockingStore(url)
        store.migrate()
        store.close()
        fill(path, after=ACCOUNTS)
        return url, stores.postgres_url(self)


class PostgresToSQLite(_Contract, SynchronousTestCase):
    """And back."""

    def ways(self) -> tuple[str, str]:
        return stores.postgres_url(self), f"sqlite:///{stores.sqlite_path(self)}"


class WorkersTests(SynchronousTestCase):
    """Several processes would have to hold still together."""

    def test_a_daemon_with_workers(self) -> None:
        """Refused, and it goes on; nothing is written down."""
        daemon = LiveDaemon(self, arguments=("--workers", "2"))
        target = f"sqlite:///{stores.sqlite_path(self)}"
        status, _, said = daemon.run_cli("move", "--live", "--to", target)
        self.assertEqual(status, 1)
        self.assertIn("a daemon with workers cannot exchange its store while it serves: stop it", said)
        daemon.account("anna")
        self.assertIn("settings reloaded", daemon.reload())
