from __future__ import annotations

import os
from functools import partial
from typing import Any

from meshd.accounts import proxies, tokens
from meshd.accounts import toplevel as holders
from meshd.accounts.errors import Invalid, NotFound, NotYours, PlanLimitReached, PlanUnknown
from meshd.accounts.ownership import ActorId
from meshd.accounts.profile import Profile
from meshd.accounts.toplevel import Terms
from meshd.model import Token
from meshd.store.unit import Unit
from tests.accounts.support import DAY, KNOWN, NOON, OPERATOR, AccountsCase, named


class TokenTests(AccountsCase):
    def test_a_token_of_ones_own(self) -> None:
        """It is the account's, active, listed, told of, and its digest finds it."""
        token = self.token(self.alice.id)
        self.assertEqual(
            (self.alice.id, "token 1", True, "", NOON),
            (token.account_id, token.label, token.active, token.expires_on, token.created_at),
        )
        self.assertEqual(("alice", "token.create", self.alice.id), self.told())
        self.assertEqual([token], self.run_unit(tokens.listing, self.alice.id, None))

    def test_a_sub_accounts_token(self) -> None:
        """The parent makes and lists it by name, whatever the case; its own list does not have it."""
        token = self.token(self.alice.id, "KID")
        self.assertEqual(self.kid.id, token.account_id)
        self.assertEqual([token], self.run_unit(tokens.listing, self.alice.id, "kid"))
        self.assertEqual([], self.run_unit(tokens.listing, self.alice.id, None))

    def test_whose_tokens_are_whose(self) -> None:
        """403 for every name that is not a sub-account of the actor, in the same words whether or not it exists."""
        self.customer("bob")
        self.below("bob", "bobs")
        texts = set()
        for username in ("bob", "bobs", "nobody", "alice", "", "a b", "x" * 300, "\0", "*"):
            with named(repr(username)):
                texts.add(self.refused(NotYours, tokens.listing, self.alice.id, username).detail)
                self.refused(
                    NotYours,
                    tokens.create,
                    self.alice.id,
                    username,
                    digest=b"1" * 32,
                    label="",
                    expires_on="",
                    plans=self.plans,
                    now=NOON,
                )
        self.assertEqual({"not a sub-account of yours"}, texts)

    def test_sub_accounts_manage_no_tokens(self) -> None:
        """Tokens are the parent's business: 403, for its own as well."""
        token = self.token(self.alice.id, "kid")
        self.refused(NotYours, tokens.listing, self.kid.id, None)
        self.refused(
            NotYours,
            tokens.create,
            self.kid.id,
            None,
            digest=b"1" * 32,
            label="",
            expires_on="",
            plans=self.plans,
            now=NOON,
        )
        self.refused(NotYours, tokens.activate, self.kid.id, token.id, plans=self.plans, now=NOON)
        self.refused(NotYours, tokens.deactivate, self.kid.id, token.id, now=NOON)
        self.refused(NotYours, tokens.delete, self.kid.id, token.id, now=NOON)

    def test_an_actor_that_was_deleted(self) -> None:
        """Who signed in and is gone by now gets nothing."""
        self.refused(NotYours, tokens.listing, 9999, None)

    def test_another_accounts_id(self) -> None:
        """404 in the same words for a foreign token, one that never was, and numbers that no database holds."""
        foreign = self.token(self.customer("bob").id)
        texts = set()
        for token_id in (foreign.id, 9999, 0, -1, 2**63, 10**30):
            with named(token_id):
                texts.add(
                    self.refused(NotFound, tokens.activate, self.alice.id, token_id, plans=self.plans, now=NOON).detail
                )
                texts.add(self.refused(NotFound, tokens.deactivate, self.alice.id, token_id, now=NOON).detail)
                texts.add(self.refused(NotFound, tokens.delete, self.alice.id, token_id, now=NOON).detail)
        self.assertEqual({"there is no such token"}, texts)

    def test_switching_and_deleting(self) -> None:
        """Own and sub-accounts' tokens by id; each switch is published under the holder's account."""
        for username, holder in ((None, self.alice), ("kid", self.kid)):
            token = self.token(self.alice.id, username, holder.id)
            self.assertFalse(self.run_unit(tokens.deactivate, self.alice.id, token.id, now=NOON).token.active)
            self.assertEqual(("alice", "token.deactivate", holder.id), self.told())
            on = self.run_unit(tokens.activate, self.alice.id, token.id, plans=self.plans, now=NOON)
            self.assertTrue(on.active)
            self.assertEqual(("alice", "token.activate", holder.id), self.told())
            self.run_unit(tokens.delete, self.alice.id, token.id, now=NOON)
            self.assertEqual(("alice", "token.delete", holder.id), self.told())
            self.refused(NotFound, tokens.delete, self.alice.id, token.id, now=NOON)

    def test_plan_limits(self) -> None:
        """As many an account as the plan says, none on a trial; a sub-account's count by its parent's plan."""
        self.at_plan("20", bearer_tokens=2)
        for username in (None, "kid"):
            first, _ = (self.token(self.alice.id, username, number + 10 * bool(username)) for number in (1, 2))
            self.run_unit(tokens.deactivate, self.alice.id, first.id, now=NOON)
            error = self.refused(
                PlanLimitReached,
                tokens.create,
                self.alice.id,
                username,
                digest=b"3" * 32,
                label="",
                expires_on="",
                plans=self.plans,
                now=NOON,
            )
            self.assertIn("2 bearer tokens", error.detail)
        trial = self.customer("trial", "trial")
        error = self.refused(
            PlanLimitReached,
            tokens.create,
            trial.id,
            None,
            digest=b"3" * 32,
            label="",
            expires_on="",
            plans=self.plans,
            now=NOON,
        )
        self.assertIn("does not support bearer tokens", error.detail)

    def test_activation_after_a_downgrade(self) -> None:
        """What a downgrade put out of use stays so: no tokens on the plan, or no room for one more active."""
        first, second, _ = (self.token(self.alice.id, None, number) for number in (1, 2, 3))
        self.run_unit(tokens.deactivate, self.alice.id, first.id, now=NOON)
        self.at_plan("20", bearer_tokens=2)
        self.refused(PlanLimitReached, tokens.activate, self.alice.id, first.id, plans=self.plans, now=NOON)
        self.run_unit(tokens.activate, self.alice.id, second.id, plans=self.plans, now=NOON)
        self.run_unit(holders.edit, OPERATOR, "alice", Profile(), Terms("trial"), plans=self.plans, now=NOON)
        self.refused(PlanLimitReached, tokens.activate, self.alice.id, second.id, plans=self.plans, now=NOON)

    def test_a_plan_that_is_gone(self) -> None:
        """Not the customer's fault: the 503 of a plan that cannot be looked up."""
        self.refused(
            PlanUnknown,
            tokens.create,
            self.alice.id,
            None,
            digest=b"3" * 32,
            label="",
            expires_on="",
            plans={},
            now=NOON,
        )

    def test_wrong_values(self) -> None:
        """Both fields are told at once, under the form's names."""
        error = self.refused(
            Invalid,
            tokens.create,
            self.alice.id,
            None,
            digest=b"3" * 32,
            label="x" * 101,
            expires_on="yesterday",
            plans=self.plans,
            now=NOON,
        )
        self.assertEqual({"label", "expires_at"}, set(error.messages))

    def test_what_it_asks_for(self) -> None:
        """Kept as it is written best, with names of proxies whichever way they were spelled, each once."""
        token = self.choosy(selection="STRICT-Country-uk-ttl-90s", proxies=["open", "us.mesh.example:31280", "us"])
        self.assertEqual(("country-gb-ttl-90s-strict", ("open", "us")), (token.selection, token.proxies))
        self.assertEqual([token], self.run_unit(tokens.listing, self.alice.id, None))
        kids = self.choosy("kid", proxies=["us"])
        self.assertEqual((self.kid.id, "", ("us",)), (kids.account_id, kids.selection, kids.proxies))

    def test_what_it_may_not_ask_for(self) -> None:
        """A selection that is none, with key and position; a proxy that there is not, or not for this account."""
        for field, text, values in (
            ("selection", "ttl at character 12: needs up to five", {"selection": "country-us-ttl-x"}),
            ("proxies", "'nowhere'", {"proxies": ["us", "nowhere"]}),
            ("proxies", "'world'", {"proxies": ["world"]}),
        ):
            with named(values):
                self.run_unit(proxies.revoke, OPERATOR, "alice", "world", known=KNOWN, now=NOON)
                error = self.refused(Invalid, partial(self.choosing, self.alice.id), None, **values)
                self.assertEqual(([field], True), (list(error.messages), text in error.messages[field][0]))

    def choosing(self, actor: ActorId, username: str | None, **values: Any) -> Unit[Token]:
        return tokens.create(
            actor,
            username,
            digest=os.urandom(32),
            label="",
            expires_on="",
            plans=self.plans,
            now=NOON,
            known=KNOWN,
            **values,
        )

    def choosy(self, username: str | None = None, **values: Any) -> Token:
        return self.run_unit(self.choosing, self.alice.id, username, **values)

    def test_expired(self) -> None:
        """Valid through its day; the day after, it cannot be activated."""
        token = self.token(self.alice.id, expires_on="2026-01-16")
        self.run_unit(tokens.activate, self.alice.id, token.id, plans=self.plans, now=NOON + DAY)
        error = self.refused(Invalid, tokens.activate, self.alice.id, token.id, plans=self.plans, now=NOON + 2 * DAY)
        self.assertEqual(["id"], list(error.messages))

    def test_by_role(self) -> None:
        """The operator and the root act on all, an admin on customers, a viewer reads them."""
        root, admin, viewer = self.root(), self.customer("adm", role="admin"), self.customer("view", role="viewer")
        token = self.token(OPERATOR, "kid", 1)
        for actor in (root.id, admin.id):
            self.run_unit(tokens.deactivate, actor, token.id, now=NOON)
        self.assertEqual(1, len(self.run_unit(tokens.listing, viewer.id, "kid")))
        self.refused(NotFound, tokens.deactivate, viewer.id, token.id, now=NOON)
        self.token(root.id, "adm", 2)
        self.refused(NotYours, tokens.listing, admin.id, "admin")
        self.refused(NotYours, tokens.listing, viewer.id, "adm")

    def test_the_operator_names_accounts(self) -> None:
        """Whoever types a wrong name is told so: the operator may know."""
        error = self.refused(NotFound, tokens.listing, OPERATOR, "nobody")
        self.assertEqual("there is no account named 'nobody'", error.detail)
        self.refused(NotFound, tokens.listing, OPERATOR, None)
