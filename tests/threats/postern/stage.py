"""The management of published hosts with one thing of every kind on it, and no socket; each request from another
address, so that no count of requests is in the way of what is tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Any

from meshd.web.postern.elsewhere import PATH as ELSEWHERE
from tests.threats.v1.stage import INTERNAL
from tests.threats.web.stage import StrictStore, rows_of
from tests.web.postern.support import BODIES, PosternWorld
from tests.web.support import Answer, Line, read_answers, request

ABSENT = "987654321"
"""An id that nothing has."""

ALIASED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "proxy-hosts": ("proxy-hosts", {}),
    "redirection-hosts": ("redirection-hosts", {}),
    "streams": ("stream-hosts", {"forwarding_host": "10.0.0.7", "forwarding_port": 1}),
    "dead-hosts": ("dead-hosts", {}),
    "certificates": ("certificates", {}),
    "access-lists": ("access-lists", {}),
}
"""The kind behind each family of the relative's paths, and members that are of that family alone."""

VALUES: Mapping[str, Any] = {
    "name": "a name",
    "email": "new@mail.example",
    "password": "a new secret",
    "role": "viewer",
    "active": True,
    "nickname": "nick",
    "roles": [],
    "auth": {"type": "password", "secret": "a new secret"},
    "type": "password",
    "current": "wrong",
    "secret": "a new secret",
    "identity": "nobody",
    "refresh_token": "pr_" + "A" * 43,
    "domains": ["app.example.com"],
    "value": "404",
}
"""What a body of ours may well hold, by the name of the member."""


@dataclass(frozen=True)
class Route:
    """One that is mounted below `/api`."""

    method: str
    path: str
    fields: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return self.method != "GET"

    @property
    def kind(self) -> str:
        """The kind of what it is about; "" for none."""
        first, _, rest = self.path.removeprefix("/api/").partition("/")
        if first == "nginx":
            return ALIASED.get(rest.partition("/")[0], ("", {}))[0]
        return first if first in BODIES else ""

    def filled(self, value: str) -> str:
        return re.sub(r"{\w+}", value.replace("\\", r"\\"), self.path)

    def body(self) -> dict[str, Any]:
        """All that somebody fills in who means no harm; of a resource what makes one."""
        if self.kind and not self.fields:
            return dict(BODIES[self.kind])
        return {name: VALUES.get(name, "a text") for name in self.fields if name in VALUES}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class PosternStage(PosternWorld):
    """With one resource of each kind, made by the admin `boss` beside the viewer `eye`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.store.__class__ = StrictStore
        self.live.limits = replace(self.live.limits, failures=100_000)
        self._addresses = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in count(1))
        self.things = dict(self._make())

    def _make(self) -> Iterator[tuple[str, str]]:
        for kind, body in BODIES.items():
            answer = self.send("POST", f"/api/{kind}", body)
            assert answer.status == 201, answer
            yield kind, str(answer.json["id"])

    @cached_property
    def routes(self) -> list[Route]:
        """All that are mounted, those of later days too, but for the path of all that there are none of."""
        api = self.site.api
        return [
            Route(method, path, tuple(api.fields.get((method, path)) or ()))
            for method, path in sorted(api.mounted)
            if path != ELSEWHERE
        ]

    @cached_property
    def signed(self) -> list[Route]:
        """Those that nobody gets into without a token."""
        return [each for each in self.routes if self._refuses(each)]

    def _refuses(self, route: Route) -> bool:
        if route.path in ("/api/auth/login", "/api/auth/refresh", "/api/auth/logout", "/api/tokens"):
            return route.method == "GET"
        return self.send(route.method, route.filled("1"), {} if route.changes else None, who="").status == 401

    def send(
        self, method: str, target: str, body: Any = None, *fields: tuple[str, str | bytes], who: str = "boss"
    ) -> Answer:
        """One request from an address of its own.  body: bytes as they are, None for none, all else as JSON."""
        sent: list[tuple[str, str | bytes]] = [*fields]
        if who:
            token = who if "_" in who else self.session(who)
            sent.append(("Authorization", f"Bearer {token}"))
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if content and not any(name == "Content-Type" for name, _ in fields):
            sent.append(("Content-Type", "application/json"))
        line = Line(self.site, next(self._addresses))
        line.say(request(method, target, *sent, body=content, host="meshd.example:81"))
        (answer,) = read_answers(line.heard())
        line.hang_up()
        sound(answer)
        return answer

    def dump(self) -> list[str]:
        """All rows but those that count failures, tell of requests, or note that a token was used."""
        connection = self.store.file._connection
        assert connection is not None
        passed = ('INSERT INTO "hosts_audit"', 'INSERT INTO "tokens"', 'INSERT INTO "changes"', 'INSERT INTO "audit"')
        return [line for line in rows_of(connection) if not line.startswith(passed)]

    def rows(self, statement: str, *values: object) -> list[Any]:
        """Straight to the file, past all rules."""
        connection = self.store.file._connection
        assert connection is not None
        return list(connection.execute(statement, values).fetchall())


def sound(answer: Answer) -> None:
    """What every answer of this API is: never of a fault of ours, without a word of what is inside."""
    assert answer.status < 500, answer
    assert answer.all("Cache-Control") == ["no-store"], answer
    assert "x-evil" not in {name.lower() for name, _ in answer.fields}, answer
    if answer.status == 204:
        assert answer.body == b"", answer
    elif answer.status >= 400:
        assert answer.all("Content-Type") == ["application/json"], answer
        assert not INTERNAL.search(answer.body), answer
        error = answer.json["error"]
        assert error["code"] == answer.status, answer
        assert error["message"], answer
    if answer.status == 429:
        assert int(answer.one("Retry-After")) > 0, answer
