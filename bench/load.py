"""The load generator pload: compiled here, run against a proxy, its line of figures read."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

SOURCE = Path(__file__).with_name("pload.c")
SETTLING = 60.0
"""Seconds that idle tunnels may take to stand, and stand if nobody says otherwise."""
LATE = 60.0
"""Seconds that pload may take beyond those that it was told to, before it is ended."""
WARMING = 60.0
"""Seconds for which pload waits until each client has been served, as its -w says."""

Figures = Mapping[str, float]


def own_names(below: str) -> list[str]:
    """pload's option for a name of its own for each request, which ends in that; nothing for ""."""
    return ["-u", below] if below else []


def compile_pload(folder: Path) -> Path:
    program = folder / "pload"
    subprocess.run(["cc", "-O2", "-o", str(program), str(SOURCE)], check=True)
    return program


def figures(line: str) -> dict[str, float]:
    """`ok=12 rate=3.5 …` as a mapping."""
    pairs = (word.split("=", 1) for word in line.split() if "=" in word)
    return {name: float(value) for name, value in pairs}


class Load:
    """pload, aimed at one proxy and the address that the origin has for it.

    header: one request field that the proxy wants, as `Name: value`; "" for none.
    """

    def __init__(self, program: Path, proxy: str, origin: str, header: str = "") -> None:
        self.program = program
        self.proxy = proxy
        self.origin = origin
        self.header = header

    def command(self, mode: str, clients: int, seconds: float, path: str = "/") -> list[str]:
        aimed = ["-x", self.proxy, "-o", self.origin, "-c", str(clients), "-t", str(seconds), "-p", path]
        return [str(self.program), mode, *aimed, *(["-H", self.header] if self.header else [])]

    def run(self, mode: str, clients: int, seconds: float, path: str = "/", below: str = "") -> dict[str, float]:
        """below: where each request asks for a name of its own, which ends in that."""
        command = [*self.command(mode, clients, seconds, path), *own_names(below)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + LATE)
        return figures(done.stdout)

    def under_way(
        self, mode: str, clients: int, seconds: float, counting: Callable[[], None], below: str = ""
    ) -> dict[str, float]:
        """The same, counted from when each client has been served once, as `counting` is told then.

        As many requests are under way when that begins as when it ends.  Else what those of a thousand clients have
        taken by then, and the clients' own beginnings, would be a part of what each counted request costs.
        Raises: CalledProcessError where pload fails, or has to be ended.
        """
        command = [*self.command(mode, clients, seconds), "-w", "1", *own_names(below)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            late = Timer(WARMING + seconds + LATE, process.kill)
            late.start()
            try:
                assert process.stdout is not None
                if process.stdout.readline():
                    counting()
                said = process.stdout.read()
                if status := process.wait():
                    raise subprocess.CalledProcessError(status, command)
                return figures(said)
            finally:
                late.cancel()
                process.kill()

    @contextmanager
    def idle_tunnels(self, count: int, seconds: float = SETTLING) -> Iterator[Idle]:
        """So many tunnels that move nothing, until the block ends, or for so many seconds if it does not."""
        command = self.command("idle", count, seconds)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield Idle(process, int(figures(process.stdout.readline())["standing"]))
            finally:
                process.kill()


class Idle:
    """Tunnels that stand."""

    def __init__(self, process: subprocess.Popen[str], standing: int) -> None:
        self.process = process
        self.standing = standing

    def end(self) -> int:
        """Close them; how many still stood."""
        said, _ = self.process.communicate(timeout=SETTLING)
        return int(figures(said).get("standing", 0))
