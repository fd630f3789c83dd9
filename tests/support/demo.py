"""An installation that looks lived in: operators, customers, their tokens, what they moved, who is banned.

What needs a rule goes by the command; what only time could bring, such as ninety days of usage, is written into the
store.  The same numbers come every time, counted back from now.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from meshd.accounts.ownership import Operator
from meshd.accounts.published import forms, resources
from meshd.model import GB
from meshd.store.open import BlockingStore
from meshd.store.statements import audit, opened, tops
from meshd.store.unit import Statement, Unit
from meshd.values import period
from meshd.values.exchanges import OpenExchange
from meshd.values.published import Kind
from tests.support.daemon import LiveDaemon

PASSWORD = "correct horse"
PEOPLE = {"customer": "alice", "sub-account": "crawler", "root": "admin", "admin": "olga", "viewer": "vera"}
"""Who signs in, by role."""

DAY, HOUR = 86_400, 3600
HOSTS = ("www.example.com", "shop.example.com", "api.example.com", "images.example.net", "news.example.org")
EXITS = {"ashburn-1": "US", "dallas-1": "US", "seattle-1": "US", "frankfurt-1": "DE", "paris-1": "FR", "tokyo-1": "JP"}
OTHERS = ("bob", "carla", "dimitri", "example-labs", "fatima", "greta", "hugo", "ines", "juan", "karin", "lea", "mei")
"""Customers of whom nothing but numbers is there."""

CONFIG = """
[proxies.us]
listen = ["tcp:{us}"]
domain = "us.mesh.example.com:31280"
exits = {{ country = ["US"] }}
[proxies.eu]
listen = ["tcp:{eu}"]
domain = "eu.mesh.example.com:31280"
exits = {{ country = ["DE", "FR"] }}
[proxies.open]
listen = ["tcp:{open}"]
domain = "open.mesh.example.com:31280"
[v1]
gateway = ["tcp:{gateway}"]
socks = []
domain = "gate.mesh.example.com"
[hosts]
listen = ["tcp:{hosts}"]
http = ["tcp:{http}"]
https = ["tcp:{https}"]
acme_directory = "https://127.0.0.1:9/directory"
"""
EXIT = '[[exits]]\nname = "{name}"\nkind = "http"\nurl = "http://{name}.example.net:3128"\ncountry = "{country}"\n'

SELLING = """
[offers.small]
gb = 20
price = "39.00"
currency = "EUR"
[offers.large]
kind = "subscription"
gb = 200
price = "199.00"
currency = "EUR"
rollover_enabled = true
[selling]
name = "Mesh Example Ltd"
instructions = "Transfer {amount} to XX00 0000 0000, and name order {number}."
"""

PUBLISHED: tuple[tuple[Kind, dict[str, Any]], ...] = (
    ("access-lists", {"name": "office", "clients": [{"address": "192.0.2.0/24", "directive": "allow"}]}),
    ("proxy-hosts", {"domain_names": ["app.example.com"], "forward_host": "10.9.0.10", "forward_port": 3000}),
    ("dead-hosts", {"domain_names": ["old.example.com"]}),
    ("certificates", {"domain_names": ["app.example.com", "www.example.com"]}),
    ("dead-hosts", {"domain_names": ["older.example.com"]}),
    ("dead-hosts", {"domain_names": ["oldest.example.com"]}),
)
"""What is published, in the order of its ids, from 1 on."""

OUTCOMES = {"served": 0.962, "origin": 0.021, "auth": 0.009, "limits": 0.005, "exit": 0.002, "destination": 0.001}
"""How exchanges ended, as shares of all."""


def config(ports: Mapping[str, int]) -> str:
    """Settings with three proxies and the gateway on these ports, and six exits that nobody asks anything."""
    exits = "".join(EXIT.format(name=name, country=country) for name, country in EXITS.items())
    return CONFIG.format(**ports) + exits + SELLING


def fill(daemon: LiveDaemon) -> None:
    """Fill the store of a daemon that runs, once."""
    _accounts(daemon)
    store = BlockingStore(daemon.store_url)
    try:
        store.run(_history, int(time.time()))
        for kind, settings in PUBLISHED:
            given = forms.read(kind, settings)
            store.run(resources.create, Operator(), kind, given, now=int(time.time()))
    finally:
        store.close()
    daemon.cli("exit", "drain", "seattle-1")


def _accounts(daemon: LiveDaemon) -> None:
    daemon.cli("account", "passwd", "admin", "--password-stdin", input=f"{PASSWORD}\n")
    for name, role in (("olga", "admin"), ("vera", "viewer")):
        daemon.account(name, PASSWORD, role=role)
    daemon.account(
        "alice", PASSWORD, monthly_limit=250, first_name="Alice", last_name="Meyer", email="alice@example.com"
    )
    for name, limit in (("crawler", 120), ("price-watch", 60), ("staging", 5)):
        daemon.account(name, PASSWORD if name == "crawler" else "", parent="alice", monthly_limit=limit)
    for proxy in ("us", "eu"):
        daemon.cli("proxy", "authorize", "alice", proxy)
    for owner, label, expires in (
        ("alice", "production", "2031-06-30"),
        ("alice", "laptop", ""),
        ("alice", "nightly report", "2030-01-31"),
        ("crawler", "crawler on rack 4", ""),
    ):
        daemon.cli("token", "create", owner, "--label", label, *(("--expires", expires) if expires else ()))
    for owner, address in (("alice", "93.184.216.34"), ("alice", "93.184.216.35"), ("crawler", "93.184.216.40")):
        daemon.cli("ip", "add", owner, address, "--label", "office" if owner == "alice" else "rack 4")
    for offer in ("small", "large", "small", "small"):
        daemon.cli("order", "create", "alice", offer)
    daemon.cli("order", "settle", "1", "--reference", "transfer 20261103")
    daemon.cli("order", "cancel", "3")
    daemon.cli("hostname", "add", "alice", "home.example.com")
    daemon.cli("hostname", "add", "crawler", "rack.example.com")


def _history(now: int) -> Unit[None]:
    """What only time could bring."""
    draw = random.Random(7)
    yield from _others(now)
    rows = yield Statement("select id, username, coalesce(parent_id, 0), monthly_limit from accounts", {})
    ids = {row[1]: int(row[0]) for row in rows}
    tokens = yield Statement("select label, id from tokens", {})
    labels = {row[0]: int(row[1]) for row in tokens}
    day = min(datetime.fromtimestamp(now - 17 * DAY, UTC).day, 28)
    values = {"day": day, "at": now - 300 * DAY}
    yield Statement("update accounts set billing_day = :day, created_at = :at where id <> 0", values)
    yield Statement("update tokens set created_at = :at + id * 950000", {"at": now - 200 * DAY})
    yield Statement("update authorized_ips set created_at = :at + id * 750000", {"at": now - 150 * DAY})
    yield Statement("update authorized_hostnames set created_at = :at", {"at": now - 90 * DAY})
    yield Statement(RESOLVED, {"address": "93.184.216.90", "at": now - 11 * DAY})
    yield Statement("update tokens set used_at = :at where label <> 'nightly report'", {"at": now - 25 * 60})
    begin = period.start(day, now)
    paces = {"alice": 0.6, "crawler": 5.1, "price-watch": 1.7, "staging": 0.06}
    paces |= {name: draw.choice((0.2, 0.9, 2.5, 7.0)) for name in OTHERS}
    for name, pace in paces.items():
        token = {"alice": labels["production"], "crawler": labels["crawler on rack 4"]}.get(name, 0)
        yield from _usage(ids[name], pace, token, now, draw)
    for row in rows:
        if row[1] in paces:
            below = [int(each[0]) for each in rows if each[2] == row[0]]
            seen = now - (90 if row[1] in ("alice", "crawler", "mei") else draw.randrange(4 * DAY))
            yield from _totals([int(row[0]), *below], int(row[3]), begin, seen)
    yield from _activity(ids, labels, now, draw)
    yield from _reports(ids, now, draw)
    yield from _open(ids, now)
    yield from _administration(ids, now)


RESOLVED = """insert into hostname_addresses (account_id, hostname, address, since)
    select account_id, hostname, :address, :at from authorized_hostnames where hostname = 'home.example.com'"""


def _others(now: int) -> Unit[None]:
    sql = """insert into accounts (username, username_key, role, plan, billing_day, created_at, email,
        monthly_limit, active)
        values (:name, :name, 'customer', :plan, 1, :now, :email, :limit, :active)"""
    for place, name in enumerate(OTHERS):
        plan, limit = (("10", 50), ("20", 100), ("100", 400))[place % 3]
        values = {"name": name, "plan": plan, "now": now, "email": f"{name}@example.com", "limit": limit * GB}
        yield Statement(sql, values | {"active": 0 if name == "hugo" else 1})


def _usage(account_id: int, pace: float, token_id: int, now: int, draw: random.Random) -> Unit[None]:
    """Ninety days of about that many GB each, the last three of them by the hour; fewer at night and on Sundays."""
    today = now - now % DAY
    for back in range(89, -1, -1):
        at = today - back * DAY
        quiet = 0.45 if datetime.fromtimestamp(at, UTC).weekday() == 6 else 1.0
        whole = pace * GB * quiet * draw.uniform(0.7, 1.3) * ((now - at) / DAY if back == 0 else 1)
        for token, part in ((token_id, 0.7), (0, 0.3)) if token_id else ((0, 1.0),):
            down = int(whole * part)
            values = {"account": account_id, "at": at, "token": token}
            sums = {"up": down // 14, "down": down, "exchanges": down // 180_000}
            yield Statement(_insert("usage_days", "day"), values | sums)
            if back < 3:
                yield from _hours(values, sums, at, now)


def _hours(values: dict[str, int], sums: dict[str, int], at: int, now: int) -> Unit[None]:
    hours = [hour for hour in range(24) if at + hour * HOUR <= now]
    weights = [1.4 - abs(13 - hour) / 12 for hour in hours]
    for hour, weight in zip(hours, weights, strict=True):
        part = {name: int(number * weight / sum(weights)) for name, number in sums.items()}
        yield Statement(_insert("usage_hours", "hour"), values | {"at": at + hour * HOUR} | part)


def _insert(table: str, column: str) -> str:
    return f"""insert into {table} (account_id, {column}, token_id, up, down, exchanges)
        values (:account, :at, :token, :up, :down, :exchanges)"""


def _totals(ids: Sequence[int], limit: int, begin: int, seen: int) -> Unit[None]:
    """An account's totals are its own hours and those of its sub-accounts."""
    total = used = 0
    for each in ids:
        total += yield from _sum(each, 0)
        used += yield from _sum(each, begin)
    full = min(used * 100 // limit, 100) if limit else 0
    values = {"id": ids[0], "total": total, "used": used, "begin": begin, "seen": seen, "full": full}
    yield Statement("delete from usage where account_id = :id", {"id": ids[0]})
    yield Statement(
        """insert into usage (account_id, total_bytes, period_bytes, period_start, seen_at, fullness)
        values (:id, :total, :used, :begin, :seen, :full)""",
        values,
    )


def _sum(account_id: int, since: int) -> Unit[int]:
    rows = yield Statement(
        "select coalesce(sum(up + down), 0) from usage_days where account_id = :id and day >= :since",
        {"id": account_id, "since": since - since % DAY},
    )
    return int(rows[0][0])


ACTIVITY = """insert into activity (account_id, ended, request, family_id, began, token_id, proxy, client, method, host,
    port, exit, way, status, reason, up, down)
    values (:account, :ended, :request, :family, :began, :token, :proxy, :client, 'CONNECT', :host, 443, :exit, :exit,
    :status, :reason, :up, :down)"""


def _activity(ids: Mapping[str, int], labels: Mapping[str, int], now: int, draw: random.Random) -> Unit[None]:
    """The newest exchanges of alice and of her crawler."""
    ended = now * 1000 - 4000
    for place in range(60):
        name = "crawler" if place % 3 else "alice"
        reason = {7: "connection-timeout", 19: "dns-error", 31: "acl-port"}.get(place, "")
        exit_ = draw.choice(list(EXITS)[:5])
        values: dict[str, Any] = {
            "account": ids[name],
            "family": ids["alice"],
            "ended": ended,
            "request": f"{place:08x}",
        }
        values |= {"began": ended - draw.randrange(150, 42_000), "exit": "" if reason else exit_, "reason": reason}
        values |= {"proxy": "us" if EXITS[exit_] == "US" else "eu", "host": draw.choice(HOSTS)}
        values |= {"token": labels["crawler on rack 4"] if name == "crawler" else 0, "client": "93.184.216.40"}
        values |= {"status": 502 if reason else 200, "up": draw.randrange(900, 60_000)}
        values |= {"down": 0 if reason else draw.randrange(4_000, 9_000_000)}
        yield Statement(ACTIVITY, values)
        ended -= draw.randrange(2_000, 400_000)


def _reports(ids: Mapping[str, int], now: int, draw: random.Random) -> Unit[None]:
    """Sums by target host for alice's family; by exit and by outcome for everybody, of thirty days."""
    today, hour = now - now % DAY, now - now % HOUR
    domains = [
        ((ids[name], today - back * DAY, host), _sums(draw.uniform(0.1, 1.5) * GB))
        for name in ("alice", "crawler")
        for back in range(20)
        for host in HOSTS
    ]
    traffic = []
    for at in [today - back * DAY for back in range(29, 1, -1)] + [hour - back * HOUR for back in range(26, -1, -1)]:
        whole = (41 if at < today - DAY else 1.7) * GB * draw.uniform(0.7, 1.3)
        shares = [draw.uniform(0.5, 1.5) for _ in EXITS]
        parts = zip(EXITS, shares, strict=True)
        traffic += [((tops.EXIT, at, name), _sums(whole * share / sum(shares))) for name, share in parts]
        traffic += [((tops.OUTCOME, at, kind), _sums(whole * share)) for kind, share in OUTCOMES.items()]
    yield from tops.record(domains, traffic)


def _sums(down: float) -> tuple[int, int, int, int]:
    return int(down / 14), int(down), int(down / 180_000), int(down / 9_000_000)


def _open(ids: Mapping[str, int], now: int) -> Unit[None]:
    """What another process of the installation has open, still for a day."""
    found = [
        OpenExchange(
            f"{place:016x}",
            (now - age) * 1000,
            ids[name],
            ids["alice" if name == "crawler" else name],
            name,
            0,
            "us",
            f"93.184.216.{40 + place}",
            "CONNECT",
            HOSTS[place % len(HOSTS)],
            443,
            list(EXITS)[place % 3],
            40_000 + place * 900,
            age * 91_000,
            list(EXITS)[place % 3],
        )
        for place, (name, age) in enumerate(
            (("crawler", 75), ("crawler", 2_400), ("bob", 12), ("alice", 900), ("mei", 3))
        )
    ]
    yield from opened.write("rack-2:/var/lib/meshd", now + DAY, len(found), found)


def _administration(ids: Mapping[str, int], now: int) -> Unit[None]:
    """Bans, an exit that rests, top-ups and what the audit says."""
    for address, name in (("203.0.113.7", "*"), ("203.0.113.90", "carla"), ("198.51.100.23", "alice")):
        values = {"address": address, "name": name, "until": now + 9 * HOUR}
        yield Statement("insert into bans (address, username, until) values (:address, :name, :until)", values)
    yield Statement(
        """insert into exit_health (node, exit, until, failures, reason, at)
        values ('rack-2:/var/lib/meshd', 'tokyo-1', :until, 3, 'connection-refused', :now)""",
        {"until": now + DAY, "now": now - 40},
    )
    for reference, gigabytes in (("invoice-1041", 20), ("invoice-1088", 50)):
        values = {"id": ids["alice"], "reference": reference, "bytes": gigabytes * GB, "at": now - 9 * DAY}
        yield Statement(
            "insert into topups (account_id, reference, bytes, at, by) values (:id, :reference, :bytes, :at, 'olga')",
            values,
        )
    yield Statement(
        "update usage set prepaid_bytes = :bytes where account_id = :id", {"bytes": 70 * GB, "id": ids["alice"]}
    )
    changes: Iterable[tuple[str, str, str, str]] = (
        ("operator:olga", "account.edit", "alice", '{"monthly_limit":[100000000000,250000000000]}'),
        ("alice", "token.create", "alice", ""),
        ("operator:olga", "account.edit", "bob", '{"plan":["10","20"]}'),
    )
    for place, (actor, action, name, changed) in enumerate(changes):
        yield from audit.record(now - (9 - place) * DAY, actor, action, ids[name], name, changed)
