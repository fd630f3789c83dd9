"""The sentences of the two documents about plans and what their tokens are kept as, each a test."""

from __future__ import annotations

from typing import Any

from meshd.auth.secrets import token_digest
from meshd.store.unit import Statement, Unit
from tests.web.api.document import DocumentTestCase
from tests.web.api.sentences import says
from tests.web.support import named

CREATE, ACTIVATE, DEACTIVATE = "/api/token/create/", "/api/token/activate/", "/api/token/deactivate/"
MOST = {"trial": 0, "10": 10, "20": 20, "50": 50, "100": 100}
NO_TOKENS = (402, {"detail": "plan trial does not support bearer tokens"})


class LimitTests(DocumentTestCase):
    @says(
        "Plan Requirements and Limits",
        "The maximum number of tokens per account depends on your subscription plan:",
        "Free trial 0",
        "ProxyMesh 10 10",
        "ProxyMesh 20 20",
        "ProxyMesh 50 50",
        "ProxyMesh 100 100",
    )
    @says(
        "Bearer Tokens",
        "Can return 402 if your plan does not support bearer tokens or you have reached your token limit.",
    )
    def test_the_maximum_number_of_tokens_depends_on_the_plan(self) -> None:
        """As many as the table says, and 402 for one more; a deleted one makes room, a deactivated one does not."""
        for plan, most in MOST.items():
            with named(plan):
                who = f"of{plan}"
                self.world.account(who, plan=plan)
                made = [self.token(who=who)["id"] for _ in range(most)]
                answer = self.post(CREATE, who=who)
                self.assertEqual((answer.status, list(answer.json)), (402, ["detail"]))
                self.assertEqual(len(self.get("/api/tokens/", who=who).json["tokens"]), most)
                if made:
                    self.post(DEACTIVATE, id=made[0], who=who)
                    self.assertEqual(self.post(CREATE, who=who).status, 402)
                    self.post("/api/token/delete/", id=made[0], who=who)
                    self.assertEqual(self.post(CREATE, who=who).status, 200)

    @says(
        "Plan Requirements and Limits",
        "Bearer tokens are available on paid ProxyMesh plans.",
        "Free trials cannot create bearer tokens.",
    )
    @says("Bearer Tokens", "Create and manage bearer tokens on paid plans.")
    def test_free_trials_cannot_create_bearer_tokens(self) -> None:
        """402, which says so; every other plan can."""
        self.assertEqual(self.post(CREATE, who="tom").seen, NO_TOKENS)
        self.assertEqual(self.get("/api/tokens/", who="tom").seen, (200, {"tokens": []}))
        for plan in ("10", "20", "50", "100"):
            self.replan("tom", plan)
            self.assertEqual(self.post(CREATE, who="tom").status, 200)

    def test_the_maximum_is_each_accounts_own(self) -> None:
        """ "Per account": a sub-account has its parent's plan, and its own number of tokens."""
        self.world.account("ten", plan="10")
        self.post("/api/sub/create/", username="kid", who="ten")
        for form in ({}, {"username": "kid"}):
            for _ in range(10):
                self.token(who="ten", **form)
            self.assertEqual(self.post(CREATE, who="ten", **form).status, 402)


class DowngradeTests(DocumentTestCase):
    @says(
        "Plan Requirements and Limits",
        "If you downgrade to a plan that does not support bearer tokens (such as a free trial), all bearer tokens on "
        "your account and sub-accounts are deactivated automatically.",
    )
    def test_all_bearer_tokens_on_your_account_and_sub_accounts_are_deactivated_automatically(self) -> None:
        """At once, and until the plan has tokens again, which brings them back; nobody else's."""
        own, theirs, foreign = self.token(), self.token(username="sub"), self.token(who="eve")
        self.replan("jo", "trial")
        for token in (own, theirs):
            self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 401)
            self.assertEqual(self.post(ACTIVATE, id=token["id"]).seen, NO_TOKENS)
        for query in ("", "?username=sub"):
            listed = self.get(f"/api/tokens/{query}").json["tokens"]
            self.assertEqual([(each["is_active"], each["deactivated_by"]) for each in listed], [(False, "plan")])
        self.assertEqual(self.post(CREATE, username="sub").seen, NO_TOKENS)
        self.assertEqual(self.get("/api/proxies/", who=self.bearer(foreign)).status, 200)

        self.replan("jo", "20")
        for token in (own, theirs):
            self.assertEqual(self.get("/api/proxies/", who=self.bearer(token)).status, 200)

    def test_a_smaller_plan_with_tokens_keeps_them(self) -> None:
        """None is chosen for deactivation; one that was deactivated comes back only where there is room."""
        made = [self.token() for _ in range(12)]
        self.replan("jo", "10")
        self.assertEqual({self.get("/api/proxies/", who=self.bearer(token)).status for token in made}, {200})
        self.post(DEACTIVATE, id=made[0]["id"])
        self.assertEqual(self.post(ACTIVATE, id=made[0]["id"]).status, 402)
        for token in made[1:3]:
            self.post(DEACTIVATE, id=token["id"])
        self.assertEqual(self.post(ACTIVATE, id=made[0]["id"]).status, 200)


class OneTimeTests(DocumentTestCase):
    @says(
        "Limitations",
        "One-time display: Copy each new token when it is created; ProxyMesh stores only a hash and cannot show the "
        "value again.",
    )
    def test_only_a_hash_is_stored(self) -> None:
        """No table has the secret or a part of it that would do; one has its digest."""
        secret = self.token(label="mine")["token"]
        cells = self.cells()
        self.assertIn(token_digest(secret), cells)
        for cell in cells:
            text = cell.decode("latin-1") if isinstance(cell, bytes) else str(cell)
            self.assertNotIn(secret[3:20], text)
            self.assertNotIn(secret[-20:], text)

    def cells(self) -> list[Any]:
        """Every value of the store."""

        def unit() -> Unit[list[Any]]:
            found: list[Any] = []
            for (table,) in (yield Statement("select name from sqlite_master where type = 'table'", {})):
                for row in (yield Statement(f"select * from {table}", {})):
                    found += row
            return found

        return self.world.store.file.run(unit)
