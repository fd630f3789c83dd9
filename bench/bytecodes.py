"""How many bytecodes an exchange takes, and in which functions: `python bench/bytecodes.py --work connect`.

The interpreter counts them itself (`sys.settrace`), so that another program on the machine changes nothing.  What C
does is not in it, nor what the kernel does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself: the standard library has a profile.py too

from bench.counting import BEGIN, END  # noqa: E402
from bench.fronts import Ground  # noqa: E402
from bench.fronts import meshd as front  # noqa: E402
from bench.names import DNS, NEW, name_server  # noqa: E402
from bench.peers import Peer, meshd, meshd_version  # noqa: E402
from bench.reverse import certified, command, run, warm  # noqa: E402
from bench.stage import ADDRESSES, Stage, stage  # noqa: E402
from bench.works import WARM_UP, warm_up  # noqa: E402

CLIENTS = 8
"""Few, as everything takes fifty times as long meanwhile."""


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=("get", "connect", "tls"), default="get", help="tls: of a published host")
    parser.add_argument("--names", action="store_true", help="a name of its own for each, that nobody asked for before")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--tree", default="", metavar="FOLDER", help="another tree of meshd")
    options = parser.parse_args(given)
    with stage() as scene:
        done, found = (of_host if options.work == "tls" else of_proxy)(scene, options)
    print(f"{options.work}: {done:.0f} exchanges, of {sum(row[1] for row in found) / done:,.0f} bytecodes in ", end="")
    print(f"{sum(row[2] for row in found) / done:.0f} calls each; bytecodes and calls of each function:")
    for name, bytecodes, calls in sorted(found, key=lambda row: -row[1])[: options.rows]:
        print(f"{bytecodes / done:7.0f} {calls / done:6.2f}  {name}")
    return 0


Found = list[tuple[str, int, int]]
"""Functions, with their bytecodes and their calls."""


def counted(scene: Stage) -> tuple[Path, tuple[str, ...]]:
    """Where a daemon's counts are written, and what is put before its command for that."""
    path = scene.folder / "bytecodes.json"
    return path, (sys.executable, str(ROOT / "bench" / "counting.py"), str(path))


def count(pid: int, path: Path, load: Callable[[], float]) -> tuple[float, Found]:
    """How much that load has done, and what it took."""
    os.kill(pid, BEGIN)
    done = load()
    os.kill(pid, END)
    while not path.exists():
        time.sleep(0.05)
    return done, json.loads(path.read_text())


def of_proxy(scene: Stage, options: argparse.Namespace) -> tuple[float, Found]:
    path, wrap = counted(scene)
    below = NEW if options.names else ""
    with name_server(ADDRESSES[0]) as server:
        started = meshd(wrap=wrap, tree=options.tree, limits=DNS.format(port=server))
        with scene.proxy(Peer("meshd", meshd_version, started), 0) as (proxy, load):
            warm_up(load)
            load.run(options.work, CLIENTS, WARM_UP, below=below)
            return count(proxy.pid, path, lambda: load.run(options.work, CLIENTS, options.seconds, below=below)["ok"])


def of_host(scene: Stage, options: argparse.Namespace) -> tuple[float, Found]:
    """New TLS connections, each with one GET."""
    path, wrap = counted(scene)
    folder = scene.folder / "front"
    folder.mkdir()
    certified(folder)
    started = front(options.tree, wrap)(Ground(folder, scene.origin(0), sys.executable))
    try:
        warm(scene, "meshd", started)
        words = command("tls", scene.pload, started, options.seconds)
        return count(started.proxy.pid, path, lambda: run(words, options.seconds)["ok"])
    finally:
        started.proxy.close()


if __name__ == "__main__":
    sys.exit(main())
