"""The operators' API with an operator `op`, a viewer `vi`, the root `admin`, and the customers of `World`."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import toplevel
from meshd.model import Account
from meshd.topology import PLANS
from tests.web.documents import Documented
from tests.web.support import NOON, TOPOLOGY, Answer, World, result

CONTRACT = Documented("meshd.web.admin")


class AdminWorld(World):
    """With accounts of each role; what is asked is held against the document."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        made = result(
            self.accounts.perform(
                toplevel.bootstrap, "plain:secret", plans=PLANS, proxies=tuple(TOPOLOGY.proxies), now=NOON
            )
        )
        assert made is not None
        self.root: Account = made
        self.op = self.account("op", plan="10", role="admin")
        self.vi = self.account("vi", plan="10", role="viewer")

    def do(self, method: str, path: str, body: Any = None, *fields: tuple[str, str], who: Any = "op") -> Answer:
        """One request with a JSON body, and its answer, which must be one of the document's."""
        sent = list(fields)
        content = b""
        if body is not None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            if not any(name == "Content-Type" for name, _ in fields):
                sent.append(("Content-Type", "application/json"))
        answer = self.ask(method, f"/api/admin{path}", *sent, who=who, body=content)
        CONTRACT.check(method, f"/api/admin{path}", answer)
        return answer


class AdminTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = AdminWorld(os.path.join(self.mktemp()))
        self.do = self.world.do

    def refused(self, answer: Answer, status: int, kind: str, *names: str) -> None:
        """A problem of that kind about those members."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.one("Content-Type"), "application/problem+json")
        self.assertEqual(answer.json["type"], f"/api/docs/admin/#problem-{kind}")
        self.assertEqual({each["name"] for each in answer.json.get("errors", ())}, set(names), answer.json)
