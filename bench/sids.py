"""Sub-users with a sticky key for each request, beside one with none: `python bench/sids.py --beside OTHER_TREE`.

Each round gives each work to each tree in turn: first all requests of one account without a wish, then each of another
of ten thousand accounts with a key that was never there before.  The second costs what reading a user name costs, and
must not cost a question or a slow hash.
"""

from __future__ import annotations

import argparse
import base64
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from argon2 import PasswordHasher

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench.load import Load  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Peer, Proxy, meshd  # noqa: E402
from bench.stage import Stage, stage  # noqa: E402
from bench.works import WORKS, Work, measure  # noqa: E402

KEYS = 20
"""Keys of each account in one measurement; the next has others."""
LEARNED = 300
"""Accounts whose first question and hash a second is enough for."""
PASSWORD = "secret"
COPIED = """
insert into proxy_authorizations (account_id, proxy, created_at)
select :id, proxy, created_at from proxy_authorizations where account_id = :shop
"""
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Of accounts that are only made here: ten thousand slow hashes are not what is measured."""


class Keyed(Load):
    """pload with a field of a file for each request: a key that was never there before.

    A key of an earlier measurement might find its connection to the origin still open.
    """

    def __init__(self, load: Load, fields: Path, users: int, word: str) -> None:
        super().__init__(load.program, load.proxy, load.origin)
        self.fields = fields
        self.users = users
        self.word = word
        self.begin = 0

    def renew(self) -> None:
        """Write the fields for the next measurement, key by key, of all accounts in turn."""
        with self.fields.open("w") as file:
            for key in range(self.begin, self.begin + KEYS):
                for number in range(self.users):
                    user = f"ph-{number:010}-{self.word}-{key:04x}{number:012x}-ttl-30m:{PASSWORD}"
                    file.write(f"Proxy-Authorization: Basic {base64.b64encode(user.encode()).decode()}\n")
        self.begin += KEYS

    def command(self, mode: str, clients: int, seconds: float, path: str = "/") -> list[str]:
        return [*super().command(mode, clients, seconds, path), "-F", str(self.fields)]


def crowd(database: Path, users: int) -> None:
    """So many sub-accounts like the one that there is, each with the same password."""
    with sqlite3.connect(database, timeout=30) as store:
        encoded = CHEAP.hash(PASSWORD)
        (shop,) = store.execute("select id from accounts where username_key = 'shop'").fetchone()
        names = [row[1] for row in store.execute("pragma table_info(accounts)")]
        own = {"id": "null", "username": ":name", "username_key": ":name", "password_hash": ":hash"}
        own["uuid"] = "lower(hex(randomblob(16)))"
        values = ", ".join(own.get(name, name) for name in names)
        for number in range(users):
            told = {"name": f"ph-{number:010}", "hash": encoded, "shop": shop}
            made = store.execute(f"insert into accounts select {values} from accounts where id = :shop", told)
            store.execute(COPIED, {"id": made.lastrowid, "shop": shop})


@contextmanager
def running(scene: Stage, peer: Peer, place: int, users: int, word: str) -> Iterator[tuple[Proxy, Load, Keyed]]:
    with scene.proxy(peer, place) as (proxy, load):
        stores = scene.folder.glob("proxy-*/meshd-data/meshd.sqlite3")
        crowd(max(stores, key=lambda path: path.stat().st_ctime), users)
        keyed = Keyed(load, scene.folder / f"fields-{place}", users, word)
        keyed.renew()
        load.run("get", 1, 1)
        keyed.run("get", 64, 1 + users / LEARNED)
        yield proxy, load, keyed


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="of each work in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument(
        "--beside", default="", metavar="FOLDER", help="another tree of meshd, measured in the same run"
    )
    options = parser.parse_args(given)
    descriptors(4000)
    trees = [("meshd", "", "sid"), *([("meshd before", options.beside, "session")] if options.beside else [])]
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    works: list[Work] = [work for work in WORKS if work.figure == "ok"]
    with stage() as scene, ExitStack() as open_now:
        up = {
            name: open_now.enter_context(
                running(scene, Peer(name, lambda: "", meshd(tree=tree)), place, options.users, word)
            )
            for place, (name, tree, word) in enumerate(trees)
        }
        for _ in range(options.rounds):
            for work in works:
                for name, (proxy, plain, keyed) in up.items():
                    keyed.renew()
                    for way, load in (("no wish", plain), ("a key each", keyed)):
                        sample = measure(proxy, load, work, options.seconds)
                        found[name, work.name, way].append(sample.per_cpu_second)
                        if not sample.sound:
                            print(f"{name}, {work.name}, {way}: {sample.failed:.0f} failed", file=sys.stderr)
    print(f"{options.users:,} accounts, per second of the proxy's own CPU time, on {description()}")
    for (name, work_name, way), figures in found.items():
        print(f"{name:14} {work_name:8} {way:12} {median(figures):12,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
