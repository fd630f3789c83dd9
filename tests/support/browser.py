"""Chromium, headless, in a folder of its own, spoken to by its DevTools protocol over two pipes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Any

from tests.support.daemon import clean_environment
from tests.support.ready import readable

TIMEOUT = 60.0

NO_HASTE = ("setpriv", "--bounding-set=-sys_nice")
"""Chromium makes itself more urgent than everybody else, where it is allowed to, as root is."""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
)
"""It stays with the page that it is told to load, and needs no kernel feature that a container lacks."""


class Missing(Exception):
    """No Chromium is installed."""


def program() -> str:
    """Missing."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise Missing("no program chromium")
    return found


class Chromium:
    """Runs from the constructor on; `close`, or the owner's clean-up, ends it and all its processes."""

    def __init__(
        self,
        owner: Any,
        *flags: str,
        credentials: tuple[str, str] | None = None,
        account: tuple[str, str] | None = None,
        niceness: int = 0,
    ) -> None:
        """What it is given when a proxy (credentials) or a site (account) asks for some, each the first time.
        niceness: how far it yields to everybody else.
        """
        self._answers = {"Proxy": credentials, "Server": account}
        self.challenges: list[dict[str, Any]] = []
        """Who has asked for credentials, as it says it."""
        self._folder = tempfile.mkdtemp(prefix="meshd-chromium-", dir="/tmp")
        self._number = 0
        self._buffer = b""
        self._events: list[dict[str, Any]] = []
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        yielding = [*(NO_HASTE if os.geteuid() == 0 else ()), "nice", "-n", str(niceness)] if niceness else []
        command = [*yielding, program(), "--headless=new", *FLAGS, *flags, "--remote-debugging-pipe"]
        command += [f"--user-data-dir={self._folder}/profile", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", *command],
            env={**clean_environment(), "HOME": self._folder},
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        owner.addCleanup(self.close)
        os.close(theirs_in)
        os.close(theirs_out)

    def load(self, url: str) -> str:
        """Open a page; its title once all of it has loaded, or what the browser says went wrong."""
        return self.open(url)[1]

    def open(self, url: str) -> tuple[str, str]:
        """Open a page; what `run` calls it, and what `load` says of it."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        page = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Fetch.enable", page, handleAuthRequests=True)
        self._call("Page.enable", page)
        self._send("Page.navigate", page, url=url)
        return page, self._loaded(page)

    def run(self, page: str, script: str, *, loads: bool = False) -> str:
        """What the script comes to in the page, promises awaited; loads: the text of the page that it leads to."""
        sent = self._send("Runtime.evaluate", page, expression=script, awaitPromise=True)
        if loads:
            self._loaded(page)
            return self.run(page, "document.body.innerText")
        while True:
            event = self._next(page)
            if event.get("id") == sent:
                return str(event["result"]["result"].get("value"))

    def let_go(self, page: str) -> None:
        """Tell of the page's requests no more, as it has its credentials: each is told of with all of its body."""
        self._call("Fetch.disable", page)

    def _loaded(self, page: str) -> str:
        while True:
            event = self._next(page)
            if event.get("result", {}).get("errorText"):
                return str(event["result"]["errorText"])
            if event.get("method") == "Page.loadEventFired":
                found = self._call("Runtime.evaluate", page, expression="document.title")
                return str(found["result"]["value"])

    def _next(self, page: str) -> dict[str, Any]:
        """What is said next; where it is a request that waits, that goes on."""
        event = self._events.pop(0) if self._events else self._read()
        method, told = event.get("method"), event.get("params", {})
        if method == "Fetch.requestPaused":
            self._send("Fetch.continueRequest", page, requestId=told["requestId"])
        elif method == "Fetch.authRequired":
            self._answer(page, told)
        return event

    def _answer(self, page: str, told: dict[str, Any]) -> None:
        """The dialogue that a person would see."""
        source = told["authChallenge"].get("source", "Server")
        given = None if source in (each.get("source", "Server") for each in self.challenges) else self._answers[source]
        self.challenges.append(told["authChallenge"])
        said: dict[str, str] = {"response": "CancelAuth"}
        if given is not None:
            said = {"response": "ProvideCredentials"}
            said |= dict(zip(("username", "password"), given, strict=True))
        self._send("Fetch.continueWithAuth", page, requestId=told["requestId"], authChallengeResponse=said)

    def _send(self, method: str, session: str = "", **params: Any) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        return self._number

    def _call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Its result; what else is said meanwhile waits."""
        number = self._send(method, session, **params)
        while True:
            message = self._read()
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])
            self._events.append(message)

    def _read(self) -> dict[str, Any]:
        end = time.monotonic() + TIMEOUT
        while b"\0" not in self._buffer:
            ready = readable([self._in], end - time.monotonic())
            data = os.read(self._in, 65536) if ready else b""
            assert data, f"Chromium says nothing (status {self._process.poll()})"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(line))

    def close(self) -> None:
        """Its group is its own: nobody else's process is in it."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(TIMEOUT)
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._folder, ignore_errors=True)
