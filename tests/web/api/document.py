"""A world whose every answer is held against the OpenAPI document."""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import toplevel as holders
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.topology import PLANS
from tests.web.api.test_openapi import OPEN, documented
from tests.web.support import NOON, Answer, World, result

DETAILS = [
    "username",
    "active",
    "monthly_bandwidth",
    "monthly_bandwidth_limit",
    "total_bandwidth",
    "total_bandwidth_limit",
]
"""What a details object always has, in the document's order."""

REQUIRED = "This field is required."
NOT_YOURS = (403, {"detail": "not a sub-account of yours"})
PARENTS_OWN = (403, {"detail": "a sub-account cannot do this; its parent account can"})


class DocumentTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(os.path.join(self.mktemp()))

    def get(self, target: str, **options: Any) -> Answer:
        return self._checked("GET", target, self.world.get(target, **options))

    def post(self, target: str, **form: Any) -> Answer:
        """who= is no field of the form."""
        who = form.pop("who", "jo")
        return self._checked("POST", target, self.world.post(target, form, who=who))

    def ask(self, method: str, target: str, *fields: tuple[str, str | bytes], **options: Any) -> Answer:
        """With header fields and a body of the test's own."""
        return self._checked(method, target, self.world.ask(method, target, *fields, **options))

    def token(self, **form: Any) -> dict[str, Any]:
        answer = self.post("/api/token/create/", **form)
        assert answer.status == 200, answer
        return dict(answer.json)

    def bearer(self, token: dict[str, Any]) -> bytes:
        return f"Bearer {token['token']}".encode()

    def replan(self, username: str, plan: str) -> None:
        """As the operator changes a plan, by the command line."""
        edit, terms = holders.edit, Terms(plan=plan)
        result(self.world.accounts.perform(edit, Operator(), username, Profile(), terms, plans=PLANS, now=NOON))

    def _checked(self, method: str, target: str, answer: Answer) -> Answer:
        path = target.partition("?")[0]
        documented(method, path if path in OPEN else f"{path.rstrip('/')}/", answer)
        return answer
