"""Kept connections to origins where there are many: `python bench/keeping.py [--beside FOLDER] [--no-squid]`.

First keep-alive GETs of one customer over 64, 1,000 and 4,500 connections that stand, per second of the proxy's own CPU
time; the same through Squid, which shows what so many connections cost by themselves.  Then what 64 connections of that
customer have before, right after and some seconds after 1,500 others have asked for one thing each.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench.load import Load, figures  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Peer, Proxy, meshd, squid  # noqa: E402
from bench.processes import cpu_parts, memory  # noqa: E402
from bench.sids import Keyed, crowd  # noqa: E402
from bench.stage import Stage, stage  # noqa: E402
from bench.works import Work, measure, warm_up  # noqa: E402

CONNECTIONS = (64, 1000, 4500)
PASSERS_BY = 1500
IDLE = 3000

Rows = dict[str, list[list[float]]]


def peers(beside: str, with_squid: bool) -> list[Peer]:
    before = [Peer("meshd before", lambda: "", meshd(tree=beside))] if beside else []
    others = [Peer("Squid", lambda: "", squid)] if with_squid else []
    return [Peer("meshd", lambda: "", meshd()), *before, *others]


def many(up: dict[str, tuple[Proxy, Load]], seconds: float, found: Rows) -> None:
    """One round of each number of connections: rate per CPU second, the kernel's part of the time, p99 in ms."""
    for connections in CONNECTIONS:
        for name, (proxy, load) in up.items():
            found[f"{name}|{connections}"].append(steady(proxy, load, connections, seconds))


def steady(proxy: Proxy, load: Load, connections: int, seconds: float) -> list[float]:
    """Of connections that stand and have been answered: what it cost to accept them and to dial is not counted."""
    command = [*load.command("get", connections, seconds), "-w", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        before = cpu_parts(proxy.pid)
        counted = figures(process.stdout.read())
        user, system = (now - was for now, was in zip(cpu_parts(proxy.pid), before, strict=True))
    if counted["err"] + counted["bad"] + counted["reopened"]:
        print(f"{proxy.address}, {connections} connections: {counted}", file=sys.stderr)
    cpu = max(user + system, 0.001)
    return [counted["ok"] / cpu, system / cpu, counted["p99"] / 1000]


def passed_by(scene: Stage, proxy: Proxy, load: Load, users: int, seconds: float) -> list[float]:
    """The busy customer's rate per CPU second: before, right after the others, a while after."""
    work = Work("get", 64, "/", "ok")
    others = Keyed(load, scene.folder / f"fields-{proxy.port}", users, "sid")
    others.renew()
    rates = [measure(proxy, load, work, seconds).per_cpu_second]
    others.run("get", 32, 3 + users / 500)
    rates += [measure(proxy, load, work, seconds).per_cpu_second for _ in range(3)]
    return rates


def crowded(scene: Stage, peer: Peer, place: int, seconds: float, found: Rows) -> None:
    with scene.proxy(peer, place) as (proxy, load):
        stores = scene.folder.glob("proxy-*/meshd-data/meshd.sqlite3")
        crowd(max(stores, key=lambda path: path.stat().st_ctime), PASSERS_BY)
        warm_up(load)
        load.run("get", 64, seconds)
        found[f"{peer.name}|passers-by"].append(passed_by(scene, proxy, load, PASSERS_BY, seconds))


def idle_connection(scene: Stage, peer: Peer, place: int) -> float:
    """Bytes of memory of one that waits for a next request: each request has a session of its own, and so its own."""
    with scene.proxy(peer, place) as (proxy, load):
        warm_up(load)
        fields = scene.folder / "sessions"
        fields.write_text("".join(f"X-ProxyMesh-Session: s{number}\n" for number in range(IDLE)))
        before = memory(proxy.pid)
        command = [*load.command("get", 1, 60), "-F", str(fields)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            while (standing := connections_to(load.origin)) < IDLE and process.poll() is None:
                time.sleep(0.2)
            process.terminate()
        return (memory(proxy.pid) - before) / standing


def connections_to(origin: str) -> int:
    """Those that stand, by the kernel's table."""
    host, _, port = origin.partition(":")
    remote = bytes(map(int, host.split(".")))[::-1].hex().upper() + f":{int(port):04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return sum(line.split()[2:4] == [remote, "01"] for line in lines)


def told(found: Rows, names: list[str]) -> str:
    lines = ["| | 64 | 1,000 | of 64 | 4,500 | of 64 |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name in names:
        rate, kernel, p99 = (
            [median(row[at] for row in found[f"{name}|{connections}"]) for connections in CONNECTIONS]
            for at in range(3)
        )
        few, more, most = rate
        lines.append(f"| {name} | {few:,.0f} | {more:,.0f} | {more / few:.2f} | {most:,.0f} | {most / few:.2f} |")
        lines.append(f"| the kernel's part | {kernel[0]:.0%} | {kernel[1]:.0%} | | {kernel[2]:.0%} | |")
        lines.append(f"| p99, ms | {p99[0]:.0f} | {p99[1]:.0f} | | {p99[2]:.0f} | |")
    lines += ["", "| | before | after 1,500 others | then | then |", "| --- | ---: | ---: | ---: | ---: |"]
    for name in names:
        rows = found.get(f"{name}|passers-by")
        if rows:
            cells = [median(row[at] for row in rows) for at in range(4)]
            after = " | ".join(f"{rate:,.0f} ({rate / cells[0]:.2f})" for rate in cells[1:])
            lines.append(f"| {name} | {cells[0]:,.0f} | {after} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", default="", metavar="FOLDER", help="another tree of meshd, in the same run")
    parser.add_argument("--no-squid", action="store_true")
    options = parser.parse_args()
    descriptors(4 * max(CONNECTIONS))
    all_of_them = peers(options.beside, not options.no_squid)
    found: Rows = defaultdict(list)
    with stage() as scene:
        with ExitStack() as open_now:
            up = {peer.name: open_now.enter_context(scene.proxy(peer, at)) for at, peer in enumerate(all_of_them)}
            for _, load in up.values():
                warm_up(load)
            for _ in range(options.rounds):
                many(up, options.seconds, found)
        for place, peer in enumerate(all_of_them):
            if peer.name != "Squid":
                for _ in range(options.rounds):
                    crowded(scene, peer, place, options.seconds, found)
        size = idle_connection(scene, all_of_them[0], 0)
    print(f"On {description()}; medians of {options.rounds} rounds of {options.seconds:g} s.\n")
    print(told(found, [peer.name for peer in all_of_them]))
    print(f"\nAn idle kept connection takes {size:,.0f} bytes of memory, the kernel's buffers not counted.")


if __name__ == "__main__":
    main()
