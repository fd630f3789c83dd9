"""A live daemon whose management of hosts listens, with an admin's access token."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.support.daemon import LiveDaemon, free_port

EMAIL, PASSWORD = "ops@mesh.example", "correct horse 12"


class Management:
    """The API of published hosts of a daemon of its own.  more: TOML of `[hosts]`."""

    def __init__(self, owner: Any = None, more: str = "", config: str = "") -> None:
        self.port, self.http, self.https = free_port(), free_port(), free_port()
        places = f'http = ["tcp:{self.http}"]\nhttps = ["tcp:{self.https}"]\n'
        section = f'[hosts]\nlisten = ["tcp:{self.port}"]\n{places}upstreams_loopback = true\n{more}'
        self.daemon = LiveDaemon(owner, config=f"{config}{section}")
        flags = ("--role", "admin", "--email", EMAIL, "--password-stdin")
        self.daemon.cli("account", "create", "ops", *flags, input=f"{PASSWORD}\n")

    @property
    def url(self) -> str:
        """The URL, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def session(self) -> str:
        """The token of a new session."""
        return str(self.ask("POST", "/api/auth/login", {"email": EMAIL, "password": PASSWORD})["access_token"])

    def token(self, name: str = "tests") -> str:
        """A new access token."""
        return str(self.ask("POST", "/api/access-tokens", {"name": name}, self.session())["token"])

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """One request, and the JSON of its answer; None for an empty one.  HTTPError for a refusal."""
        fields = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, fields, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def close(self) -> None:
        self.daemon.close()
