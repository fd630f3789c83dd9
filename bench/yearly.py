"""How long answers about a year of hours hold the reactor: `python bench/yearly.py [--beside FOLDER] [--postgres]`.

A customer has used something in each hour of a year.  Each route that tells hours is asked a few times over one kept
connection, of a daemon whose loop notes how long it was between two waits for events, in its own processor time; told
is the longest of these, and how long an answer took.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import ssl
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would hide another

from bench.machine import description  # noqa: E402
from meshd.store.open import BlockingStore  # noqa: E402
from meshd.store.statements import accounts  # noqa: E402
from meshd.store.unit import Statement, Unit  # noqa: E402
from tests.support.daemon import LiveDaemon  # noqa: E402
from tests.support.postgres import server  # noqa: E402

HOURS = 365 * 24
NOTING = """
import select, sys, time
path, _, _, code, *rest = sys.argv[1:]; sys.argv = ['twistd', *rest]
class Poll:
    def __init__(self, size): self._poll, self._at = select_epoll(size), None
    def __getattr__(self, name): return getattr(self._poll, name)
    def poll(self, *arguments):
        if self._at is not None:
            held = time.thread_time() - self._at
            if held > 0.001:
                with open(path, 'a') as out: out.write(f'{held}\\n')
        found = self._poll.poll(*arguments)
        self._at = time.thread_time()
        return found
select_epoll = select.epoll
import twisted.internet.epollreactor as reactors
reactors.epoll = Poll
exec(code)
"""
"""A daemon's own command follows; its reactor's loop writes down what held it for more than a millisecond."""


ROW = """
insert into usage_hours (account_id, hour, token_id, up, down, exchanges)
values (:account, :hour, 0, :up, :down, 1)
"""


def year(username: str, now: int) -> Unit[None]:
    """Something in each hour."""
    account = yield from accounts.by_username(username)
    assert account is not None
    last = now - now % 3600
    for number in range(HOURS):
        row = {"account": account.id, "hour": last - 3600 * number, "up": number, "down": 1000 + number}
        yield Statement(ROW, row)


def asked(daemon: LiveDaemon, held: Path, user: str, password: str, path: str) -> str:
    """What one route gives: status, size, time of an answer, and the longest that the reactor was held."""
    context = ssl.create_default_context(cafile=str(daemon.certificate))
    connection = http.client.HTTPSConnection("127.0.0.1", daemon.api_port, context=context, timeout=60)
    head = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    longest, took, status, size = [], [], 0, 0
    for number in range(8):
        held.write_text("")
        begin = time.monotonic()
        connection.request("GET", path, headers=head)
        answer = connection.getresponse()
        size, status = len(answer.read()), answer.status
        took.append(time.monotonic() - begin)
        time.sleep(0.05)
        pieces = [float(line) for line in held.read_text().split()]
        if number:  # the first has to sign in
            longest.append(max(pieces, default=0.0))
    ms = [f"{each * 1000:.1f} ms" for each in (median(took), median(longest), max(longest))]
    return f"{status} | {size:,} | {' | '.join(ms)}"


def measured(tree: Path, told: str, postgres: bool) -> None:
    with TemporaryDirectory() as name:
        url = server().url(server().new_database()) if postgres else ""
        folder = Path(name) / "daemon"
        folder.mkdir()
        held = Path(name) / "held"
        config = f'[store]\nurl = "{url}"\n' if url else ""
        wrap = (sys.executable, "-c", NOTING, str(held))
        daemon = LiveDaemon(config=config, folder=folder, wrap=wrap, tree=str(tree))
        try:
            password, root = daemon.account("alice"), daemon.root_password
            BlockingStore(url or f"sqlite:///{next(folder.rglob('meshd.sqlite3'))}").run(
                year, "alice", int(time.time())
            )
            since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 364 * 86_400))
            for path in (
                f"/api/usage/?interval=hour&by=total&since={since}",
                f"/api/usage/?interval=hour&by=account&since={since}",
                f"/api/usage/?interval=hour&by=token&since={since}",
            ):
                print(f"| {told} | {path[:38]} | {asked(daemon, held, 'alice', password, path)} |", flush=True)
            path = f"/api/admin/accounts/alice/usage?interval=hour&by=total&since={since}"
            print(f"| {told} | {path[:38]} | {asked(daemon, held, 'admin', root, path)} |", flush=True)
        finally:
            daemon.terminate()
            daemon.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, help="another tree of meshd, in the same run")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL")
    options = parser.parse_args()
    print(f"{'PostgreSQL' if options.postgres else 'SQLite'}, on {description()}.\n")
    print("| tree | route | status | bytes | an answer takes | held, median | held at most |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for tree, told in ((options.beside, "before"), (ROOT, "this")):
        if tree is not None:
            measured(tree.resolve(), told, options.postgres)


if __name__ == "__main__":
    main()
