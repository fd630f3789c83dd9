"""Lists and pages with a million accounts: `python bench/crowd.py [--postgres] [--accounts N]`.

The store is filled by statements, not by way of the rules: a million accounts, a fifth of them sub-accounts, a token
for each, ten million usage hours, a million entries of the audit.  Then each list of the operators' API and each page
is asked for again and again over one kept connection; told is the time of the median and of the slowest 5 % as the
client sees them.  Then a customer's kept connection goes on through the proxy: told is the slowest 1 % of its answers
alone, while somebody looks at a page each second, and while a program looks at one after the other.  The latter takes
the processors from everybody on a small machine, so it is told too what it does to the proxy of another meshd, whose
own pages nobody looks at.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import multiprocessing
import re
import sqlite3
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import psycopg2
from twisted.internet.task import Clock

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from bench.machine import description  # noqa: E402
from bench.stage import stage  # noqa: E402
from bench.table import quotient  # noqa: E402
from meshd.web.app import build_api  # noqa: E402
from meshd.web.services import Services  # noqa: E402
from tests.support import postgres  # noqa: E402
from tests.support.daemon import LiveDaemon  # noqa: E402
from tests.support.load import basic  # noqa: E402

MILLION = 1_000_000
SLOW = 200.0
"""Milliseconds that nobody should wait for a page or a list, at the 95th percentile."""
VALUES = {"username": "customer1001", "name": "customer1001", "exit": "direct"}
"""What stands in the paths for the names of accounts and exits."""
QUERIES = {"/api/admin/exits/direct/users": "?at=2026-11-28T09:30:00"}
"""What a path cannot be asked without."""
UNASKED = (
    *("/api/openapi", "/api/admin/openapi", "/healthz", "/readyz", "/static/", "/sign-in/", "/v1/"),
    *("/operator/hosts/", "/operator/certificates/"),
)
"""Begins of paths that read nothing of an account's, or need something that is not there."""
ALONE = 20.0
"""Seconds for which the proxy's customer is measured each time."""
PACE = 1.0
"""Seconds between two looks of a person."""
BEGIN = 1_790_000_000 - 1_790_000_000 % 86_400
"""The day on which the usage of the filled store begins."""

NUMBERS = "with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < {count}) "

ACCOUNTS = """
insert into accounts (username, username_key, parent_id, role, plan, billing_day, created_at, email, active)
{numbers} select 'customer' || n, 'customer' || n, null, 'customer', case when n % 7 = 0 then '100' else '10' end,
    1 + n % 28, {begin} + n % 1000000, 'customer' || n || '@example.com', case when n % 50 = 0 then 0 else 1 end
from numbers
"""
SUBS = """
insert into accounts (username, username_key, parent_id, role, plan, billing_day, created_at)
select 'sub' || id, 'sub' || id, id, 'customer', plan, billing_day, created_at
from accounts where parent_id is null and role = 'customer' and id % 4 = 0
"""
TOKENS = """
insert into tokens (account_id, digest, label, created_at)
select id, {digest}, 'token of ' || username, created_at from accounts where role = 'customer'
"""
USAGE = """
insert into usage (account_id, total_bytes, period_bytes, period_start, seen_at)
select id, id * 1000, id * 10, {begin}, {begin} + id from accounts where role = 'customer'
"""
HOURS = """
insert into usage_hours (account_id, hour, token_id, up, down, exchanges)
{numbers} select a.id, {begin} + n * 3600, 0, 1000, 100000, 10 from accounts as a cross join numbers where a.id % 10 = 1
"""
DAYS = """
insert into usage_days (account_id, day, token_id, up, down, exchanges)
select account_id, hour - hour % 86400, token_id, sum(up), sum(down), sum(exchanges) from usage_hours group by 1, 2, 3
"""
AUDIT = """
insert into audit (at, actor, action, account_id, detail)
select created_at, 'operator', 'account.create', id, username from accounts where role = 'customer'
"""


def fill(url: str, accounts: int) -> None:
    """Fill a migrated store, past its own bounds on how long a statement may take."""
    on_postgres = url.startswith("postgres")
    database = psycopg2.connect(url) if on_postgres else sqlite3.connect(url.removeprefix("sqlite:///"))
    if on_postgres:
        database.cursor().execute("set session_replication_role = replica")  # every reference is right as it is made
    top = accounts * 4 // 5
    digest = "cast('digest' || id as bytea)" if on_postgres else "cast('digest' || id as blob)"
    steps = {
        "accounts": ACCOUNTS.format(numbers=NUMBERS.format(count=top), begin=BEGIN),
        "sub-accounts": SUBS,
        "tokens": TOKENS.format(digest=digest),
        "usage": USAGE.format(begin=BEGIN),
        "hours": HOURS.format(numbers=NUMBERS.format(count=100), begin=BEGIN),
        "days": DAYS,
        "audit": AUDIT,
        "statistics": "analyze",
    }
    for name, sql in steps.items():
        begun = time.monotonic()
        database.cursor().execute(sql)
        database.commit()
        print(f"filled {name} in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    database.close()


class Browser:
    """One kept connection to the API's listener, as the root: by Basic to JSON, with a session's cookie to pages."""

    def __init__(self, daemon: LiveDaemon) -> None:
        context = ssl._create_unverified_context()
        self._connection = http.client.HTTPSConnection("127.0.0.1", daemon.api_port, context=context)
        basic_ = base64.b64encode(f"admin:{daemon.root_password}".encode()).decode()
        self._fields = {"Authorization": f"Basic {basic_}"}
        self._cookies: dict[str, str] = {}
        self._sign_in(daemon.root_password)

    def get(self, path: str) -> tuple[int, bytes]:
        return self._ask("GET", path)

    def _sign_in(self, password: str) -> None:
        _, page = self.get("/sign-in/")
        token = re.search(rb'name="csrf" value="([^"]+)"', page)
        assert token is not None
        form = {"csrf": token[1].decode(), "username": "admin", "password": password}
        status, page = self._ask("POST", "/sign-in/", urlencode(form))
        if status != 303:
            raise SystemExit(f"sign-in: {status} {page[:300]!r}")

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        fields = dict(self._fields)
        if not path.startswith("/api/"):
            fields = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body, fields)
        answer = self._connection.getresponse()
        for set_cookie in answer.msg.get_all("Set-Cookie") or ():
            name, _, value = set_cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer.status, answer.read()


def lists(browser: Browser, paths: list[str], rounds: int) -> Iterator[tuple[str, list[float]]]:
    """Each path with the seconds of each of its answers."""
    for path in paths:
        seconds = []
        for _ in range(rounds):
            begun = time.perf_counter()
            status, body = browser.get(path)
            seconds.append(time.perf_counter() - begun)
            if status != 200:
                print(f"{path}: {status} {body[:300]!r}", file=sys.stderr)
                break
        else:
            yield path, sorted(seconds)


def keep_asking(port: int, origin: str, line: bytes, stop: Any, told: Any) -> None:
    """GETs over one kept connection through the proxy until told to stop; puts the seconds of each."""
    client = http.client.HTTPConnection("127.0.0.1", port)
    name, _, value = line.strip().partition(b": ")
    seconds = []
    while not stop.is_set():
        begun = time.perf_counter()
        client.request("GET", f"http://{origin}/", headers={name.decode(): value.decode()})
        client.getresponse().read()
        seconds.append(time.perf_counter() - begun)
        time.sleep(0.002)
    told.put(sorted(seconds))


class Asking:
    """A customer's kept connection in a process of its own."""

    def __init__(self, *args: Any) -> None:
        self._stop = multiprocessing.Event()
        self._told: Any = multiprocessing.Queue()
        self._process = multiprocessing.Process(target=keep_asking, args=(*args, self._stop, self._told))

    def __enter__(self) -> Asking:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._process.join(ALONE)
        self._process.kill()

    def end(self) -> list[float]:
        """Stop asking; the seconds of each answer, sorted."""
        self._stop.set()
        seconds: list[float] = self._told.get(timeout=30)
        return seconds


def at(seconds: list[float], share: float) -> float:
    """Milliseconds that this share of the answers stays below."""
    return 1000 * seconds[min(len(seconds) - 1, int(len(seconds) * share))]


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, not on SQLite")
    parser.add_argument("--accounts", type=int, default=MILLION)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--path", action="append", help="ask for these alone")
    options = parser.parse_args(given)
    store = ""
    if options.postgres:
        server = postgres.server()
        store = server.url(server.new_database())
    daemon, other = LiveDaemon(store=store, start=False), LiveDaemon(start=False)
    try:
        daemon.cli("migrate")
        fill(daemon.store_url, options.accounts)
        daemon.start()
        print(f"{'PostgreSQL' if store else 'SQLite'}, {options.accounts:,} accounts, on {description()}.\n")
        with stage() as standing:  # a process of its own: a thread of ours would wait for us, who ask without end
            other.start()
            measure(daemon, other, standing.origin(0), options)
    finally:
        other.close()
        daemon.close()
    return 0


def measure(daemon: LiveDaemon, other: LiveDaemon, origin: str, options: argparse.Namespace) -> None:
    """Print a row for each list and page, and what became of the proxy's customer meanwhile."""
    customer, others = (
        (each.proxy_port, origin, basic("busy", "busy", each.account("busy")).line) for each in (daemon, other)
    )
    browser = Browser(daemon)
    paths = options.path or list(every_path())
    print("| path | median, ms | p95, ms |\n| --- | ---: | ---: |")
    slow = 0
    asked = []
    for path, seconds in lists(browser, paths, options.rounds):
        asked.append(path)
        slow += at(seconds, 0.95) > SLOW
        mark = " !" if at(seconds, 0.95) > SLOW else ""
        print(f"| `{path}` | {at(seconds, 0.5):.1f} | {at(seconds, 0.95):.1f}{mark} |", flush=True)
    print(f"\nSlower than {SLOW:g} ms: {slow}.")
    alone = asking(customer, lambda: time.sleep(ALONE))
    print(f"The proxy's p99 in ms: {alone:.2f} alone;")
    for pause, how in (
        (PACE, f"while somebody looks at one each {PACE:g} s"),
        (0.0, "while a program asks without end"),
    ):
        meanwhile = asking(customer, partial(look, browser, asked, pause))
        print(f"{meanwhile:.2f} {how}, {quotient(meanwhile, alone):.2f} of it;")
    beside = asking(others, partial(look, browser, asked, 0.0))
    print(f"{beside:.2f} that of another meshd meanwhile, {quotient(meanwhile, beside):.2f} of which was ours.")


def asking(customer: tuple[int, str, bytes], meanwhile: Callable[[], None]) -> float:
    """Milliseconds below which 99 % of the customer's answers stay meanwhile."""
    with Asking(*customer) as client:
        meanwhile()
        return at(client.end(), 0.99)


def look(browser: Browser, paths: list[str], pause: float) -> None:
    """Look at what has been looked at before, in turn, for a while."""
    end = time.monotonic() + ALONE
    for path in cycle(paths):
        if time.monotonic() > end:
            return
        browser.get(path)
        time.sleep(pause)


class Known(dict[str, str]):
    """Values for the names in braces; a name without a value stays as it is."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def every_path() -> Iterator[str]:
    """Each GET that is mounted, of a customer's who is there, but health and documents."""
    nobody: Any = SimpleNamespace(perform=None, entrance=None)

    async def ready() -> dict[str, bool]:
        return {}

    api = build_api(Clock(), Services(nobody, nobody, nobody, nobody, nobody, nobody, ready))
    for method, template in sorted(api.mounted):
        if method == "GET" and template != "/" and not template.startswith(UNASKED):
            known = {**VALUES, **({"name": "local"} if "/proxy_status/" in template else {})}
            path = template.format_map(Known(known))
            if "{" not in path:
                yield path + QUERIES.get(path, "")


if __name__ == "__main__":
    sys.exit(main())
