"""One client after the other, each by every way with every credential."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.live.programs import Program, Task
from tools.clients.client import CARRIED, PASSWORD, REFUSED, SHAKEN, Client, Library, Outcome, Seen
from tools.clients.place import Place
from tools.clients.telling import steady
from tools.clients.world import BROWSING, PATIENCE, Origin, Worker, World, folder

LATE = 2
"""After so many pages that did not end, a client is not asked any more in that way."""


def run(client: Client, number: int, place: Place, world: World) -> Outcome:
    """Every way and credential.  Raises: NotHereError"""
    outcome: Outcome = {}
    origins = {"http": Origin(), "https": Origin(tls=True)}
    workers: dict[str, Worker] = {}
    with folder() as at:
        try:
            for way, by in client.ways.items():
                account = f"client{number}{way.lower()}"
                world.daemon.account(account, PASSWORD)
                if isinstance(by, Library) and by.name not in workers:
                    workers[by.name] = Worker(place.command(by), str(at), BROWSING if by.needs else PATIENCE)
                plain = way == "http" or (isinstance(by, Program) and by.schemes == ("http",))
                origin = origins["http" if plain else "https"]
                outcome |= _every_credential(client, way, account, world, origin, workers, str(at))
        finally:
            for worker in workers.values():
                worker.close()
            for each in origins.values():
                each.close()
    return outcome


def _every_credential(
    client: Client, way: str, account: str, world: World, origin: Origin, workers: Mapping[str, Worker], at: str
) -> Outcome:
    """Refusals first, so that a ban would show in what follows."""
    outcome, late = {}, 0
    for kind in (*REFUSED, *CARRIED):
        task = Task(origin.url("/echo"), world.daemon.proxy, *world.credential(kind, account), at)
        seen = Seen(False, "", True)
        if late < LATE:
            seen = _asked(client, task, way, origin, workers)
        late += seen.late
        outcome[way, kind] = seen
    return outcome


def _asked(client: Client, task: Task, way: str, origin: Origin, workers: Mapping[str, Worker]) -> Seen:
    """One page."""
    origin.forget()
    Path(task.folder, "got").unlink(missing_ok=True)  # of the page before
    by = client.ways[way]
    link = task.link.replace("http:", "socks5h:") if way == "SOCKS5" else task.link
    try:
        text = workers[by.name].ask(task, link) if isinstance(by, Library) else by.run(task).text
    except (TimeoutError, subprocess.TimeoutExpired):
        return Seen(bool(origin.requests), "", late=True)
    arrived = SHAKEN in text if client.serves else bool(origin.requests)
    return Seen(arrived, steady(text, task))
