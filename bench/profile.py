"""Where meshd's time goes under load: `python bench/profile.py`.

Samples the reactor's thread with py-spy while pload works through it; where py-spy is not installed, runs the daemon
under cProfile, whose figures lean towards small functions and hold its start too.  The kernel's part is told apart by
the clock, undisturbed, before.
"""

from __future__ import annotations

import argparse
import os
import pstats
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself: the standard library has a profile.py too

from bench.load import Load  # noqa: E402
from bench.machine import description  # noqa: E402
from bench.peers import Peer, Proxy, meshd, meshd_version  # noqa: E402
from bench.processes import cpu_parts  # noqa: E402
from bench.stage import Stage, stage  # noqa: E402
from bench.works import WORKS, Work, warm_up  # noqa: E402

SAMPLES_PER_SECOND = 250
UNDER_CPROFILE = (
    "import cProfile, sys; path, _, _, code, *rest = sys.argv[1:]; sys.argv = ['twistd', *rest];"
    "profile = cProfile.Profile();"
    "\ntry: profile.run(code)\nfinally: profile.dump_stats(path)"
)
"""A daemon's own command follows; what it would run is run under the profiler."""

LOOP = ";ReactorBase.mainLoop"

Shares = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Profile:
    """Parts of the whole, the largest first."""

    own: Shares
    """Time in the function itself, and in what it calls that is not Python."""
    within: Shares
    """With everything it calls."""


def shares(counts: Counter[str], whole: float) -> Shares:
    return [(name, count / whole) for name, count in counts.most_common()] if whole else []


def of_stacks(lines: Iterable[str]) -> Profile:
    """py-spy's raw format, `outermost;…;innermost count`, of what the reactor's loop calls.

    Other threads are left out: py-spy takes their waiting for work.
    """
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.strip().rpartition(" ")
        _, loop, called = stack.partition(LOOP)
        if not loop:
            continue
        frames = called.partition(";")[2].split(";") if ";" in called else ["the loop itself"]
        own[frames[-1]] += int(count)
        within.update(dict.fromkeys(frames, int(count)))
    whole = own.total()
    return Profile(shares(own, whole), shares(within, whole))


def short(path: str, function: str) -> str:
    """As py-spy says it: `function (meshd/sockets/wire.py)`."""
    for marker in ("/site-packages/", f"{ROOT}/"):
        path = path.rpartition(marker)[2]
    return f"{function} ({path})" if path != "~" else function


def of_cprofile(path: Path) -> Profile:
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for (file, _, function), (_, _, spent, cumulative, _) in pstats.Stats(str(path)).stats.items():  # type: ignore[attr-defined]
        if "epoll" in function and "poll" in function.rpartition(".")[2]:
            continue
        own[short(file, function)] += spent
        within[short(file, function)] = max(within[short(file, function)], cumulative)
    whole = own.total()
    return Profile(shares(own, whole), shares(within, whole))


def py_spy() -> str | None:
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def sampled(spy: str, proxy: Proxy, load: Load, work: Work, seconds: float, folder: Path) -> Profile:
    raw = folder / "stacks.txt"
    options = ["-p", str(proxy.pid), "-r", str(SAMPLES_PER_SECOND), "-d", str(max(int(seconds), 1))]
    command = [spy, "record", *options, "--format", "raw", "--function", "-o", str(raw)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        load.run(work.name, work.clients, seconds + 1, work.path)
        _, said = process.communicate(timeout=60)
    if process.returncode:
        raise SystemExit(f"py-spy: {said.strip()}")
    return of_stacks(raw.read_text().splitlines())


def clocked(proxy: Proxy, load: Load, work: Work, seconds: float) -> str:
    """Undisturbed: the daemon's microseconds an exchange (or a megabyte), in user space and in the kernel."""
    user, system = cpu_parts(proxy.pid)
    found = load.run(work.name, work.clients, seconds, work.path)
    amount = max(found[work.figure] / work.unit, 1.0)
    user, system = (after - before for after, before in zip(cpu_parts(proxy.pid), (user, system), strict=True))
    each = 1e6 / amount
    return (
        f"{amount / max(user + system, 0.001):,.0f} per CPU second: {(user + system) * each:.1f} µs each, "
        f"{user * each:.1f} in user space and {system * each:.1f} in the kernel"
    )


def under_cprofile(scene: Stage, work: Work, seconds: float) -> Profile:
    dumped = scene.folder / "profile.dump"
    peer = Peer("meshd", meshd_version, meshd(wrap=(sys.executable, "-c", UNDER_CPROFILE, str(dumped))))
    with scene.proxy(peer, 1) as (_, load):
        load.run(work.name, work.clients, seconds, work.path)
    return of_cprofile(dumped)


def printed(heading: str, found: Shares, rows: int) -> str:
    return "\n".join([heading, *(f"{share:6.1%}  {name}" for name, share in found[:rows])])


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--work", choices=[work.name for work in WORKS], default="get")
    parser.add_argument("--cprofile", action="store_true", help="even where py-spy is installed")
    options = parser.parse_args(given)
    work = next(work for work in WORKS if work.name == options.work)
    spy = None if options.cprofile else py_spy()
    with stage() as scene:
        with scene.proxy(Peer("meshd", meshd_version, meshd()), 0) as (proxy, load):
            warm_up(load)
            print(f"{description()}; {work.name}, {work.clients} clients")
            print(clocked(proxy, load, work, options.seconds), flush=True)
            if spy:
                found = sampled(spy, proxy, load, work, options.seconds, scene.folder)
        if not spy:
            found = under_cprofile(scene, work, options.seconds)
    print(f"\nby {os.path.basename(spy) if spy else 'cProfile'}")
    print(printed("\nin the function itself, with the system calls it makes:", found.own, options.rows))
    print(printed("\nwith all that it calls:", found.within, options.rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
