"""What every worker of Python does: a line of JSON for each page that it is asked for, a line for what is seen.

It runs in an environment that holds the libraries and nothing of meshd.
"""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

PATIENCE = 15.0
"""Seconds that a library is told to wait: less than whoever reads here waits."""
SHAKEN = "shaken"
"""What is printed where the answer is no page."""


class Task:
    """One page, and the proxy with its credential; the same names as in the line."""

    def __init__(self, said: dict[str, str]) -> None:
        self.url = said["url"]
        self.link = said["link"]
        """The proxy as a URL with the credential, escaped."""
        self.host, self.port = said["host"], int(said["port"])
        self.username, self.password = said["username"], said["password"]
        self.ca = said["ca"]
        parts = urlsplit(self.url)
        self.tls, self.path = parts.scheme == "https", parts.path
        self.origin = (parts.hostname or "", parts.port or 0)

    @property
    def socks(self) -> bool:
        return self.link.startswith("socks")

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)


def fetchers(members: Mapping[str, object]) -> dict[str, Callable[[Task], str]]:
    """Of a module, by their names without "with_"."""
    return {
        name.removeprefix("with_"): made
        for name, made in members.items()
        if name.startswith("with_") and callable(made)
    }


def told(error: BaseException | None) -> str:
    """An exception as its user sees it, with what caused it."""
    lines = []
    while error is not None:
        body = getattr(error, "read", lambda: b"")()
        lines.append(f"{type(error).__name__}: {error}\n{body.decode() if isinstance(body, bytes) else body}".strip())
        error = error.__cause__ or error.__context__
    return "\n".join(lines)


def serve(known: Mapping[str, Callable[[Task], str]]) -> None:
    """Until no more is asked."""
    fetch = known[sys.argv[1]]
    out, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not be taken for an answer
    for line in sys.stdin:
        try:
            text = fetch(Task(json.loads(line)))
        except Exception as error:
            text = told(error)
        out.write(json.dumps(text) + "\n")
        out.flush()
