"""An account's bearer tokens, in an operator's hands: `…/tokens/`."""

from __future__ import annotations

from typing import Any

from meshd.accounts import restraint, tokens
from meshd.accounts.errors import Invalid, NotFound
from meshd.accounts.validate import LABEL
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.model import Token
from meshd.values.times import today
from meshd.web.dashboard.customers.limits import RULES, of_fields, rules_in, rules_of
from meshd.web.dashboard.customers.sheet import ONE, SheetRoutes, named, where, whose
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.dashboard.tokens import state_of
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

HERE = f"{ONE}tokens/"
EDIT = f"{HERE}{{id}}/edit/"
MOMENT = 16
"""Characters of a day and a minute."""
ENDED_BY = {"operator": "put out of use by an operator", "plan": "put out of use by a change of plan"}


class TokenRoutes(SheetRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, HERE, self.listing)
        self._change(room, f"{HERE}create/", self.create, ("label", "expires_at"))
        self._change(room, f"{HERE}activate/", self.activate, ("id",))
        self._change(room, f"{HERE}deactivate/", self.deactivate, ("id",))
        self._change(room, f"{HERE}delete/", self.delete, ("id",))
        self._page(room, EDIT, self.one)
        self._change(room, EDIT, self.edit, ("label", "expires_at", *RULES))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        return await self._listing(caller, EMPTY_FORM, 200)

    async def _listing(self, caller: Caller, form: Filled, status: int, made: str = "") -> Reply:
        """The page.  made: the secret of a token that was created just now; "" for none."""
        found = await self._dossier(caller)
        held = await self._perform(tokens.listing, caller.actor, whose(caller, found.account))
        now = self._now()
        return self._sheet(
            caller,
            found,
            "tokens/",
            "tokens.html",
            status,
            form=form,
            made=made,
            today=today(now),
            tokens=[(token, state_of(token, now)) for token in held],
            ended_by=ENDED_BY,
        )

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Create a token and show it: the only page that ever does."""

        async def change() -> Reply:
            with form.reading() as field:
                label, expires_on = field.text("label", LABEL), field.date("expires_at")
            secret = new_token(self._services.random(TOKEN_BYTES))
            await self._perform(
                tokens.create,
                caller.actor,
                named(caller),
                digest=token_digest(secret),
                label=label,
                expires_on=expires_on,
                plans=self._live.topology.plans,
                now=self._now(),
            )
            return await self._listing(caller, EMPTY_FORM, 200, secret)

        return await self._tried(form, change, lambda filled, status: self._listing(caller, filled, status))

    async def activate(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            which, plans = (caller.actor, _id(form), named(caller)), self._live.topology.plans
            token = await self._perform(tokens.activate, *which, plans=plans, now=self._now())
            return self._back(caller, token, "is active again")

        return await self._tried(form, change, lambda filled, status: self._listing(caller, filled, status))

    async def deactivate(self, caller: Caller, form: Form) -> Reply:
        """Put a token out of use; its holder cannot activate it again."""
        ended = await self._perform(tokens.deactivate, caller.actor, _id(form), named(caller), now=self._now())
        return self._back(caller, ended.token, "is inactive now, and an operator alone can activate it")

    async def delete(self, caller: Caller, form: Form) -> Reply:
        ended = await self._perform(tokens.delete, caller.actor, _id(form), named(caller), now=self._now())
        return self._back(caller, ended.token, "was deleted")

    async def one(self, caller: Caller, form: Form) -> Reply:
        return await self._one(caller, EMPTY_FORM, 200)

    async def _one(self, caller: Caller, form: Filled, status: int) -> Reply:
        """The form of one token.  Raises: NotFound where the account has none of that id."""
        found = await self._dossier(caller)
        held = await self._perform(tokens.listing, caller.actor, whose(caller, found.account))
        token = next((each for each in held if str(each.id) == caller.call.variables["id"]), None)
        if token is None:
            raise NotFound("there is no such token")
        facts = {
            "each": token,
            "status_of": state_of(token, self._now()),
            "ended_by": ENDED_BY,
            "rules": rules_of(token.rules),
        }
        return self._sheet(caller, found, "tokens/", "token.html", status, form=form, **facts)

    async def edit(self, caller: Caller, form: Form) -> Reply:
        """Give a token another label or end, or other destinations."""

        async def change() -> Reply:
            with form.reading() as field:
                label, expires_on = field.text("label", LABEL), field.text("expires_at", MOMENT)
                rules = rules_in(field)
            text = caller.call.variables["id"]
            id_ = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
            which = caller.actor, id_, named(caller)
            given: dict[str, Any] = {"label": label, "expires_on": expires_on, "rules": rules}
            plans = self._live.topology.plans
            try:
                token = await self._perform(restraint.revise_token, *which, **given, plans=plans, now=self._now())
            except Invalid as error:
                raise of_fields(error) from None
            return self._back(caller, token, "was saved")

        return await self._tried(form, change, lambda filled, status: self._one(caller, filled, status))

    def _back(self, caller: Caller, token: Token, how: str) -> Reply:
        name = f"The token {token.label}" if token.label else f"Token {token.id}"
        return self._done(caller, where(named(caller), "tokens/"), f"{name} {how}.")


def _id(form: Form) -> int:
    with form.reading() as field:
        return field.whole_number("id", least=1, most=LARGEST_STORED)
