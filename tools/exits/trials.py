"""One proxy as the only exit of a daemon of its own: all operations, then with other words in its line."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.peers import Proxy
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.origin import authority
from tools.exits.makers import WRONG, Maker, Site
from tools.exits.operations import (
    BY_TUNNEL,
    CARRIED,
    CUSTOMER,
    REFUSED,
    SECRET,
    Asker,
    Operation,
    Seen,
    big,
    four,
    get,
    right,
    statuses,
    tunnel,
)
from tools.exits.origins import Origins

CONFIG = """
exits_from = ["{folder}/exits.txt"]
[destinations]
ports = ["1-65535"]
deny_ports = []
[limits]
flush_seconds = 0.05
[timeouts]
connect = 5
first_byte = 5
"""
RESTS = re.compile(r"exit (\S+) has failed and rests: (\S+)")
FAILURES = 3
"""In a row, after which an exit rests."""
NO_EXIT = "no exit available"
"""What a customer is told while the only one rests."""
LATE = 2.0
"""Seconds after which the log would have said that an exit rests."""
TIMES = 8
"""Requests to a pool of a good exit and one with a wrong password."""
SENT = {"host", "connection"}
"""Fields that an origin gets of these requests where no proxy adds any."""


@dataclass
class Refusal:
    """What came of a wrong password."""

    plain: str
    tunnel: str
    """What the customer is shown."""
    plain_rests: str
    tunnel_rests: str
    """Why it rests then, by the log; "" for not at all."""
    beside: int = 0
    """How many of TIMES plain requests were served where there is a good exit beside it."""


@dataclass
class Found:
    """What came of one proxy."""

    line: str
    carried: dict[str, Seen] = field(default_factory=dict)
    refused: dict[str, list[Seen]] = field(default_factory=dict)
    rests: dict[str, str] = field(default_factory=dict)
    """By what it rested, and why."""
    differ: list[str] = field(default_factory=list)
    """Of what was carried, that of which the log has other bytes than the client."""
    wrong: Refusal | None = None
    to_origins: list[str] = field(default_factory=list)
    to_clients: list[str] = field(default_factory=list)
    """Fields that the proxy adds; those to clients only where the exit is `visible`."""
    reuse: str = ""
    """What is amiss with `reuse`; "" for nothing, "-" where it is not to be had."""
    tunnel: dict[str, Seen] = field(default_factory=dict)
    """The same as `carried`, of plain requests with `tunnel`; empty where it is not to be had."""


class Trial:
    """A daemon, a proxy as its only exit, and a customer."""

    def __init__(self, folder: Path, origins: Origins, address: str) -> None:
        self._folder, self._address = folder, address
        self._list = folder / "exits.txt"
        self.origins = origins
        self._names = count(1)
        self.name = ""
        self.daemon: LiveDaemon | None = None
        self._asker: Asker | None = None
        self._since = 0

    def use(self, *lines: str) -> None:
        """Have these exits and no others.  The first one's name is new, and so is what is known of it."""
        self.name = f"exit-{next(self._names)}"
        first, *others = lines
        self._list.touch(mode=0o600)
        self._list.write_text("\n".join([f"{first} name={self.name}", *others]) + "\n")
        if self.daemon is None:
            text = CONFIG.format(folder=self._folder)
            trusted = {"SSL_CERT_FILE": authority().file}
            self.daemon = LiveDaemon(config=text, folder=self._folder, environ=trusted)
            self.daemon.account(CUSTOMER, SECRET)
            self._asker = Asker(self.daemon.proxy_port, self.origins)
        else:
            said = self.daemon.reload()
            if "settings reloaded" not in said:
                raise RuntimeError(said)
        self._since = self.daemon.log_position

    def ask(self, operation: Operation) -> Seen:
        assert self._asker is not None
        return self._asker.run(operation)

    def rests(self) -> str:
        """Why the first exit rests; "" where it does not."""
        assert self.daemon is not None
        for line in self.daemon.log_lines(self._since):
            if (found := RESTS.search(line)) and found[1] == self.name:
                return found[2]
        return ""

    def shown_rest(self) -> str:
        """The same as `meshd exit list` has it."""
        assert self.daemon is not None
        row = next(row for row in self.daemon.cli("exit", "list") if row["name"] == self.name)
        return str(row["resting"][0]["reason"]) if row["resting"] else ""

    def line(self, maker: Maker, *, password: str = "", attributes: str = "") -> str:
        return maker.line(self._address, password, attributes)

    def close(self) -> None:
        if self.daemon is not None:
            self.daemon.close()


def carry_out(trial: Trial, maker: Maker) -> Found:
    """All that is asked of one proxy."""
    found = Found(maker.line("gw.example:PORT"))
    operations(trial, maker, found)
    found.differ = differing(trial, found)
    if maker.kind != "socks5" and "tunnel" not in maker.attributes:
        added(trial, maker, found)
        found.tunnel = tunnelled(trial, maker)
    found.reuse = reused(trial, maker)
    if maker.login:
        found.wrong = wrong(trial, maker)
    return found


def operations(trial: Trial, maker: Maker, found: Found) -> None:
    """Each by itself; an exit that rests is taken anew, as the next operation would find it no more."""
    trial.use(trial.line(maker))
    before = ""

    def asked(name: str, operation: Operation) -> Seen:
        nonlocal before
        seen = trial.ask(operation)
        if NO_EXIT in seen.amiss + seen.told:
            found.rests[before] = until(trial.rests, "the log says why the exit rests")
            trial.use(trial.line(maker))
            seen = trial.ask(operation)
        before = name
        return seen

    for name, operation in CARRIED.items():
        found.carried[name] = asked(name, operation)
    for name, several in REFUSED.items():
        found.refused[name] = [asked(name, operation) for operation in several]


def differing(trial: Trial, found: Found) -> list[str]:
    """What was carried, and stands in the log with other bytes than the client had."""

    def differ() -> list[str]:
        assert trial.daemon is not None
        logged: dict[str, tuple[int, int]] = {}
        for line in trial.daemon.exchanges():
            up, down = logged.get(line["client"], (0, 0))
            logged[line["client"]] = up + line["up"], down + line["down"]
        right = {name: seen for name, seen in found.carried.items() if not seen.amiss}
        return [name for name, seen in right.items() if logged.get(seen.source) != (seen.up, seen.down)]

    with suppress(AssertionError):
        until(lambda: not differ(), deadline=3.0)
    return differ()


def added(trial: Trial, maker: Maker, found: Found) -> None:
    """Fields that the proxy adds to requests and to answers."""
    names: list[set[str]] = []

    def look(asker: Asker) -> None:
        answer = right(asker.line().ask("GET", asker.origins.plain.url("/echo")))
        names.append({name for name, _ in answer.fields})
        got = {name for name, _ in json.loads(answer.body)["fields"]}
        found.to_origins = sorted(name for name in got if name.lower() not in SENT)

    for attributes in ("", "visible=true"):
        trial.use(trial.line(maker, attributes=attributes))
        trial.ask(look)
    if len(names) == 2:
        found.to_clients = sorted(names[1] - names[0])


def reused(trial: Trial, maker: Maker) -> str:
    """What is amiss with kept connections to it; where it has no login they are kept whatever is said."""
    if maker.kind == "socks5" or "tunnel" in maker.attributes:
        return "-"
    trial.use(trial.line(maker, attributes="reuse=true" if maker.login else ""))
    for operation in (get, get, four, statuses, four, big, get):
        if amiss := trial.ask(operation).amiss:
            return amiss
    return ""


def tunnelled(trial: Trial, maker: Maker) -> dict[str, Seen]:
    """Plain requests with `tunnel`, to a port that is open to tunnels."""
    if "tunnel" in maker.attributes:
        return {}
    trial.use(trial.line(maker, attributes="tunnel=true"))
    with trial.origins.by_tunnel():
        return {name: trial.ask(operation) for name, operation in BY_TUNNEL.items()}


def wrong(trial: Trial, maker: Maker) -> Refusal:
    """With another password: alone, then with a good exit beside it."""
    line = trial.line(maker, password=WRONG)
    told, rests = [], []
    for operation in (get, tunnel):
        trial.use(line)
        seen = [trial.ask(operation) for _ in range(FAILURES)]
        told.append(seen[0].amiss or "it passes")
        with suppress(AssertionError):
            until(trial.rests, deadline=LATE)
        rests.append(trial.rests())
        until(lambda: trial.shown_rest() == trial.rests(), "the log and `exit list` say the same")
    trial.use(line, "127.0.0.1")
    served = sum(not trial.ask(get).amiss for _ in range(TIMES))
    return Refusal(told[0], told[1], rests[0], rests[1], served)


@contextmanager
def running(maker: Maker, packages: Path) -> Iterator[Trial]:
    """The proxy and what is asked through it.  Raises: NotHereError, RuntimeError"""
    folder = Path(tempfile.mkdtemp(prefix="meshd-exits-", dir="/tmp"))
    origins = Origins()
    try:
        with started(maker, folder, origins, packages) as (_, port):
            (folder / "daemon").mkdir(mode=0o700)
            trial = Trial(folder / "daemon", origins, f"127.0.0.1:{port}")
            try:
                yield trial
            finally:
                trial.close()
    finally:
        origins.close()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(maker: Maker, folder: Path, origins: Origins, packages: Path) -> Iterator[tuple[Proxy, int]]:
    """The proxy and its port."""
    folder.chmod(0o755)
    place, certificate = folder / "proxy", folder / "server.pem"
    place.mkdir()
    authority().ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    certificate.chmod(0o644)
    port = free_port()
    ports = origins.open_ports if "tunnel" not in maker.attributes else origins.ports
    proxy = maker.start(Site(place, port, ports, origins.refused.port, packages, certificate))
    try:
        yield proxy, port
    finally:
        proxy.close()
