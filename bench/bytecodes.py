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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself: the standard library has a profile.py too

from bench.counting import BEGIN, END  # noqa: E402
from bench.peers import Peer, meshd, meshd_version  # noqa: E402
from bench.stage import stage  # noqa: E402
from bench.works import warm_up  # noqa: E402

CLIENTS = 8
"""Few, as everything takes fifty times as long meanwhile."""


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=("get", "connect"), default="get")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--tree", default="", metavar="FOLDER", help="another tree of meshd")
    options = parser.parse_args(given)
    with stage() as scene:
        path = scene.folder / "bytecodes.json"
        wrap = (sys.executable, str(ROOT / "bench" / "counting.py"), str(path))
        with scene.proxy(Peer("meshd", meshd_version, meshd(wrap=wrap, tree=options.tree)), 0) as (proxy, load):
            warm_up(load)
            os.kill(proxy.pid, BEGIN)
            done = load.run(options.work, CLIENTS, options.seconds)["ok"]
            os.kill(proxy.pid, END)
            while not path.exists():
                time.sleep(0.05)
            found = json.loads(path.read_text())
    print(f"{options.work}: {done:.0f} exchanges, of {sum(row[1] for row in found) / done:,.0f} bytecodes in ", end="")
    print(f"{sum(row[2] for row in found) / done:.0f} calls each; bytecodes and calls of each function:")
    for name, bytecodes, calls in sorted(found, key=lambda row: -row[1])[: options.rows]:
        print(f"{bytecodes / done:7.0f} {calls / done:6.2f}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
