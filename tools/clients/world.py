"""The daemon and its accounts, origins, and the workers that ask libraries for pages."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha1
from http.client import IncompleteRead
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from tests.live.programs import Task
from tests.support.browser import NO_HASTE
from tests.support.daemon import LiveDaemon, clean_environment
from tests.support.origin import Received, RecordingOrigin, Stream, authority
from tests.threats.support import Names
from tools.clients.client import NAME, PASSWORD, WRONG

PATIENCE = 30.0
"""Seconds for one page: more than a client that tries again at once takes, and less than one that does so for ever."""
ENDING = 5.0
"""Seconds that a worker has to end by itself."""
BROWSING = 90.0
"""The same where a browser has to be started for it."""

CONFIG = "[limits]\nflush_seconds = 0.05\nnames_per_address = 1000\nunauthenticated_per_address = 1000\n"
"""All clients come from one address."""


class Origin(RecordingOrigin):
    """One that WebSocket clients take for one of theirs, and that ends a connection as clients of HTTP/1.0 expect it.

    Some wait for that end, whatever the length.
    """

    def __init__(self, *, tls: bool = False) -> None:
        super().__init__(tls=tls)
        self.script("/keys/", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")  # of a backup that nobody has begun

    async def _answer(self, request: Received, stream: Stream, writer: Any) -> bool:
        key = request.field("sec-websocket-key")
        if key is None:
            goes_on = await super()._answer(request, stream, writer)
            ends = (request.field("connection") or "").lower() == "close" or b"HTTP/1.0\r\n" in request.head
            return goes_on and not ends
        accept = b64encode(sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        writer.write(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        await stream.some()
        return False


class Worker:
    """A process that asks one library, page after page; a new one where a page did not end."""

    def __init__(self, command: Sequence[str], folder: str, patience: float = PATIENCE) -> None:
        self._command, self._folder, self._patience = command, folder, patience
        self._process: subprocess.Popen[str] | None = None

    def ask(self, task: Task, link: str) -> str:
        """What it prints.  Raises: TimeoutError"""
        process = self._process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        host, port = task.address
        line = {"url": task.url, "link": link, "host": host, "port": port, "ca": authority().file}
        line |= {"username": task.username, "password": task.password}
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
        if not select.select([process.stdout], [], [], self._patience)[0]:
            self.close()
            raise TimeoutError
        said = process.stdout.readline()
        if not said:
            self.close()
            return "it ended without a word"
        return str(json.loads(said))

    def _started(self) -> subprocess.Popen[str]:
        env = {name: value for name, value in clean_environment().items() if name != "PYTHONPATH"}
        env |= {"NODE_EXTRA_CA_CERTS": authority().file, "HOME": self._folder, "TMPDIR": self._folder}
        words = [*(NO_HASTE if os.geteuid() == 0 else ()), *self._command]
        return subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env,
            cwd=self._folder, start_new_session=True,
        )  # fmt: skip

    def close(self) -> None:
        """It is let end by itself, and what it has started and left behind, browsers, ends with it."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=ENDING)
        for pid in started_in(self._folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


def started_in(folder: str) -> list[int]:
    """Processes that have this folder, which nobody else has, in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            if folder.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


class World:
    """The daemon and its accounts."""

    def __init__(self) -> None:
        authority()  # made by one thread, before there are several
        names = Names()
        names.say(NAME, ("127.0.0.1",))
        self.daemon = LiveDaemon(config=f'[dns]\nservers = ["{names.address}"]\n{CONFIG}')
        for name in ("tokens", "inactive", "exhausted"):
            self.daemon.account(name, PASSWORD)
        self.token = self.daemon.token("tokens")
        self.daemon.cli("account", "deactivate", "inactive")
        self.daemon.cli("account", "set", "exhausted", "--total-limit", "0.000001")
        self._exhaust("exhausted")

    def _exhaust(self, name: str) -> None:
        """By a page that is larger than what the account has left."""
        origin = Origin()
        opener = build_opener(ProxyHandler({"http": f"http://{name}:{PASSWORD}@{self.daemon.proxy}"}))
        with contextlib.suppress(IncompleteRead, OSError):
            opener.open(origin.url("/bytes/5000"), timeout=PATIENCE).read()
        origin.close()

    def credential(self, kind: str, account: str) -> tuple[str, str]:
        """User name and password; the account is the client's own in this way."""
        return {
            "password": (account, PASSWORD),
            "token as password": ("x", self.token),
            "token as name": (self.token, ""),
            "sticky key": (account, f"key1:{PASSWORD}"),
            "selection": (f"{account}-session-key1", PASSWORD),
            "wrong password": (account, WRONG),
            "inactive": ("inactive", PASSWORD),
            "exhausted": ("exhausted", PASSWORD),
        }[kind]

    def banned(self) -> int:
        """How many bans are in force."""
        return len(self.daemon.cli("ban", "list"))


@contextlib.contextmanager
def folder(kept: str = "") -> Iterator[Path]:
    """A new one that is removed at its end, or this one, which stays."""
    place = Path(kept or tempfile.mkdtemp(prefix="meshd-clients-", dir="/tmp"))
    place.mkdir(parents=True, exist_ok=True)
    try:
        yield place.absolute()
    finally:
        if not kept:
            shutil.rmtree(place, ignore_errors=True)
