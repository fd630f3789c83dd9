"""API keys: `/account/api_keys/`, for programs that were written for ProxyHat's API.

A key is shown once, on the page that answers its creation or its new secret; the store keeps only its digest.
"""

from __future__ import annotations

from meshd.accounts import apikeys
from meshd.accounts.apikeys import PREFIX
from meshd.accounts.validate import LABEL
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.web.dashboard.pages import EMPTY_FORM, KEYS, Filled, PageRoutes
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room


class KeyRoutes(PageRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, KEYS, self.listing)
        self._change(room, f"{KEYS}create/", self.create, ("label",))
        self._change(room, f"{KEYS}regenerate/", self.regenerate, ("id",))
        self._change(room, f"{KEYS}delete/", self.delete, ("id",))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        return await self._listing(caller, EMPTY_FORM, 200)

    async def _listing(self, caller: Caller, form: Filled, status: int, made: str = "") -> Reply:
        """The page.  made: the secret that a key was given just now; "" for none."""
        found = await self._perform(apikeys.listing, caller.actor)
        return self._show(caller, "apikeys.html", status, form=form, keys=found, most=apikeys.MOST_KEYS, made=made)

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Make a key and show it."""

        async def change() -> Reply:
            with form.reading() as field:
                label = field.text("label", LABEL) or apikeys.DEFAULT_NAME
            secret = self._secret()
            await self._perform(apikeys.create, caller.actor, digest=token_digest(secret), label=label, now=self._now())
            return await self._listing(caller, EMPTY_FORM, 200, secret)

        return await self._tried(form, change, lambda filled, status: self._listing(caller, filled, status))

    async def regenerate(self, caller: Caller, form: Form) -> Reply:
        """Give a key another secret and show it; the old one is refused from then on."""
        secret = self._secret()
        which = _which(form)
        await self._perform(apikeys.regenerate, caller.actor, which, digest=token_digest(secret), now=self._now())
        return await self._listing(caller, EMPTY_FORM, 200, secret)

    async def delete(self, caller: Caller, form: Form) -> Reply:
        await self._perform(apikeys.delete, caller.actor, _which(form), now=self._now())
        return self._done(caller, KEYS, "The key was deleted.")

    def _secret(self) -> str:
        return new_token(self._services.random(TOKEN_BYTES), PREFIX)


def _which(form: Form) -> int:
    with form.reading() as field:
        return field.whole_number("id", least=1, most=LARGEST_STORED)
