"""Kept connections to origins where there are many: `python bench/keeping.py [--beside FOLDER] [--alone]`.

First keep-alive GETs of one customer over 64, 1,000 and 4,500 connections that stand, per second of the proxy's own CPU
time; the same through Squid, and through nginx and HAProxy before one origin, which shows what so many connections cost
by themselves.  Then what 64 connections of that customer have before, right after and some seconds after 1,500 others
have asked for one thing each.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench.fronts import NAME, Ground, all_fronts  # noqa: E402
from bench.load import Load, figures  # noqa: E402
from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Peer, Proxy, meshd, squid  # noqa: E402
from bench.processes import cpu_parts, memory  # noqa: E402
from bench.reverse import certified  # noqa: E402
from bench.sids import Keyed, crowd  # noqa: E402
from bench.stage import Stage, stage  # noqa: E402
from bench.works import Work, measure, warm_up  # noqa: E402

CONNECTIONS = (64, 1000, 4500)
PASSERS_BY = 1500
IDLE = 3000
FRONTS = ("nginx", "HAProxy")

Rows = dict[str, list[list[float]]]


def peers(beside: str) -> list[Peer]:
    before = [Peer("meshd before", lambda: "", meshd(tree=beside))] if beside else []
    return [Peer("meshd", lambda: "", meshd()), *before]


class Fronted(Load):
    """pload straight to what stands before the origin."""

    def command(self, mode: str, clients: int, seconds: float, path: str = "/") -> list[str]:
        aimed = ["-o", self.proxy, "-n", NAME, "-c", str(clients), "-t", str(seconds), "-p", path]
        return [str(self.program), "direct", *aimed]


@contextmanager
def others(scene: Stage, place: int) -> Iterator[dict[str, tuple[Proxy, Load]]]:
    """Squid, and what stands before one origin, at the origin's addresses from that place on."""
    with ExitStack() as open_now:
        up = {"Squid": open_now.enter_context(scene.proxy(Peer("Squid", lambda: "", squid), place))}
        for at, front in enumerate((each for each in all_fronts("") if each.name in FRONTS), place + 1):
            folder = scene.folder / front.name
            folder.mkdir(mode=0o755)
            certified(folder)
            started = front.start(Ground(folder, scene.origin(at), ""))
            open_now.callback(started.proxy.close)
            up[front.name] = started.proxy, Fronted(scene.pload, started.proxy.address, scene.origin(at))
        yield up


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


def apart(shares: list[float]) -> list[float]:
    """What is left of the whole beside each of them."""
    return [1 - share for share in shares]


def told(found: Rows, names: list[str]) -> str:
    lines = ["| | 64 | 1,000 | of 64 | 4,500 | of 64 |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name in names:
        rate, kernel, p99 = (
            [median(row[at] for row in found[f"{name}|{connections}"]) for connections in CONNECTIONS]
            for at in range(3)
        )
        few, more, most = rate
        lines.append(f"| {name} | {few:,.0f} | {more:,.0f} | {more / few:.2f} | {most:,.0f} | {most / few:.2f} |")
        spent = [[part / one * 1e6 for one, part in zip(rate, share, strict=True)] for share in (kernel, apart(kernel))]
        for title, parts in zip(("in the kernel, µs", "in the program, µs"), spent, strict=True):
            lines.append(f"| {title} | {parts[0]:.1f} | {parts[1]:.1f} | | {parts[2]:.1f} | |")
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
    parser.add_argument("--alone", action="store_true", help="without Squid, nginx and HAProxy")
    options = parser.parse_args()
    descriptors(4 * max(CONNECTIONS))
    ours = peers(options.beside)
    found: Rows = defaultdict(list)
    with stage() as scene:
        with ExitStack() as open_now:
            up = {peer.name: open_now.enter_context(scene.proxy(peer, at)) for at, peer in enumerate(ours)}
            if not options.alone:
                up |= open_now.enter_context(others(scene, len(ours)))
            for _, load in up.values():
                warm_up(load)
            for _ in range(options.rounds):
                many(up, options.seconds, found)
        for place, peer in enumerate(ours):
            for _ in range(options.rounds):
                crowded(scene, peer, place, options.seconds, found)
        size = idle_connection(scene, ours[0], 0)
    print(f"On {description()}; medians of {options.rounds} rounds of {options.seconds:g} s.\n")
    print(told(found, list(up)))
    print(f"\nAn idle kept connection takes {size:,.0f} bytes of memory, the kernel's buffers not counted.")


if __name__ == "__main__":
    main()
