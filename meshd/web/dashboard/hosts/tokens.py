"""One's own access tokens for the API of published hosts: `/operator/hosts/tokens/`.

A token is shown once, on the page that answers its creation; the store keeps only its digest.  A viewer has tokens too,
which can read and nothing more.
"""

from __future__ import annotations

from functools import partial

from meshd.accounts import hosttokens
from meshd.accounts.validate import LABEL
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.web.dashboard.hosts.routes import TOKENS, HostRoutes
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.forms import LARGEST_STORED, WHOLE, Form
from meshd.web.recording import of_token, recorded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room


class TokenRoutes(HostRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, TOKENS, self.listing)
        self._own(room, f"{TOKENS}create/", self.create, ("name",))
        self._own(room, f"{TOKENS}delete/", self.delete, ("id",))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        return await self._listing(caller, EMPTY_FORM, 200)

    async def _listing(self, caller: Caller, form: Filled, status: int, made: str = "") -> Reply:
        """The page.  made: the secret of a token that was made just now; "" for none."""
        found = await self._perform(hosttokens.listing, caller.actor)
        return self._show(
            caller, "tokens.html", status, form=form, tokens=found, most=hosttokens.MOST_TOKENS, made=made
        )

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Make a token and show it: the only page that ever does."""

        async def change() -> Reply:
            with form.reading() as field:
                name = field.text("name", LABEL, required=True)
            secret = new_token(self._services.random(TOKEN_BYTES), hosttokens.PREFIX)
            made = partial(hosttokens.create, caller.actor, name=name, digest=token_digest(secret), now=self._now())
            await recorded(self._services, caller, "create", "access_token", made, of_token, {"name": name})
            return await self._listing(caller, EMPTY_FORM, 200, secret)

        return await self._tried(form, change, lambda filled, status: self._listing(caller, filled, status))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                which = field.whole_number("id", least=1, most=LARGEST_STORED)
            deleted = partial(hosttokens.delete, caller.actor, which, now=self._now())
            token = await recorded(self._services, caller, "delete", "access_token", deleted, of_token)
            return self._done(caller, TOKENS, f"The token {token.label} was deleted.")

        async def again(filled: Filled, status: int) -> Reply:
            about = " ".join(filled.problems.values())
            return await self._listing(caller, Filled({}, {WHOLE: about}), status)

        return await self._tried(form, change, again)
