"""What one soak stands on: a daemon on one of the stores, an origin, exits that can die, and customers."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.processes import family
from meshd.store.interface import StoreError
from tests.soak.books import Complaints, Sums, logged
from tests.support import postgres
from tests.support.daemon import LiveDaemon, free_port
from tests.support.echoes import Echoes
from tests.support.load import Credential, basic, bearer
from tests.support.mortals import Mortals

LISTED = "127.0.0.7"
EXITS = 4
KEPT = 15
"""Seconds that connections stay open between requests, so that those of the load are gone soon after it."""
PARENTS = {"emil": "anna"}
CERTAIN = ("anna", "berta", "carl", "dora", "emil", "barred", "slow")
"""Accounts of which no exchange is ever cut off, so that their sums have to be the same to the byte."""

CONFIG = """
[proxy]
listen = ["tcp:{proxy}"]
[proxies.local]
exits = {{ name = ["direct"] }}
[proxies.mortal]
listen = ["tcp:{mortal}"]
exits = {{ tag = ["mortal"] }}
[timeouts]
keep_alive = {kept}
[limits]
tunnels_per_account = 0
exit_retries = {exits}
new_tunnels_per_second = {tunnels}
requests_per_second = 0
[plans.soak{number}]
proxies = 2
[[exits]]
name = "direct"
kind = "direct"
"""


class Owner(contextlib.ExitStack):
    """Closes what was made for it, as a test does."""

    def addCleanup(self, close: Callable[..., object], *args: Any) -> None:
        self.callback(close, *args)


class Ground:
    """One daemon and its surroundings; `away` tells whether the store cannot be reached at the moment."""

    def __init__(self, owner: Owner, kind: str, workers: str, origin: Echoes) -> None:
        """kind: sqlite or postgres."""
        self.kind = kind
        self.origin = origin
        self.away = False
        self.mortals = Mortals(owner, EXITS)
        self.mortal_port, self._proxy_port = free_port(), free_port()
        store = ""
        if kind == "postgres":
            server = postgres.server()
            store = server.url(server.new_database())
        self._reloads = 0
        arguments = ("--workers", workers) if workers else ()
        self.daemon = LiveDaemon(config=self._config(), store=store, arguments=arguments, start=False)
        owner.callback(self.daemon.close)
        self.daemon.proxy_port = self._proxy_port
        self.daemon.start()
        self.book = Sums(wrong=Complaints(lambda text: self.away and " 503 " in text))
        self._make_people()

    def _config(self) -> str:
        """Each other one than the one before: another plan, another bound."""
        number = self._reloads % 2
        text = CONFIG.format(
            proxy=self._proxy_port,
            mortal=self.mortal_port,
            exits=EXITS,
            kept=KEPT,
            number=number,
            tunnels=10_000 + number,
        )
        return text + self.mortals.toml("mortal").replace('kind = "http"', 'kind = "http"\ntags = ["mortal"]')

    def _make_people(self) -> None:
        daemon = self.daemon
        passwords = {
            name: daemon.account(name) for name in ("anna", "berta", "carl", "dora", "barred", "slow", "mortal")
        }
        passwords["emil"] = daemon.account("emil", parent="anna")
        passwords["limited"] = daemon.account("limited", total_limit="0.002")
        daemon.cli("ip", "add", "dora", LISTED)
        self.passwords = passwords
        self.people: list[Credential] = [
            basic("anna", "anna", passwords["anna"]),
            bearer("berta", daemon.token("berta")),
            bearer("berta", daemon.token("berta"), "Authorization"),
            basic("carl", "carl", daemon.token("carl")),
            Credential("dora"),
            basic("emil", "emil", f"sticky-7:{passwords['emil']}"),
        ]
        self.trust = ssl.create_default_context(cafile=str(daemon.certificate))

    def who(self, name: str) -> Credential:
        return basic(name, name, self.passwords[name])

    @property
    def proxy(self) -> tuple[str, int]:
        return ("127.0.0.1", self.daemon.proxy_port)

    # What is done to it

    def reload(self) -> None:
        """Other settings, and the log moved away as logrotate does.  AssertionError where they are not taken."""
        self._reloads += 1
        log = self.daemon.data_dir / "exchanges.log"
        log.rename(log.with_suffix(f".{self._reloads}"))
        said = self.daemon.reload(self._config())
        if "settings reloaded" not in said:
            raise AssertionError(said)

    def locked(self, seconds: float) -> None:
        """Hold SQLite's lock, as another writer does who takes long."""
        file = self.daemon.data_dir / "meshd.sqlite3"
        with contextlib.closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as holder:
            holder.execute("begin immediate")
            time.sleep(seconds)
            holder.execute("rollback")

    def raise_limit(self, to: int) -> None:
        """Bytes in all.  StoreError, CommandError while the store is away."""
        self.daemon.cli("account", "set", "limited", "--total-limit", f"{to / 1e9:.6f}")

    # What it has counted

    def stored(self) -> dict[str, int]:
        with contextlib.suppress(StoreError):
            return {name: total for name, total in self.daemon.totals().items() if total}
        return {}

    def logged(self) -> dict[str, int]:
        names = {account["id"]: account["username"] for account in self.daemon.cli("account", "list")}
        return dict(logged(self._lines(), names, PARENTS))

    def _lines(self) -> Iterator[str]:
        for file in sorted(Path(self.daemon.data_dir).glob("exchanges.*")):
            with open(file) as lines:
                yield from lines

    @property
    def descriptors(self) -> int:
        """Open now, of the daemon and its workers."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in family(self.daemon.pid))
