"""ProxyHat's API with the customers of `World`, each signed in, and what is asked held against the document."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.values.v1 import V1
from tests.web.documents import Documented
from tests.web.support import Answer, World

CONTRACT = Documented("meshd.web.v1")


class V1World(World):
    """With `[v1]` in its settings."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.set_topology(v1=V1())
        self.keys: dict[str, str] = {}

    def do(self, method: str, path: str, body: Any = None, *fields: tuple[str, str], who: str = "jo") -> Answer:
        """One request with a JSON body, and its answer, which must be one of the document's.

        who: a username, whose access token is used, made by a sign-in; a key or a token itself; "" for nobody's.
        """
        sent = [*fields]
        content = b""
        if body is not None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.append(("Content-Type", "application/json"))
        key = who if who.startswith("ph_") or not who else self.key(who)
        credential = f"Bearer {key}".encode() if key else None
        answer = self.ask(method, f"/v1{path}", *sent, who=credential, body=content)
        CONTRACT.check(method, f"/v1{path}", answer)
        return answer

    def key(self, name: str) -> str:
        """Somebody's access token; always the same one."""
        if name not in self.keys:
            self.keys[name] = self.login(name).json["accessToken"]
        return self.keys[name]

    def login(self, name: str, password: str = "secret", **members: str) -> Answer:
        return self.do("POST", "/auth/login", {"email": name, "password": password, **members}, who="")


class V1TestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = V1World(os.path.join(self.mktemp()))
        self.do = self.world.do

    def payload(self, answer: Answer, status: int = 200) -> Any:
        """What the envelope of most families holds."""
        self.assertEqual(answer.status, status, answer)
        return answer.json["payload"]

    def invalid(self, answer: Answer, *names: str) -> None:
        """422, about those fields."""
        self.assertEqual(answer.status, 422, answer)
        self.assertEqual(set(answer.json["errors"]), set(names), answer.json)
