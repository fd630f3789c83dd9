"""The account API beside a route of bare Klein, at the same work in one run: `python bench/api.py`.

Each round gives each in turn the same clients, who ask `GET /api/proxies/` on kept TLS connections: bare Klein without
credentials, meshd with a password and with a bearer token.  The medians over the rounds are compared, per second of the
server's own CPU time.  `--write` puts the table in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import base64
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench import table  # noqa: E402
from bench.asking import Client, request, trusting  # noqa: E402
from bench.load import figures  # noqa: E402
from bench.machine import description  # noqa: E402
from bench.peers import started  # noqa: E402
from bench.processes import Bystanders, cpu_seconds  # noqa: E402
from tests.support.daemon import LiveDaemon, free_port  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- api: made by bench/api.py --write -->"
END = "<!-- end of api -->"

SETTINGS = """
[api]
listen = ["tcp:{port}:interface=127.0.0.1"]
"""
"""IPv4 alone, as the peer: Twisted spells an IPv6 address out anew for each request."""

PATH = "/api/proxies/"
BARE = "bare Klein"
WANTED = 0.5
CLIENTS = 16


@dataclass(frozen=True, slots=True)
class Server:
    """Who is asked: its process, its port, the credential that it is shown, as `Name: value`, and for what."""

    name: str
    pid: int
    port: int
    field: str = ""
    path: str = PATH


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement."""

    per_cpu_second: float
    per_second: float
    p99: float
    """Milliseconds of one exchange, as the clients saw it."""
    failed: float


Samples = Mapping[str, Sequence[Sample]]
"""By the server's name: one a round."""


def measure(server: Server, certificate: Path, clients: int, seconds: float) -> Sample:
    """The clients connect and sign in first; only what follows is counted."""
    words = [str(server.port), str(certificate), str(clients), str(seconds), server.path, server.field]
    command = [sys.executable, str(ROOT / "bench" / "asking.py"), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline().strip() != "warm":
            raise RuntimeError(f"{server.name} does not answer")
        before = cpu_seconds(server.pid)
        print(file=process.stdin, flush=True)
        found = figures(process.stdout.readline())
        cpu = max(cpu_seconds(server.pid) - before, 0.001)
    return Sample(found["ok"] / cpu, found["ok"] / found["seconds"], found["p99"] / 1000, found["bad"])


def rows(samples: Samples, against: str = BARE, wanted: float = WANTED) -> str:
    """One row a server; the ratio of the medians to the one that is the measure."""
    measure = median(sample.per_cpu_second for sample in samples[against])
    heads = ["", "per CPU second", "µs of CPU each", f"to {against}", "per second", "p99", "spread"]
    lines = [heads, ["---", *("---:" for _ in heads[1:])]]
    for name, found in samples.items():
        each = [sample.per_cpu_second for sample in found]
        middle = median(each)
        told = [table.grouped(middle), table.grouped(table.quotient(1e6, middle)), table.ratio(middle, measure)]
        seen = [table.grouped(median(s.per_second for s in found)), f"{median(s.p99 for s in found):.1f} ms"]
        lines.append([name, *told, *seen, f"{table.spread(each):.0%}"])
    lines.append(["*wanted of meshd*", "", "", f"at least {wanted:g}x", "", "", ""])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def report(samples: Samples, command: str, clients: int, size: int, bystanders: float) -> str:
    """The table and what must be known beside it."""
    failed = {name: sum(sample.failed for sample in found) for name, found in samples.items()}
    parts = [
        f"`{command}` on {description()}.",
        f"`GET {PATH}` by {clients} clients, each on one TLS 1.3 connection that is kept; {size:,} bytes of JSON. "
        "Medians of the rounds, per second of the server's own CPU time; the spread is (highest - lowest) / median.",
        rows(samples),
        f"Processes that were no part of the run had {bystanders:.0%} of the machine meanwhile.",
        *(f"To be known: {name} failed {count:.0f} times." for name, count in failed.items() if count),
    ]
    return "\n\n".join(parts)


@contextmanager
def bare_klein(certificate: Path, key: Path, body: bytes) -> Iterator[Server]:
    """A process of it that gives these bytes."""
    port = free_port()
    words = [str(port), str(certificate), str(key), body.decode("ascii")]
    command = [sys.executable, str(ROOT / "bench" / "bare_klein.py"), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "listening":
                raise RuntimeError("bare Klein does not listen")
            yield Server(BARE, process.pid, port)
        finally:
            process.kill()


@contextmanager
def meshd(settings: str = SETTINGS) -> Iterator[tuple[LiveDaemon, int]]:
    """A daemon on SQLite, its log in a file, and its process's id."""
    daemon = LiveDaemon(start=False)
    daemon.configure(settings.format(port=daemon.api_port))
    try:
        daemon.cli("migrate")  # its port is open before its store is ready
        running = started(daemon.command, daemon.api_port, daemon.folder, daemon.environ)
        try:
            yield daemon, running.pid
        finally:
            running.close()
    finally:
        daemon.close()


def signed_in(daemon: LiveDaemon, pid: int) -> Iterator[Server]:
    """One account, whose password and whose token are shown in turn."""
    password = daemon.account("customer")
    basic = base64.b64encode(f"customer:{password}".encode()).decode("ascii")
    yield Server("meshd, password", pid, daemon.api_port, f"Authorization: Basic {basic}")
    yield Server("meshd, bearer token", pid, daemon.api_port, f"Authorization: Bearer {daemon.token('customer')}")


def answer(server: Server, certificate: Path) -> bytes:
    """The bytes of its body."""
    client = Client(server.port, trusting(str(certificate)), request(server.path, server.field))
    with client.socket:
        status, body = client.exchange()
    if status != 200:
        raise RuntimeError(f"{server.name} answers {status}")
    return body


def compare(seconds: float, rounds: int, clients: int) -> tuple[dict[str, list[Sample]], int, float]:
    """Samples, the size of the answer, and how much of the machine others had."""
    with meshd() as (daemon, pid):
        credentials = list(signed_in(daemon, pid))
        certificate = daemon.certificate
        body = answer(credentials[0], certificate)
        with bare_klein(certificate, certificate.with_name("key.pem"), body) as bare:
            servers = [bare, *credentials]
            if {answer(server, certificate) for server in servers} != {body}:
                raise RuntimeError("the answers differ")
            bystanders = Bystanders(os.getpid())
            return alternate(servers, certificate, seconds, rounds, clients), len(body), bystanders.share()


def alternate(
    servers: Sequence[Server], certificate: Path, seconds: float, rounds: int, clients: int
) -> dict[str, list[Sample]]:
    """One sample of each in turn, so many times."""
    samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            found = measure(server, certificate, clients, seconds)
            samples[server.name].append(found)
            print(f"{server.name:25} {found.per_cpu_second:8,.0f} per CPU second", file=sys.stderr, flush=True)
    return samples


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3, help="of each server in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--write", action="store_true", help=f"replace the table in {DOCUMENT.relative_to(ROOT)}")
    options = parser.parse_args(given)
    samples, size, bystanders = compare(options.seconds, options.rounds, options.clients)
    command = f"python bench/api.py --seconds {options.seconds:g} --rounds {options.rounds}"
    text = report(samples, command, options.clients, size, bystanders)
    print(text)
    if options.write:
        DOCUMENT.write_text(table.replaced(DOCUMENT.read_text(), text, BEGIN, END))
    return 1 if any(sample.failed for found in samples.values() for sample in found) else 0


if __name__ == "__main__":
    sys.exit(main())
