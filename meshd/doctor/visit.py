"""A whole look at an installation: facts are read area by area, and judged.

An area that cannot be looked at says so; the others are looked at all the same.  Nothing is changed.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import get_args

from meshd.config import Config, ConfigError
from meshd.config.endpoints import TCP, parsed, reached
from meshd.config.kinds import ByCores
from meshd.daemon import runfile
from meshd.daemon.doubts import of_store
from meshd.daemon.examination import examine
from meshd.daemon.faults import one_line
from meshd.daemon.pidfile import PID_FILE
from meshd.daemon.succession import OTHER_PART
from meshd.doctor import clock, exits, files, limits, listeners, names, process, store
from meshd.doctor.findings import Area, Finding
from meshd.doctor.listeners import Listener, Owner
from meshd.doctor.process import Process
from meshd.doctor.reading import asking, kernel, paths, storing
from meshd.store.interface import StoreError
from meshd.store.open import BlockingStore
from meshd.tls.profile import CertificateError
from meshd.values.version import version

AREAS: Sequence[Area] = get_args(Area)
MOST_EXITS = 500
"""Exits that are connected to."""


class Visit:
    """One look; facts that several areas need are read once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._began = (time.time(), time.monotonic())
        self._locks = kernel.locks()

    def findings(self) -> Iterator[tuple[Area, Sequence[Finding]]]:
        """Of each area, in the order in which to read them."""
        looks: dict[Area, Callable[[], Iterator[Finding]]] = {
            "settings": self._settings,
            "files": self._files,
            "daemon": lambda: process.judge(self._process, self._now),
            "store": lambda: store.judge(self._told.condition, paths.disks(self._config)),
            "limits": self._limits,
            "listeners": self._listeners,
            "names": self._names,
            "exits": self._exits,
            "clock": self._clock,
        }
        for area, look in looks.items():
            try:
                yield area, list(look())
            except (OSError, StoreError, ValueError) as error:
                what = f"the {area} could not be looked at: {one_line(error)}"
                yield area, [Finding(area, what, "run the command as the daemon's user, or as root")]

    # Facts

    @property
    def _now(self) -> int:
        return int(self._began[0])

    @cached_property
    def _told(self) -> storing.Told:
        return storing.told(self._config.store_url, self._now)

    @cached_property
    def _process(self) -> Process:
        folder = self._config.data_dir
        noted, runs = 0, False
        with suppress(OSError, ValueError):
            file = folder / PID_FILE
            noted = int(file.read_text() or "0")
            runs = kernel.locked(file.stat(), self._locks) or (noted > 0 and kernel.held(file))
        running = runfile.read(folder)
        verdict = running.verdict if running is not None and running.pid == noted else None
        refused = verdict.said or ("it did not say why",) if verdict is not None and not verdict.taken else ()
        name = f"{socket.gethostname()}:{folder}"
        names = name, name + OTHER_PART
        own = max(
            (node for node in self._told.nodes if node.name in names), key=lambda node: node.seen_at, default=None
        )
        told = (own.version, own.seen_at) if own is not None else ("", 0)
        return Process(str(folder), noted, runs, version(), *told, refused)

    @property
    def _pid(self) -> int:
        """The daemon's; 0 where it does not run."""
        return self._process.noted if self._process.runs else 0

    # Areas

    def _settings(self) -> Iterator[Finding]:
        mend = "change the settings; `meshd config check` says whether they are right"
        try:
            examine(self._config)
        except (CertificateError, ConfigError, OSError) as error:
            yield Finding("settings", one_line(error), mend)
        for problem in self._config.problems:
            yield Finding("settings", problem, mend)
        if self._told.condition.failed or self._told.condition.missing or self._told.condition.behind:
            return
        store_ = BlockingStore(self._config.store_url)
        try:
            for doubt in store_.run(of_store, self._config.topology)[1]:
                yield Finding("settings", doubt, mend)
        finally:
            store_.close()

    def _files(self) -> Iterator[Finding]:
        found = paths.files(self._config, self._locks, self._now, runs=self._process.runs)
        return files.judge(found, self._now)

    def _clock(self) -> Iterator[Finding]:
        """At the end, since it is looked at twice."""
        told = self._told
        wall, monotonic = time.time() - self._began[0], time.monotonic() - self._began[1]
        ahead = [(node.name, node.seen_at - int(time.time())) for node in told.nodes]
        return clock.judge(clock.Clock(time.time(), wall - monotonic, told.ahead, told.doubt, ahead))

    def _names(self) -> Iterator[Finding]:
        own = self._config.dns_servers
        servers = [_host(each) for each in own] if own else asking.system_servers(asking.resolv_conf())
        return names.judge(asking.together(asking.asked, servers), own=bool(own))

    def _exits(self) -> Iterator[Finding]:
        topology = self._config.topology
        ways, untried = asking.exits(topology.exits, MOST_EXITS)
        proxies = {name: [each.name for each in proxy.exits] for name, proxy in topology.proxies.items()}
        return exits.judge(exits.Exits(ways, proxies, self._told.resting, self._told.drained, untried))

    def _limits(self) -> Iterator[Finding]:
        config = self._config
        # What "auto" is to this command says nothing of the daemon, which may have other cores.
        workers = 0 if isinstance(config.workers, ByCores) else config.workers
        return limits.judge(kernel.machine(config.topology.limits, workers, self._pid))

    def _listeners(self) -> Iterator[Finding]:
        folder = self._config.data_dir
        uid = folder.stat().st_uid if folder.is_dir() else os.geteuid()
        privileged = kernel.word("sys/net/ipv4/ip_unprivileged_port_start")
        pids = kernel.family(self._pid) if self._pid else ()
        config = self._config
        opens = config.api_by_address and config.api_connect_tcp and config.api_tls
        found = listeners.Ports(
            list(self._ports()),
            pids,
            1024 if privileged is None else privileged,
            uid,
            kernel.may_bind(os.getpid()),
            config.api_listen if opens else (),
        )
        return listeners.judge(found)

    def _ports(self) -> Iterator[Listener]:
        places = [(use or "api", text, parsed(text).place) for use, text in self._config.listeners]
        ports = [(use, text, place) for use, text, place in places if isinstance(place, TCP) and place.port]
        sockets = kernel.listening()
        owners = kernel.owners({inode for _, _, place in ports for inode in sockets.get(place.port, ())})
        for use, text, place in ports:
            inodes = sockets.get(place.port, set())
            found = [owner for inode in inodes for owner in owners.get(inode, [Owner(0)])]
            refused = asking.connected(reached(text, place.port)) if found and self._pid else ""
            yield Listener(text, use, place.port, found, refused)


def _host(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def unread(error: ConfigError, file: str) -> list[Finding]:
    """Where the settings cannot be read, there is nothing else to look at."""
    return [Finding("settings", one_line(error), f"mend {file or 'the settings'}; `meshd config check` says more")]
