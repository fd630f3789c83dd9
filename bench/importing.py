"""What `meshd account import` of many accounts takes, and how long another writer waits meanwhile:
`python bench/importing.py [--accounts N] [--beside FOLDER] [--postgres] [--shuffled]`.

Each tree imports the same file into a store of its own, as a process of its own; the trees take turns.  The other
writer commits one row every 50 ms in a process beside it, as a daemon does once a second.  Peak memory is the process's
own (`ru_maxrss`).  One row in eleven is a sub-account, and each account has one proxy.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would hide another

from bench.machine import description  # noqa: E402
from tests.support.postgres import server  # noqa: E402

WRITER = """
import sys, time
from meshd.store.open import BlockingStore
from meshd.store.unit import Statement
def write(at):
    yield Statement("insert into moved_proxies (old, new, at) values (:old, '', 0)", {"old": str(at)})
store = BlockingStore(sys.argv[1])
while True:
    begin = time.monotonic()
    store.run(write, begin)
    print(time.monotonic() - begin, flush=True)
    time.sleep(max(0.0, 0.05 - (time.monotonic() - begin)))
"""
"""Prints how long each of its commits took."""


def rows(count: int, shuffled: bool) -> Iterator[str]:
    """The lines of a file of so many accounts."""
    numbers = list(range(count))
    if shuffled:
        random.Random(1).shuffle(numbers)
    for number in numbers:
        parent = f"user{number // 11 * 11:07}" if number % 11 == 10 else ""
        yield f"user{number:07},{parent},20,user{number}@x.example,{number % 50}\n"


def written(path: Path, count: int, shuffled: bool) -> Path:
    with path.open("w") as file:
        file.write("username,parent,plan,email,monthly_limit\n")
        file.writelines(rows(count, shuffled))
    return path


def store(folder: Path, postgres: bool) -> str:
    """A new store's URL."""
    return server().url(server().new_database()) if postgres else f"sqlite:///{folder / 'meshd.sqlite3'}"


def one(tree: Path, file: Path, postgres: bool) -> str:
    """Import the file with that tree; what was seen, as cells of a table."""
    with TemporaryDirectory() as name:
        url = store(Path(name), postgres)
        data = Path(name) / "data"
        data.mkdir(mode=0o700)
        environment = {**os.environ, "MESHD_STORE_URL": url, "MESHD_DATA_DIR": str(data), "PYTHONPATH": str(tree)}
        meshd = [sys.executable, "-m", "meshd.cli.main"]
        subprocess.run([*meshd, "migrate"], env=environment, cwd=tree, check=True, stdout=subprocess.DEVNULL)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, url], env=environment, cwd=tree, stdout=subprocess.PIPE, text=True
        )
        begin = time.monotonic()
        command = [*meshd, "account", "import", str(file)]
        importer = subprocess.Popen(command, env=environment, cwd=tree, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(importer.pid, 0)
        took = time.monotonic() - begin
        writer.terminate()
        waits = sorted(float(line) for line in writer.communicate()[0].splitlines() if line.strip())
    if status:
        raise SystemExit(f"the import ended with status {status}")
    return cells(took, used, waits)


def cells(took: float, used: resource.struct_rusage, waits: Sequence[float]) -> str:
    cpu = used.ru_utime + used.ru_stime
    middle, late, longest = (waits[int(len(waits) * share)] * 1000 for share in (0.5, 0.99, 0.9999))
    return f"{took:.0f} s | {cpu:.1f} s | {used.ru_maxrss / 1024:.0f} MB | {middle:.0f} / {late:.0f} / {longest:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--beside", type=Path, help="another tree of meshd, in the same run")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL")
    parser.add_argument("--shuffled", action="store_true", help="names in no order")
    args = parser.parse_args()
    print(f"{args.accounts:,} accounts, {'PostgreSQL' if args.postgres else 'SQLite'}, on {description()}.\n")
    print("| tree | takes | CPU | peak memory | another writer waits: median / p99 / longest |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with TemporaryDirectory() as name:
        file = written(Path(name) / "accounts.csv", args.accounts, args.shuffled)
        for tree, told in ((args.beside, "before"), (ROOT, "this")):
            if tree is not None:
                print(f"| {told} | {one(tree.resolve(), file, args.postgres)} |", flush=True)


if __name__ == "__main__":
    main()
