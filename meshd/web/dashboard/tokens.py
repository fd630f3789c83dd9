"""Bearer tokens: `/account/edit_tokens/`, an account's own and its sub-accounts'.

A token is shown once, on the page that answers its creation; the store keeps only its digest.
"""

from __future__ import annotations

from meshd.accounts import tokens
from meshd.accounts.validate import LABEL
from meshd.auth.policy import token_valid
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.model import Token
from meshd.values.times import today
from meshd.web.dashboard.behalf import ON_BEHALF, about, named, on_behalf
from meshd.web.dashboard.pages import EMPTY_FORM, Filled, PageRoutes
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

EDIT = "/account/edit_tokens/"


class TokenRoutes(PageRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, EDIT, self.listing, ON_BEHALF)
        self._change(room, f"{EDIT}create/", self.create, ("label", "expires_at", "username"))
        self._change(room, f"{EDIT}delete/", self.delete, ("id", "username"))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        return await self._listing(caller, named(form))

    async def _listing(
        self, caller: Caller, username: str | None, form: Filled = EMPTY_FORM, status: int = 200, made: str = ""
    ) -> Reply:
        """The page.  made: the secret of a token that was created just now; "" for none."""
        found = await self._perform(tokens.listing, caller.actor, username)
        now = self._now()
        return self._show(
            caller,
            "tokens.html",
            status,
            form=form,
            username=username,
            tokens=[(token, state_of(token, now)) for token in found],
            plan=self._live.topology.plans.get(caller.account.plan),
            today=today(now),
            made=made,
        )

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Create a token and show it: the only page that ever does."""
        username = named(form)

        async def change() -> Reply:
            with form.reading() as field:
                label, expires_on = field.text("label", LABEL), field.date("expires_at")
            secret = new_token(self._services.random(TOKEN_BYTES))
            await self._perform(
                tokens.create,
                caller.actor,
                username,
                digest=token_digest(secret),
                label=label,
                expires_on=expires_on,
                plans=self._live.topology.plans,
                now=self._now(),
            )
            return await self._listing(caller, username, made=secret)

        return await self._tried(form, change, lambda filled, status: self._listing(caller, username, filled, status))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            id_, username = field.whole_number("id", least=1, most=LARGEST_STORED), on_behalf(field)
        ended = await self._perform(tokens.delete, caller.actor, id_, username, now=self._now())
        name = f"The token {ended.token.label}" if ended.token.label else f"Token {id_}"
        return self._done(caller, about(EDIT, username), f"{name} was deleted.")


def state_of(token: Token, now: float) -> str:
    """Whether a token can be used now, in a word."""
    if token_valid(token, now):
        return "active"
    return "expired" if token.active else "inactive"
