"""A world whose every answer is held against the OpenAPI document."""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.web.api.test_openapi import documented
from tests.web.support import Answer, World


class DocumentTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(os.path.join(self.mktemp()))

    def get(self, target: str, **options: Any) -> Answer:
        return self._checked("GET", target, self.world.get(target, **options))

    def post(self, target: str, **form: Any) -> Answer:
        """who= is no field of the form."""
        who = form.pop("who", "jo")
        return self._checked("POST", target, self.world.post(target, form, who=who))

    def token(self, **form: Any) -> dict[str, Any]:
        answer = self.post("/api/token/create/", **form)
        assert answer.status == 200, answer
        return dict(answer.json)

    def bearer(self, token: dict[str, Any]) -> bytes:
        return f"Bearer {token['token']}".encode()

    def _checked(self, method: str, target: str, answer: Answer) -> Answer:
        documented(method, target.partition("?")[0], answer)
        return answer
