"""What is open in all processes, of everybody, and ending one: `/operator/exchanges/`."""

from __future__ import annotations

from typing import Any

from meshd.accounts import exchanges
from meshd.accounts.exchanges import ID_LENGTH
from meshd.accounts.validate import USERNAME
from meshd.web.dashboard.exchanges import SHOWN, ending
from meshd.web.dashboard.operator.routes import InstallationRoutes
from meshd.web.dashboard.pages import Filled
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

EXCHANGES = "/operator/exchanges/"
NAME = 260
"""Characters of the longest name of an exit."""


class ExchangeRoutes(InstallationRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, EXCHANGES, self.exchanges, ("account", "exit"))
        self._change(room, f"{EXCHANGES}end/", self.end, ("id", "account"))

    async def exchanges(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                account, exit_ = field.optional("account", USERNAME), field.text("exit", NAME)
            return await self._exchanges(caller, account, exit_, Filled({}, {}), 200)

        return await self._tried(form, change, lambda filled, status: self._again(caller, filled, status))

    async def _again(self, caller: Caller, filled: Filled, status: int) -> Reply:
        """What everybody has open, with a form that was refused."""
        return await self._exchanges(caller, None, "", filled, status)

    async def _exchanges(self, caller: Caller, account: str | None, exit_: str, form: Filled, status: int) -> Reply:
        now, actor = self._now(), caller.actor
        if account:
            found = await self._perform(exchanges.of_family, actor, account, exit_=exit_, limit=SHOWN, now=now)
        else:
            found = await self._perform(exchanges.of_everybody, actor, exit_=exit_, limit=SHOWN, now=now)
        facts: dict[str, Any] = {"found": found, "chosen": {"account": account or "", "exit": exit_}}
        return self._show(caller, "exchanges.html", status, form=form, **facts)

    async def end(self, caller: Caller, form: Form) -> Reply:
        """End one of those that are shown, or by its id with its account's name one that is not."""

        async def change() -> Reply:
            with form.reading() as field:
                id_, account = field.text("id", ID_LENGTH, required=True), field.optional("account", USERNAME)
            whose = await self._perform(exchanges.end, caller.actor, id_, account, now=self._now())
            return self._done(caller, EXCHANGES, ending(id_, whose))

        return await self._tried(form, change, lambda filled, status: self._again(caller, filled, status))
