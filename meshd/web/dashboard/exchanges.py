"""What is open now, of an account and its sub-accounts, and ending one: `/account/exchanges/`."""

from __future__ import annotations

from typing import Any

from meshd.accounts import exchanges
from meshd.accounts.exchanges import ID_LENGTH
from meshd.accounts.validate import USERNAME
from meshd.web.dashboard.behalf import on_behalf
from meshd.web.dashboard.pages import EMPTY_FORM, Filled, PageRoutes
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

EXCHANGES = "/account/exchanges/"
SHOWN = 100
"""Exchanges on the page, the oldest ones."""


class ExchangeRoutes(PageRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, EXCHANGES, self.exchanges, ("username",))
        self._change(room, f"{EXCHANGES}end/", self.end, ("id", "account"))

    async def exchanges(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            username = on_behalf(field)
        return await self._exchanges(caller, username, EMPTY_FORM, 200)

    async def _exchanges(self, caller: Caller, username: str | None, form: Filled, status: int) -> Reply:
        now = self._now()
        found = await self._perform(exchanges.of_family, caller.actor, username, limit=SHOWN, now=now)
        facts: dict[str, Any] = {"found": found, "chosen": username or "", "may_end": caller.account.role != "viewer"}
        return self._show(caller, "exchanges.html", status, form=form, **facts)

    async def end(self, caller: Caller, form: Form) -> Reply:
        """End one of those that are shown, or by its id with its account's name one that is not."""

        async def change() -> Reply:
            with form.reading() as field:
                id_, account = field.text("id", ID_LENGTH, required=True), field.optional("account", USERNAME)
            whose = await self._perform(exchanges.end, caller.actor, id_, account, now=self._now())
            return self._done(caller, EXCHANGES, ending(id_, whose))

        return await self._tried(form, change, lambda filled, status: self._exchanges(caller, None, filled, status))


def ending(id_: str, whose: str) -> str:
    """What is said once an exchange is to end."""
    return f"The exchange {id_} of {whose} ends within seconds."
